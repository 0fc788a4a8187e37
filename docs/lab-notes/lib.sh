# Shared by the scripts of the lab notes. Source it; run the notes as root.
#
# It makes network namespaces whose names begin with this process's number, and
# removes them on exit. It needs iproute2, iptables and perl (part of every Debian).
set -euo pipefail
export PATH=/usr/sbin:/sbin:$PATH LC_ALL=C
[ "$(id -u)" = 0 ] || { echo "run as root" >&2; exit 1; }
TAG="note$$"
TRACE=/sys/kernel/tracing
INSTANCE=$TRACE/instances/$TAG

cleanup() {
    set +e
    # Only processes that sit in our own namespaces are ended.
    for ns in $(ip netns list | awk '{print $1}' | grep "^$TAG-"); do
        for pid in $(ip netns pids "$ns"); do kill "$pid" 2>/dev/null; done
        ip netns del "$ns"
    done
    [ -d "$INSTANCE" ] && rmdir "$INSTANCE"
    rm -rf "/tmp/$TAG"
    return 0
}
trap cleanup EXIT
mkdir -p "/tmp/$TAG"

# ns NAME...: make namespaces with a loopback that is up.
ns() { for n in "$@"; do ip netns add "$TAG-$n"; in_ns "$n" ip link set lo up; done; }
# in_ns NAME COMMAND...: run a command in one of them.
in_ns() { local n=$1; shift; ip netns exec "$TAG-$n" "$@"; }
# wire A DEV-A B DEV-B: a veth pair between two namespaces, up, offloads as they come.
wire() {
    ip link add "$2" netns "$TAG-$1" type veth peer name "$4" netns "$TAG-$3"
    in_ns "$1" ip link set "$2" up
    in_ns "$3" ip link set "$4" up
}
# set_key NAME KEY VALUE and get_key NAME KEY: KEY with slashes below /proc/sys/net.
set_key() { in_ns "$1" sh -c "echo $3 > /proc/sys/net/$2"; }
get_key() { in_ns "$1" cat "/proc/sys/net/$2"; }
# listen NAME PORT: a TCP server that answers each client with the address it saw.
listen() {
    ip netns exec "$TAG-$1" perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(LocalPort => $ARGV[0], Listen => 16, ReuseAddr => 1) or die $!;
        while (my $c = $s->accept) { print $c $c->peerhost, "\n"; close $c }' "$2" &
    disown
    for _ in $(seq 50); do
        in_ns "$1" ss -Hltn "sport = :$2" | grep -q . && return 0
        sleep 0.1
    done
    echo "no listener on $2" >&2; return 1
}
# tcp NAME ADDRESS PORT: one connect() that waits at most 2 s, in the words of its errno, with the client address that the server saw.
tcp() {
    in_ns "$1" perl -MSocket -MFcntl -MErrno=EINPROGRESS -e '
        socket(my $s, PF_INET, SOCK_STREAM, 0) or die $!;
        fcntl($s, F_SETFL, O_NONBLOCK);
        my $done = connect($s, pack_sockaddr_in($ARGV[1], inet_aton($ARGV[0])));
        if (!$done && $! != EINPROGRESS) { print "$!\n"; exit }
        my $bits = ""; vec($bits, fileno($s), 1) = 1;
        if (!select(undef, my $w = $bits, undef, 2)) { print "no answer within 2 s\n"; exit }
        if ($! = unpack("i", getsockopt($s, SOL_SOCKET, SO_ERROR))) { print "$!\n"; exit }
        fcntl($s, F_SETFL, 0); my $line = <$s> // "?"; chomp $line;
        print "connected, the server saw $line\n"' "$2" "$3"
}
# counter NAME KEY: one counter of /proc/net/snmp or netstat, such as IpInAddrErrors.
counter() { in_ns "$1" nstat -asz "$2" | awk -v k="$2" '$1 == k {print $2}'; }
# watch_drops: record skb:kfree_skb of this shell and its children, in a trace instance of our own.
watch_drops() {
    mountpoint -q "$TRACE" || mount -t tracefs tracefs "$TRACE"
    mkdir "$INSTANCE"
    echo 1 > "$INSTANCE/options/event-fork"
    echo $$ > "$INSTANCE/set_event_pid"
    echo 'protocol == 0x0800' > "$INSTANCE/events/skb/kfree_skb/filter"
    echo 1 > "$INSTANCE/events/skb/kfree_skb/enable"
}
# drops: how often each reason was recorded since the last call, and where.
drops() {
    grep -o 'location=.*' "$INSTANCE/trace" |
        sed -E 's/0x[0-9a-f]+//; s/rx_sk=[^ ]* ?//' | sort | uniq -c | sort -rn || true
    echo > "$INSTANCE/trace"
}
title() { printf '\n== %s\n' "$*"; }
