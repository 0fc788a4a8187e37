//! ICMPv6 errors that a host sends about a packet.
//!
//! Kernel: `icmp6_send()`, `icmpv6_getfrag()` (`net/ipv6/icmp.c`, 6.18): the error carries the connection of its cause.

use super::ip6_forward::MTU_MIN;
use crate::engine::{Engine, Item};
use crate::nf::attach_error;
use crate::route::{ipv6_chk_addr, ipv6_dev_get_saddr, is_link_local};
use crate::skb::{Dst, DstKind, L4, PktType, Skb};
use netwhy_model::{Family, Netns};
use netwhy_wire::icmpv6;

/// Of the error itself (bytes).
const ICMP_HEADERS: u32 = 48;

/// With the second word of its header.
pub(crate) fn icmpv6_send(eng: &mut Engine<'_>, ns: &Netns, cause: &Skb, (kind, code): (u8, u8), info: u32) {
    if cause.icmp_locked || cause.is_later_fragment() {
        return;
    }
    // Not about what was sent to many, but for what senders must know to speak at all.
    let to_many = cause.dst.is_multicast() || cause.pkt_type != PktType::Host;
    if to_many && kind != icmpv6::PKT_TOOBIG {
        return;
    }
    if cause.src.is_unspecified() || cause.src.is_multicast() {
        return;
    }
    // is_ineligible()
    if let L4::Icmp { kind, .. } = &cause.l4
        && icmpv6::is_error(*kind)
    {
        return;
    }
    let own = !to_many && ipv6_chk_addr(ns, cause.dst, cause.dev, false);
    let src = match own {
        true => Some(cause.dst),
        // From the link that the cause came by.
        false => ipv6_dev_get_saddr(ns, cause.dev, cause.src),
    };
    let l4 = L4::Icmp {
        kind,
        code,
        id: cause.ports().map_or(0, |p| p.0),
        inner: Some(cause.tuple()),
    };
    let mut error = Skb::new(src.unwrap_or(Family::Inet6.any()), cause.src, l4);
    error.icmp_locked = true;
    error.len = ICMP_HEADERS + cause.len.min(MTU_MIN - ICMP_HEADERS);
    error.main = false;
    error.sk = Some((ns.id, false));
    // Nobody hears of an error about a tunnel's packet.
    error.reply = !cause.reply && !matches!(cause.l4, L4::Vxlan { .. });
    attach_error(&mut error, cause);
    error.icmp_says = info;
    if is_link_local(cause.src) {
        // Back by the link that the cause came by (`icmp6_iif()`).
        error.route = Some(Dst::host(DstKind::Output, cause.dev));
    }
    eng.used("error", super::icmp_send::name6(kind), "");
    eng.begin(ns, &mut error);
    eng.push(Item::LocalOut {
        netns: ns.id,
        skb: error,
    });
}
