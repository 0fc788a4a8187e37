//! Address types and source selection.
//!
//! Kernel: `inet_addr_type()` (`fib_frontend.c`), `inet_select_addr()`, `inet_addr_onlink()` (`devinet.c`).

use super::addrconf::{ipv6_addr_type, ipv6_chk_addr};
use super::fib_lookup::merged;
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;
use netwhy_model::netfilter::addr_type;
use netwhy_model::{GapId, Netns};
use std::net::IpAddr;

/// Bit of [`addr_type`], by the local table only; `dev` limits it to addresses of one link (`--limit-iface-in`), 0 is any.
pub(crate) fn inet_addr_type_dev(ns: &Netns, addr: IpAddr, dev: u32) -> Result<u16, GapId> {
    if addr.is_ipv6() {
        return ipv6_addr_type_dev(ns, addr, dev);
    }
    // ipv4_is_zeronet(): since 5.3 one address only.
    if is_broadcast(addr) || addr.is_unspecified() {
        return Ok(addr_type::BROADCAST);
    }
    if addr.is_multicast() {
        return Ok(addr_type::MULTICAST);
    }
    let fib = ns.fib.as_ref().map_err(|g| *g)?;
    // fib_table_lookup() of the local table, which is one with main while nobody added a rule. An error is no type.
    let route = match fib.custom_rules {
        true => fib.tables.get(&255).and_then(|t| t.matching(addr).next()),
        false => merged(fib, addr).next().map(|(_, route)| route),
    };
    Ok(match route {
        Some(r) if dev == 0 || r.nexthops.first().is_some_and(|n| n.ifindex == dev) => match r.kind {
            RouteKind::Local => addr_type::LOCAL,
            RouteKind::Broadcast => addr_type::BROADCAST,
            RouteKind::Multicast => addr_type::MULTICAST,
            RouteKind::Anycast => addr_type::ANYCAST,
            RouteKind::Unicast
            | RouteKind::Blackhole
            | RouteKind::Unreachable
            | RouteKind::Prohibit
            | RouteKind::Throw => addr_type::UNICAST,
        },
        _ => addr_type::UNICAST,
    })
}

/// What callers of either family ask for: whether an address is the host's own.
fn ipv6_addr_type_dev(ns: &Netns, addr: IpAddr, dev: u32) -> Result<u16, GapId> {
    ns.links.as_ref().map_err(|g| *g)?;
    Ok(match ipv6_chk_addr(ns, addr, dev, dev != 0) {
        true => addr_type::LOCAL,
        false => ipv6_addr_type(addr),
    })
}

/// Both addresses lie in one subnet of the link; nobody lies in any.
pub(crate) fn inet_addr_onlink(link: &Link, one: IpAddr, two: Option<IpAddr>) -> bool {
    link.addrs.iter().any(|a| {
        let net = ipnet::IpNet::new(a.peer.unwrap_or(a.addr), a.prefix);
        net.is_ok_and(|net| net.contains(&one) && two.is_none_or(|t| net.contains(&t)))
    })
}

/// Scopes link and host.
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_HOST: u8 = 254;

/// The primary address of a link in the subnet of `near`, else its first; else another link's. With `route_localnet` those of
/// the host itself may leave it too.
pub(crate) fn inet_select_addr(ns: &Netns, link: &Link, near: Option<IpAddr>, scope: u8) -> Option<IpAddr> {
    let localnet = match link.conf.route_localnet {
        Ok(true) => RT_SCOPE_LINK,
        _ => RT_SCOPE_HOST,
    };
    let own = link
        .addrs
        .iter()
        .filter(|a| !a.secondary && a.scope.min(localnet) <= scope);
    let mut first = None;
    for a in own {
        let net = ipnet::IpNet::new(a.peer.unwrap_or(a.addr), a.prefix);
        let same = near.is_none_or(|n| net.is_ok_and(|net| net.contains(&n)));
        if same {
            return Some(a.addr);
        }
        first = first.or(Some(a.addr));
    }
    if first.is_some() {
        return first;
    }
    let fits = |l: &Link, i: usize| !l.addrs[i].secondary && l.addrs[i].scope <= scope;
    let links = ns.links.as_ref().ok()?;
    links.iter().filter(|l| l.index != link.index && l.up).find_map(|l| {
        (0..l.addrs.len())
            .find(|i| fits(l, *i) && l.addrs[*i].scope != RT_SCOPE_LINK)
            .map(|i| l.addrs[i].addr)
    })
}

/// Source of a locally sent packet: the route's `src`, else the address that fits the next hop.
pub(crate) fn fib_result_prefsrc(
    ns: &Netns,
    prefsrc: Option<IpAddr>,
    dev: u32,
    gateway: Option<IpAddr>,
    scope: u8,
) -> Option<IpAddr> {
    if prefsrc.is_some() {
        return prefsrc;
    }
    let link = ns.links.as_ref().ok()?.get(dev)?;
    // fib_info_update_nhc_saddr(): near the gateway; without one any address of the link.
    inet_select_addr(ns, link, gateway, scope)
}
