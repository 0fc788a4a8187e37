//! NW4002: a firewall of a node drops the packets of the VXLAN itself.

use super::foreign_rule_drops::{Culprit, culprit};
use crate::candidate::{Broken, Candidate, Object};
use crate::facts::{hosts, vxlans};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::Cluster;
use netwhy_sim::Detail;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW4002",
    name: "vxlan-udp-blocked",
    severity: Severity::Error,
    page: include_str!("vxlan_udp_blocked.md"),
    faults: &["vxlan-udp-blocked"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if hosts(cluster).any(|(_, ns)| vxlans(ns).next().is_some()) {
        Ok(())
    } else {
        Err("no VXLAN device here")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    if !inside_vxlan(broken) {
        return Vec::new();
    }
    let Some(Culprit {
        node,
        place,
        chain,
        text,
        patches,
        command,
        foreign,
        hidden,
        ..
    }) = culprit(broken)
    else {
        return Vec::new();
    };
    if !foreign {
        return Vec::new();
    }
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(&node),
        node: Some(node.clone()),
        patches,
        summary: format!("a firewall rule on {node} drops the VXLAN packets between the nodes (chain {chain})"),
        evidence: [format!("{place}  {text}")].into_iter().chain(hidden).collect(),
        norm: "neither kube-proxy nor the plugin writes this rule; the plugin needs its UDP port open between the nodes".to_owned(),
        fix: crate::Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![command],
            note: "take it out of the firewall's own configuration too (firewalld, ufw, nftables.service, a hardening role), or it comes back".to_owned(),
        },
        alike: false,
    }]
}

/// The packet that ended was the outer one: put into the VXLAN and not taken out again.
pub(crate) fn inside_vxlan(broken: &Broken<'_>) -> bool {
    broken
        .outcome
        .steps
        .iter()
        .rev()
        .find_map(|s| match s.detail {
            Detail::VxlanXmit { .. } => Some(true),
            Detail::VxlanRcv { .. } => Some(false),
            _ => None,
        })
        .unwrap_or(false)
}
