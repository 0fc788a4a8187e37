#!/usr/bin/env bash
# Lab note 0008. left 10.0.0.2 -- node (t0 10.0.0.1/24, t1 10.1.0.1/24) -- right 10.1.0.2
. "$(dirname "$0")/lib.sh"
uname -r
ns left node right
wire left eth0 node t0
wire right eth0 node t1
in_ns left ip addr add 10.0.0.2/24 dev eth0
in_ns right ip addr add 10.1.0.2/24 dev eth0
in_ns node ip addr add 10.0.0.1/24 dev t0
in_ns node ip addr add 10.1.0.1/24 dev t1
in_ns left ip route add default via 10.0.0.1
in_ns right ip route add default via 10.1.0.1
set_key node ipv4/ip_forward 1
set_key node ipv4/conf/all/rp_filter 1
listen right 3000
listen node 3001
watch_drops
try() { printf '%-44s through: %-28s to the node: %s\n' "$1" "$(tcp left 10.1.0.2 3000)" "$(tcp left 10.0.0.1 3001)"; drops; }

title "rules of routing, rp_filter 1"
try "no rule"
in_ns node ip rule add pref 1000 iif t1 unreachable;     try "iif t1 unreachable"
in_ns node ip rule del pref 1000
in_ns node ip rule add pref 1000 iif lo unreachable;     try "iif lo unreachable"
in_ns node ip rule del pref 1000
in_ns node ip rule add pref 1000 ipproto tcp sport 3000 unreachable; try "ipproto tcp sport 3000 unreachable"
