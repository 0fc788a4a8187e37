//! A frame arrives on a link.
//!
//! Kernel: `__netif_receive_skb_core()` (`net/core/dev.c`, 6.18).

use crate::bridge::br_handle_frame;
use crate::engine::Engine;
use crate::ip::ip_rcv;
use crate::neigh::arp_rcv;
use crate::oracle::Question;
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::link::{Link, LinkKind};

pub(crate) fn netif_receive_skb<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    let links = match &ns.links {
        Ok(links) => links,
        Err(gap) => return eng.unknown(ns, &skb, Stage::NetifReceiveSkb, *gap),
    };
    let Some(link) = links.get(skb.dev) else { return };
    if !link.up {
        return eng.drop(ns, &skb, Stage::NetifReceiveSkb, DropReason::DevReady);
    }
    eng.note(ns, &skb, Detail::Receive { link: link.index });
    eng.used("link", link.kind.name(), "");
    if let LinkKind::Other(gap) = link.kind {
        return eng.unknown(ns, &skb, Stage::NetifReceiveSkb, gap);
    }
    if let Some(gap) = link.program {
        let about = 0x200 | u32::from(skb.reply) | link.index << 12;
        if skb.matters() && eng.oracle.gap(Question { gap, about }, 2) == 1 {
            return eng.unknown(ns, &skb, Stage::NetifReceiveSkb, gap);
        }
    }
    if let Some(master) = link.master.and_then(|m| links.get(m)) {
        return match &master.kind {
            LinkKind::Bridge { .. } => br_handle_frame(eng, ns, link, master, skb),
            LinkKind::Other(gap) => eng.unknown(ns, &skb, Stage::NetifReceiveSkb, *gap),
            _ => deliver_skb(eng, ns, link, skb),
        };
    }
    skb.physout = None;
    deliver_skb(eng, ns, link, skb);
}

/// To the protocol that it is for.
pub(crate) fn deliver_skb<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: Skb) {
    match skb.l4 {
        L4::Arp(arp) => arp_rcv(eng, ns, link, &skb, arp),
        _ => ip_rcv(eng, ns, skb),
    }
}
