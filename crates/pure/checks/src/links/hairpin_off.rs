//! NW2004: a port of a bridge does not send frames back to where they came from, so that a pod cannot reach itself by a Service.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{destination, hosts, last_receive};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::link::{BridgePort, Link, LinkKind};
use netwhy_model::{Cluster, Netns, NetnsKind, Node, Patch};
use netwhy_sim::{DropReason, Stage};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW2004",
    name: "hairpin-off",
    severity: Severity::Error,
    page: include_str!("hairpin_off.md"),
    faults: &["hairpin-off"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    let mut all = hosts(cluster).flat_map(|(_, ns)| pod_ports(ns));
    if all.next().is_some() {
        Ok(())
    } else {
        Err("no pod hangs off a bridge here")
    }
}

/// Ports of bridges, with their settings.
fn pod_ports(ns: &Netns) -> impl Iterator<Item = (&Link, &BridgePort)> {
    let links = ns.links.iter().flat_map(|l| l.iter());
    links
        .filter(|l| matches!(l.kind, LinkKind::Veth { .. }))
        .filter_map(|l| Some((l, l.port.as_ref()?)))
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    if (end.stage, end.reason) != (Stage::BrHandleFrameFinish, Some(DropReason::NotSpecified)) {
        return Vec::new();
    }
    let found = last_receive(broken.cluster, broken.outcome).and_then(|link| candidate(broken, link));
    found.into_iter().collect()
}

fn candidate(broken: &Broken<'_>, link: &Link) -> Option<Candidate> {
    let end = &broken.outcome.end;
    let ns = broken.cluster.ns(end.netns);
    let port = link.port.as_ref().filter(|p| !p.hairpin)?;
    let LinkKind::Veth {
        peer: Some((far, _)), ..
    } = link.kind
    else {
        return None;
    };
    let pod = broken.cluster.ns(far);
    let NetnsKind::Pod { node, namespace, name } = &pod.kind else {
        return None;
    };
    // It would have to go back to the pod that it comes from.
    let dst = destination(broken.outcome)?;
    pod.links.as_ref().ok()?.holding(dst)?;
    let (norm, fact) = norm(broken.cluster, ns, link, node)?;
    let changed = Link {
        port: Some(BridgePort {
            hairpin: true,
            ..port.clone()
        }),
        ..link.clone()
    };
    Some(Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::namespaced("Pod", namespace, name),
        node: Some(node.clone()),
        patches: vec![Patch::Link { netns: ns.id, link: Box::new(changed) }],
        summary: format!("pod {namespace}/{name} does not reach itself by a Service: the bridge does not send its packets back to it"),
        evidence: vec![format!("{}/link.json: {}, the pod's port of the bridge, has hairpin off", ns.dir, link.name), fact],
        norm,
        fix: Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![format!("bridge link set dev {} hairpin on", link.name)],
            note: "the bridge plugin sets it when a pod is made, if its configuration in /etc/cni/net.d says \"hairpinMode\": true: a pod from before that must be made anew".to_owned(),
        },
        alike: false,
    })
}

/// Who says that it should be on: the other ports of the node, those of the other nodes, or the plugin's configuration.
fn norm(cluster: &Cluster, ns: &Netns, link: &Link, node: &str) -> Option<(String, String)> {
    let most = |all: &[bool]| all.iter().filter(|on| **on).count() * 2 > all.len();
    let siblings: Vec<bool> = pod_ports(ns)
        .filter(|(l, _)| l.index != link.index && l.master == link.master)
        .map(|(_, p)| p.hairpin)
        .collect();
    if most(&siblings) {
        let on = siblings.iter().filter(|on| **on).count();
        return Some((
            "the plugin sets hairpin on for the other pods of this node".to_owned(),
            format!("{on} of {} other ports of the bridge have it on", siblings.len()),
        ));
    }
    let others = hosts(cluster).filter(|(n, _)| n.name != node);
    let theirs: Vec<bool> = others.flat_map(|(_, o)| pod_ports(o)).map(|(_, p)| p.hairpin).collect();
    if most(&theirs) {
        let on = theirs.iter().filter(|on| **on).count();
        return Some((
            "the plugin sets hairpin on for the pods of the other nodes".to_owned(),
            format!("{on} of {} pods' ports on other nodes have it on", theirs.len()),
        ));
    }
    let file = cluster.node(node).and_then(says_hairpin)?;
    Some((
        "the plugin's own configuration asks for hairpin mode".to_owned(),
        format!("{file} says \"hairpinMode\": true"),
    ))
}

/// The first configuration of a plugin that the node reads, if it asks for hairpin mode.
fn says_hairpin(node: &Node) -> Option<String> {
    let files = node.files.as_ref().ok()?;
    let (path, text) = files.iter().find(|(path, _)| {
        path.starts_with("/etc/cni/net.d/") && (path.ends_with(".conflist") || path.ends_with(".conf"))
    })?;
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    squeezed.contains("\"hairpinMode\":true").then(|| path.clone())
}
