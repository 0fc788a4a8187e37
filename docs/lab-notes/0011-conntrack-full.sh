# What a full connection table does with a new connection. The limit holds for each
# namespace, and only the first can set it: so as many entries as it says are made, the
# argument's number of them without an answer.
. "$(dirname "$0")/lib.sh"

ns c r s
wire c eth0 r rc
wire r rs s eth0
in_ns c ip addr add 10.1.0.2/24 dev eth0
in_ns r ip addr add 10.1.0.1/24 dev rc
in_ns r ip addr add 10.2.0.1/24 dev rs
in_ns s ip addr add 10.2.0.2/24 dev eth0
in_ns c ip route add default via 10.1.0.1
in_ns s ip route add default via 10.2.0.1
set_key r ipv4/ip_forward 1
in_ns r iptables-nft -A FORWARD -m conntrack --ctstate INVALID -j DROP
MAX=$(get_key r netfilter/nf_conntrack_max)
COUNT=netfilter/nf_conntrack_count

# fill HOW FROM TO: UDP entries with these numbers, `assured` or `unreplied`.
fill() {
    in_ns r perl -MSocket -e '
        my ($how, $from, $to) = @ARGV;
        socket(my $s, 16, SOCK_RAW, 12) or die $!;
        my $attr = sub { my ($type, $data) = @_; my $l = 4 + length $data;
            pack("SS", $l, $type) . $data . "\0" x (-$l & 3) };
        my $tuple = sub { my ($type, $src, $dst, $sport, $dport) = @_;
            $attr->($type | 0x8000, $attr->(1 | 0x8000, $attr->(1, $src) . $attr->(2, $dst))
                . $attr->(2 | 0x8000, $attr->(1, pack "C", 17) . $attr->(2, pack "n", $sport) . $attr->(3, pack "n", $dport))) };
        my $status = $how eq "assured" ? 14 : 8;
        my ($server, $batch) = (inet_aton("10.9.0.1"), "");
        for my $i ($from .. $to - 1) {
            my ($client, $port) = (pack("N", 0x0a080000 | $i >> 15), 1 + ($i & 0x7fff));
            my $body = pack("CCn", 2, 0, 0) . $tuple->(1, $client, $server, $port, 53) . $tuple->(2, $server, $client, 53, $port)
                . $attr->(3, pack "N", $status) . $attr->(7, pack "N", 600);
            $batch .= pack("LSSLL", 16 + length $body, 0x100, 0x601, 0, 0) . $body;
            if ($i % 64 == 63 || $i == $to - 1) { send($s, $batch, 0) // die $!; $batch = "" }
        }' "$@"
}

# datagrams N FIRST: sends N, each from a port of its own, and says how many arrived.
datagrams() {
    in_ns s timeout 60 perl -MSocket -e '
        socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!;
        bind($s, pack_sockaddr_in(53, INADDR_ANY)) or die $!;
        my $n = 0; my $bits = ""; vec($bits, fileno($s), 1) = 1;
        while (select(my $r = $bits, undef, undef, 2)) { recv($s, my $d, 9, 0); $n++ }
        print "$n of $ARGV[0] arrived\n"' "$1" > "/tmp/$TAG/arrived" &
    local pid=$!
    sleep 0.5
    in_ns c perl -MSocket -e '
        for my $i (1 .. $ARGV[0]) {
            socket(my $s, PF_INET, SOCK_DGRAM, 0) or die $!;
            bind($s, pack_sockaddr_in($ARGV[1] + $i, INADDR_ANY)) or die $!;
            send($s, "x", 0, pack_sockaddr_in(53, inet_aton("10.2.0.2"))) // die $!;
        }' "$1" "$2"
    wait "$pid"
    cat "/tmp/$TAG/arrived"
}

datagrams 1 900 > /dev/null
in_ns r conntrack -F 2> /dev/null
watch_drops
UNASSURED=${1:-0}
echo "at most $MAX"
fill unreplied 0 "$UNASSURED"
fill assured "$UNASSURED" $((MAX - 20))
echo "$UNASSURED not assured, $((MAX - $(get_key r $COUNT))) left:"
drops > /dev/null
datagrams 100 1000
drops
