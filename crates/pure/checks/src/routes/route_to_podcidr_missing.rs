//! NW3001: a node has no route to another node's pods.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, hosts, some};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use ipnet::IpNet;
use netwhy_model::fib::{FibTable, NextHop, Route, RouteKind};
use netwhy_model::{Cluster, Fact, Family, Netns, NetnsId, Node, Patch};
use netwhy_sim::Detail;
use std::net::IpAddr;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW3001",
    name: "route-to-podcidr-missing",
    severity: Severity::Error,
    page: include_str!("route_to_podcidr_missing.md"),
    faults: &["route-to-podcidr-missing", "return-route-missing"],
    applies,
    suspects,
    statics: no_statics,
};

pub(crate) const MAIN: u32 = 254;

/// Also of the look-alike check: without two nodes that have podCIDRs no such route is owed.
pub(crate) fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    let several = hosts(cluster).filter(|(n, _)| !n.pod_cidrs.is_empty()).count() > 1;
    if several {
        Ok(())
    } else {
        Err("no two nodes with podCIDRs")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let mut list: Vec<Candidate> = Vec::new();
    // Every packet that a node of this path sent towards another node's pods, by its latest destination.
    let mut dst: Option<IpAddr> = None;
    for step in &broken.outcome.steps {
        match step.detail {
            Detail::Packet { dst: d, .. } => dst = Some(d.0),
            Detail::Dnat { to } => dst = Some(to.0),
            Detail::Untranslate { dst: d, .. } => dst = Some(d.0),
            _ => {}
        }
        let Some(addr) = dst else { continue };
        let Some(name) = host_node(broken.cluster, step.netns) else {
            continue;
        };
        let theirs = |n: &Node| n.name != name && n.pod_cidrs.iter().any(|c| c.contains(&addr));
        let known = list.iter().any(|c| c.object == Object::node(name));
        if !known && broken.cluster.nodes.iter().any(theirs) {
            list.extend(candidate(broken, step.netns, name, addr));
        }
    }
    list
}

/// The routes to other nodes' pods that a node lacks, if it lacks the one to this address.
fn candidate(broken: &Broken<'_>, id: NetnsId, name: &str, addr: IpAddr) -> Option<Candidate> {
    let ns = broken.cluster.ns(id);
    let family = Family::of(addr);
    let table = main_of(ns, family).ok()?;
    let mut missing: Vec<(&Node, IpNet, NextHop)> = Vec::new();
    for target in broken.cluster.nodes.iter().filter(|n| n.name != name) {
        let ours = target.pod_cidrs.iter().filter(|c| Family::of(c.addr()) == family);
        for cidr in ours.filter(|c| !is_specific(table, **c)) {
            let hop = hop_to(broken.cluster, ns, name, target, *cidr);
            missing.extend(hop.map(|hop| (target, *cidr, hop)));
        }
    }
    if !missing.iter().any(|(_, cidr, _)| cidr.contains(&addr)) {
        return None;
    }
    let patches = missing.iter().map(|(_, cidr, hop)| Patch::RouteAdd {
        netns: id,
        table: MAIN,
        route: route(*cidr, hop.clone()),
    });
    let commands = missing.iter().map(|(target, cidr, hop)| {
        format!(
            "{} add {cidr} via {} dev {}{}",
            ip_route(family),
            hop.gateway.map_or_else(|| target.name.clone(), |g| g.to_string()),
            hop.dev,
            if hop.onlink { " onlink" } else { "" }
        )
    });
    let nodes: Vec<String> = missing
        .iter()
        .map(|(n, cidr, _)| format!("{} ({cidr})", n.name))
        .collect();
    let mut evidence: Vec<String> = missing
        .iter()
        .map(|(n, cidr, _)| {
            format!(
                "{} has no route to {cidr}, the podCIDR of {}",
                member(ns, family),
                n.name
            )
        })
        .collect();
    evidence.push(table.and_then(|t| t.matching(addr).next()).map_or_else(
        || "there is no other route: net unreachable".to_owned(),
        |r| match r.dst.prefix_len() {
            0 => "what goes there takes the default route instead".to_owned(),
            _ => format!("what goes there takes {} instead", r.dst),
        },
    ));
    Some(Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: patches.collect(),
        summary: format!("{name} has no route to the pods of {}", some(&nodes)),
        evidence,
        norm: format!("{name} has a route to every other node's podCIDR, and they have one back"),
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: commands.collect(),
            note: "the plugin's agent writes these routes: if they do not come back by themselves, restart the agent on this node and read its log".to_owned(),
        },
        alike: false,
    })
}

/// The main table of a family, if it has routes.
pub(crate) fn main_of(ns: &Netns, family: Family) -> Fact<Option<&FibTable>> {
    ns.fib_of(family).map(|fib| fib.tables.get(&MAIN))
}

/// The member that has the routes of a family.
pub(crate) fn member(ns: &Netns, family: Family) -> String {
    match family {
        Family::Inet => format!("{}/route.json", ns.dir),
        Family::Inet6 => format!("{}/route6.json", ns.dir),
    }
}

/// The command that lists and changes the routes of a family.
pub(crate) fn ip_route(family: Family) -> &'static str {
    match family {
        Family::Inet => "ip route",
        Family::Inet6 => "ip -6 route",
    }
}

/// The first address of a family.
fn first_of(list: &[IpAddr], family: Family) -> Option<IpAddr> {
    list.iter().copied().find(|addr| Family::of(*addr) == family)
}

/// A route to this network or a part of it, not one to the whole world.
pub(crate) fn is_specific(table: Option<&FibTable>, cidr: IpNet) -> bool {
    let fits = |r: &Route| {
        r.dst.prefix_len() >= cidr.prefix_len() || r.dst.prefix_len() > 8 && cidr.contains(&r.dst.network())
    };
    table.is_some_and(|t| t.matching(cidr.network()).any(fits))
}

pub(crate) fn route(dst: IpNet, hop: NextHop) -> Route {
    Route {
        dst,
        src: None,
        tos: 0,
        kind: RouteKind::Unicast,
        metric: 0,
        scope: 0,
        protocol: "boot".into(),
        prefsrc: None,
        mtu: None,
        advmss: None,
        nexthops: vec![hop],
        unsupported: None,
    }
}

/// The hop by which a node should reach another node's pods, as its other routes or the target's route back say.
pub(crate) fn hop_to(cluster: &Cluster, ns: &Netns, name: &str, target: &Node, cidr: IpNet) -> Option<NextHop> {
    hop_like_siblings(cluster, ns, name, target, cidr).or_else(|| hop_like_mirror(cluster, ns, name, target, cidr))
}

/// The shape of this node's routes to the podCIDRs of others.
fn hop_like_siblings(cluster: &Cluster, ns: &Netns, name: &str, target: &Node, cidr: IpNet) -> Option<NextHop> {
    let family = Family::of(cidr.addr());
    let table = main_of(ns, family).ok()??;
    for other in cluster.nodes.iter().filter(|n| n.name != name && n.name != target.name) {
        for theirs in &other.pod_cidrs {
            let Some(route) = table
                .routes
                .iter()
                .find(|r| r.dst == *theirs && r.kind == RouteKind::Unicast)
            else {
                continue;
            };
            let Some(hop) = route.nexthops.first() else { continue };
            let gateway = hop.gateway?;
            if gateway == theirs.network() {
                return Some(NextHop {
                    gateway: Some(cidr.network()),
                    ..hop.clone()
                });
            }
            if other.internal_ips.contains(&gateway) {
                return Some(NextHop {
                    gateway: first_of(&target.internal_ips, family),
                    ..hop.clone()
                });
            }
        }
    }
    None
}

/// The shape of the target's own route back to this node.
fn hop_like_mirror(cluster: &Cluster, ns: &Netns, name: &str, target: &Node, cidr: IpNet) -> Option<NextHop> {
    let own = cluster.node(name)?;
    let family = Family::of(cidr.addr());
    let back = main_of(cluster.ns(target.host?), family).ok()??;
    for mine in own.pod_cidrs.iter().filter(|c| Family::of(c.addr()) == family) {
        let Some(hop) = back
            .routes
            .iter()
            .find(|r| r.dst == *mine)
            .and_then(|r| r.nexthops.first())
        else {
            continue;
        };
        let link = ns.links.as_ref().ok()?.named(&hop.dev)?;
        let gateway = if hop.gateway == Some(mine.network()) {
            Some(cidr.network())
        } else {
            first_of(&target.internal_ips, family)
        };
        return Some(NextHop {
            gateway,
            ifindex: link.index,
            ..hop.clone()
        });
    }
    None
}
