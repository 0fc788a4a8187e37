//! NW1003: bridged packets do not pass iptables, so that an answer from the same bridge is never translated back.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{boot_evidence, host_node, hosts, sysctl};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::link::LinkKind;
use netwhy_model::{Cluster, Family, NetnsId, Patch};
use netwhy_sim::Detail;
use std::collections::BTreeSet;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW1003",
    name: "bridge-nf-call-iptables-disabled",
    severity: Severity::Error,
    page: include_str!("bridge_nf_disabled.md"),
    faults: &["bridge-nf-off"],
    applies,
    suspects,
    statics: no_statics,
};

/// The switch of a family.
fn key(family: Family) -> &'static str {
    match family {
        Family::Inet => "net.bridge.bridge-nf-call-iptables",
        Family::Inet6 => "net.bridge.bridge-nf-call-ip6tables",
    }
}

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    let bridged = hosts(cluster).any(|(_, ns)| {
        ns.links
            .iter()
            .flat_map(|l| l.iter())
            .any(|l| matches!(l.kind, LinkKind::Bridge { .. }))
    });
    if bridged {
        Ok(())
    } else {
        Err("no pod hangs off a bridge here")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let family = Family::of(broken.promise.flow.dst);
    // Nodes whose bridge passed a packet of this conversation from port to port without iptables.
    let nodes: BTreeSet<NetnsId> = broken
        .outcome
        .steps
        .iter()
        .filter_map(|s| match s.detail {
            Detail::Bridge { bridge, port } if port != 0 => {
                let ns = broken.cluster.ns(s.netns);
                (ns.bridge_nf_call_iptables(bridge, family) == Ok(false)).then_some(s.netns)
            }
            _ => None,
        })
        .collect();
    nodes
        .into_iter()
        .filter_map(|id| candidate(broken, id, family))
        .collect()
}

fn candidate(broken: &Broken<'_>, id: NetnsId, family: Family) -> Option<Candidate> {
    let key = key(family);
    let name = host_node(broken.cluster, id)?;
    let value = sysctl(broken.cluster.ns(id), key);
    let mut evidence = vec![value.map_or_else(
        || format!("{key} does not exist: the module br_netfilter is not loaded"),
        |v| format!("{key} = {v}"),
    )];
    if let Some(node) = broken.cluster.node(name) {
        evidence.extend(boot_evidence(node, key, value.unwrap_or("0")));
    }
    Some(Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: vec![Patch::Sysctl {
            netns: id,
            key: key.to_owned(),
            value: "1".to_owned(),
        }],
        summary: format!(
            "on {name} bridged packets do not pass {}: a pod gets the answer from the backend's own address and resets it",
            if family == Family::Inet {
                "iptables"
            } else {
                "ip6tables"
            }
        ),
        evidence,
        norm: format!("kube-proxy: with a Linux bridge, {key} must be 1"),
        fix: Fix::Sysctl {
            node: name.to_owned(),
            changes: vec![(key.to_owned(), "1".to_owned())],
            modules: vec!["br_netfilter".to_owned()],
            routes_between: Vec::new(),
        },
        alike: false,
    })
}
