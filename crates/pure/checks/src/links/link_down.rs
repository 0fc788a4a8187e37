//! NW2005: a link that pods need is down, while its like is up elsewhere.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{hosts, some};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use crate::routes::pod_no_default_route::default_of;
use crate::routes::route_to_podcidr_missing::MAIN;
use netwhy_model::fib::{NextHop, Route};
use netwhy_model::link::{Link, LinkKind};
use netwhy_model::{Cluster, Family, Netns, NetnsId, NetnsKind, Patch};
use std::collections::BTreeSet;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW2005",
    name: "link-down",
    severity: Severity::Error,
    page: include_str!("link_down.md"),
    faults: &["veth-down", "bridge-down", "pod-eth0-down", "underlay-link-down"],
    applies: always,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let cluster = broken.cluster;
    let passed = broken.outcome.steps.iter().map(|s| s.netns);
    let ends = passed
        .chain([broken.promise.flow.from])
        .chain(broken.promise.receivers.iter().copied());
    let mut all: BTreeSet<NetnsId> = ends.collect();
    // A pod that nobody reached: its node too.
    let nodes = all
        .iter()
        .filter_map(|id| cluster.node(cluster.ns(*id).kind.node()?)?.host);
    all.extend(nodes.collect::<Vec<_>>());
    all.into_iter()
        .flat_map(|id| in_netns(cluster, cluster.ns(id)))
        .collect()
}

fn in_netns(cluster: &Cluster, ns: &Netns) -> Vec<Candidate> {
    let down = ns.links.iter().flat_map(|l| l.iter()).filter(|l| !l.up);
    match &ns.kind {
        NetnsKind::Pod { .. } => down.filter_map(|l| of_pod(cluster, ns, l)).collect(),
        NetnsKind::Host { node } => down.filter_map(|l| of_host(cluster, ns, node, l)).collect(),
        NetnsKind::Outside { .. } => Vec::new(),
    }
}

/// What the siblings of a link show, and who they are.
struct Siblings {
    up: Vec<String>,
    down: usize,
}

impl Siblings {
    fn of<'a>(list: impl Iterator<Item = (String, &'a Link)>) -> Siblings {
        let (up, down): (Vec<_>, Vec<_>) = list.partition(|(_, l)| l.up);
        Siblings {
            up: up.into_iter().map(|(name, _)| name).collect(),
            down: down.len(),
        }
    }

    fn say_up(&self) -> bool {
        self.up.len() > self.down
    }
}

/// Siblings of a link of a pod: the links of this name in other pods of the node, else of any node.
fn of_pod(cluster: &Cluster, ns: &Netns, link: &Link) -> Option<Candidate> {
    let NetnsKind::Pod { node, namespace, name } = &ns.kind else {
        return None;
    };
    let others = cluster
        .netns
        .iter()
        .filter(|o| o.id != ns.id && matches!(o.kind, NetnsKind::Pod { .. }));
    let links = others.filter_map(|o| Some((o.kind.to_string(), o.links.as_ref().ok()?.named(&link.name)?)));
    let siblings = Siblings::of(links);
    if !siblings.say_up() {
        return None;
    }
    let mut patches = vec![up(ns, link)];
    if default_of(cluster, ns.id, Family::Inet).is_none() {
        let pods = cluster.node(node).map(|n| n.pods.clone()).unwrap_or_default();
        let theirs = pods.iter().find_map(|p| default_of(cluster, *p, Family::Inet));
        patches.extend(theirs.map(|route| by_link(ns, link, route)));
    }
    Some(Candidate {
        code: CHECK.code,
        faults: vec!["pod-eth0-down"],
        object: Object::namespaced("Pod", namespace, name),
        node: Some(node.clone()),
        patches,
        summary: format!("{} in pod {namespace}/{name} is down: it reaches nobody, and nobody reaches it", link.name),
        evidence: vec![
            format!("{}/link.json: {} is down", ns.dir, link.name),
            format!("it is up in {}", some(&siblings.up)),
        ],
        norm: format!("{} is up in the other pods", link.name),
        fix: Fix::Manual {
            at: format!("pod/{namespace}/{name}"),
            commands: vec![format!("ip link set {} up", link.name)],
            note: "its default route went with the link: delete the pod, and its successor gets a network anew; find out who set it down (a process in the pod with NET_ADMIN)".to_owned(),
        },
        alike: false,
    })
}

/// Siblings of a link of a host: a pod's end has the other pods' ends, all others the links of this name on other nodes.
fn of_host(cluster: &Cluster, ns: &Netns, node: &str, link: &Link) -> Option<Candidate> {
    let behind = pod_behind(cluster, link);
    let others = hosts(cluster).filter(|(n, _)| n.name != node);
    let siblings = match (&link.kind, &behind) {
        (LinkKind::Veth { .. }, Some(_)) => {
            let ours = ns.links.iter().flat_map(|l| l.iter()).filter(|l| l.index != link.index);
            let theirs = others.flat_map(|(_, o)| o.links.iter().flat_map(|l| l.iter()));
            Siblings::of(ours.chain(theirs).filter_map(|l| Some((pod_behind(cluster, l)?.1, l))))
        }
        (LinkKind::Bridge { .. } | LinkKind::Device { .. } | LinkKind::Veth { .. }, _) => {
            Siblings::of(others.filter_map(|(n, o)| Some((n.name.clone(), o.links.as_ref().ok()?.named(&link.name)?))))
        }
        _ => return None,
    };
    if !siblings.say_up() {
        return None;
    }
    let (fault, object, what) = match (&link.kind, &behind) {
        (_, Some((id, name))) => {
            let NetnsKind::Pod {
                namespace, name: pod, ..
            } = &cluster.ns(*id).kind
            else {
                return None;
            };
            (
                "veth-down",
                Object::namespaced("Pod", namespace, pod),
                format!("the node's end of the link of {name}"),
            )
        }
        (LinkKind::Bridge { .. }, _) => ("bridge-down", Object::node(node), "the bridge of its pods".to_owned()),
        _ => (
            "underlay-link-down",
            Object::node(node),
            "a link of the node to the network".to_owned(),
        ),
    };
    let mut patches = vec![up(ns, link)];
    if fault == "underlay-link-down" && default_of(cluster, ns.id, Family::Inet).is_none() {
        let peers = hosts(cluster).filter_map(|(n, _)| default_of(cluster, n.host?, Family::Inet));
        let theirs = peers
            .into_iter()
            .find(|r| r.nexthops.first().is_some_and(|h| h.dev == link.name));
        patches.extend(theirs.map(|route| by_link(ns, link, route)));
    }
    let lost_routes = !matches!(fault, "veth-down");
    Some(Candidate {
        code: CHECK.code,
        faults: vec![fault],
        object,
        node: Some(node.to_owned()),
        patches,
        summary: format!("{} on {node}, {what}, is down", link.name),
        evidence: vec![
            format!("{}/link.json: {} is down", ns.dir, link.name),
            format!("it is up for {}", some(&siblings.up)),
        ],
        norm: format!("the same link is up for {}", some(&siblings.up)),
        fix: Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![format!("ip link set {} up", link.name)],
            note: if lost_routes {
                "its connected route returns with it, other routes by it do not: restart the plugin's agent and the node's network configuration. Find out who set it down (NetworkManager, systemd-networkd, a driver, a person)"
            } else {
                "if it goes down again, delete the pod, so that its network is made anew; find out who set it down"
            }
            .to_owned(),
        },
        alike: false,
    })
}

/// The pod at the other end of a host's link.
fn pod_behind(cluster: &Cluster, link: &Link) -> Option<(NetnsId, String)> {
    let LinkKind::Veth {
        peer: Some((far, _)), ..
    } = link.kind
    else {
        return None;
    };
    let kind = &cluster.ns(far).kind;
    matches!(kind, NetnsKind::Pod { .. }).then(|| (far, kind.to_string()))
}

fn up(ns: &Netns, link: &Link) -> Patch {
    Patch::Link {
        netns: ns.id,
        link: Box::new(Link {
            up: true,
            carrier: true,
            ..link.clone()
        }),
    }
}

/// A sibling's default route, by this link.
fn by_link(ns: &Netns, link: &Link, route: Route) -> Patch {
    let nexthops = route.nexthops.iter().take(1).map(|h| NextHop {
        dev: link.name.clone(),
        ifindex: link.index,
        ..h.clone()
    });
    Patch::RouteAdd {
        netns: ns.id,
        table: MAIN,
        route: Route {
            nexthops: nexthops.collect(),
            ..route.clone()
        },
    }
}
