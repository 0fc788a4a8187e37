//! Fields of headers.
//!
//! Names and places as in nft 1.0.6 (`src/proto.c`).

use super::datatype::{
    ARP_OP, DSCP, Dtype, ECN, ETHER_TYPE, ICMP_CODE, ICMP_TYPE, ICMPV6_CODE, ICMPV6_TYPE, IPV4, IPV6, MAC, PORT, PROTO,
    TCP_FLAGS, number,
};
use crate::netfilter::nft::{Header, Need};

/// A field: where it begins and how long it is (bits).
pub(super) struct Field {
    pub base: Header,
    pub need: Need,
    pub offset: u32,
    pub bits: u32,
    pub dtype: Dtype,
    /// Every packet shows it.
    pub shown: bool,
}

/// Protocol, where its header is, and what a packet must be to have it.
const PROTOCOLS: [(&str, Header, Need); 12] = [
    ("ether", Header::Link, Need::Ether),
    ("arp", Header::Network, Need::Arp),
    ("ip", Header::Network, Need::Ipv4),
    ("ip6", Header::Network, Need::Ipv6),
    ("th", Header::Transport, Need::Nothing),
    ("tcp", Header::Transport, Need::Proto(6)),
    ("udp", Header::Transport, Need::Proto(17)),
    ("udplite", Header::Transport, Need::Proto(136)),
    ("sctp", Header::Transport, Need::Proto(132)),
    ("dccp", Header::Transport, Need::Proto(33)),
    ("icmp", Header::Transport, Need::Proto(1)),
    ("icmpv6", Header::Transport, Need::Proto(58)),
];

/// Protocol, field, first bit, bits, type, and whether every packet shows it.
const FIELDS: &[(&str, &str, u32, u32, Dtype, bool)] = &[
    ("ether", "daddr", 0, 48, MAC, true),
    ("ether", "saddr", 48, 48, MAC, true),
    ("ether", "type", 96, 16, ETHER_TYPE, true),
    ("arp", "htype", 0, 16, number(2), true),
    ("arp", "ptype", 16, 16, ETHER_TYPE, true),
    ("arp", "hlen", 32, 8, number(1), true),
    ("arp", "plen", 40, 8, number(1), true),
    ("arp", "operation", 48, 16, ARP_OP, true),
    ("arp", "saddr ether", 64, 48, MAC, true),
    ("arp", "saddr ip", 112, 32, IPV4, true),
    ("arp", "daddr ether", 144, 48, MAC, true),
    ("arp", "daddr ip", 192, 32, IPV4, true),
    ("ip", "version", 0, 4, number(1), true),
    ("ip", "hdrlength", 4, 4, number(1), true),
    ("ip", "dscp", 8, 6, DSCP, true),
    ("ip", "ecn", 14, 2, ECN, true),
    ("ip", "length", 16, 16, number(2), false),
    ("ip", "id", 32, 16, number(2), false),
    ("ip", "frag-off", 48, 16, number(2), true),
    ("ip", "ttl", 64, 8, number(1), true),
    ("ip", "protocol", 72, 8, PROTO, true),
    ("ip", "checksum", 80, 16, number(2), false),
    ("ip", "saddr", 96, 32, IPV4, true),
    ("ip", "daddr", 128, 32, IPV4, true),
    ("ip6", "version", 0, 4, number(1), true),
    ("ip6", "dscp", 4, 6, DSCP, true),
    ("ip6", "ecn", 10, 2, ECN, true),
    ("ip6", "flowlabel", 12, 20, number(3), false),
    ("ip6", "length", 32, 16, number(2), false),
    ("ip6", "nexthdr", 48, 8, PROTO, true),
    ("ip6", "hoplimit", 56, 8, number(1), true),
    ("ip6", "saddr", 64, 128, IPV6, true),
    ("ip6", "daddr", 192, 128, IPV6, true),
    ("th", "sport", 0, 16, PORT, true),
    ("th", "dport", 16, 16, PORT, true),
    ("tcp", "sport", 0, 16, PORT, true),
    ("tcp", "dport", 16, 16, PORT, true),
    ("tcp", "sequence", 32, 32, number(4), false),
    ("tcp", "ackseq", 64, 32, number(4), false),
    ("tcp", "doff", 96, 4, number(1), false),
    ("tcp", "reserved", 100, 4, number(1), false),
    ("tcp", "flags", 104, 8, TCP_FLAGS, true),
    ("tcp", "window", 112, 16, number(2), false),
    ("tcp", "checksum", 128, 16, number(2), false),
    ("tcp", "urgptr", 144, 16, number(2), false),
    ("udp", "sport", 0, 16, PORT, true),
    ("udp", "dport", 16, 16, PORT, true),
    ("udp", "length", 32, 16, number(2), false),
    ("udp", "checksum", 48, 16, number(2), false),
    ("udplite", "sport", 0, 16, PORT, false),
    ("udplite", "dport", 16, 16, PORT, false),
    ("sctp", "sport", 0, 16, PORT, false),
    ("sctp", "dport", 16, 16, PORT, false),
    ("sctp", "vtag", 32, 32, number(4), false),
    ("dccp", "sport", 0, 16, PORT, false),
    ("dccp", "dport", 16, 16, PORT, false),
    ("icmp", "type", 0, 8, ICMP_TYPE, true),
    ("icmp", "code", 8, 8, ICMP_CODE, true),
    ("icmp", "checksum", 16, 16, number(2), false),
    ("icmpv6", "type", 0, 8, ICMPV6_TYPE, true),
    ("icmpv6", "code", 8, 8, ICMPV6_CODE, true),
    ("icmpv6", "checksum", 16, 16, number(2), false),
];

/// A field by its names.
pub(super) fn field(protocol: &str, name: &str) -> Option<Field> {
    let (_, base, need) = *PROTOCOLS.iter().find(|(p, ..)| *p == protocol)?;
    let &(_, _, offset, bits, dtype, shown) = FIELDS.iter().find(|(p, n, ..)| *p == protocol && *n == name)?;
    Some(Field {
        base,
        need,
        offset,
        bits,
        dtype,
        shown,
    })
}

/// `@th,16,16`.
pub(super) fn raw(base: &str, offset: u64, bits: u64) -> Option<Field> {
    let base = match base {
        "ll" => Header::Link,
        "nh" => Header::Network,
        "th" => Header::Transport,
        _ => return None,
    };
    let bits = u32::try_from(bits).ok().filter(|bits| (1..=512).contains(bits))?;
    Some(Field {
        base,
        need: Need::Nothing,
        offset: u32::try_from(offset).ok().filter(|offset| *offset <= 1 << 16)?,
        bits,
        dtype: number(bits.div_ceil(8) as usize),
        shown: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_protocol_and_fits_its_type() {
        for (protocol, name, offset, bits, dtype, _) in FIELDS {
            let field = field(protocol, name).unwrap();
            assert_eq!((field.offset, field.bits), (*offset, *bits), "{protocol} {name}");
            assert_eq!(bits.div_ceil(8) as usize, dtype.len, "{protocol} {name}");
        }
        assert!(field("ip", "sport").is_none() && raw("ih", 0, 8).is_none() && raw("th", 0, 0).is_none());
    }
}
