//! VXLAN, there and back.
//!
//! Kernel: `vxlan_xmit()`, `vxlan_xmit_one()`, `vxlan_rcv()`, `vxlan_set_mac()` (`drivers/net/vxlan/vxlan_core.c`, 6.18).
//! The outer packet is the host's own: it passes LOCAL_OUT and POST_ROUTING, and at the other end LOCAL_IN.

use super::dev_queue_xmit::eth_type;
use crate::engine::{Engine, Item};
use crate::ip::icmp_send;
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::link::{Link, LinkKind, Vxlan};
use netwhy_wire::{Mac, icmp};
use std::net::Ipv4Addr;

/// Outer IPv4, UDP, VXLAN and inner Ethernet header (bytes).
const VXLAN_HEADROOM: u32 = 50;

pub(crate) fn vxlan_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, vxlan: &Vxlan, skb: Skb) {
    let fdb = match &ns.fdb {
        Ok(fdb) => fdb,
        Err(gap) => return eng.unknown(ns, &skb, Stage::VxlanXmit, *gap),
    };
    let entries = fdb
        .vxlan
        .get(&(link.index, skb.eth_dst))
        .or_else(|| fdb.vxlan.get(&(link.index, Mac([0; 6]))));
    let remotes: Vec<(Ipv4Addr, u16, u32)> = match entries {
        Some(list) => list
            .iter()
            .filter_map(|d| Some((d.addr?, d.port.unwrap_or(vxlan.port), d.vni.unwrap_or(vxlan.vni))))
            .collect(),
        None => vxlan.remote.iter().map(|r| (*r, vxlan.port, vxlan.vni)).collect(),
    };
    if remotes.is_empty() {
        return eng.drop(ns, &skb, Stage::VxlanXmit, DropReason::NoTxTarget);
    }
    let copies = remotes.len() > 1;
    for (remote, port, vni) in remotes {
        eng.note(
            ns,
            &skb,
            Detail::VxlanXmit {
                link: link.index,
                remote,
            },
        );
        let mut inner = skb.clone();
        inner.copy |= copies;
        let local = vxlan.local.unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut outer = Skb::new(
            local,
            remote,
            L4::Vxlan {
                sport: 50000,
                dport: port,
                vni,
                inner: Box::new(inner),
            },
        );
        outer.df = false;
        outer.len = skb.len + VXLAN_HEADROOM;
        outer.sport_any = true;
        outer.packet = skb.packet;
        outer.main = skb.main;
        outer.reply = skb.reply;
        outer.copy = skb.copy || copies;
        outer.mark = skb.mark;
        eng.push(Item::LocalOut {
            netns: ns.id,
            skb: outer,
        });
    }
}

pub(crate) fn vxlan_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: Skb) {
    let L4::Vxlan { dport, vni, inner, .. } = &skb.l4 else {
        return;
    };
    let links = match &ns.links {
        Ok(links) => links,
        Err(gap) => return eng.unknown(ns, &skb, Stage::UdpRcv, *gap),
    };
    let devices = || {
        links
            .iter()
            .filter_map(|l| {
                if let LinkKind::Vxlan(v) = &l.kind {
                    Some((l, v))
                } else {
                    None
                }
            })
            .filter(|(l, v)| l.up && !v.ipv6 && v.port == *dport)
    };
    if devices().next().is_none() {
        eng.drop(ns, &skb, Stage::UdpRcv, DropReason::NoSocket);
        icmp_send(eng, ns, &skb, icmp::DEST_UNREACH, icmp::PORT_UNREACH);
        return;
    }
    let Some((link, vxlan)) = devices().find(|(_, v)| v.vni == *vni || v.external) else {
        return eng.drop(ns, &skb, Stage::VxlanRcv, DropReason::VxlanVniNotFound);
    };
    if vxlan.external {
        return;
    }
    let mut inner = (**inner).clone();
    if inner.eth_src == link.mac {
        return eng.drop(ns, &skb, Stage::VxlanRcv, DropReason::LocalMac);
    }
    inner.scrub(false);
    inner.packet = skb.packet;
    inner.pkt_type = eth_type(&inner, link);
    eng.note(ns, &inner, Detail::VxlanRcv { link: link.index });
    eng.push(Item::Receive {
        netns: ns.id,
        link: link.index,
        skb: inner,
    });
}
