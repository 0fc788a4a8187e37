//! NW1001: a node that has to forward does not.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{boot_evidence, forwarding_links, host_node, hosts, sysctl};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::link::LinkKind;
use netwhy_model::{Cluster, NetnsId, Patch};
use netwhy_sim::{DropReason, Stage};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW1001",
    name: "ip-forward-disabled",
    severity: Severity::Error,
    page: include_str!("ip_forward_disabled.md"),
    faults: &["ip-forward-off", "ipv6-forwarding-off"],
    applies,
    suspects,
    statics: no_statics,
};

const KEY: &str = "net.ipv4.ip_forward";

/// Of IPv6, where it decides for all links (`ip6_forward()`, `net/ipv6/ip6_output.c`).
const KEY6: &str = "net.ipv6.conf.all.forwarding";

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if hosts(cluster).any(|(n, _)| !n.pods.is_empty()) {
        Ok(())
    } else {
        Err("no pod hangs off a node's own namespace here")
    }
}

/// The node at which the packet ended in `ip_error()`, or whose end of a pod's link does not answer ARP for the pod's gateway:
/// a proxy answers only where it would forward (`arp_process()`, `net/ipv4/arp.c`).
pub(super) fn does_not_forward(broken: &Broken<'_>) -> Option<NetnsId> {
    let end = &broken.outcome.end;
    if end.stage == Stage::IpError && end.reason == Some(DropReason::IpInAddrErrors) {
        return Some(end.netns);
    }
    let links = broken.cluster.ns(end.netns).links.as_ref().ok()?;
    let asked_in_vain = end.reason == Some(DropReason::NeighFailed) && host_node(broken.cluster, end.netns).is_none();
    links.iter().filter(|_| asked_in_vain).find_map(|l| match l.kind {
        LinkKind::Veth {
            peer: Some((host, _)), ..
        } => Some(host),
        _ => None,
    })
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    if end.stage == Stage::Ip6Forward && end.reason == Some(DropReason::IpInAddrErrors) {
        return candidate6(broken, end.netns).into_iter().collect();
    }
    let Some(at) = does_not_forward(broken) else {
        return Vec::new();
    };
    let ns = broken.cluster.ns(at);
    let (Some(name), Some("0")) = (host_node(broken.cluster, at), sysctl(ns, KEY)) else {
        return Vec::new();
    };
    let mut evidence = vec![format!("{KEY} = 0")];
    if let Some(node) = broken.cluster.node(name) {
        evidence.extend(boot_evidence(node, KEY, "0"));
    }
    vec![Candidate {
        code: CHECK.code,
        faults: vec!["ip-forward-off"],
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: vec![Patch::Sysctl {
            netns: at,
            key: KEY.to_owned(),
            value: "1".to_owned(),
        }],
        summary: format!("{name} does not forward IPv4: packets that pass it end in ip_error, and no ICMP is sent"),
        evidence,
        norm: "Kubernetes: a node forwards between its pods and the network (IPv4 forwarding must be on)".to_owned(),
        fix: Fix::Sysctl {
            node: name.to_owned(),
            changes: vec![(KEY.to_owned(), "1".to_owned())],
            modules: Vec::new(),
            routes_between: forwarding_links(ns),
        },
        alike: false,
    }]
}

fn candidate6(broken: &Broken<'_>, at: NetnsId) -> Option<Candidate> {
    let ns = broken.cluster.ns(at);
    let name = host_node(broken.cluster, at)?;
    if sysctl(ns, KEY6) != Some("0") {
        return None;
    }
    let mut evidence = vec![format!("{KEY6} = 0")];
    if let Some(node) = broken.cluster.node(name) {
        evidence.extend(boot_evidence(node, KEY6, "0"));
    }
    Some(Candidate {
        code: CHECK.code,
        faults: vec!["ipv6-forwarding-off"],
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: vec![Patch::Sysctl {
            netns: at,
            key: KEY6.to_owned(),
            value: "1".to_owned(),
        }],
        summary: format!("{name} does not forward IPv6: packets that pass it end in ip6_forward, and no ICMPv6 is sent"),
        evidence,
        norm: "Kubernetes: a node forwards between its pods and the network (IPv6 forwarding must be on where pods have IPv6)".to_owned(),
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: vec![format!("sysctl -w {KEY6}=1")],
            note: "a file in /etc/sysctl.d keeps it. A node that learns its default route from router advertisements needs accept_ra = 2 on that link as well: with 1 the route is forgotten once the node forwards".to_owned(),
        },
        alike: false,
    })
}
