//! NW3002: a pod has no default route.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use crate::routes::route_to_podcidr_missing::{ip_route, main_of, member};
use netwhy_model::fib::{NextHop, Route, RouteKind};
use netwhy_model::{Cluster, Family, NetnsId, NetnsKind, Patch};
use netwhy_sim::{Detail, Stage};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW3002",
    name: "pod-no-default-route",
    severity: Severity::Error,
    page: include_str!("pod_no_default_route.md"),
    faults: &["pod-no-default-route"],
    applies: always,
    suspects,
    statics: no_statics,
};

const MAIN: u32 = 254;

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    let family = Family::of(broken.promise.flow.dst);
    if !matches!(end.stage, Stage::IpRouteOutputKeyHash | Stage::Ip6RouteOutputFlags) {
        return Vec::new();
    }
    let ns = broken.cluster.ns(end.netns);
    let NetnsKind::Pod { node, namespace, name } = &ns.kind else {
        return Vec::new();
    };
    if default_of(broken.cluster, end.netns, family).is_some() {
        return Vec::new();
    }
    let siblings = broken.cluster.node(node).map(|n| n.pods.clone()).unwrap_or_default();
    let Some((sibling, route)) = siblings
        .iter()
        .filter(|s| **s != end.netns)
        .find_map(|s| Some((*s, default_of(broken.cluster, *s, family)?)))
    else {
        return Vec::new();
    };
    let Some(hop) = route.nexthops.first() else {
        return Vec::new();
    };
    let Some(link) = ns.links.as_ref().ok().and_then(|l| l.named(&hop.dev)) else {
        return Vec::new();
    };
    let hop = NextHop {
        ifindex: link.index,
        ..hop.clone()
    };
    let told = broken
        .outcome
        .steps
        .iter()
        .any(|s| matches!(s.detail, Detail::LocalError { .. }));
    let sees = if told {
        "connect() fails at once, no packet leaves it"
    } else {
        "its answers have no way back"
    };
    let command = format!(
        "{} add default via {} dev {}",
        ip_route(family),
        hop.gateway.map_or_else(String::new, |g| g.to_string()),
        hop.dev
    );
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::namespaced("Pod", namespace, name),
        node: Some(node.clone()),
        patches: vec![Patch::RouteAdd { netns: end.netns, table: MAIN, route: Route { nexthops: vec![hop], ..route.clone() } }],
        summary: format!("pod {namespace}/{name} has no default route: {sees}"),
        evidence: vec![
            format!("{} has no default route", member(ns, family)),
            format!("{} on the same node has one via {}", broken.cluster.ns(sibling).kind, route.nexthops[0].gateway.map_or_else(|| "its link".to_owned(), |g| g.to_string())),
        ],
        norm: "the network plugin gives every pod of this node a default route".to_owned(),
        fix: Fix::Manual {
            at: format!("pod/{namespace}/{name}"),
            commands: vec![command],
            note: "the pod's network is made once, when it starts: delete the pod, and its successor gets the route; find out who deleted it (an init container or sidecar with NET_ADMIN)".to_owned(),
        },
        alike: false,
    }]
}

pub(crate) fn default_of(cluster: &Cluster, id: NetnsId, family: Family) -> Option<Route> {
    let table = main_of(cluster.ns(id), family).ok()??;
    table
        .routes
        .iter()
        .find(|r| r.dst.prefix_len() == 0 && r.kind == RouteKind::Unicast)
        .cloned()
}
