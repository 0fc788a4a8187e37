//! Receiving: PRE_ROUTING, then the routing decision.
//!
//! Kernel: `ip_rcv()`, `ip_rcv_finish_core()`, `ip_rcv_finish()` (`net/ipv4/ip_input.c`), `ip_sabotage_in()`
//! (`br_netfilter_hooks.c`): what br_netfilter took through PRE_ROUTING does not pass it again.

use super::ip_local_deliver::ip_local_deliver;
use super::ip6_rcv::ip6_rcv;
use super::{ip_error, ip_forward::ip_forward};
use crate::engine::Engine;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::{InputError, ip_route_input};
use crate::skb::{DstKind, Flaw, PktType, Skb};
use netwhy_model::netfilter::Hook;
use netwhy_model::{Family, Netns};

/// Of either family, as `skb->protocol` says.
pub(crate) fn ip_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    if skb.family() == Family::Inet6 {
        return ip6_rcv(eng, ns, skb);
    }
    if skb.pkt_type == PktType::OtherHost {
        eng.drop(ns, &skb, Stage::IpRcvCore, DropReason::Otherhost);
        return;
    }
    if skb.flaw == Some(Flaw::IpChecksum) {
        return eng.drop(ns, &skb, Stage::IpRcvCore, DropReason::IpCsum);
    }
    // memset(IPCB(skb)): what the bridge put together stays together.
    skb.parts.clear();
    // ip_rcv_core(): the sender's socket is no longer known.
    skb.sk = None;
    if skb.sabotage {
        skb.sabotage = false;
    } else {
        let dev = skb.dev;
        if nf_hook(eng, ns, Hook::PreRouting, &mut skb, dev, 0) == Hooked::Drop {
            return;
        }
    }
    ip_rcv_finish(eng, ns, skb);
}

fn ip_rcv_finish<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    if skb.route.is_none() {
        let links = match &ns.links {
            Ok(links) => links,
            Err(gap) => return eng.unknown(ns, &skb, Stage::IpRcvFinishCore, *gap),
        };
        let Some(link) = links.get(skb.dev) else {
            return eng.drop(ns, &skb, Stage::NetifReceiveSkb, DropReason::DevReady);
        };
        match ip_route_input(eng, ns, link, &mut skb) {
            Ok(()) => {}
            Err(InputError::Martian(reason)) => return eng.drop(ns, &skb, Stage::IpRcvFinishCore, reason),
            Err(InputError::Unknown(gap)) => return eng.unknown(ns, &skb, Stage::IpRouteInputSlow, gap),
        }
    }
    match skb.route.map(|r| r.kind) {
        Some(DstKind::Forward) => ip_forward(eng, ns, skb),
        Some(DstKind::Error(errno)) => ip_error(eng, ns, &skb, errno),
        Some(DstKind::Local | DstKind::Broadcast | DstKind::Output) => ip_local_deliver(eng, ns, skb),
        None => {}
    }
}
