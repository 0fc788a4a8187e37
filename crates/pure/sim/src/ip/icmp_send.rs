//! ICMP errors that a host sends about a packet.
//!
//! Kernel: `__icmp_send()`, `icmp_glue_bits()` (`net/ipv4/icmp.c`, 6.18): the error carries the connection of its cause, so
//! that it is translated even before that connection is confirmed (kernel-facts trap 6).

use crate::engine::{Engine, Item};
use crate::nf::attach_error;
use crate::route::LOOPBACK;
use crate::skb::{DstKind, L4, PktType, Skb};
use netwhy_model::{Family, Netns};
use netwhy_wire::{icmp, icmpv6};

/// Of the error itself, and the most that it may have (RFC 1812, 4.3.2.3), bytes.
const ICMP_HEADERS: u32 = 28;
const ERROR_MAX: u32 = 576;
/// `IPTOS_RT_MASK`, `IPTOS_PREC_INTERNETCONTROL`.
const RT_TOS: u8 = 0x1e;
const PREC_INTERNETCONTROL: u8 = 0xc0;

/// Names of the errors that a host sends, as [`Used`](crate::arrival::Used) has them.
pub(crate) const ERRORS: &[&str] = &[
    "destination unreachable",
    "fragmentation needed",
    "redirect",
    "time exceeded",
];

fn name(kind: u8, code: u8) -> &'static str {
    ERRORS[match (kind, code) {
        (icmp::DEST_UNREACH, icmp::FRAG_NEEDED) => 1,
        (icmp::REDIRECT, _) => 2,
        (icmp::TIME_EXCEEDED, _) => 3,
        _ => 0,
    }]
}

/// The same of ICMPv6.
pub(super) fn name6(kind: u8) -> &'static str {
    ERRORS[match kind {
        icmpv6::PKT_TOOBIG => 1,
        icmpv6::TIME_EXCEED => 3,
        _ => 0,
    }]
}

/// `RTCF_LOCAL`.
fn for_this_host(skb: &Skb) -> bool {
    skb.route
        .is_some_and(|r| r.kind == DstKind::Local || r.kind == DstKind::Output && r.dev == LOOPBACK)
}

/// An error without a word of its own.
pub(crate) fn icmp_send(eng: &mut Engine<'_>, ns: &Netns, cause: &Skb, kind: u8, code: u8) {
    icmp_send_info(eng, ns, cause, (kind, code), 0);
}

/// With the second word of its header, as `icmp_send()` has it.
pub(crate) fn icmp_send_info(eng: &mut Engine<'_>, ns: &Netns, cause: &Skb, what: (u8, u8), info: u32) {
    if let Some(skb) = icmp_error(eng, ns, cause, what, info) {
        eng.push(Item::LocalOut { netns: ns.id, skb });
    }
}

/// The error, if there is to be one.
pub(super) fn icmp_error(
    eng: &mut Engine<'_>,
    ns: &Netns,
    cause: &Skb,
    (kind, code): (u8, u8),
    info: u32,
) -> Option<Skb> {
    // icmp_xmit_lock()
    if cause.icmp_locked {
        return None;
    }
    if cause.pkt_type != PktType::Host {
        return None;
    }
    // Not about what was sent to many, nor about a later fragment.
    if cause.is_broadcast() || cause.is_later_fragment() {
        return None;
    }
    if let L4::Icmp { kind, .. } = &cause.l4
        && !matches!(kind, 0 | 8 | 13..=18)
    {
        return None;
    }
    let src = if for_this_host(cause) {
        cause.dst
    } else {
        Family::Inet.any()
    };
    let id = cause.ports().map_or(0, |p| p.0);
    let mut error = Skb::new(
        src,
        cause.src,
        L4::Icmp {
            kind,
            code,
            id,
            inner: Some(cause.tuple()),
        },
    );
    // The socket of ICMP does no path MTU discovery.
    error.df = false;
    error.icmp_locked = true;
    error.tos = cause.tos & RT_TOS | PREC_INTERNETCONTROL;
    error.len = ICMP_HEADERS + cause.len.min(ERROR_MAX - ICMP_HEADERS);
    error.main = false;
    error.sk = Some((ns.id, false));
    // Nobody hears of an error about a tunnel's packet.
    error.reply = !cause.reply && !matches!(cause.l4, L4::Vxlan { .. });
    // The port that it quotes.
    error.dport_any = cause.sport_any.filter(|_| eng.watch.is_some());
    attach_error(&mut error, cause);
    error.icmp_says = info;
    eng.used("error", name(kind, code), "");
    eng.begin(ns, &mut error);
    Some(error)
}
