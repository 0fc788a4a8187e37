//! A frame enters a bridge by a port.
//!
//! Kernel: `br_handle_frame()`, `br_handle_frame_finish()`, `br_pass_frame_up()` (`net/bridge/br_input.c`, 6.18).

use super::br_arp_nd_proxy::br_do_proxy_suppress_arp;
use super::br_fdb::{br_fdb_find_rcu, br_fdb_update};
use super::br_forward::{br_flood, br_flood_many, br_forward};
use super::br_netfilter::{Bridged, br_nf_pre_routing};
use crate::dev::deliver_skb;
use crate::engine::Engine;
use crate::nf::{Hooked, confirm};
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, PktType, Skb};
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::link::{Link, PortState};

pub(crate) fn br_handle_frame<'a>(eng: &mut Engine<'a>, ns: &'a Netns, port: &'a Link, bridge: &'a Link, mut skb: Skb) {
    for setting in port.port.iter().flat_map(|p| p.unusual()) {
        eng.used("port", setting, "");
    }
    if skb.eth_src.is_multicast() || skb.eth_src.is_zero() {
        return eng.drop(ns, &skb, Stage::BrHandleFrame, DropReason::MacInvalidSource);
    }
    if state(port) == PortState::Closed {
        return eng.drop(ns, &skb, Stage::BrHandleFrame, DropReason::BridgeIngressStpState);
    }
    if skb.eth_dst == bridge.mac {
        skb.pkt_type = PktType::Host;
    }
    if matches!(skb.l4, L4::Arp(_)) {
        return br_handle_frame_finish(eng, ns, port, bridge, skb);
    }
    match br_nf_pre_routing(eng, ns, port, bridge, &mut skb) {
        Bridged::GoOn => br_handle_frame_finish(eng, ns, port, bridge, skb),
        Bridged::Ended => {}
    }
}

pub(crate) fn br_handle_frame_finish<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    port: &'a Link,
    bridge: &'a Link,
    mut skb: Skb,
) {
    skb.dev = port.index;
    if port.port.as_ref().is_none_or(|p| p.learning) {
        br_fdb_update(eng, ns, bridge, port, skb.eth_src);
    }
    if state(port) == PortState::Learning {
        return eng.drop(ns, &skb, Stage::BrHandleFrameFinish, DropReason::BridgeIngressStpState);
    }
    br_do_proxy_suppress_arp(eng, ns, bridge, Some(port), &mut skb);
    let promisc = bridge.promisc;
    if skb.eth_dst.is_multicast() {
        // A broadcast is one too. Without snooping all ports get it, and the host.
        br_flood_many(eng, ns, bridge, Some(port), &skb);
        return br_pass_frame_up(eng, ns, bridge, skb, promisc);
    }
    let copy = promisc.then(|| skb.clone());
    let to = br_fdb_find_rcu(eng, ns, bridge, skb.eth_dst);
    if to == Some(bridge.index) {
        return br_pass_frame_up(eng, ns, bridge, skb, false);
    }
    match to {
        Some(to) => br_forward(eng, ns, bridge, Some(port), to, skb),
        None => br_flood(eng, ns, bridge, Some(port), skb),
    }
    if let Some(mut copy) = copy {
        copy.copy = true;
        br_pass_frame_up(eng, ns, bridge, copy, promisc);
    }
}

fn state(port: &Link) -> PortState {
    port.port.as_ref().map_or(PortState::Forwarding, |p| p.state)
}

/// The bridge itself receives. `br_nf_local_in()` (`br_netfilter_hooks.c`): a copy for a promiscuous bridge loses its
/// connection; what is for many, or for others, confirms its own.
fn br_pass_frame_up<'a>(eng: &mut Engine<'a>, ns: &'a Netns, bridge: &'a Link, mut skb: Skb, promisc: bool) {
    if promisc {
        skb.ct = None;
        skb.untracked = false;
        skb.attached = false;
    } else if skb.pkt_type != PktType::Host && confirm(eng, ns, &skb) == Hooked::Drop {
        return;
    }
    eng.note(
        ns,
        &skb,
        Detail::Bridge {
            bridge: bridge.index,
            port: 0,
        },
    );
    skb.dev = bridge.index;
    if skb.eth_dst == bridge.mac {
        skb.pkt_type = PktType::Host;
    }
    deliver_skb(eng, ns, bridge, skb);
}
