//! From the next hop's address to its MAC, and out.
//!
//! Kernel: `ip_finish_output2()`, `neigh_resolve_output()`, `neigh_invalidate()`, `arp_error_report()`,
//! `ipv4_link_failure()`, `ip6_link_failure()`. A missing or failed entry is no fault where somebody answers ARP; where nobody does, three requests
//! a second apart pass, and the sender gets host unreachable after 3.07 s (kernel-facts section 6).

use super::arp::{Answer, arp_ask};
use crate::dev::dev_queue_xmit;
use crate::engine::Engine;
use crate::ip::{Unreach, send_unreach};
use crate::reason::{DropReason, Stage};
use crate::skb::{DstKind, Skb};
use crate::state::Asker;
use crate::trace::Detail;
use netwhy_model::link::Link;
use netwhy_model::neigh::NudState;
use netwhy_model::{Family, GapId, Netns};
use netwhy_wire::Mac;
use std::net::IpAddr;

/// Three requests and their time, as measured for ARP and for neighbour solicitations (ms).
const ARP_FAILS_AFTER_MS: u64 = 3070;

/// A next hop's MAC.
pub(crate) enum Resolved {
    /// With whether ARP had to be asked.
    Mac(Mac, bool),
    Failed,
    /// The next hop is no host of the model.
    Left,
    Unknown(GapId),
}

pub(crate) fn neigh_output<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    let Some(route) = skb.route else { return };
    let links = match &ns.links {
        Ok(links) => links,
        Err(gap) => return eng.unknown(ns, &skb, Stage::DevQueueXmit, *gap),
    };
    let Some(link) = links.get(route.dev) else {
        return eng.drop(ns, &skb, Stage::DevQueueXmit, DropReason::DevReady);
    };
    skb.dev = link.index;
    if link.noarp || matches!(link.kind, netwhy_model::link::LinkKind::Loopback) {
        // arp_constructor(): the link's own address.
        skb.eth_src = link.mac;
        skb.eth_dst = link.mac;
        return dev_queue_xmit(eng, ns, link, skb);
    }
    if route.kind == DstKind::Broadcast {
        // arp_constructor(): it has the link's broadcast address.
        skb.eth_src = link.mac;
        skb.eth_dst = Mac([0xff; 6]);
        return dev_queue_xmit(eng, ns, link, skb);
    }
    if skb.dst.is_multicast() {
        skb.eth_src = link.mac;
        skb.eth_dst = multicast_mac(skb.dst);
        return dev_queue_xmit(eng, ns, link, skb);
    }
    let next = route.gateway.unwrap_or(skb.dst);
    match neigh_resolve(eng, ns, link, next, &skb) {
        Resolved::Mac(mac, arp) => {
            eng.note(ns, &skb, Detail::Neigh { addr: next, arp });
            skb.eth_src = link.mac;
            skb.eth_dst = mac;
            dev_queue_xmit(eng, ns, link, skb);
        }
        Resolved::Failed => neigh_failed(eng, ns, &skb),
        Resolved::Left => eng.left(ns, &skb, next),
        Resolved::Unknown(gap) => eng.unknown(ns, &skb, Stage::NeighResolveOutput, gap),
    }
}

/// `ip_eth_mc_map()`, `ipv6_eth_mc_map()`.
fn multicast_mac(group: IpAddr) -> Mac {
    match group {
        IpAddr::V4(v4) => {
            let [_, b, c, d] = v4.octets();
            Mac([1, 0, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(v6) => {
            let [.., a, b, c, d] = v6.octets();
            Mac([0x33, 0x33, a, b, c, d])
        }
    }
}

pub(crate) fn neigh_resolve<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    next: IpAddr,
    skb: &Skb,
) -> Resolved {
    let entry = ns.neigh.as_ref().ok().and_then(|t| t.entries.get(&(link.index, next)));
    let known = |state| entry.filter(|e| e.state == state).and_then(|e| e.lladdr);
    // neigh_update(): who asks is known by that, unless the entry was given by hand.
    if let Some(mac) = known(NudState::Permanent).or(known(NudState::Noarp)) {
        return Resolved::Mac(mac, false);
    }
    let asker = |a: &&Asker| a.netns == ns.id && a.link == link.index && a.addr == next;
    if let Some(asker) = eng.askers.iter().rev().find(asker) {
        return Resolved::Mac(asker.mac, false);
    }
    if let Some(mac) = known(NudState::Valid) {
        return Resolved::Mac(mac, false);
    }
    match arp_ask(eng, ns, link, skb.src, next) {
        Answer::Mac(mac) => Resolved::Mac(mac, true),
        // A recorded entry might lead somewhere where nobody answers now.
        Answer::Nobody => ns
            .neigh
            .as_ref()
            .err()
            .map_or(Resolved::Failed, |gap| Resolved::Unknown(*gap)),
        Answer::Left => Resolved::Left,
        Answer::Unknown(gap) => Resolved::Unknown(gap),
    }
}

/// Nobody answers: the packet is dropped after three seconds and its sender is told.
pub(crate) fn neigh_failed<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    // An observer does not wait so long.
    if eng.watch.is_some() {
        return;
    }
    eng.now_ms += ARP_FAILS_AFTER_MS;
    // ndisc_error_report() gives no reason.
    let reason = match skb.family() {
        Family::Inet => DropReason::NeighFailed,
        Family::Inet6 => DropReason::NotSpecified,
    };
    eng.drop(ns, skb, Stage::NeighInvalidate, reason);
    send_unreach(eng, ns, skb, Unreach::Host);
}
