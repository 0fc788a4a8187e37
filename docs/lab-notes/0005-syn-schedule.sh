#!/usr/bin/env bash
# Lab note 0005. A client and an address that swallows each SYN. Runs for about 140 s; needs tcpdump.
. "$(dirname "$0")/lib.sh"
uname -r
run() { # NAME LINEAR SYN_RETRIES
    local n=$1
    ns "$n"
    in_ns "$n" ip link add sink type veth peer name sink2
    in_ns "$n" ip link set sink up; in_ns "$n" ip link set sink2 up
    in_ns "$n" ip addr add 10.3.0.1/24 dev sink
    in_ns "$n" ip neigh replace 10.3.0.9 lladdr 02:00:00:00:00:09 dev sink
    [ "$2" = keep ] || set_key "$n" ipv4/tcp_syn_linear_timeouts "$2"
    [ "$3" = keep ] || set_key "$n" ipv4/tcp_syn_retries "$3"
    ip netns exec "$TAG-$n" tcpdump -tt -lni sink 'tcp[13] == 2' > "/tmp/$TAG/$n.syn" 2>/dev/null &
    disown
    sleep 1
    in_ns "$n" perl -MSocket -MTime::HiRes=time -e '
        socket(my $s, PF_INET, SOCK_STREAM, 0); my $t = time;
        connect($s, pack_sockaddr_in(3000, inet_aton("10.3.0.9")));
        printf "%s after %.1f s\n", $!, time - $t' > "/tmp/$TAG/$n.end"
}
show() {
    printf '%s: tcp_syn_linear_timeouts=%s tcp_syn_retries=%s\n' "$1" "$(get_key "$1" ipv4/tcp_syn_linear_timeouts)" "$(get_key "$1" ipv4/tcp_syn_retries)"
    awk 'NR==1{t=$1} {printf "%s%.2f", NR==1 ? "  SYN at " : " ", $1-t} END{print " s"}' "/tmp/$TAG/$1.syn"
    sed 's/^/  connect(): /' "/tmp/$TAG/$1.end"
}
run default keep keep & p1=$!
run old 0 keep & p2=$!
run short keep 1 & p3=$!
run two keep 2 & p4=$!
run three keep 3 & p5=$!
run shortold 0 1 & p6=$!
wait $p1 $p2 $p3 $p4 $p5 $p6
for n in default old short two three shortold; do show $n; done
