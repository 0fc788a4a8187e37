#!/usr/bin/env bash
# Lab note 0002. client 10.1.0.2 -- 10.1.0.1 (left) node (right) 10.2.0.1 -- 10.2.0.2 server
. "$(dirname "$0")/lib.sh"
uname -r
ns client node server
wire client eth0 node left
wire node right server eth0
in_ns client ip addr add 10.1.0.2/24 dev eth0
in_ns node ip addr add 10.1.0.1/24 dev left
in_ns node ip addr add 10.2.0.1/24 dev right
in_ns server ip addr add 10.2.0.2/24 dev eth0
in_ns client ip route add default via 10.1.0.1
in_ns server ip route add default via 10.2.0.1
listen server 3000

title "which value decides (ip_forward stays 1)"
set_key node ipv4/ip_forward 1
for pair in "1 1" "0 1" "1 0" "0 0"; do
    set -- $pair
    set_key node ipv4/conf/left/forwarding "$1"
    set_key node ipv4/conf/right/forwarding "$2"
    before=$(counter node IpInAddrErrors)
    answer=$(tcp client 10.2.0.2 3000)
    arrived=$(counter server TcpInSegs)
    echo "left=$1 right=$2 ip_forward=$(get_key node ipv4/ip_forward): $answer; IpInAddrErrors +$(($(counter node IpInAddrErrors) - before)), segments at the server so far $arrived"
done
title "ip_forward=0, but both interfaces set to 1 afterwards"
set_key node ipv4/ip_forward 0
set_key node ipv4/conf/left/forwarding 1
set_key node ipv4/conf/right/forwarding 1
echo "ip_forward=$(get_key node ipv4/ip_forward): $(tcp client 10.2.0.2 3000)"

tree() { in_ns node sh -c 'cd /proc/sys/net/ipv4; grep -r . ip_forward conf 2>/dev/null | sort'; }
change() {
    tree > "/tmp/$TAG/a"; "$@"; tree > "/tmp/$TAG/b"
    cmp -s "/tmp/$TAG/a" "/tmp/$TAG/b" && { echo "(nothing changed)"; return; }
    { diff "/tmp/$TAG/a" "/tmp/$TAG/b" || true; } | grep '^>'
}
title "side effects: one interface broken (ip_forward=1, left=0), then ip_forward=1 written again"
set_key node ipv4/ip_forward 0
set_key node ipv4/ip_forward 1
set_key node ipv4/conf/left/forwarding 0
change set_key node ipv4/ip_forward 1
title "side effects: ip_forward 1 -> 0"
change set_key node ipv4/ip_forward 0
title "side effects: ip_forward 0 -> 1"
change set_key node ipv4/ip_forward 1
title "side effects: conf/all/forwarding 1 -> 0"
change set_key node ipv4/conf/all/forwarding 0
title "a rollback by the one key loses right's own value"
set_key node ipv4/conf/right/forwarding 1
echo "before the fix:  ip_forward=$(get_key node ipv4/ip_forward) left=$(get_key node ipv4/conf/left/forwarding) right=$(get_key node ipv4/conf/right/forwarding)"
set_key node ipv4/ip_forward 1
echo "after the fix:   ip_forward=$(get_key node ipv4/ip_forward) left=$(get_key node ipv4/conf/left/forwarding) right=$(get_key node ipv4/conf/right/forwarding)"
set_key node ipv4/ip_forward 0
echo "rolled back:     ip_forward=$(get_key node ipv4/ip_forward) left=$(get_key node ipv4/conf/left/forwarding) right=$(get_key node ipv4/conf/right/forwarding)"
