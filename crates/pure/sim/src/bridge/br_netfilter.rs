//! Bridged frames through the hooks of IP.
//!
//! Kernel: `br_nf_pre_routing()`, `br_nf_pre_routing_finish()`, `br_nf_forward_ip()`, `br_nf_post_routing()`
//! (`net/bridge/br_netfilter_hooks.c`, 6.18). Kernel-facts trap 4, lab note 0003: the in link is the bridge, the port is only
//! `physdev`; FORWARD is passed between ports even with forwarding off; a translated destination is routed here.

use crate::engine::{Engine, Key};
use crate::neigh::{Resolved, neigh_resolve};
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::{InputError, ip_route_input};
use crate::skb::{Dst, DstKind, Flaw, PktType, Skb};
use netwhy_model::link::Link;
use netwhy_model::netfilter::Hook;
use netwhy_model::{Family, Netns};

/// Whether the bridge goes on with the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bridged {
    GoOn,
    Ended,
}

fn calls_iptables(eng: &mut Engine<'_>, ns: &Netns, bridge: &Link, skb: &Skb) -> bool {
    let fact = ns.bridge_nf_call_iptables(bridge.index, skb.family());
    eng.flag(Key::BridgeNfCall.of(bridge.index), &fact, true)
}

pub(super) fn br_nf_pre_routing<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    port: &'a Link,
    bridge: &'a Link,
    skb: &mut Skb,
) -> Bridged {
    if !calls_iptables(eng, ns, bridge, skb) {
        return Bridged::GoOn;
    }
    if skb.flaw == Some(Flaw::IpChecksum) {
        // br_validate_ipv4()
        eng.drop(ns, skb, Stage::BrNfPreRouting, DropReason::IpInHdr);
        return Bridged::Ended;
    }
    skb.physin = Some(port.index);
    skb.dev = bridge.index;
    let was_other = skb.pkt_type == PktType::OtherHost;
    if was_other {
        skb.pkt_type = PktType::Host;
    }
    let before = skb.dst;
    if nf_hook(eng, ns, Hook::PreRouting, skb, bridge.index, 0) == Hooked::Drop {
        return Bridged::Ended;
    }
    skb.sabotage = true;
    if was_other {
        skb.pkt_type = PktType::OtherHost;
    }
    if skb.dst == before {
        return Bridged::GoOn;
    }
    redirected(eng, ns, port, bridge, skb)
}

/// `br_nf_pre_routing_finish()` after a DNAT.
fn redirected<'a>(eng: &mut Engine<'a>, ns: &'a Netns, port: &'a Link, bridge: &'a Link, skb: &mut Skb) -> Bridged {
    match ip_route_input(eng, ns, bridge, skb) {
        Ok(()) => {}
        Err(InputError::Unknown(gap)) => {
            eng.unknown(ns, skb, Stage::IpRouteInputSlow, gap);
            return Bridged::Ended;
        }
        Err(InputError::Martian(reason)) => {
            // Not -EHOSTUNREACH: freed, as for most martians.
            eng.drop(ns, skb, Stage::BrNfPreRoutingFinish, reason);
            return Bridged::Ended;
        }
    }
    let Some(route) = skb.route else { return Bridged::Ended };
    if skb.family() == Family::Inet6 && matches!(route.kind, DstKind::Error(_)) {
        // br_nf_pre_routing_finish_ipv6()
        eng.drop(ns, skb, Stage::BrNfPreRoutingFinish, DropReason::NotSpecified);
        return Bridged::Ended;
    }
    if matches!(route.kind, DstKind::Forward) && route.dev == bridge.index {
        return bridged_dnat(eng, ns, port, bridge, skb, route);
    }
    skb.eth_dst = bridge.mac;
    skb.pkt_type = PktType::Host;
    Bridged::GoOn
}

/// The new destination lies on the same bridge: `br_nf_pre_routing_finish_bridge()`.
fn bridged_dnat<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    _port: &'a Link,
    bridge: &'a Link,
    skb: &mut Skb,
    route: Dst,
) -> Bridged {
    let next = route.gateway.unwrap_or(skb.dst);
    match neigh_resolve(eng, ns, bridge, next, skb) {
        Resolved::Mac(mac, _) => {
            skb.eth_dst = mac;
            Bridged::GoOn
        }
        Resolved::Failed => {
            crate::neigh::neigh_failed(eng, ns, skb);
            Bridged::Ended
        }
        Resolved::Left => {
            eng.left(ns, skb, next);
            Bridged::Ended
        }
        Resolved::Unknown(gap) => {
            eng.unknown(ns, skb, Stage::NeighResolveOutput, gap);
            Bridged::Ended
        }
    }
}

/// FORWARD and POST_ROUTING between two ports.
pub(super) fn br_nf_forward_ip<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    bridge: &'a Link,
    out: &'a Link,
    skb: &mut Skb,
) -> Bridged {
    if skb.physin.is_none() {
        return Bridged::GoOn;
    }
    skb.sabotage = false;
    skb.physout = Some(out.index);
    // nf_bridge->pkt_otherhost: the hooks see a packet for this host.
    let was_other = skb.pkt_type == PktType::OtherHost;
    if was_other {
        skb.pkt_type = PktType::Host;
    }
    if nf_hook(eng, ns, Hook::Forward, skb, bridge.index, bridge.index) == Hooked::Drop {
        return Bridged::Ended;
    }
    if nf_hook(eng, ns, Hook::PostRouting, skb, 0, bridge.index) == Hooked::Drop {
        return Bridged::Ended;
    }
    if was_other {
        skb.pkt_type = PktType::OtherHost;
    }
    Bridged::GoOn
}
