#!/usr/bin/env bash
# Lab note 0010. client 10.0.0.2 -- node -- server 10.1.0.2; the nat table marks what goes to 10.96.0.10.
. "$(dirname "$0")/lib.sh"
uname -r
ns client node server
wire client eth0 node t0
wire server eth0 node t1
in_ns client ip addr add 10.0.0.2/24 dev eth0
in_ns server ip addr add 10.1.0.2/24 dev eth0
in_ns node ip addr add 10.0.0.1/24 dev t0
in_ns node ip addr add 10.1.0.1/24 dev t1
in_ns client ip route add default via 10.0.0.1
in_ns server ip route add default via 10.1.0.1
set_key node ipv4/ip_forward 1
in_ns node iptables -t nat -A PREROUTING -d 10.96.0.10 -j MARK --set-xmark 0x4000/0x4000
in_ns node iptables -t nat -A PREROUTING -d 10.96.0.10 -p tcp -j DNAT --to-destination 10.1.0.2
in_ns node iptables -t mangle -A POSTROUTING -p tcp --syn -m mark --mark 0x4000/0x4000 -m comment --comment marked
in_ns node iptables -t mangle -A POSTROUTING -p tcp --syn -m mark ! --mark 0x4000/0x4000 -m comment --comment unmarked
# The server is silent: its answers are dropped at home.
in_ns server iptables -A INPUT -p tcp -j DROP
title "one connect() of 2 s: two or three SYNs"
tcp client 10.96.0.10 3000
in_ns node iptables-save -c -t mangle | grep comment
