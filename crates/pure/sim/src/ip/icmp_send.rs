//! ICMP errors that a host sends about a packet.
//!
//! Kernel: `__icmp_send()`, `icmp_glue_bits()` (`net/ipv4/icmp.c`, 6.18): the error carries the connection of its cause, so
//! that it is translated even before that connection is confirmed (kernel-facts trap 6).

use crate::engine::{Engine, Item};
use crate::nf::attach_error;
use crate::skb::{L4, PktType, Skb};
use netwhy_model::Netns;
use std::net::Ipv4Addr;

/// Longest error (RFC 1812, bytes).
const ERROR_LEN_MAX: u32 = 576;
/// Bits of the TOS byte that an error takes from its cause, and those that it sets (`__icmp_send()`).
const IPTOS_RT_MASK: u8 = 0x1e;
const IPTOS_PREC_INTERNETCONTROL: u8 = 0xc0;

pub(crate) fn icmp_send(eng: &mut Engine<'_>, ns: &Netns, cause: &Skb, kind: u8, code: u8) {
    if cause.pkt_type != PktType::Host
        || cause.dst.is_multicast()
        || cause.dst.is_broadcast()
        || cause.src.is_unspecified()
    {
        return;
    }
    if cause.icmp_error().is_some() {
        return;
    }
    let local = ns.links.as_ref().is_ok_and(|l| l.holding(cause.dst).is_some());
    let src = if local { cause.dst } else { Ipv4Addr::UNSPECIFIED };
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
    error.main = false;
    error.df = false;
    error.len = (error.len + cause.len).min(ERROR_LEN_MAX);
    error.tos = cause.tos & IPTOS_RT_MASK | IPTOS_PREC_INTERNETCONTROL;
    error.sk = Some((ns.id, false));
    // Nobody hears of an error about a tunnel's packet.
    error.reply = !cause.reply && !matches!(cause.l4, L4::Vxlan { .. });
    attach_error(&mut error, cause);
    eng.begin(ns, &mut error);
    eng.push(Item::LocalOut {
        netns: ns.id,
        skb: error,
    });
}
