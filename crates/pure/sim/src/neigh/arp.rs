//! Who answers ARP, or a neighbour solicitation?
//!
//! Kernel: `arp_solicit()` (`net/ipv4/arp.c`), `ndisc_solicit()` (`net/ipv6/ndisc.c`, 6.18). The request is followed over veths, bridges,
//! VXLAN devices that flood, and assumed segments, without being a packet of the conversation.

use super::arp_process::{arp_answers, neigh_event_ns};
use super::ndisc::{Ndisc, ndisc_answers, soliciting};
use crate::bridge::{floods_many, proxied, should_deliver, takes_flood};
use crate::dev::vxlan_carries;
use crate::engine::{Engine, Key};
use crate::oracle::Question;
use crate::route::{inet_addr_onlink, inet_addr_type_dev, inet_select_addr};
use crate::state::{Learned, Vtep};
use netwhy_model::fib::{Fib, RouteKind};
use netwhy_model::link::{Link, LinkKind, PortState, Vxlan};
use netwhy_model::netfilter::addr_type;
use netwhy_model::{Family, GapId, Netns, NetnsId};
use netwhy_wire::{Mac, arp};
use std::net::IpAddr;

/// What comes back.
pub(super) enum Answer {
    Mac(Mac),
    Nobody,
    /// Nobody of the model, but the segment may have others.
    Left,
    Unknown(GapId),
}

/// Links that one request may pass.
const HOPS_MAX: usize = 4096;

pub(super) fn arp_ask<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, src: IpAddr, target: IpAddr) -> Answer {
    let family = Family::of(target);
    let sender = match family {
        Family::Inet => announced(eng, ns, link, src, target),
        Family::Inet6 => soliciting(ns, link, src),
    };
    if sender.is_none() && family == Family::Inet6 {
        return Answer::Nobody;
    }
    if let Some(gap) = is_filtered(eng, ns) {
        return Answer::Unknown(gap);
    }
    let mut ask = Ask {
        sender: sender.unwrap_or(family.any()),
        sender_mac: link.mac,
        target,
        answers: Vec::new(),
        way: Vec::new(),
        tunnels: Vec::new(),
        open: false,
        unknown: None,
        seen: Vec::new(),
    };
    let steps = std::mem::replace(&mut eng.options.steps, false);
    if family == Family::Inet || ask.ndisc(false).leaves(eng, ns, link) {
        ask.send(eng, ns, link, None);
    }
    if family == Family::Inet6 && !ask.answers.is_empty() && !ask.ndisc(true).enters(eng, ns, link) {
        ask.answers.clear();
    }
    eng.options.steps = steps;
    match (ask.answers.first(), ask.unknown) {
        (Some(mac), _) => Answer::Mac(*mac),
        (None, Some(gap)) => Answer::Unknown(gap),
        (None, None) if ask.open => Answer::Left,
        (None, None) => Answer::Nobody,
    }
}

/// Tables of family arp run at `NF_ARP_OUT` and `NF_ARP_IN`: what they do is not known.
fn is_filtered(eng: &mut Engine<'_>, ns: &Netns) -> Option<GapId> {
    let gap = ns.netfilter.arp?;
    (eng.oracle.gap(Question { gap, about: 0 }, 2) == 1).then_some(gap)
}

/// `arp_announce`: by whose address the host asks.
fn announced(eng: &mut Engine<'_>, ns: &Netns, link: &Link, src: IpAddr, target: IpAddr) -> Option<IpAddr> {
    let own = matches!(inet_addr_type_dev(ns, src, 0), Ok(addr_type::LOCAL));
    // Where nothing but the host's own decides, the setting need not be known.
    let tells = own
        && (eng.watch.is_none()
            || match eng.level(Key::ArpAnnounce.of(link.index), &link.conf.arp_announce) {
                1 => inet_addr_onlink(link, target, Some(src)),
                2 => false,
                _ => true,
            });
    if tells {
        return Some(src);
    }
    inet_select_addr(ns, link, Some(target), RT_SCOPE_LINK)
}

struct Ask {
    sender: IpAddr,
    sender_mac: Mac,
    target: IpAddr,
    answers: Vec<Mac>,
    /// Bridges that the request has passed on its way, each with the port that it left by: the answer comes in there.
    way: Vec<(NetnsId, u32, u32)>,
    /// VXLAN devices that it left by, each with the remote host, and whether they learn.
    tunnels: Vec<(NetnsId, u32, IpAddr, bool)>,
    /// A segment may hold hosts that the bundle does not know.
    open: bool,
    unknown: Option<GapId>,
    seen: Vec<(NetnsId, u32)>,
}

impl Ask {
    fn ndisc(&self, answer: bool) -> Ndisc {
        Ndisc {
            sender: self.sender,
            target: self.target,
            answer,
        }
    }

    /// Out of a link; `from` is the bridge port it came in by.
    fn send<'a>(&mut self, eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, from: Option<&'a Link>) {
        if !link.up || self.seen.len() > HOPS_MAX || self.seen.contains(&(ns.id, link.index)) {
            return;
        }
        self.seen.push((ns.id, link.index));
        match &link.kind {
            LinkKind::Loopback => {}
            LinkKind::Veth {
                peer: Some((netns, index)),
                ..
            } => self.receive_on(eng, *netns, *index),
            LinkKind::Bridge { .. } => self.flood(eng, ns, link, from),
            LinkKind::Vxlan(vxlan) => {
                let remotes: Vec<IpAddr> = match &ns.fdb {
                    Ok(fdb) => fdb
                        .vxlan
                        .get(&(link.index, Mac([0; 6])))
                        .into_iter()
                        .flatten()
                        .filter_map(|d| d.addr)
                        .chain(vxlan.remote)
                        .collect(),
                    Err(gap) => {
                        self.unknown = Some(*gap);
                        return;
                    }
                };
                for remote in remotes {
                    self.over_vxlan(eng, (ns, link, vxlan), remote);
                }
            }
            LinkKind::Veth { peer: None, segment } | LinkKind::Device { segment } => {
                self.open = true;
                eng.asked(ns, link, self.target, self.sender);
                let Some(id) = segment else { return };
                let ports = eng.cluster.segments[id.0 as usize].ports.clone();
                for (netns, index) in ports {
                    if (netns, index) != (ns.id, link.index) {
                        self.receive_on(eng, netns, index);
                    }
                }
            }
            LinkKind::Other(gap) => self.unknown = Some(*gap),
        }
    }

    fn receive_on(&mut self, eng: &mut Engine<'_>, netns: NetnsId, index: u32) {
        let ns = eng.ns(netns);
        if let Ok(links) = &ns.links
            && let Some(link) = links.get(index)
        {
            self.receive(eng, ns, link);
        }
    }

    fn receive<'a>(&mut self, eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link) {
        if !link.up {
            return;
        }
        if let LinkKind::Other(gap) = link.kind {
            self.unknown = Some(gap);
            return;
        }
        let Ok(links) = &ns.links else { return };
        match link.master.and_then(|m| links.get(m)) {
            Some(bridge) if matches!(bridge.kind, LinkKind::Bridge { .. }) => {
                if link.port.as_ref().is_some_and(|p| p.state != PortState::Forwarding) {
                    return;
                }
                self.flood(eng, ns, bridge, Some(link));
                self.process(eng, ns, bridge);
            }
            _ => self.process(eng, ns, link),
        }
    }

    fn flood<'a>(&mut self, eng: &mut Engine<'a>, ns: &'a Netns, bridge: &'a Link, from: Option<&'a Link>) {
        let Ok(links) = &ns.links else { return };
        let made = proxied(
            eng,
            ns,
            bridge,
            from,
            (arp::REQUEST, BROADCAST),
            (self.sender, self.target),
        );
        self.answers.extend(made.answer);
        for port in links
            .iter()
            .filter(|l| l.master == Some(bridge.index) && should_deliver(from, l))
            .filter(|l| {
                l.port
                    .as_ref()
                    .is_none_or(|p| floods_many(p, from, BROADCAST) && takes_flood(p, made.replied))
            })
        {
            self.way.push((ns.id, bridge.index, port.index));
            self.send(eng, ns, port, from);
            self.way.pop();
        }
    }

    /// The answer of a link goes back over the bridges of the way, which learn from it; the link knows the asker now.
    fn answer(&mut self, eng: &mut Engine<'_>, ns: &Netns, link: &Link) {
        let mac = link.mac;
        self.answers.push(mac);
        neigh_event_ns(eng, ns, link, self.sender, self.sender_mac);
        for &(netns, link, remote, _) in self.tunnels.iter().filter(|t| t.3) {
            eng.vteps.push(Vtep {
                netns,
                link,
                mac,
                remote,
            });
        }
        for &(netns, bridge, port) in &self.way {
            let learns = |l: &Link| l.port.as_ref().is_none_or(|p| p.learning);
            let links = eng.ns(netns).links.as_ref();
            if links.is_ok_and(|l| l.get(port).is_some_and(learns)) {
                eng.learned.push(Learned {
                    netns,
                    bridge,
                    mac,
                    port,
                });
            }
        }
    }

    /// In a packet of the host itself, which must arrive, as must the one with the answer; both ends learn.
    fn over_vxlan<'a>(&mut self, eng: &mut Engine<'a>, from: (&'a Netns, &'a Link, &Vxlan), remote: IpAddr) {
        let (ns, near, vxlan) = from;
        for (netns, index) in self.carried(vxlan_carries(eng, ns, near, remote)) {
            let other = eng.ns(netns);
            let Some(link) = other.links.as_ref().ok().and_then(|l| l.get(index)) else {
                continue;
            };
            let (LinkKind::Vxlan(far), Some(local)) = (&link.kind, vxlan.local) else {
                continue;
            };
            let back = self.carried(vxlan_carries(eng, other, link, local));
            if !back.contains(&(ns.id, near.index)) {
                continue;
            }
            if far.learning {
                eng.vteps.push(Vtep {
                    netns,
                    link: index,
                    mac: self.sender_mac,
                    remote: local,
                });
            }
            self.tunnels.push((ns.id, near.index, remote, vxlan.learning));
            self.receive(eng, other, link);
            self.tunnels.pop();
        }
    }

    fn carried(&mut self, there: Result<Vec<(NetnsId, u32)>, GapId>) -> Vec<(NetnsId, u32)> {
        there.unwrap_or_else(|gap| {
            self.unknown = Some(gap);
            Vec::new()
        })
    }

    fn process<'a>(&mut self, eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link) {
        if self.target.is_ipv6() {
            let (asks, says) = (self.ndisc(false), self.ndisc(true));
            if ndisc_answers(eng, ns, link, self.target) && asks.enters(eng, ns, link) && says.leaves(eng, ns, link) {
                self.answer(eng, ns, link);
            }
            return;
        }
        if link.noarp || cannot_answer(ns, link, self.target) {
            return;
        }
        if let Some(gap) = is_filtered(eng, ns) {
            self.unknown = Some(gap);
            return;
        }
        match arp_answers(eng, ns, link, self.sender, self.target) {
            Ok(true) => self.answer(eng, ns, link),
            Ok(false) => {}
            Err(gap) => self.unknown = Some(gap),
        }
    }
}

/// A local route of a subnet (`ip addr add` on `lo`, or given by hand) makes all of it the host's own.
fn is_local(fib: &Fib, target: IpAddr) -> bool {
    let table = fib.tables.get(&RT_TABLE_LOCAL);
    fib.custom_local_routes || table.is_some_and(|t| t.matching(target).any(|r| r.kind == RouteKind::Local))
}

const RT_TABLE_LOCAL: u32 = 255;
const RT_SCOPE_LINK: u8 = 253;
const BROADCAST: Mac = Mac([0xff; 6]);

/// Neither an own address nor a proxy's business: no need to route the request. Most receivers of a flood are such.
fn cannot_answer(ns: &Netns, link: &Link, target: IpAddr) -> bool {
    let (Ok(links), Ok(fib), Ok(neigh)) = (&ns.links, &ns.fib, &ns.neigh) else {
        return false;
    };
    link.conf.proxy_arp == Ok(false)
        && link.conf.proxy_arp_pvlan != Ok(true)
        && links.holding(target).is_none()
        && !is_local(fib, target)
        && neigh.proxy.is_empty()
}
