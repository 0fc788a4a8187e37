#!/usr/bin/env bash
# Lab note 0003. Pods a 10.244.1.2 and b 10.244.1.3 on bridge cni0 (10.244.1.1) of a node.
. "$(dirname "$0")/lib.sh"
uname -r
modprobe br_netfilter 2>/dev/null || true
ns a b node
in_ns node ip link add cni0 type bridge
in_ns node ip addr add 10.244.1.1/24 dev cni0
in_ns node ip link set cni0 up
wire a eth0 node vetha
wire b eth0 node vethb
in_ns node ip link set vetha master cni0
in_ns node ip link set vethb master cni0
in_ns a ip addr add 10.244.1.2/24 dev eth0
in_ns b ip addr add 10.244.1.3/24 dev eth0
in_ns a ip route add default via 10.244.1.1
in_ns b ip route add default via 10.244.1.1
in_ns node iptables -t nat -A PREROUTING -d 10.0.21.231 -p tcp --dport 3000 -j DNAT --to-destination 10.244.1.3:3000
in_ns node iptables -A FORWARD -p tcp
listen b 3000
echo "default of a new namespace: bridge-nf-call-iptables=$(get_key node bridge/bridge-nf-call-iptables)"

title "forwarding x bridge-nf-call-iptables"
for fwd in 1 0; do for nf in 1 0; do
    set_key node ipv4/ip_forward $fwd
    set_key node bridge/bridge-nf-call-iptables $nf
    for target in "direct 10.244.1.3" "service 10.0.21.231"; do
        set -- $target
        in_ns node iptables -Z FORWARD
        in_ns node conntrack -F > /dev/null 2>&1 || true
        answer=$(tcp a "$2" 3000)
        echo "forwarding=$fwd bridge-nf=$nf $1: $answer; FORWARD saw $(in_ns node iptables -nvxL FORWARD | awk 'NR==3{print $1}') packets"
    done
done; done
title "FORWARD policy DROP, direct"
in_ns node iptables -P FORWARD DROP
for fwd in 1 0; do for nf in 1 0; do
    set_key node ipv4/ip_forward $fwd
    set_key node bridge/bridge-nf-call-iptables $nf
    echo "forwarding=$fwd bridge-nf=$nf: $(tcp a 10.244.1.3 3000)"
done; done
in_ns node iptables -P FORWARD ACCEPT
title "what a sees with forwarding=1 bridge-nf=0, towards the Service"
set_key node ipv4/ip_forward 1
set_key node bridge/bridge-nf-call-iptables 0
in_ns a tcpdump -ni eth0 -c 5 -l tcp 2>/dev/null | sed -E 's/^[0-9:.]+ //; s/, (seq|ack|win|options).*//' > "/tmp/$TAG/dump" &
sleep 1
tcp a 10.0.21.231 3000
sleep 1
head -5 "/tmp/$TAG/dump"
title "names of the interfaces that a rule sees (bridge-nf=1)"
set_key node bridge/bridge-nf-call-iptables 1
in_ns node iptables -F FORWARD
in_ns node iptables -A FORWARD -p tcp -i cni0 -m comment --comment "-i cni0"
in_ns node iptables -A FORWARD -p tcp -i vetha -m comment --comment "-i vetha"
in_ns node iptables -A FORWARD -p tcp -m physdev --physdev-in vetha -m comment --comment "physdev-in vetha"
tcp a 10.244.1.3 3000
in_ns node iptables-save -c | grep -- '--comment'
