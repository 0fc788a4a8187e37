//! NW3003: a blackhole, unreachable or prohibit route covers the destination.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{destination, host_node};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use crate::routes::route_to_podcidr_missing::{MAIN, hop_to, ip_route, is_specific, member, route};
use netwhy_model::fib::{FibTable, Route, RouteKind};
use netwhy_model::{Family, NetnsId, NetnsKind, Patch};
use netwhy_sim::{DropReason, Stage};
use std::net::IpAddr;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW3003",
    name: "error-route",
    severity: Severity::Error,
    page: include_str!("error_route.md"),
    faults: &["route-type-blackhole", "route-type-unreachable", "route-type-prohibit"],
    applies: always,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    let refused = match (end.stage, end.reason) {
        (Stage::IpError, Some(DropReason::NotSpecified)) => true,
        (Stage::Ip6PktDiscard | Stage::Ip6PktProhibit | Stage::DstDiscard, _) => true,
        // The sender's own kernel, with or without a packet.
        (Stage::IpRouteOutputKeyHash | Stage::Ip6RouteOutputFlags, _) => true,
        // The same for a destination that DNAT gave it on its way out.
        (Stage::NfHookSlow, Some(DropReason::NetfilterDrop)) => end.rule.is_none(),
        _ => false,
    };
    let Some(dst) = destination(broken.outcome).filter(|_| refused) else {
        return Vec::new();
    };
    candidate(broken, end.netns, dst).into_iter().collect()
}

/// The word of `ip route`, and the id of the catalogue.
fn word(kind: RouteKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        RouteKind::Blackhole => ("blackhole", "route-type-blackhole"),
        RouteKind::Unreachable => ("unreachable", "route-type-unreachable"),
        RouteKind::Prohibit => ("prohibit", "route-type-prohibit"),
        _ => return None,
    })
}

fn candidate(broken: &Broken<'_>, id: NetnsId, dst: IpAddr) -> Option<Candidate> {
    let ns = broken.cluster.ns(id);
    let family = Family::of(dst);
    let fib = ns.fib_of(family).ok()?;
    let mut tables: Vec<(&u32, &FibTable)> = fib.tables.iter().collect();
    tables.sort_by_key(|(number, _)| **number != MAIN);
    let (number, table, bad) = tables.into_iter().find_map(|(number, table)| {
        let first = table.matching(dst).next()?;
        word(first.kind).map(|_| (*number, table, first))
    })?;
    let (word, fault) = word(bad.kind)?;
    if is_of_a_block(table, bad) {
        return None;
    }
    let (object, owner) = match &ns.kind {
        NetnsKind::Host { node } => (Object::node(node), node.clone()),
        NetnsKind::Pod { namespace, name, .. } => (
            Object::namespaced("Pod", namespace, name),
            format!("pod {namespace}/{name}"),
        ),
        NetnsKind::Outside { .. } => return None,
    };
    let article = if word == "unreachable" { "an" } else { "a" };
    let mut patches = vec![Patch::RouteDel {
        netns: id,
        table: number,
        dst: bad.dst,
        metric: bad.metric,
    }];
    let of_table = if number == MAIN {
        String::new()
    } else {
        format!(" table {number}")
    };
    let of_metric = if bad.metric == 0 {
        String::new()
    } else {
        format!(" metric {}", bad.metric)
    };
    let mut commands = vec![format!(
        "{} del {word} {}{of_metric}{of_table}",
        ip_route(family),
        bad.dst
    )];
    if let Some((patch, command)) = replaced(broken, id, table, bad, dst) {
        patches.push(patch);
        commands.push(command);
    }
    Some(Candidate {
        code: CHECK.code,
        faults: vec![fault],
        object,
        node: ns.kind.node().map(str::to_owned),
        patches,
        summary: format!("{owner} has {article} {word} route to {}, which covers {dst}", bad.dst),
        evidence: vec![format!("{}: {word} {} proto {}{of_metric}{of_table}", member(ns, family), bad.dst, bad.protocol)],
        norm: "the plugin writes ordinary routes to what the cluster owes; nobody of it writes this one".to_owned(),
        fix: Fix::Manual {
            at: ns.kind.node().map_or_else(|| owner.clone(), |n| format!("node/{n}")),
            commands,
            note: "find out who wrote it first (`proto` names the writer: bird, static, a policy routing or hardening script), and restart the plugin's agent, so that its own route returns".to_owned(),
        },
        alike: false,
    })
}

/// A blackhole that a routing plugin keeps for the address block of its own pods: the pods' routes lie within it, and an
/// address without one has no pod. Taking it away mends nothing.
fn is_of_a_block(table: &FibTable, bad: &Route) -> bool {
    let within = |r: &Route| {
        r.kind == RouteKind::Unicast && r.dst.prefix_len() > bad.dst.prefix_len() && bad.dst.contains(&r.dst.network())
    };
    let by_plugin = matches!(&*bad.protocol, "bird" | "80" | "12");
    bad.kind == RouteKind::Blackhole && (by_plugin || table.routes.iter().any(within))
}

/// The route that stood in its place, where nothing else leads to the pods of that node.
fn replaced(broken: &Broken<'_>, id: NetnsId, table: &FibTable, bad: &Route, dst: IpAddr) -> Option<(Patch, String)> {
    let name = host_node(broken.cluster, id)?;
    let mut others = broken.cluster.nodes.iter().filter(|n| n.name != name);
    let (target, cidr) = others.find_map(|n| n.pod_cidrs.iter().find(|c| c.contains(&dst)).map(|c| (n, *c)))?;
    let rest = table.routes.iter().filter(|r| *r != bad).cloned().collect();
    if is_specific(Some(&FibTable::new(rest)), cidr) {
        return None;
    }
    let hop = hop_to(broken.cluster, broken.cluster.ns(id), name, target, cidr)?;
    let via = hop.gateway.map_or_else(String::new, |g| format!(" via {g}"));
    let onlink = if hop.onlink { " onlink" } else { "" };
    let command = format!("ip route add {cidr}{via} dev {}{onlink}", hop.dev);
    let patch = Patch::RouteAdd {
        netns: id,
        table: MAIN,
        route: route(cidr, hop),
    };
    Some((patch, command))
}
