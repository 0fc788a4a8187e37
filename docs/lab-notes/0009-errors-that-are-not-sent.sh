#!/usr/bin/env bash
# Lab note 0009. host 10.0.0.2 -- node 10.0.0.1
. "$(dirname "$0")/lib.sh"
uname -r
ns host node
wire host eth0 node eth0
in_ns host ip addr add 10.0.0.2/24 dev eth0
in_ns node ip addr add 10.0.0.1/24 brd + dev eth0
set_key node ipv4/icmp_ratelimit 0
set_key node ipv4/icmp_echo_ignore_broadcasts 0
# frame PROTOCOL DESTINATION [PAYLOAD]: one raw IP packet of host.
frame() {
    in_ns host perl -MSocket -e '
        socket(my $s, PF_INET, SOCK_RAW, $ARGV[0]) or die $!;
        setsockopt($s, SOL_SOCKET, SO_BROADCAST, 1);
        my $payload = pack("H*", $ARGV[2]);
        send($s, $payload, 0, pack_sockaddr_in(0, inet_aton($ARGV[1]))) or die $!' "$1" "$2" "${3:-6161616161616161}"
}
sent() { counter node IcmpOutDestUnreachs; }
try() { local before; before=$(sent); "${@:2}"; sleep 0.2; printf '%-64s errors sent: %s\n' "$1" "$(($(sent) - before))"; }

title "REJECT in INPUT"
in_ns node iptables -A INPUT -j REJECT --reject-with icmp-host-prohibited
try "UDP, checksum right"                          in_ns host perl -MIO::Socket::INET -e 'IO::Socket::INET->new(Proto=>"udp",PeerAddr=>"10.0.0.1:9")->send("x")'
try "UDP, checksum wrong"                          frame 17 10.0.0.1 1000000900091234aa
try "ESP (50): has its own check"                  frame 50 10.0.0.1
try "OSPF (89), whose payload has no such checksum" frame 89 10.0.0.1
try "UDP to the broadcast address"                 frame 17 10.0.0.255 1000000900080000
title "REJECT in OUTPUT"
in_ns node iptables -F INPUT
in_ns node iptables -A OUTPUT -p icmp --icmp-type echo-reply -j REJECT
try "echo: the answer is rejected, and no error about it follows" frame 1 10.0.0.1 0800f7ff00000000
