//! NW1002: forwarding is on for the node and off for the link by which the packet comes.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{boot_evidence, host_node, hosts, ip_ingress, sysctl};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::sysctl::Sysctls;
use netwhy_model::{Cluster, Patch};
use netwhy_sim::{DropReason, Stage};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW1002",
    name: "interface-forwarding-disabled",
    severity: Severity::Error,
    page: include_str!("iface_forwarding_disabled.md"),
    faults: &["iface-forwarding-off", "iface-forwarding-off-flannel"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if hosts(cluster).next().is_some() {
        Ok(())
    } else {
        Err("no node's own namespace was read")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    if end.stage != Stage::IpError || end.reason != Some(DropReason::IpInAddrErrors) {
        return Vec::new();
    }
    let ns = broken.cluster.ns(end.netns);
    let Some(name) = host_node(broken.cluster, end.netns) else {
        return Vec::new();
    };
    let Some(link) = ip_ingress(broken.cluster, broken.outcome) else {
        return Vec::new();
    };
    if sysctl(ns, "net.ipv4.ip_forward") != Some("1") || link.conf.forwarding != Ok(false) {
        return Vec::new();
    }
    let key = Sysctls::conf_key(&link.name, "forwarding");
    let mut evidence = vec![format!("{key} = 0, while net.ipv4.ip_forward = 1")];
    if let Some(node) = broken.cluster.node(name) {
        evidence.extend(boot_evidence(node, &key, "0"));
    }
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: vec![Patch::Sysctl {
            netns: end.netns,
            key: key.clone(),
            value: "1".to_owned(),
        }],
        summary: format!(
            "{name} does not forward what comes in by {}, though net.ipv4.ip_forward is 1",
            link.name
        ),
        evidence,
        norm: format!(
            "net.ipv4.ip_forward = 1 on this node, and every other link of it forwards; {} alone does not",
            link.name
        ),
        fix: Fix::Sysctl {
            node: name.to_owned(),
            changes: vec![(key, "1".to_owned())],
            modules: Vec::new(),
            routes_between: vec![link.name.to_string()],
        },
        alike: false,
    }]
}
