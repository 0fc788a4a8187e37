//! A bridge that answers ARP and neighbour solicitations for what lies behind its ports.
//!
//! Kernel: `br_do_proxy_suppress_arp()`, `br_arp_send()`, `br_do_suppress_nd()` (`net/bridge/br_arp_nd_proxy.c`, 6.18).

use super::br_fdb::fdb_find;
use crate::dev::{deliver_skb, dev_queue_xmit};
use crate::engine::Engine;
use crate::skb::{Arp, L4, PktType, Skb};
use netwhy_model::link::{BridgePort, Link};
use netwhy_model::neigh::NudState;
use netwhy_model::{Family, Netns};
use netwhy_wire::{Mac, arp};
use std::net::IpAddr;

/// What a bridge makes of ARP.
#[derive(Clone, Copy, Default)]
pub(crate) struct Proxied {
    /// It answers with this.
    pub answer: Option<Mac>,
    /// Ports that are spared ARP do not get it.
    pub replied: bool,
}

/// What a bridge makes of ARP that a port brought, or the host itself sends.
pub(crate) fn proxied(
    eng: &Engine<'_>,
    ns: &Netns,
    bridge: &Link,
    port: Option<&Link>,
    (op, to): (u16, Mac),
    (sip, tip): (IpAddr, IpAddr),
) -> Proxied {
    const SPARED: Proxied = Proxied {
        answer: None,
        replied: true,
    };
    let Ok(links) = &ns.links else {
        return Proxied::default();
    };
    let has = |link: Option<&Link>, what: fn(&BridgePort) -> bool| link.and_then(|l| l.port.as_ref()).is_some_and(what);
    let ports = || links.iter().filter(|l| l.master == Some(bridge.index));
    // BROPT_NEIGH_SUPPRESS_ENABLED
    let suppress = ports().any(|l| has(Some(l), |p| p.neigh_suppress));
    if tip.is_loopback() || tip.is_multicast() || port.is_none() && !suppress {
        return Proxied::default();
    }
    if suppress {
        if has(port, |p| p.neigh_suppress) || !to.is_multicast() && op == arp::REQUEST {
            return Proxied::default();
        }
        if !matches!(op, arp::RREQUEST | arp::RREPLY) && (sip.is_unspecified() || sip == tip) {
            return SPARED;
        }
    }
    if op != arp::REQUEST {
        return Proxied::default();
    }
    if suppress && bridge.addrs_of(Family::of(tip)).iter().any(|a| a.addr == tip) {
        return SPARED;
    }
    let Some(mac) = known(eng, ns, bridge, tip) else {
        return Proxied::default();
    };
    let Some(behind) = fdb_find(eng, ns, bridge, mac) else {
        return Proxied::default();
    };
    let answers = tip.is_ipv4() && has(port, |p| p.proxy_arp) || has(links.get(behind), |p| p.neigh_suppress);
    Proxied {
        answer: Some(mac).filter(|_| answers),
        replied: answers || suppress,
    }
}

/// `neigh_lookup()`, of what is valid.
fn known(eng: &Engine<'_>, ns: &Netns, bridge: &Link, addr: IpAddr) -> Option<Mac> {
    let asker = eng
        .askers
        .iter()
        .rev()
        .find(|a| a.netns == ns.id && a.link == bridge.index && a.addr == addr);
    let entry = ns.neigh.as_ref().ok()?.entries.get(&(bridge.index, addr));
    let recorded = entry.filter(|e| e.state != NudState::Failed).and_then(|e| e.lladdr);
    let by_hand = entry.is_some_and(|e| matches!(e.state, NudState::Permanent | NudState::Noarp));
    recorded.filter(|_| by_hand).or(asker.map(|a| a.mac)).or(recorded)
}

/// For a frame: answers by the port that it came by.
pub(super) fn br_do_proxy_suppress_arp<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    bridge: &'a Link,
    port: Option<&'a Link>,
    skb: &mut Skb,
) {
    let L4::Arp(asked) = skb.l4 else { return };
    let made = proxied(eng, ns, bridge, port, (asked.op, skb.eth_dst), (skb.src, skb.dst));
    skb.arp_replied = made.replied;
    let Some(mac) = made.answer else { return };
    let answer = Arp {
        op: arp::REPLY,
        sha: mac,
        tha: asked.sha,
    };
    let mut reply = Skb::new(skb.dst, skb.src, L4::Arp(answer));
    reply.eth_src = mac;
    reply.eth_dst = asked.sha;
    reply.main = false;
    match port {
        Some(port) => dev_queue_xmit(eng, ns, port, reply),
        None => {
            reply.pkt_type = PktType::Host;
            deliver_skb(eng, ns, bridge, reply);
        }
    }
}
