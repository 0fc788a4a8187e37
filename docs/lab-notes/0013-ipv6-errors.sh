#!/usr/bin/env bash
# Lab note 0013. A client, a router, a server; what each error of IPv6 looks like at the client, and where the packet ends.
. "$(dirname "$0")/lib.sh"
uname -r
ns c r s
for n in c r s; do in_ns "$n" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.icmp.ratelimit=0; done
wire c eth0 r rc
wire s eth0 r rs
in_ns c ip addr add fd00:1::2/64 dev eth0 nodad
in_ns r ip addr add fd00:1::1/64 dev rc nodad
in_ns s ip addr add fd00:2::2/64 dev eth0 nodad
in_ns r ip addr add fd00:2::1/64 dev rs nodad
in_ns c ip -6 route add default via fd00:1::1
in_ns s ip -6 route add default via fd00:2::1
in_ns r sysctl -qw net.ipv6.conf.all.forwarding=1
sleep 2
in_ns s python3 -m http.server --bind :: 80 >/dev/null 2>&1 &
sleep 1
# ask TITLE ADDRESS [PORT [PROTO]]
ask() {
    title "$1"
    in_ns c python3 - "$2" "${3:-80}" "${4:-tcp}" <<'PY'
import errno, socket, sys, time
host, port, proto = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM)
s.settimeout(4.5)
begin = time.time()
try:
    s.connect((host, port))
    if proto == "udp":
        s.send(b"hello")
        s.recv(9)
    said = "connected"
except socket.timeout:
    said = "nothing"
except OSError as e:
    said = errno.errorcode.get(e.errno)
print("%s after %.1f s" % (said, time.time() - begin))
PY
    drops
}
watch_drops
echo 'protocol == 0x86dd' > "$INSTANCE/events/skb/kfree_skb/filter"
ask "delivered" fd00:2::2
ask "no socket" fd00:2::2 81
ask "no socket, UDP" fd00:2::2 81 udp
ask "no neighbour behind the router" fd00:2::99
ask "no neighbour behind the router, UDP" fd00:2::99 80 udp
ask "no route at the router" fd00:9::1
for kind in unreachable prohibit blackhole throw; do
    in_ns r ip -6 route add "$kind" fd00:a::/64
    ask "the router has a route of type $kind" fd00:a::1
    in_ns r ip -6 route del fd00:a::/64
    in_ns c ip -6 route add "$kind" fd00:a::/64
    ask "the client has a route of type $kind" fd00:a::1
    in_ns c ip -6 route del fd00:a::/64
done
in_ns r sysctl -qw net.ipv6.conf.all.forwarding=0
ask "all.forwarding=0" fd00:2::2
ask "all.forwarding=0, no route" fd00:9::1
in_ns r sysctl -qw net.ipv6.conf.rc.forwarding=1
ask "all.forwarding=0, rc.forwarding=1" fd00:2::2
in_ns r sysctl -qw net.ipv6.conf.all.forwarding=1
in_ns r sysctl -qw net.ipv6.conf.rc.forwarding=0
ask "all.forwarding=1, rc.forwarding=0" fd00:2::2
in_ns s ip6tables -A INPUT -p tcp -j ACCEPT
in_ns s ip6tables -A INPUT -j DROP
in_ns r ip -6 neigh flush dev rs
ask "the server drops all but TCP, and the router has to ask for it" fd00:2::2
