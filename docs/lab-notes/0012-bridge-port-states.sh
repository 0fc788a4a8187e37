#!/usr/bin/env bash
# Lab note 0012. Two hosts on one bridge without a spanning tree; the state of one port is set by hand.
. "$(dirname "$0")/lib.sh"
uname -r
ns a b sw
wire a eth0 sw p0
wire b eth0 sw p1
in_ns sw ip link add br0 type bridge mcast_snooping 0
in_ns sw ip link set br0 up
in_ns sw ip link set p0 master br0
in_ns sw ip link set p1 master br0
in_ns a ip addr add 10.0.0.2/24 dev eth0
in_ns b ip addr add 10.0.0.3/24 dev eth0
in_ns a ip neigh add 10.0.0.3 dev eth0 nud permanent lladdr "$(in_ns b cat /sys/class/net/eth0/address)"
in_ns b ip neigh add 10.0.0.2 dev eth0 nud permanent lladdr "$(in_ns a cat /sys/class/net/eth0/address)"
in_ns sw iptables -t raw -A PREROUTING -m physdev --physdev-in p0 -p udp
in_ns b iptables -t raw -A PREROUTING -p udp
first() { in_ns "$1" iptables -t raw -nvxL PREROUTING | awk 'NR == 3 {print $1}'; }
watch_drops
for state in 3 0 1 2 4; do
    in_ns sw ip link set br0 type bridge fdb_flush
    in_ns sw bridge link set dev p0 state "$state"
    for n in sw b; do in_ns "$n" iptables -t raw -Z; done
    title "state $state is asked for: $(in_ns sw bridge link show dev p0 | grep -o 'state [a-z]*')"
    in_ns a perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto => "udp", PeerAddr => "10.0.0.3:9")->send("x")'
    echo "PREROUTING of the bridge: $(first sw), learned: $(in_ns sw bridge fdb show br br0 dynamic | grep -c 'dev p0' || true)," \
        "arrived: $(first b)"
    drops
done
