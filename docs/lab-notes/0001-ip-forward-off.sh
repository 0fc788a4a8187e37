#!/usr/bin/env bash
# Lab note 0001. client 10.1.0.2 -- 10.1.0.1 node 10.2.0.1 -- 10.2.0.2 server
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
in_ns node iptables -t mangle -A PREROUTING -i left -p tcp
in_ns node iptables -A FORWARD -i left -p tcp
listen server 3000
watch_drops

rules() {
    echo "PREROUTING packets: $(in_ns node iptables -t mangle -nvxL PREROUTING | awk 'NR==3{print $1}')"
    echo "FORWARD packets:    $(in_ns node iptables -nvxL FORWARD | awk 'NR==3{print $1}')"
    for k in IpInAddrErrors IpForwDatagrams IcmpOutMsgs; do echo "$k: $(counter node $k)"; done
}
for value in 1 0; do
    set_key node ipv4/ip_forward $value
    in_ns node iptables -Z; in_ns node iptables -t mangle -Z
    drops > /dev/null
    title "ip_forward=$value"
    tcp client 10.2.0.2 3000
    rules
    echo "drops:"; drops
done
title "what ip route get on the node says of the packet, ip_forward=0"
in_ns node ip route get 10.2.0.2 from 10.1.0.2 iif left || true
title "the same destination without any route, ip_forward=1"
set_key node ipv4/ip_forward 1
in_ns node ip addr del 10.2.0.1/24 dev right
drops > /dev/null
tcp client 10.2.0.2 3000
rules
echo "drops:"; drops
