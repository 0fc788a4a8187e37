//! Patches of routes.

use crate::build::fib::custom_local;
use crate::build::index_of;
use crate::cluster::Netns;
use crate::family::Family;
use crate::fib::{Fib, FibTable, Route, RouteKind};
use crate::link::{Ifaddr, Link};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// The local table.
const LOCAL: u32 = 255;
/// The main table.
const MAIN: u32 = 254;

pub(super) fn add(ns: &mut Netns, table: u32, route: &Route) {
    let mut route = route.clone();
    for hop in &mut route.nexthops {
        hop.ifindex = index_of(ns.links.as_deref().ok(), &hop.dev);
    }
    edit(ns, Family::of(route.dst.addr()), |fib| put(fib, table, route));
}

pub(super) fn delete(ns: &mut Netns, table: u32, dst: IpNet, metric: u32) {
    edit(ns, Family::of(dst.addr()), |fib| {
        retain(fib, |number, r| {
            number != table || r.dst.trunc() != dst.trunc() || r.metric != metric
        })
    });
}

/// Changes the routes, and what follows from them.
fn edit(ns: &mut Netns, family: Family, change: impl FnOnce(&mut Fib)) {
    let fib = match family {
        Family::Inet => &mut ns.fib,
        Family::Inet6 => &mut ns.fib6,
    };
    let Ok(fib) = fib else { return };
    let fib = Arc::make_mut(fib);
    change(fib);
    fib.custom_local_routes = custom_local(fib.tables.values().flat_map(|t| &t.routes));
}

fn put(fib: &mut Fib, table: u32, route: Route) {
    let mut routes = fib.tables.remove(&table).map(|t| t.routes).unwrap_or_default();
    routes.retain(|r| r.dst.trunc() != route.dst.trunc() || r.tos != route.tos || r.metric != route.metric);
    routes.push(route);
    fib.tables.insert(table, FibTable::new(routes));
}

fn retain(fib: &mut Fib, keep: impl Fn(u32, &Route) -> bool) {
    let numbers: Vec<u32> = fib.tables.keys().copied().collect();
    for number in numbers {
        let Some(table) = fib.tables.get_mut(&number) else {
            continue;
        };
        if table.routes.iter().all(|r| keep(number, r)) {
            continue;
        }
        let mut routes = std::mem::take(&mut table.routes);
        routes.retain(|r| keep(number, r));
        *table = FibTable::new(routes);
    }
}

/// A link went down: its routes go, those to its own addresses stay (`fib_frontend.c: fib_disable_ip()`).
pub(super) fn link_down(ns: &mut Netns, link: &Link) {
    edit(ns, Family::Inet, |fib| {
        retain(fib, |_, r| r.kind == RouteKind::Local || !over(r, link))
    });
    // rt6_disable_ip()
    edit(ns, Family::Inet6, |fib| retain(fib, |_, r| !over(r, link)));
}

fn over(route: &Route, link: &Link) -> bool {
    route.nexthops.iter().any(|h| h.dev == link.name)
}

/// The routes of addresses that a link has now (`fib_frontend.c: fib_add_ifaddr()`).
pub(super) fn add_addresses(ns: &mut Netns, link: &Link, addrs: &[Ifaddr]) {
    edit(ns, Family::Inet, |fib| {
        for addr in addrs {
            put(
                fib,
                LOCAL,
                kernel(link, host(addr.addr), RouteKind::Local, 254, addr.addr),
            );
            let Ok(net) = IpNet::new(addr.addr, addr.prefix).map(|n| n.trunc()) else {
                continue;
            };
            if !link.up || addr.secondary || addr.prefix == 32 {
                continue;
            }
            put(fib, MAIN, kernel(link, net, RouteKind::Unicast, 253, addr.addr));
            if addr.prefix < 31 {
                put(
                    fib,
                    LOCAL,
                    kernel(link, host(net.broadcast()), RouteKind::Broadcast, 253, addr.addr),
                );
            }
        }
    });
}

/// The routes of addresses that a link has no more go with them.
pub(super) fn drop_addresses(ns: &mut Netns, link: &Link, addrs: &[Ifaddr]) {
    let gone = |a: Option<IpAddr>| a.is_some_and(|a| addrs.iter().any(|x| x.addr == a));
    edit(ns, Family::Inet, |fib| {
        retain(fib, |_, r| !(over(r, link) && gone(r.prefsrc)))
    });
}

fn host(addr: IpAddr) -> IpNet {
    IpNet::from(addr)
}

fn kernel(link: &Link, dst: IpNet, kind: RouteKind, scope: u8, src: IpAddr) -> Route {
    let hop = crate::fib::NextHop {
        gateway: None,
        dev: link.name.clone(),
        ifindex: link.index,
        weight: 1,
        dead: false,
        onlink: false,
    };
    Route {
        dst,
        src: None,
        tos: 0,
        kind,
        metric: 0,
        scope,
        protocol: "kernel".into(),
        prefsrc: Some(src),
        mtu: None,
        advmss: None,
        nexthops: vec![hop],
        unsupported: None,
    }
}
