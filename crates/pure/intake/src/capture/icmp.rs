//! ICMP errors: what `connect()` makes of them (`net/ipv4/icmp.c: icmp_err_convert[]`,
//! `net/ipv6/icmp.c: tab_unreach[]`, v6.18), and their names.

use crate::observation::Kind;
use netwhy_wire::decode::Icmp;
use netwhy_wire::icmp as codes;

/// What a TCP client sees; `None` for what is no error of a connection (frag needed, redirect, TTL).
pub(super) fn kind(message: &Icmp) -> Option<Kind> {
    if message.v6 {
        return match (message.kind, message.code) {
            (1, 0) => Some(Kind::NetUnreachable),
            (1, 1 | 5 | 6) => Some(Kind::Prohibited),
            (1, 2 | 3) => Some(Kind::NoRoute),
            (1, 4) => Some(Kind::Refused),
            _ => None,
        };
    }
    if message.kind != codes::DEST_UNREACH {
        return None;
    }
    match message.code {
        codes::NET_UNREACH | 6 | codes::NET_ANO | 11 => Some(Kind::NetUnreachable),
        codes::PROT_UNREACH => None,
        codes::PORT_UNREACH => Some(Kind::Refused),
        codes::FRAG_NEEDED | codes::SR_FAILED => None,
        // Host unreachable, host prohibited, packet filtered: all of them are EHOSTUNREACH.
        _ => Some(Kind::NoRoute),
    }
}

/// In words, for IPv4 and for what IPv6 has in common.
pub(super) fn name(kind: u8, code: u8) -> String {
    let text = match (kind, code) {
        (codes::DEST_UNREACH, codes::NET_UNREACH) => "net unreachable",
        (codes::DEST_UNREACH, codes::HOST_UNREACH) => "host unreachable",
        (codes::DEST_UNREACH, codes::PORT_UNREACH) => "port unreachable",
        (codes::DEST_UNREACH, codes::NET_ANO) => "net prohibited",
        (codes::DEST_UNREACH, codes::HOST_ANO) => "host prohibited",
        (codes::DEST_UNREACH, codes::PKT_FILTERED) => "packet filtered",
        _ => return format!("type {kind} code {code}"),
    };
    text.to_owned()
}
