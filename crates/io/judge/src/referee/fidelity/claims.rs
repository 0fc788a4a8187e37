//! What is known of each row, in words. A row that is not here claims to be exact, and the figures decide.

/// What is claimed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim {
    /// No difference is known.
    Exact,
    /// This differs, or is not known.
    Partly(&'static str),
    /// It is not modelled, and the simulator says so.
    Unknown(&'static str),
}

use Claim::{Exact, Partly, Unknown};

/// The claim of a row, and who judges it besides the referee's packets.
pub(super) fn claim(area: &str, name: &str) -> (Claim, &'static str) {
    let found = CLAIMS.iter().find(|(a, n, ..)| *a == area && *n == name);
    found.map_or((Exact, ""), |(_, _, claim, others)| (*claim, others))
}

const BOTH: &str = "conversations, traps";
const TRAPS: &str = "traps";
const TALKS: &str = "conversations";

/// Area, row, claim, who judges it.
pub(super) const CLAIMS: &[(&str, &str, Claim, &str)] = &[
    ("match", "tcp", Exact, BOTH),
    ("match", "udp", Exact, BOTH),
    (
        "match",
        "sctp",
        Partly("of what is cut short the kernel drops the packet, the model says no match"),
        TRAPS,
    ),
    ("match", "icmp", Exact, BOTH),
    ("match", "multiport", Exact, BOTH),
    (
        "match",
        "conntrack",
        Partly("`--ctexpire` is not known; SCTP, GRE and helpers have no states of their own"),
        BOTH,
    ),
    ("match", "mark", Exact, BOTH),
    ("match", "connmark", Exact, BOTH),
    ("match", "addrtype", Exact, BOTH),
    (
        "match",
        "statistic random",
        Partly("which way a packet goes is chance: both are shown with their weights"),
        BOTH,
    ),
    (
        "match",
        "statistic nth",
        Partly("where the counter stands is in no snapshot: both ways are shown"),
        BOTH,
    ),
    (
        "match",
        "recent",
        Partly("what a list held before is in no snapshot: both ways are shown"),
        TRAPS,
    ),
    ("match", "nfacct", Partly("quotas are not modelled"), ""),
    ("match", "comment", Exact, TALKS),
    (
        "match",
        "limit",
        Partly("how full the bucket is stands in no snapshot: both ways are shown"),
        TRAPS,
    ),
    ("match", "physdev", Exact, BOTH),
    ("match", "mac", Exact, BOTH),
    ("match", "iprange", Exact, BOTH),
    ("match", "pkttype", Exact, BOTH),
    ("match", "length", Exact, TRAPS),
    ("match", "ttl", Exact, BOTH),
    ("match", "rpfilter", Exact, TRAPS),
    (
        "match",
        "set",
        Partly("counters, time-outs and what a set gets from elsewhere are not known"),
        TRAPS,
    ),
    ("match", "dscp", Exact, TRAPS),
    ("match", "tos", Exact, TRAPS),
    ("match", "tcpmss", Exact, TRAPS),
    (
        "match",
        "owner",
        Partly("whose process a socket is stands in no snapshot"),
        TRAPS,
    ),
    (
        "match",
        "socket",
        Partly("whether a socket is transparent stands in no snapshot"),
        TRAPS,
    ),
    (
        "match",
        "u32",
        Partly("bytes that no snapshot shows (checksums, sequence numbers, payload) are not known"),
        TRAPS,
    ),
    (
        "match",
        "any other",
        Unknown("an unsupported match is tried both ways"),
        "",
    ),
    ("set", "bitmap:ip", Exact, TRAPS),
    ("set", "bitmap:ip,mac", Exact, TRAPS),
    ("set", "bitmap:port", Exact, TRAPS),
    ("set", "hash:ip", Exact, TRAPS),
    ("set", "hash:ip,port", Exact, TRAPS),
    ("set", "hash:ip,port,ip", Exact, TRAPS),
    ("set", "hash:ip,port,net", Exact, TRAPS),
    ("set", "hash:net", Exact, TRAPS),
    ("set", "hash:net,iface", Exact, TRAPS),
    ("set", "hash:net,port", Exact, TRAPS),
    ("set", "list:set", Exact, TRAPS),
    (
        "set",
        "hash:ip,mac",
        Partly("the kernel that judges has no such type"),
        "",
    ),
    (
        "set",
        "hash:ip,mark",
        Partly("the kernel that judges has no such type"),
        "",
    ),
    ("set", "hash:mac", Partly("the kernel that judges has no such type"), ""),
    (
        "set",
        "hash:net,net",
        Partly("the kernel that judges has no such type"),
        "",
    ),
    (
        "set",
        "hash:net,port,net",
        Partly("the kernel that judges has no such type"),
        "",
    ),
    ("target", "none", Exact, BOTH),
    ("target", "ACCEPT", Exact, BOTH),
    ("target", "DROP", Exact, BOTH),
    ("target", "RETURN", Exact, BOTH),
    ("target", "jump", Exact, BOTH),
    ("target", "goto", Exact, BOTH),
    ("target", "REJECT icmp", Exact, BOTH),
    ("target", "REJECT tcp-reset", Exact, BOTH),
    ("target", "MARK", Exact, BOTH),
    ("target", "CONNMARK set", Exact, BOTH),
    ("target", "CONNMARK save", Exact, BOTH),
    ("target", "CONNMARK restore", Exact, BOTH),
    (
        "target",
        "DNAT",
        Partly("which address of a range is taken is a hash with a secret"),
        BOTH,
    ),
    (
        "target",
        "SNAT",
        Partly("which address or port of a range is taken is not known"),
        BOTH,
    ),
    (
        "target",
        "MASQUERADE",
        Partly("which port is taken is not known where it must change"),
        BOTH,
    ),
    (
        "target",
        "REDIRECT",
        Partly("which port of a range is taken is not known with `--random`"),
        BOTH,
    ),
    ("target", "NETMAP", Exact, BOTH),
    ("target", "CT notrack", Exact, TRAPS),
    (
        "target",
        "CT zone",
        Partly("zones of one direction are judged by hand-written worlds only"),
        TRAPS,
    ),
    ("target", "TOS, DSCP", Exact, TRAPS),
    ("target", "TTL", Exact, TRAPS),
    ("target", "TCPMSS", Exact, TRAPS),
    (
        "target",
        "SET",
        Partly("time-outs and counters are not modelled; what comes after another conversation is not known"),
        TRAPS,
    ),
    ("target", "LOG and others that look", Exact, TRAPS),
    (
        "target",
        "ECN, TCPOPTSTRIP",
        Partly("what they change is not modelled"),
        "",
    ),
    (
        "target",
        "any other",
        Unknown("both dropping and accepting are tried"),
        "",
    ),
    ("conntrack", "NEW", Exact, BOTH),
    ("conntrack", "ESTABLISHED", Exact, BOTH),
    ("conntrack", "ESTABLISHED reply", Exact, BOTH),
    ("conntrack", "RELATED", Exact, BOTH),
    ("conntrack", "RELATED reply", Exact, BOTH),
    (
        "conntrack",
        "INVALID",
        Partly("windows of TCP are not checked, and what is out of window is none"),
        TRAPS,
    ),
    ("conntrack", "UNTRACKED", Exact, TRAPS),
    (
        "conntrack",
        "recorded before",
        Partly(
            "what closed a connection, and how old it is, stands in no snapshot; nor whether it is from before the nat rules",
        ),
        TRAPS,
    ),
    (
        "conntrack",
        "another port, as one is taken",
        Partly("which port is taken is chance; that of another connection of the same client is not looked for first"),
        TRAPS,
    ),
    (
        "conntrack",
        "a clash with another",
        Partly("the kernel lets some of UDP pass"),
        TRAPS,
    ),
    (
        "conntrack",
        "a full table",
        Partly(
            "whether it finds one to forget among those that are not assured is chance; measured by hand, lab note 0011",
        ),
        "",
    ),
    ("route", "unicast", Exact, BOTH),
    ("route", "local", Exact, BOTH),
    ("route", "broadcast", Exact, TRAPS),
    ("route", "multicast", Partly("multicast routing is not modelled"), ""),
    ("route", "blackhole", Exact, BOTH),
    ("route", "unreachable", Exact, BOTH),
    ("route", "prohibit", Exact, BOTH),
    ("route", "throw", Exact, BOTH),
    ("rule", "lookup", Exact, BOTH),
    ("link", "lo", Exact, BOTH),
    ("link", "veth", Exact, BOTH),
    (
        "link",
        "bridge",
        Partly("VLAN filtering, a spanning tree at work and multicast snooping are not modelled"),
        BOTH,
    ),
    ("link", "vxlan", Exact, BOTH),
    (
        "link",
        "device",
        Partly("what the network behind it does is assumed"),
        "recordings",
    ),
    ("link", "any other", Unknown("what enters it is not known further"), ""),
    (
        "socket",
        "TCP",
        Partly("windows, retransmissions and what a program answers are not modelled"),
        BOTH,
    ),
    ("socket", "UDP", Partly("what a program answers is not modelled"), BOTH),
    ("socket", "one address", Exact, BOTH),
    ("socket", "connected", Exact, TRAPS),
    ("arp", "request not answered", Exact, BOTH),
    ("arp", "request for an own address", Exact, BOTH),
    (
        "arp",
        "request for another's address",
        Partly("proxy neighbours (`ip neigh add proxy`) are in no member of a bundle"),
        BOTH,
    ),
    ("stage", "arp_process", Partly("drops of ARP are not compared"), ""),
    ("error", "destination unreachable", Exact, BOTH),
    ("error", "time exceeded", Exact, TRAPS),
    (
        "error",
        "redirect",
        Partly(
            "a trace sends none: what its sender makes of it is not modelled; the pace of further ones is not known",
        ),
        "",
    ),
];
