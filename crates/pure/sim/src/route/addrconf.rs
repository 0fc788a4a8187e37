//! Own addresses of IPv6, and which of them a packet gets.
//!
//! Kernel: `ipv6_dev_get_saddr()`, `ipv6_get_saddr_eval()`, `ipv6_chk_addr()` (`net/ipv6/addrconf.c`), `__ipv6_addr_type()`
//! (`addrconf_core.c`), `ipv6_addr_label()` (`addrlabel.c`), 6.18.

use netwhy_model::family::{bits, mask};
use netwhy_model::link::{Ifaddr, Link};
use netwhy_model::netfilter::addr_type;
use netwhy_model::{Netns, family};
use std::net::{IpAddr, Ipv6Addr};

/// `IPV6_ADDR_SCOPE_*`.
const LINKLOCAL: u8 = 2;
const SITELOCAL: u8 = 5;
const GLOBAL: u8 = 14;

pub(crate) fn is_link_local(addr: IpAddr) -> bool {
    matches!(addr, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// `rt6_need_strict()`: an address that means something on one link only.
pub(crate) fn needs_strict(addr: IpAddr) -> bool {
    addr.is_multicast() || addr.is_loopback() || is_link_local(addr)
}

/// `__ipv6_addr_src_scope()` of a unicast address.
fn scope(addr: Ipv6Addr) -> u8 {
    let [first, second, ..] = addr.octets();
    if addr.is_loopback() || addr.is_unicast_link_local() {
        LINKLOCAL
    } else if (first, second & 0xc0) == (0xfe, 0xc0) {
        SITELOCAL
    } else if addr.is_unspecified() {
        0
    } else {
        GLOBAL
    }
}

/// `ip6addrlbl_init_table[]`: longest prefix first.
const LABELS: [(Ipv6Addr, u8, u8); 8] = [
    (Ipv6Addr::LOCALHOST, 128, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 6),
    (Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28, 7),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 2),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 5),
    (Ipv6Addr::UNSPECIFIED, 0, 1),
];

fn label(addr: Ipv6Addr) -> u8 {
    let holds = |(net, len, _): &&(Ipv6Addr, u8, u8)| (net.to_bits() ^ addr.to_bits()) & mask(*len) == 0;
    LABELS.iter().find(holds).map_or(1, |(.., label)| *label)
}

/// What the rules of RFC 6724 say of an address, the first ones first; more is better. Which addresses are temporary, and
/// how a host feels about that, does not decide between the addresses of nodes and pods.
fn score(link: &Link, a: &Ifaddr, addr: Ipv6Addr, dev: u32, dst: Ipv6Addr) -> (bool, i16, bool, bool, bool, u8) {
    let (own, wanted) = (i16::from(scope(addr)), i16::from(scope(dst)));
    let same_bits = (bits(addr.into()) ^ bits(dst.into())).leading_zeros() as u8;
    (
        addr == dst,
        if own >= wanted { -own } else { own - 128 },
        !a.deprecated,
        dev == 0 || link.index == dev,
        label(addr) == label(dst),
        same_bits.min(a.prefix),
    )
}

/// The source of what leaves by a link (0 is any). To an address of one link only an address of that link.
pub(crate) fn ipv6_dev_get_saddr(ns: &Netns, dev: u32, dst: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(dst) = dst else { return None };
    let links = ns.links.as_ref().ok()?;
    let local = dst.is_multicast() || scope(dst) <= LINKLOCAL;
    let only = local || links.get(dev).is_some_and(|l| l.conf6.use_oif_addrs_only == Ok(true));
    let candidates = links.iter().filter(|l| !only || dev == 0 || l.index == dev);
    let mut best = None;
    for (link, a) in candidates.flat_map(|l| l.addrs6.iter().map(move |a| (l, a))) {
        let IpAddr::V6(addr) = a.addr else { continue };
        if a.tentative || addr.is_unspecified() || addr.is_multicast() {
            continue;
        }
        let score = score(link, a, addr, dev, dst);
        if best.is_none_or(|(old, _)| old < score) {
            best = Some((score, a.addr));
        }
    }
    best.map(|(_, addr)| addr)
}

/// An own address, on this link if it is one of a link only, or if `strict`.
pub(crate) fn ipv6_chk_addr(ns: &Netns, addr: IpAddr, dev: u32, strict: bool) -> bool {
    let has = |l: &Link| l.addrs6.iter().any(|a| a.addr == addr && !a.tentative);
    let here = |l: &Link| l.index == dev || dev == 0 || !strict && !needs_strict(addr);
    ns.links
        .as_ref()
        .is_ok_and(|links| links.iter().any(|l| here(l) && has(l)))
}

/// Bits of [`addr_type`] that `match_type6()` (`xt_addrtype.c`) asks the address itself for.
pub(crate) fn ipv6_addr_type(addr: IpAddr) -> u16 {
    if addr.is_unspecified() {
        addr_type::UNSPEC
    } else if addr.is_multicast() {
        addr_type::MULTICAST
    } else {
        addr_type::UNICAST
    }
}

/// `addrconf_addr_solict_mult()`: the group that hears who is asked for.
pub(crate) fn solicited_node(addr: IpAddr) -> IpAddr {
    const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0);
    let low = bits(addr) & !mask(104);
    family::Family::Inet6.addr(GROUP.to_bits() | low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_scopes() {
        let addr = |text: &str| -> Ipv6Addr { text.parse().unwrap() };
        assert_eq!((label(addr("fd00::1")), label(addr("2001:db8::1"))), (5, 1));
        assert_eq!((label(addr("::1")), label(addr("2002::1"))), (0, 2));
        assert_eq!((scope(addr("fe80::1")), scope(addr("fd00::1"))), (LINKLOCAL, GLOBAL));
        let group = solicited_node(IpAddr::V6(addr("fd00::aabb:ccdd")));
        assert_eq!(group, IpAddr::V6(addr("ff02::1:ffbb:ccdd")));
    }
}
