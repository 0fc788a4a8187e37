//! An ARP frame arrives: who is answered, and what is learned.
//!
//! Kernel: `arp_rcv()`, `arp_process()`, `arp_fwd_proxy()`, `arp_fwd_pvlan()` (`net/ipv4/arp.c`, 6.18). The request is routed
//! like a packet to the target, so that the source is validated too: who fails the reverse path filter gets no answer.

use super::arp_ignore::{arp_filter, arp_ignore};
use crate::dev::dev_queue_xmit;
use crate::engine::{Engine, Key};
use crate::reason::{DropReason, Stage};
use crate::route::{InputError, inet_addr_type_dev, ip_route_input};
use crate::skb::{Arp, DstKind, L4, PktType, Skb};
use crate::state::Asker;
use netwhy_model::link::Link;
use netwhy_model::netfilter::addr_type;
use netwhy_model::{GapId, Netns};
use netwhy_wire::{Mac, arp as wire};
use std::net::IpAddr;

/// Names of what a host does with ARP.
pub(crate) const ARP: &[&str] = &[
    "request not answered",
    "request for an own address",
    "request for another's address",
    "reply",
];

pub(crate) fn arp_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: &Skb, arp: Arp) {
    if link.noarp || skb.pkt_type == PktType::OtherHost {
        return;
    }
    let bad = !matches!(arp.op, wire::REQUEST | wire::REPLY) || is_odd(eng, link, skb.dst);
    // inetdev_init(): a link gets its IPv4 configuration when it is made.
    if bad {
        return eng.drop(ns, skb, Stage::ArpProcess, DropReason::NotSpecified);
    }
    if arp.op != wire::REQUEST {
        return eng.used("arp", ARP[3], "");
    }
    match arp_answers(eng, ns, link, skb.src, skb.dst) {
        Ok(true) => {
            let own = matches!(inet_addr_type_dev(ns, skb.dst, 0), Ok(addr_type::LOCAL));
            eng.used("arp", if own { ARP[1] } else { ARP[2] }, "");
            answer(eng, ns, link, skb, arp);
        }
        Ok(false) => eng.used("arp", ARP[0], ""),
        Err(gap) => eng.unknown(ns, skb, Stage::ArpProcess, gap),
    }
}

/// Neither a group nor the host itself is asked for.
fn is_odd(eng: &mut Engine<'_>, link: &Link, tip: IpAddr) -> bool {
    tip.is_multicast()
        || tip.is_loopback() && !eng.flag(Key::RouteLocalnet.of(link.index), &link.conf.route_localnet, false)
}

/// Who asks is known by that; nobody is not.
pub(super) fn neigh_event_ns(eng: &mut Engine<'_>, ns: &Netns, link: &Link, addr: IpAddr, mac: Mac) {
    if !addr.is_unspecified() {
        eng.askers.push(Asker {
            netns: ns.id,
            link: link.index,
            addr,
            mac,
        });
    }
}

fn answer<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: &Skb, arp: Arp) {
    neigh_event_ns(eng, ns, link, skb.src, arp.sha);
    let back = Arp {
        op: wire::REPLY,
        sha: link.mac,
        tha: arp.sha,
    };
    let mut reply = Skb::new(skb.dst, skb.src, L4::Arp(back));
    reply.eth_src = link.mac;
    reply.eth_dst = arp.sha;
    reply.main = false;
    dev_queue_xmit(eng, ns, link, reply);
}

/// Whether a request that came in by a link is answered there.
pub(super) fn arp_answers<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    sip: IpAddr,
    tip: IpAddr,
) -> Result<bool, GapId> {
    if is_odd(eng, link, tip) {
        return Ok(false);
    }
    if sip.is_unspecified() {
        // Somebody looks whether the address is taken (RFC 2131).
        return Ok(inet_addr_type_dev(ns, tip, 0)? == addr_type::LOCAL && !arp_ignore(eng, ns, link, sip, tip));
    }
    let mut request = Skb::new(sip, tip, L4::Other(0));
    request.dev = link.index;
    request.main = false;
    match ip_route_input(eng, ns, link, &mut request) {
        Ok(()) => {}
        Err(InputError::Martian(_)) => return Ok(false),
        Err(InputError::Unknown(gap)) => return Err(gap),
    }
    Ok(match request.route.map(|r| (r.kind, r.dev)) {
        Some((DstKind::Local, _)) => !arp_ignore(eng, ns, link, sip, tip) && !arp_filter(eng, ns, link, sip, tip),
        Some((DstKind::Forward, out)) if out == link.index => arp_fwd_pvlan(eng, link, sip, tip),
        Some((DstKind::Forward, out)) => arp_fwd_proxy(eng, ns, link, out) || pneigh_lookup(ns, link, tip),
        _ => false,
    })
}

/// For what lies behind another link, if that is another medium.
fn arp_fwd_proxy(eng: &mut Engine<'_>, ns: &Netns, link: &Link, out: u32) -> bool {
    if !eng.flag(Key::ProxyArp.of(link.index), &link.conf.proxy_arp, false) {
        return false;
    }
    // Hardly anybody sets it, and a text that does not list it says nothing.
    let medium = |l: &Link| l.conf.medium_id.unwrap_or(0);
    match medium(link) {
        0 => true,
        -1 => false,
        own => {
            let other = ns.links.as_ref().ok().and_then(|l| l.get(out)).map_or(-1, medium);
            other != own && other != -1
        }
    }
}

/// For others of the same link that cannot hear it themselves.
fn arp_fwd_pvlan(eng: &mut Engine<'_>, link: &Link, sip: IpAddr, tip: IpAddr) -> bool {
    // Only an observer is told more than a text without the setting says.
    let on = match link.conf.proxy_arp_pvlan {
        Err(_) if eng.watch.is_none() => false,
        fact => eng.flag(Key::ProxyArpPvlan.of(link.index), &fact, false),
    };
    on && sip != tip
}

fn pneigh_lookup(ns: &Netns, link: &Link, tip: IpAddr) -> bool {
    ns.neigh.as_ref().is_ok_and(|n| n.proxy.contains(&(link.index, tip)))
}
