//! Receiving IPv6: PRE_ROUTING, then the routing decision; and the end of what has no route.
//!
//! Kernel: `ip6_rcv_core()`, `ip6_rcv_finish()` (`net/ipv6/ip6_input.c`), `ip6_pkt_drop()` (`net/ipv6/route.c`, 6.18). Unlike
//! IPv4, an error about a missing route is sent by hosts that do not forward, too (measured).

use super::icmpv6_send::icmpv6_send;
use super::ip_local_deliver::ip6_input;
use super::ip6_forward::ip6_forward;
use crate::engine::{Engine, Key};
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::{InputError, ip_route_input};
use crate::skb::{DstKind, Errno, PktType, Skb};
use netwhy_model::Netns;
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::Hook;
use netwhy_wire::icmpv6;

pub(super) fn ip6_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    if skb.pkt_type == PktType::OtherHost {
        return eng.drop(ns, &skb, Stage::Ip6RcvCore, DropReason::Otherhost);
    }
    let links = match &ns.links {
        Ok(links) => links,
        Err(gap) => return eng.unknown(ns, &skb, Stage::Ip6RcvCore, *gap),
    };
    let Some(link) = links.get(skb.dev) else {
        return eng.drop(ns, &skb, Stage::NetifReceiveSkb, DropReason::DevReady);
    };
    if eng.flag(Key::DisableIpv6.of(link.index), &link.conf6.disable_ipv6, false) {
        return eng.drop(ns, &skb, Stage::Ip6RcvCore, DropReason::Ipv6Disabled);
    }
    let of_the_host = skb.src.is_loopback() || skb.dst.is_loopback();
    if of_the_host && link.kind != LinkKind::Loopback || skb.src.is_multicast() {
        return eng.drop(ns, &skb, Stage::Ip6RcvCore, DropReason::IpInHdr);
    }
    let many = matches!(skb.pkt_type, PktType::Broadcast | PktType::Multicast);
    if many
        && !skb.dst.is_multicast()
        && eng.flag(
            Key::DropUnicastInL2Multicast.of(link.index),
            &link.conf6.drop_unicast_in_l2_multicast,
            false,
        )
    {
        return eng.drop(ns, &skb, Stage::Ip6RcvCore, DropReason::IpInHdr);
    }
    skb.parts.clear();
    skb.sk = None;
    if skb.sabotage {
        skb.sabotage = false;
    } else {
        let dev = skb.dev;
        if nf_hook(eng, ns, Hook::PreRouting, &mut skb, dev, 0) == Hooked::Drop {
            return;
        }
    }
    if skb.route.is_none()
        && let Err(InputError::Unknown(gap)) = ip_route_input(eng, ns, link, &mut skb)
    {
        return eng.unknown(ns, &skb, Stage::Ip6RouteInput, gap);
    }
    match skb.route.map(|r| r.kind) {
        Some(DstKind::Forward) => ip6_forward(eng, ns, skb),
        Some(DstKind::Error(errno)) => ip6_pkt_drop(eng, ns, &skb, errno),
        Some(DstKind::Local | DstKind::Broadcast | DstKind::Output) => ip6_input(eng, ns, skb),
        None => {}
    }
}

/// `ip6_pkt_discard()`, `ip6_pkt_prohibit()`, `dst_discard()`.
fn ip6_pkt_drop<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb, errno: Errno) {
    let code = match errno {
        Errno::Inval => return eng.drop(ns, skb, Stage::DstDiscard, DropReason::NotSpecified),
        Errno::Acces => icmpv6::ADM_PROHIBITED,
        Errno::HostUnreach | Errno::NetUnreach | Errno::AddrNotAvail => icmpv6::NOROUTE,
    };
    let stage = match code {
        icmpv6::ADM_PROHIBITED => Stage::Ip6PktProhibit,
        _ => Stage::Ip6PktDiscard,
    };
    eng.drop(ns, skb, stage, DropReason::IpInNoRoutes);
    if !(eng.options.errors_spent && eng.oracle.state()) {
        icmpv6_send(eng, ns, skb, (icmpv6::DEST_UNREACH, code), 0);
    }
}
