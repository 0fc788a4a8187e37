#!/usr/bin/env bash
# Lab note 0004. pod 10.244.1.2 -- node (eth0: 10.9.1.1/24 first, 10.9.2.1/24 second) -- peer with 10.9.1.2 and 10.9.2.2
. "$(dirname "$0")/lib.sh"
uname -r
ns pod node peer
wire pod eth0 node veth
wire node eth0 peer eth0
in_ns pod ip addr add 10.244.1.2/24 dev eth0
in_ns node ip addr add 10.244.1.1/24 dev veth
in_ns pod ip route add default via 10.244.1.1
in_ns node ip addr add 10.9.1.1/24 dev eth0
in_ns node ip addr add 10.9.2.1/24 dev eth0
in_ns node ip addr add 10.77.0.1/32 dev lo
in_ns peer ip addr add 10.9.1.2/24 dev eth0
in_ns peer ip addr add 10.9.2.2/24 dev eth0
in_ns peer ip addr add 10.50.0.1/32 dev lo
in_ns peer ip route add 10.77.0.1 via 10.9.1.1
set_key node ipv4/ip_forward 1
in_ns node iptables -t nat -A POSTROUTING -s 10.244.1.0/24 -j MASQUERADE
listen peer 3000
try() { printf '%-48s pod: %s\n' "$1" "$(tcp pod 10.50.0.1 3000)"; }
own() { printf '%-48s node itself: %s\n' "$1" "$(tcp node 10.50.0.1 3000)"; }

title "the route to 10.50.0.1 decides"
in_ns node ip route replace 10.50.0.1 via 10.9.1.2;                     try "via 10.9.1.2"
in_ns node ip route replace 10.50.0.1 via 10.9.2.2;                     try "via 10.9.2.2"
in_ns node ip route replace 10.50.0.1 via 10.9.2.2 src 10.9.1.1;        try "via 10.9.2.2 src 10.9.1.1"; own "via 10.9.2.2 src 10.9.1.1"
in_ns node ip route replace 10.50.0.1 via 10.9.1.2 src 10.77.0.1;       try "via 10.9.1.2 src 10.77.0.1"; own "via 10.9.1.2 src 10.77.0.1"
in_ns node ip route replace 10.50.0.1 dev eth0 scope link;              try "dev eth0, no gateway"
title "no address on the device"
in_ns node ip addr flush dev eth0
in_ns peer ip route replace 10.77.0.1 dev eth0
in_ns peer ip route replace 10.244.1.1 dev eth0
in_ns node ip route replace 10.50.0.1 dev eth0
try "dev eth0 without an address; lo has 10.77.0.1"
in_ns node ip addr del 10.77.0.1/32 dev lo
try "dev eth0 without; veth has 10.244.1.1"
in_ns pod ip neigh replace 10.244.1.1 lladdr "$(in_ns node cat /sys/class/net/veth/address)" dev eth0 nud permanent
in_ns node ip addr flush dev veth
in_ns node ip route replace 10.244.1.2 dev veth
in_ns node ip neigh replace 10.244.1.2 lladdr "$(in_ns pod cat /sys/class/net/eth0/address)" dev veth nud permanent
watch_drops
in_ns node iptables -t nat -Z
try "no address but 127.0.0.1"
echo "the MASQUERADE rule counted: $(in_ns node iptables-save -c -t nat | grep MASQUERADE)"
drops
