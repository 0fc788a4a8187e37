//! What a trace can read of a pod, without the pod's own name, address and MAC.
//!
//! Three parts: the pod's own namespace; its port on the node with the entries that name it; and every rule, set, policy
//! rule or longer route of any node that names its address apart from its neighbours'.

use crate::mentions::Mentions;
use netwhy_model::Mac;
use netwhy_model::fib::Fib;
use netwhy_model::link::{Link, LinkKind};
use netwhy_model::{Cluster, Family, Netns, NetnsId};
use rustc_hash::FxHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

/// Sysctls that decide which options a SYN has.
const TCP: [&str; 3] = [
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
];

pub(crate) fn fingerprint(cluster: &Cluster, ns: &Netns, mentions: &Mentions) -> u64 {
    let mut text = String::new();
    let own = own_addrs(ns);
    links(&mut text, ns, &own);
    routes(&mut text, ns, &own);
    neighbours(&mut text, cluster, ns);
    rules(&mut text, ns);
    sockets(&mut text, ns, &own);
    port_on_node(&mut text, cluster, ns, &own, mentions);
    for addr in &own {
        mentions.address(&mut text, *addr);
    }
    for link in ns.links.iter().flat_map(|l| l.iter()) {
        mentions.mac(&mut text, link.mac);
    }
    // A full table is full of its own connections.
    if ns.conntrack_room().is_some_and(|(count, max)| max > 0 && count >= max) {
        let _ = writeln!(text, "full {:?}", ns.id);
    }
    for key in TCP {
        // Why it was not read makes no difference.
        let _ = writeln!(text, "{key} {:?}", ns.sysctl_flag(key).ok());
    }
    let mut hasher = FxHasher::default();
    text.hash(&mut hasher);
    hasher.finish()
}

fn own_addrs(ns: &Netns) -> Vec<IpAddr> {
    let links = ns.links.iter().flat_map(|l| l.iter());
    links
        .flat_map(|l| l.addrs.iter().chain(&l.addrs6))
        .map(|a| a.addr)
        .filter(|a| !a.is_loopback())
        .collect()
}

/// An address, or `self` with its place among the pod's own.
fn name(addr: IpAddr, own: &[IpAddr]) -> String {
    own.iter()
        .position(|a| *a == addr)
        .map_or_else(|| addr.to_string(), |i| format!("self{i}"))
}

fn links(text: &mut String, ns: &Netns, own: &[IpAddr]) {
    let Ok(links) = &ns.links else {
        let _ = write!(text, "links {:?}", ns.links.as_ref().err());
        return;
    };
    for l in links.iter() {
        let kind = match &l.kind {
            LinkKind::Veth { peer, segment } => format!("veth {} {segment:?}", peer.is_some()),
            other => format!("{other:?}"),
        };
        let addrs: Vec<String> = l
            .addrs
            .iter()
            .chain(&l.addrs6)
            .map(|a| {
                let flags = (a.secondary, a.tentative, a.deprecated);
                format!("{}/{} {} {flags:?}", name(a.addr, own), a.prefix, a.scope)
            })
            .collect();
        let _ = writeln!(
            text,
            "{} {} {} {} {} {kind} {:?} {:?} {:?} {:?} {:?}",
            l.name, l.up, l.carrier, l.noarp, l.mtu, l.master, addrs, l.conf, l.conf6, l.program
        );
    }
    let _ = writeln!(text, "{:?}", links.all6);
}

fn routes(text: &mut String, ns: &Netns, own: &[IpAddr]) {
    for family in Family::ALL {
        match ns.fib_of(family) {
            Ok(fib) => routes_of(text, fib, own),
            Err(gap) => drop(write!(text, "fib {gap:?}")),
        }
    }
}

fn routes_of(text: &mut String, fib: &Fib, own: &[IpAddr]) {
    let _ = writeln!(text, "{:?} {:?}", fib.rules, fib.exceptions);
    let mut tables: Vec<u32> = fib.tables.keys().copied().collect();
    tables.sort_unstable();
    for number in tables {
        for r in &fib.tables[&number].routes {
            let dst = if r.dst.prefix_len() == r.dst.max_prefix_len() {
                name(r.dst.addr(), own)
            } else {
                r.dst.to_string()
            };
            let src = r.prefsrc.map(|a| name(a, own));
            let _ = writeln!(
                text,
                "{number} {dst} {:?} {:?} {} {} {src:?} {:?} {:?} {:?} {:?}",
                r.src, r.kind, r.metric, r.scope, r.mtu, r.advmss, r.nexthops, r.unsupported
            );
        }
    }
}

/// Only entries that lead to another MAC than their holder's: the others are what ARP would say.
fn neighbours(text: &mut String, cluster: &Cluster, ns: &Netns) {
    let Ok(table) = &ns.neigh else { return };
    let mut odd: Vec<String> = Vec::new();
    #[expect(clippy::iter_over_hash_type, reason = "sorted below")]
    for ((link, addr), entry) in &table.entries {
        let Some(mac) = entry.lladdr else { continue };
        if !holds(cluster, *addr, mac) {
            odd.push(format!("{link} {addr} {mac:?} {:?}", entry.state));
        }
    }
    odd.sort_unstable();
    let _ = writeln!(text, "{odd:?}");
}

fn holds(cluster: &Cluster, addr: IpAddr, mac: Mac) -> bool {
    cluster
        .netns
        .iter()
        .filter_map(|n| n.links.as_ref().ok())
        .any(|l| l.holding(addr).is_some_and(|link| link.mac == mac))
}

fn rules(text: &mut String, ns: &Netns) {
    for t in &ns.netfilter.tables {
        for c in &t.chains {
            let _ = writeln!(
                text,
                "{:?} {:?} {} {} {:?} {:?}",
                t.family,
                t.backend,
                t.name.as_str(),
                c.name,
                c.policy,
                c.rules
            );
        }
    }
    for t in &ns.netfilter.native {
        for c in &t.chains {
            let stmts: Vec<_> = c.rules.iter().map(|r| &r.stmts).collect();
            let _ = writeln!(text, "{:?} {} {} {:?} {stmts:?}", t.family, t.name, c.name, c.base);
        }
    }
    let _ = writeln!(text, "{:?} {:?}", ns.netfilter.inet.hooks, ns.netfilter.inet6.hooks);
}

fn sockets(text: &mut String, ns: &Netns, own: &[IpAddr]) {
    match &ns.sockets {
        Ok(sockets) => {
            let mut all: Vec<String> = sockets
                .list
                .iter()
                .map(|s| {
                    format!(
                        "{} {:?} {:?} {} {:?}",
                        s.protocol,
                        s.family,
                        s.addr.map(|a| name(a, own)),
                        s.port,
                        s.device
                    )
                })
                .collect();
            all.sort_unstable();
            let _ = writeln!(text, "{all:?}");
        }
        Err(gap) => {
            let _ = writeln!(text, "sockets {gap:?}");
        }
    }
}

/// The node's end of each veth, and what the node's tables say of the pod's MAC and address.
fn port_on_node(text: &mut String, cluster: &Cluster, ns: &Netns, own: &[IpAddr], mentions: &Mentions) {
    let links = ns.links.iter().flat_map(|l| l.iter());
    for link in links {
        let LinkKind::Veth {
            peer: Some((node, index)),
            ..
        } = link.kind
        else {
            continue;
        };
        let host = cluster.ns(node);
        let Some(port) = host.links.as_ref().ok().and_then(|l| l.get(index)) else {
            continue;
        };
        let _ = writeln!(
            text,
            "{} {} {} {:?} {:?} {:?} {:?} {:?} {:?}",
            port.up, port.carrier, port.mtu, port.master, port.port, port.conf, port.conf6, port.program, port.addrs
        );
        mentions.link(text, node, &port.name);
        let _ = writeln!(text, "{}", fdb_entry(host, port, link.mac));
        for addr in own {
            let _ = writeln!(
                text,
                "{} {}",
                neigh_entry(host, *addr, link.mac),
                routes_to(host, *addr, index)
            );
        }
    }
    let _ = writeln!(text, "{}", duplicates(cluster, ns.id, own));
}

fn fdb_entry(host: &Netns, port: &Link, mac: Mac) -> String {
    let Ok(fdb) = &host.fdb else { return "unread".to_owned() };
    let Some(bridge) = port.master else {
        return "no bridge".to_owned();
    };
    match fdb.bridge.get(&(bridge, mac)) {
        // Absent and right are alike: without an entry the frame is flooded to the same port.
        None => "right".to_owned(),
        Some(to) if *to == port.index => "right".to_owned(),
        Some(other) => format!("to {other}"),
    }
}

fn neigh_entry(host: &Netns, addr: IpAddr, mac: Mac) -> String {
    let Ok(table) = &host.neigh else {
        return "unread".to_owned();
    };
    let mut odd: Vec<String> = Vec::new();
    #[expect(clippy::iter_over_hash_type, reason = "sorted below")]
    for ((link, a), entry) in &table.entries {
        if *a == addr && entry.lladdr.is_some_and(|m| m != mac) {
            odd.push(format!("{link} {:?}", entry.state));
        }
    }
    odd.sort_unstable();
    odd.join(",")
}

/// Routes of the node that name the pod alone.
fn routes_to(host: &Netns, addr: IpAddr, veth: u32) -> String {
    let Ok(fib) = host.fib_of(Family::of(addr)) else {
        return "unread".to_owned();
    };
    let mut tables: Vec<u32> = fib.tables.keys().copied().collect();
    tables.sort_unstable();
    let mut all: Vec<String> = Vec::new();
    for number in tables {
        for r in fib.tables[&number]
            .matching(addr)
            .take_while(|r| r.dst.prefix_len() == r.dst.max_prefix_len())
        {
            let to_it = r.nexthops.iter().any(|n| n.ifindex == veth);
            all.push(format!("{number} {:?} {} {to_it}", r.kind, r.metric));
        }
    }
    all.join(",")
}

/// Others that hold the same address.
fn duplicates(cluster: &Cluster, own: NetnsId, addrs: &[IpAddr]) -> usize {
    let others = cluster.netns.iter().filter(|n| n.id != own);
    others
        .filter_map(|n| n.links.as_ref().ok())
        .filter(|l| addrs.iter().any(|a| l.holding(*a).is_some()))
        .count()
}
