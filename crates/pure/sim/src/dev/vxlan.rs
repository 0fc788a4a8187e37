//! VXLAN, there and back.
//!
//! Kernel: `vxlan_xmit()`, `vxlan_xmit_one()`, `vxlan_rcv()`, `vxlan_set_mac()` (`drivers/net/vxlan/vxlan_core.c`, 6.18).
//! The outer packet is the host's own: it passes LOCAL_OUT and POST_ROUTING, and at the other end LOCAL_IN.

use super::dev_queue_xmit::eth_type;
use crate::engine::{Engine, Item};
use crate::flow::Options;
use crate::ip::{Unreach, send_unreach};
use crate::reason::{DropReason, Stage};
use crate::skb::{EPHEMERAL, L4, Skb, ip_len};
use crate::state::{Client, Vtep};
use crate::trace::Detail;
use netwhy_model::link::{Link, LinkKind, Vxlan};
use netwhy_model::{Family, GapId, Netns, NetnsId};
use netwhy_wire::Mac;
use std::net::IpAddr;

/// Outer UDP, VXLAN and inner Ethernet header (bytes).
const VXLAN_HEADROOM: u32 = 30;

pub(crate) fn vxlan_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, vxlan: &Vxlan, skb: Skb) {
    let fdb = match &ns.fdb {
        Ok(fdb) => fdb,
        Err(gap) => return eng.unknown(ns, &skb, Stage::VxlanXmit, *gap),
    };
    let own = fdb.vxlan.get(&(link.index, skb.eth_dst));
    let learned = eng
        .vteps
        .iter()
        .rev()
        .find(|v| own.is_none() && v.netns == ns.id && v.link == link.index && v.mac == skb.eth_dst);
    let entries = own.or_else(|| fdb.vxlan.get(&(link.index, Mac([0; 6]))));
    let remotes: Vec<(IpAddr, u16, u32)> = match entries {
        _ if let Some(vtep) = learned => vec![(vtep.remote, vxlan.port, vxlan.vni)],
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
        let local = vxlan.local.unwrap_or(Family::of(remote).any());
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
        outer.len = skb.len + VXLAN_HEADROOM + ip_len(outer.family());
        outer.sport_any = Some(EPHEMERAL);
        outer.packet = skb.packet;
        outer.main = skb.main;
        outer.reply = skb.reply;
        outer.copy = skb.copy || copies;
        outer.mark = skb.mark;
        // INET_ECN_encapsulate(): the ECN bits, without CE.
        outer.tos = if skb.tos & 3 == 3 { 2 } else { skb.tos & 3 };
        outer.len_any = skb.len_any;
        outer.sk = skb.sk;
        eng.push(Item::LocalOut {
            netns: ns.id,
            skb: outer,
        });
    }
}

/// A frame that only asks whether it would arrive.
const QUESTION: u8 = 0;
/// A tunnel's packet may need ARP over another tunnel, and no more.
const DEPTH_MAX: u8 = 2;

/// The devices at which a frame arrives that a VXLAN device sends to a remote host: the outer packet is followed by itself.
pub(crate) fn vxlan_carries<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    remote: IpAddr,
) -> Result<Vec<(NetnsId, u32)>, GapId> {
    let LinkKind::Vxlan(vxlan) = &link.kind else {
        return Ok(Vec::new());
    };
    if eng.depth >= DEPTH_MAX {
        return Ok(Vec::new());
    }
    let local = vxlan.local.unwrap_or(Family::of(remote).any());
    let mut inner = Skb::new(local, remote, L4::Other(QUESTION));
    inner.eth_src = link.mac;
    let l4 = L4::Vxlan {
        sport: 50000,
        dport: vxlan.port,
        vni: vxlan.vni,
        inner: Box::new(inner),
    };
    let mut outer = Skb::new(local, remote, l4);
    outer.len_any = true;
    outer.sport_any = Some(EPHEMERAL);
    outer.packet = u16::MAX;
    let client = Client {
        netns: ns.id,
        ..eng.client.clone()
    };
    let options = Options {
        steps: false,
        ..eng.options
    };
    let mut question = Engine::new(eng.cluster, &mut *eng.oracle, options, client);
    question.depth = eng.depth + 1;
    question.push(Item::LocalOut {
        netns: ns.id,
        skb: outer,
    });
    question.run();
    match question.undecided.and_then(|end| end.gap) {
        Some(gap) if question.arrived.is_empty() => Err(gap),
        _ => Ok(question.arrived),
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
            .filter(|(l, v)| l.up && v.ipv6 == skb.src.is_ipv6() && v.port == *dport)
    };
    if devices().next().is_none() {
        eng.drop(ns, &skb, Stage::UdpRcv, DropReason::NoSocket);
        send_unreach(eng, ns, &skb, Unreach::Port);
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
    if matches!(inner.l4, L4::Other(QUESTION)) {
        eng.arrived.push((ns.id, link.index));
        return;
    }
    if vxlan.learning {
        eng.vteps.push(Vtep {
            netns: ns.id,
            link: link.index,
            mac: inner.eth_src,
            remote: skb.src,
        });
    }
    // skb_scrub_packet() in one namespace: it is one buffer, and keeps the mark of the outer packet.
    inner.scrub(true);
    inner.mark = skb.mark;
    inner.packet = skb.packet;
    inner.pkt_type = eth_type(&inner, link);
    eng.note(ns, &inner, Detail::VxlanRcv { link: link.index });
    eng.push(Item::Receive {
        netns: ns.id,
        link: link.index,
        skb: inner,
    });
}
