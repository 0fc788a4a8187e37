//! A frame enters a bridge by a port.
//!
//! Kernel: `br_handle_frame()`, `br_handle_frame_finish()`, `br_pass_frame_up()` (`net/bridge/br_input.c`, 6.18).

use super::br_forward::{br_flood, br_flood_many, br_forward, fdb_find};
use super::br_netfilter::{Bridged, br_nf_pre_routing};
use crate::engine::Engine;
use crate::ip::ip_rcv;
use crate::reason::{DropReason, Stage};
use crate::skb::{PktType, Skb};
use crate::state::Learned;
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::link::Link;

pub(crate) fn br_handle_frame<'a>(eng: &mut Engine<'a>, ns: &'a Netns, port: &'a Link, bridge: &'a Link, mut skb: Skb) {
    for setting in port.port.iter().flat_map(|p| p.unusual()) {
        eng.used("port", setting, "");
    }
    if !bridge.up {
        // br_stp_disable_bridge(): its ports are disabled.
        return eng.drop(ns, &skb, Stage::BrHandleFrame, DropReason::BridgeIngressStpState);
    }
    if port.port.as_ref().is_some_and(|p| !p.forwarding) {
        return eng.drop(ns, &skb, Stage::BrHandleFrame, DropReason::BridgeIngressStpState);
    }
    if skb.eth_src.is_multicast() || skb.eth_src.is_zero() {
        return eng.drop(ns, &skb, Stage::BrHandleFrame, DropReason::MacInvalidSource);
    }
    if skb.eth_dst == bridge.mac {
        skb.pkt_type = PktType::Host;
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
        eng.learned.push(Learned {
            netns: ns.id,
            bridge: bridge.index,
            mac: skb.eth_src,
            port: port.index,
        });
    }
    if skb.eth_dst.is_multicast() {
        // A broadcast is one too. Without snooping all ports get it, and the host.
        br_flood_many(eng, ns, bridge, Some(port), &skb);
        return pass_up(eng, ns, bridge, skb);
    }
    match fdb_find(eng, ns, bridge, &skb) {
        Some(to) if to == bridge.index => pass_up(eng, ns, bridge, skb),
        Some(to) => br_forward(eng, ns, bridge, Some(port), to, skb),
        None => br_flood(eng, ns, bridge, Some(port), skb),
    }
}

/// `br_pass_frame_up()`: the bridge itself receives.
fn pass_up<'a>(eng: &mut Engine<'a>, ns: &'a Netns, bridge: &'a Link, mut skb: Skb) {
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
    ip_rcv(eng, ns, skb);
}
