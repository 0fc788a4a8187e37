//! NW3004: the route to a node's podCIDR leads to somebody else.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, some};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use crate::routes::route_to_podcidr_missing::{MAIN, applies, hop_to, main_of};
use ipnet::IpNet;
use netwhy_model::fib::{NextHop, Route, RouteKind};
use netwhy_model::{Cluster, Family, NetnsId, Node, Patch};
use std::collections::BTreeSet;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW3004",
    name: "podcidr-route-wrong-nexthop",
    severity: Severity::Error,
    page: include_str!("podcidr_wrong_nexthop.md"),
    faults: &["podcidr-route-wrong-nexthop"],
    applies,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    // Nodes whose packets the conversation shows; which of their routes matter, the change itself decides.
    let passed: BTreeSet<NetnsId> = broken.outcome.steps.iter().map(|s| s.netns).collect();
    passed
        .into_iter()
        .filter_map(|id| candidate(broken.cluster, id, host_node(broken.cluster, id)?))
        .collect()
}

struct Wrong<'a> {
    target: &'a Node,
    cidr: IpNet,
    route: &'a Route,
    right: NextHop,
}

fn candidate(cluster: &Cluster, id: NetnsId, name: &str) -> Option<Candidate> {
    let ns = cluster.ns(id);
    let mut wrong: Vec<Wrong<'_>> = Vec::new();
    for target in cluster.nodes.iter().filter(|n| n.name != name) {
        for cidr in &target.pod_cidrs {
            let Ok(Some(table)) = main_of(ns, Family::of(cidr.addr())) else {
                continue;
            };
            let found = table
                .routes
                .iter()
                .filter(|r| r.dst == *cidr && r.kind == RouteKind::Unicast)
                .min_by_key(|r| r.metric);
            let Some((route, has)) = found.and_then(|r| Some((r, r.nexthops.first()?))) else {
                continue;
            };
            let Some(right) = hop_to(cluster, ns, name, target, *cidr) else {
                continue;
            };
            if !leads_to(cluster, target, *cidr, has, &right) {
                wrong.push(Wrong {
                    target,
                    cidr: *cidr,
                    route,
                    right,
                });
            }
        }
    }
    let nodes: Vec<String> = wrong.iter().map(|w| w.target.name.clone()).collect();
    if wrong.is_empty() {
        return None;
    }
    let patches = wrong.iter().map(|w| Patch::RouteAdd {
        netns: id,
        table: MAIN,
        route: Route {
            nexthops: vec![w.right.clone()],
            scope: 0,
            ..w.route.clone()
        },
    });
    let evidence = wrong.iter().map(|w| {
        let has = w.route.nexthops.first().map_or_else(String::new, spell);
        format!(
            "{}/route.json: {}{has}; the podCIDR is that of {}{}",
            ns.dir,
            w.cidr,
            w.target.name,
            belongs(cluster, w).map_or_else(String::new, |n| format!(", and the gateway that of {n}"))
        )
    });
    let commands = wrong.iter().map(|w| {
        let metric = if w.route.metric == 0 {
            String::new()
        } else {
            format!(" metric {}", w.route.metric)
        };
        format!("ip route replace {}{}{metric}", w.cidr, spell(&w.right))
    });
    Some(Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: patches.collect(),
        summary: format!("the route of {name} to the pods of {} does not lead there", some(&nodes)),
        evidence: evidence.collect(),
        norm: format!("the shape of the other podCIDR routes of {name}, or of the route back to it"),
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: commands.collect(),
            note: "the plugin's agent writes these routes: restart it on this node, and look for who else does (a static route of the network configuration, a route that was left by a node of the same podCIDR)".to_owned(),
        },
        alike: false,
    })
}

/// ` via GATEWAY dev DEV onlink`
fn spell(hop: &NextHop) -> String {
    let via = hop.gateway.map_or_else(String::new, |g| format!(" via {g}"));
    format!("{via} dev {}{}", hop.dev, if hop.onlink { " onlink" } else { "" })
}

/// The gateway is an address of the target, or stands for it, and the link is not another one than such routes use.
fn leads_to(cluster: &Cluster, target: &Node, cidr: IpNet, has: &NextHop, right: &NextHop) -> bool {
    let Some(gateway) = has.gateway else {
        return right.gateway.is_none() && has.ifindex == right.ifindex;
    };
    if has.gateway == right.gateway {
        return has.ifindex == right.ifindex;
    }
    let links = target.host.and_then(|h| cluster.ns(h).links.as_ref().ok());
    gateway == cidr.network()
        || target.internal_ips.contains(&gateway)
        || links.is_some_and(|l| l.holding(gateway).is_some())
}

/// The node that the gateway does belong to.
fn belongs<'a>(cluster: &'a Cluster, wrong: &Wrong<'_>) -> Option<&'a str> {
    let gateway = wrong.route.nexthops.first()?.gateway?;
    crate::facts::host_of(cluster, gateway).map(|(n, _)| n.name.as_str())
}
