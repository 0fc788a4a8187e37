//! Neighbour discovery: who answers a solicitation, and what rules make of it.
//!
//! Kernel: `ndisc_solicit()`, `ndisc_recv_ns()`, `pndisc_is_router()` (`net/ipv6/ndisc.c`, 6.18). Solicitations and
//! advertisements are ICMPv6 packets that pass the hooks of each host, and of bridges.

use crate::engine::{Engine, Key};
use crate::nf::{Hooked, nf_hook};
use crate::route::{ipv6_chk_addr, solicited_node};
use crate::skb::{L4, Skb};
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;
use netwhy_model::netfilter::Hook;
use netwhy_model::{Family, Netns};
use netwhy_wire::icmpv6;
use std::net::IpAddr;

/// `ndisc_solicit()`, `ipv6_get_lladdr()`: by whose address the host asks; an address of another link does not count.
/// `None`: nothing is sent.
pub(super) fn soliciting(ns: &Netns, link: &Link, src: IpAddr) -> Option<IpAddr> {
    if ipv6_chk_addr(ns, src, link.index, true) {
        return Some(src);
    }
    let mut own = link.addrs6.iter().filter(|a| !a.tentative).map(|a| a.addr);
    own.find(|a| crate::route::is_link_local(*a))
}

/// Whether a solicitation that came in by a link is answered there.
pub(super) fn ndisc_answers(eng: &mut Engine<'_>, ns: &Netns, link: &Link, target: IpAddr) -> bool {
    if eng.flag(Key::DisableIpv6.of(link.index), &link.conf6.disable_ipv6, false) {
        return false;
    }
    ipv6_chk_addr(ns, target, link.index, true) || is_anycast(ns, link, target) || is_proxied(eng, ns, link, target)
}

/// `ipv6_chk_acast_addr()`: that of a router's subnet.
fn is_anycast(ns: &Netns, link: &Link, target: IpAddr) -> bool {
    let here = |hops: &[netwhy_model::fib::NextHop]| hops.iter().any(|h| h.ifindex == link.index);
    ns.fib_of(Family::Inet6).is_ok_and(|fib| {
        let local = fib.tables.get(&RT_TABLE_LOCAL).into_iter();
        let mut routes = local.flat_map(|t| t.matching(target));
        routes.any(|r| r.kind == RouteKind::Anycast && here(&r.nexthops))
    })
}

const RT_TABLE_LOCAL: u32 = 255;

/// `proxy_ndp` answers for the addresses that are listed (`ip neigh add proxy`), and only where the link forwards.
fn is_proxied(eng: &mut Engine<'_>, ns: &Netns, link: &Link, target: IpAddr) -> bool {
    let listed = |n: &netwhy_model::neigh::Neighs| n.proxy.contains(&(link.index, target));
    let Ok(links) = &ns.links else { return false };
    ns.neigh.as_deref().is_ok_and(listed)
        && (eng.flag(Key::ProxyNdp.of(0), &links.all6.proxy_ndp, false)
            || eng.flag(Key::ProxyNdp.of(link.index), &link.conf6.proxy_ndp, false))
        && eng.flag(Key::Forwarding6.of(link.index), &link.conf6.forwarding, true)
}

/// A solicitation, or the advertisement that answers it.
#[derive(Clone, Copy)]
pub(super) struct Ndisc {
    pub sender: IpAddr,
    pub target: IpAddr,
    pub answer: bool,
}

impl Ndisc {
    fn skb(self) -> Skb {
        let (src, dst, kind) = match self.answer {
            true => (self.target, self.sender, icmpv6::NEIGHBOUR_ADVERTISEMENT),
            false => (self.sender, solicited_node(self.target), icmpv6::NEIGHBOUR_SOLICITATION),
        };
        let l4 = L4::Icmp {
            kind,
            code: 0,
            id: 0,
            inner: None,
        };
        let mut skb = Skb::new(src, dst, l4);
        skb.ttl = u8::MAX;
        skb.main = false;
        skb
    }

    /// Whether the rules of a host let it out by a link.
    pub fn leaves<'a>(self, eng: &mut Engine<'a>, ns: &'a Netns, link: &Link) -> bool {
        let mut skb = self.skb();
        skb.sk = Some((ns.id, false));
        [(Hook::LocalOut, 0, link.index), (Hook::PostRouting, 0, link.index)]
            .into_iter()
            .all(|hook| passes(eng, ns, &mut skb, hook))
    }

    /// Whether the rules of a host let it in by a link.
    pub fn enters<'a>(self, eng: &mut Engine<'a>, ns: &'a Netns, link: &Link) -> bool {
        let mut skb = self.skb();
        skb.dev = link.index;
        [(Hook::PreRouting, link.index, 0), (Hook::LocalIn, link.index, 0)]
            .into_iter()
            .all(|hook| passes(eng, ns, &mut skb, hook))
    }
}

fn passes<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &mut Skb, (hook, iif, oif): (Hook, u32, u32)) -> bool {
    if ns.netfilter.inet6.hooks[hook as usize].is_empty() {
        return true;
    }
    nf_hook(eng, ns, hook, skb, iif, oif) == Hooked::Accept
}
