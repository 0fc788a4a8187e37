//! Sending a frame by a link.
//!
//! Kernel: `__dev_queue_xmit()` (`net/core/dev.c`), `veth_xmit()` (`drivers/net/veth.c`), `__dev_forward_skb2()`,
//! `loopback_xmit()` (`drivers/net/loopback.c`), 6.18.

use super::vxlan_xmit;
use crate::bridge::br_dev_xmit;
use crate::engine::{Engine, Item};
use crate::oracle::Question;
use crate::reason::{DropReason, Stage};
use crate::skb::{PktType, Skb};
use crate::trace::{Assumption, Detail};
use netwhy_model::link::{Link, LinkKind};
use netwhy_model::{Netns, NetnsId};

/// Ethernet header and one VLAN tag, which `is_skb_forwardable()` allows on top of the MTU (bytes).
const VLAN_HLEN: u32 = 4;

pub(crate) fn dev_queue_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: Skb) {
    if !link.up {
        return eng.drop(ns, &skb, Stage::DevQueueXmit, DropReason::DevReady);
    }
    eng.note(ns, &skb, Detail::Transmit { link: link.index });
    eng.used("link", link.kind.name(), "");
    if let Some(gap) = link.program {
        let about = 0x400 | u32::from(skb.reply) | link.index << 12;
        if skb.matters() && eng.oracle.gap(Question { gap, about }, 2) == 1 {
            return eng.unknown(ns, &skb, Stage::DevQueueXmit, gap);
        }
    }
    match &link.kind {
        LinkKind::Loopback => {
            let mut skb = skb;
            skb.dev = link.index;
            skb.pkt_type = PktType::Host;
            skb.physin = None;
            skb.icmp_locked = false;
            eng.push(Item::Loopback { netns: ns.id, skb });
        }
        LinkKind::Veth { peer: Some(peer), .. } => veth_xmit(eng, ns, *peer, skb),
        LinkKind::Bridge { .. } => br_dev_xmit(eng, ns, link, skb),
        LinkKind::Vxlan(vxlan) => vxlan_xmit(eng, ns, link, vxlan, skb),
        LinkKind::Veth { peer: None, segment } | LinkKind::Device { segment } => match segment {
            Some(_) => segment_xmit(eng, ns, link, skb),
            None => {
                let to = skb.dst;
                eng.sent(ns, link, &skb);
                eng.left(ns, &skb, to);
            }
        },
        LinkKind::Other(gap) => eng.unknown(ns, &skb, Stage::DevQueueXmit, *gap),
    }
}

fn veth_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, peer: (NetnsId, u32), mut skb: Skb) {
    let to = eng.ns(peer.0);
    let Some(link) = to.links.as_ref().ok().and_then(|l| l.get(peer.1)) else {
        return eng.drop(ns, &skb, Stage::VethXmit, DropReason::DevReady);
    };
    if !link.up {
        return eng.drop(ns, &skb, Stage::VethXmit, DropReason::NotSpecified);
    }
    if skb.len > link.mtu + VLAN_HLEN {
        return eng.drop(ns, &skb, Stage::VethXmit, DropReason::NotSpecified);
    }
    skb.scrub(peer.0 == ns.id);
    skb.pkt_type = eth_type(&skb, link);
    eng.push(Item::Receive {
        netns: peer.0,
        link: peer.1,
        skb,
    });
}

/// `eth_type_trans()`: whose frame is it?
pub(crate) fn eth_type(skb: &Skb, link: &Link) -> PktType {
    if skb.eth_dst == link.mac || link.noarp {
        PktType::Host
    } else if skb.eth_dst.is_broadcast() {
        PktType::Broadcast
    } else if skb.eth_dst.is_multicast() {
        PktType::Multicast
    } else {
        PktType::OtherHost
    }
}

/// Over a segment that is assumed: to the member that holds the frame's MAC.
fn segment_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, mut skb: Skb) {
    let (LinkKind::Veth { segment: Some(id), .. } | LinkKind::Device { segment: Some(id) }) = link.kind else {
        return;
    };
    let members = &eng.cluster.segments[id.0 as usize].ports;
    let found = members
        .iter()
        .filter(|p| **p != (ns.id, link.index))
        .find_map(|(n, i)| {
            let l = eng.cluster.ns(*n).links.as_ref().ok()?.get(*i)?;
            (l.mac == skb.eth_dst && l.up).then_some((*n, *i))
        });
    match found {
        Some((netns, index)) => {
            eng.assume(Assumption::SharedSegment(ns.id.min(netns), ns.id.max(netns)));
            skb.scrub(false);
            eng.push(Item::Receive {
                netns,
                link: index,
                skb,
            });
        }
        None => {
            let to = skb.route.and_then(|r| r.gateway).unwrap_or(skb.dst);
            eng.left(ns, &skb, to);
        }
    }
}
