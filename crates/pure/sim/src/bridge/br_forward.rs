//! A frame leaves a bridge by a port.
//!
//! Kernel: `should_deliver()`, `br_forward()`, `br_flood()` (`br_forward.c`), `br_dev_xmit()` (`br_device.c`), 6.18.

use super::br_arp_nd_proxy::br_do_proxy_suppress_arp;
use super::br_fdb::br_fdb_find_rcu;
use super::br_netfilter::{Bridged, br_nf_forward_ip};
use crate::dev::dev_queue_xmit;
use crate::engine::Engine;
use crate::ip::ip_fragment;
use crate::reason::{DropReason, Stage};
use crate::skb::Skb;
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::link::{BridgePort, Link, LinkKind, PortState};
use netwhy_wire::Mac;

/// Not back to where it came from (except hairpin), to a forwarding port, not between isolated ports.
pub(crate) fn should_deliver(from: Option<&Link>, to: &Link) -> bool {
    let Some(port) = &to.port else {
        return from.is_none_or(|f| f.index != to.index);
    };
    let isolated = |l: &Link| l.port.as_ref().is_some_and(|p| p.isolated);
    (port.hairpin || from.is_none_or(|f| f.index != to.index))
        && port.state == PortState::Forwarding
        && !(from.is_some_and(isolated) && port.isolated)
}

/// `from` is `None` for the host's own frames.
pub(crate) fn br_forward<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    bridge: &'a Link,
    from: Option<&'a Link>,
    to: u32,
    mut skb: Skb,
) {
    let Some(out) = ns.links.as_ref().ok().and_then(|l| l.get(to)) else {
        return eng.drop(ns, &skb, Stage::BrHandleFrameFinish, DropReason::NotSpecified);
    };
    if !out.up || !should_deliver(from, out) {
        if local_rcv(bridge, from) {
            return;
        }
        return eng.drop(ns, &skb, bridge_stage(from), DropReason::NotSpecified);
    }
    skb.one_piece |= local_rcv(bridge, from);
    deliver(eng, ns, bridge, from, out, skb);
}

/// The bridge itself gets a copy of what is for others (`deliver_clone()`): what cannot be sent on is no loss.
fn local_rcv(bridge: &Link, from: Option<&Link>) -> bool {
    from.is_some() && bridge.promisc
}

/// Where a frame is that the bridge cannot send: in the way of a port's frame, or of the host's own.
fn bridge_stage(from: Option<&Link>) -> Stage {
    match from {
        Some(_) => Stage::BrHandleFrameFinish,
        None => Stage::BrDevXmit,
    }
}

fn deliver<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    bridge: &'a Link,
    from: Option<&'a Link>,
    out: &'a Link,
    mut skb: Skb,
) {
    eng.note(
        ns,
        &skb,
        Detail::Bridge {
            bridge: bridge.index,
            port: out.index,
        },
    );
    if from.is_some() && br_nf_forward_ip(eng, ns, bridge, out, &mut skb) == Bridged::Ended {
        return;
    }
    // br_nf_ip_fragment(): what was put together for the hooks leaves as it came.
    if skb.parts.is_empty() {
        return dev_queue_xmit(eng, ns, out, skb);
    }
    for part in ip_fragment(&skb, out.mtu) {
        dev_queue_xmit(eng, ns, out, part);
    }
}

/// To every port that may have it. Copies that end at a pod whose MAC it is not are not followed: it drops them as OTHERHOST.
pub(super) fn br_flood<'a>(eng: &mut Engine<'a>, ns: &'a Netns, bridge: &'a Link, from: Option<&'a Link>, skb: Skb) {
    let Ok(links) = &ns.links else { return };
    let ports: Vec<&'a Link> = links
        .iter()
        .filter(|l| {
            let floods = |p: &BridgePort| p.flood && takes_flood(p, skb.arp_replied);
            l.master == Some(bridge.index) && l.up && l.port.as_ref().is_none_or(floods) && should_deliver(from, l)
        })
        .collect();
    let wanted: Vec<&'a Link> = ports
        .iter()
        .copied()
        .filter(|l| may_want(eng, l, skb.eth_dst))
        .collect();
    if wanted.is_empty() {
        let stage = if ports.is_empty() {
            bridge_stage(from)
        } else {
            Stage::IpRcvCore
        };
        let reason = if ports.is_empty() {
            DropReason::NoTxTarget
        } else {
            DropReason::Otherhost
        };
        if !(local_rcv(bridge, from) && ports.is_empty()) {
            eng.drop(ns, &skb, stage, reason);
        }
        return;
    }
    // The newest port comes first, the oldest gets the frame itself.
    for (at, port) in wanted.iter().enumerate().rev() {
        let mut copy = skb.clone();
        copy.copy |= wanted.len() > 1;
        copy.one_piece |= at > 0 || local_rcv(bridge, from);
        deliver(eng, ns, bridge, from, port, copy);
    }
}

/// A broadcast or multicast frame to every other port (`br_flood()`).
pub(super) fn br_flood_many<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    bridge: &'a Link,
    from: Option<&'a Link>,
    skb: &Skb,
) {
    let Ok(links) = &ns.links else { return };
    let ports = links.iter().filter(|l| l.master == Some(bridge.index) && l.up);
    let floods = |l: &&Link| {
        l.port
            .as_ref()
            .is_none_or(|p| floods_many(p, from, skb.eth_dst) && takes_flood(p, skb.arp_replied))
    };
    let ports: Vec<&'a Link> = ports.filter(floods).filter(|l| should_deliver(from, l)).collect();
    if ports.is_empty() && from.is_none() {
        return eng.drop(ns, skb, Stage::BrDevXmit, DropReason::NoTxTarget);
    }
    for port in ports.into_iter().rev() {
        let mut copy = skb.clone();
        copy.copy = true;
        copy.one_piece = true;
        deliver(eng, ns, bridge, from, port, copy);
    }
}

/// What the host itself sends to many leaves by every port.
pub(crate) fn floods_many(port: &BridgePort, from: Option<&Link>, to: Mac) -> bool {
    let wanted = if to.is_broadcast() {
        port.bcast_flood
    } else {
        port.mcast_flood
    };
    wanted || from.is_none()
}

/// Not to a port behind which ARP is answered; ARP that is answered already not to one that is spared it.
pub(crate) fn takes_flood(port: &BridgePort, arp_replied: bool) -> bool {
    !(port.proxy_arp || arp_replied && port.neigh_suppress)
}

/// Whether what lies behind a port can take a frame to this MAC.
fn may_want(eng: &Engine<'_>, port: &Link, mac: Mac) -> bool {
    let LinkKind::Veth {
        peer: Some((netns, index)),
        ..
    } = port.kind
    else {
        return true;
    };
    let Some(peer) = eng.cluster.ns(netns).links.as_ref().ok().and_then(|l| l.get(index)) else {
        return true;
    };
    peer.master.is_some() || peer.mac == mac || peer.noarp || matches!(peer.kind, LinkKind::Other(_))
}

/// The bridge as a device of the host.
pub(crate) fn br_dev_xmit<'a>(eng: &mut Engine<'a>, ns: &'a Netns, bridge: &'a Link, mut skb: Skb) {
    br_do_proxy_suppress_arp(eng, ns, bridge, None, &mut skb);
    if skb.eth_dst.is_multicast() {
        return br_flood_many(eng, ns, bridge, None, &skb);
    }
    match br_fdb_find_rcu(eng, ns, bridge, skb.eth_dst) {
        Some(to) if to != bridge.index => br_forward(eng, ns, bridge, None, to, skb),
        Some(_) => eng.drop(ns, &skb, Stage::BrDevXmit, DropReason::NotSpecified),
        None => br_flood(eng, ns, bridge, None, skb),
    }
}
