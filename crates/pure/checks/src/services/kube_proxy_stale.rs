//! NW5002: a node's rules send a Service to an address that is no endpoint of it any more.

use super::target_port_wrong::CHECK as TARGET_PORT;
use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, some};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::netfilter::Target;
use netwhy_model::netfilter::nft::Stmt;
use netwhy_model::{Cluster, Netns, Patch};
use netwhy_sim::{Detail, Outcome, Step};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5002",
    name: "kube-proxy-rules-stale",
    severity: Severity::Error,
    page: include_str!("kube_proxy_stale.md"),
    faults: &["kubeproxy-stale-rules"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if cluster.api.slices.is_err() {
        Err("EndpointSlices were not collected")
    } else {
        (TARGET_PORT.applies)(cluster)
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let Some(service) = &broken.promise.service else {
        return Vec::new();
    };
    let is_right = |to: (IpAddr, u16)| broken.promise.backends.iter().any(|b| (b.addr, b.port) == to);
    let wrong = |o: &Outcome| {
        let dnat = |s: &Step| match s.detail {
            Detail::Dnat { to } if !is_right(to) => Some((s.netns, to)),
            _ => None,
        };
        o.steps.iter().find_map(dnat)
    };
    let Some((at, first)) = wrong(broken.outcome) else {
        return Vec::new();
    };
    let Some(node) = host_node(broken.cluster, at) else {
        return Vec::new();
    };
    let stale = broken.trace.outcomes.iter().filter_map(wrong);
    let mut stale: BTreeSet<(IpAddr, u16)> = stale.filter(|(ns, _)| *ns == at).map(|(_, to)| to).collect();
    stale.insert(first);
    // What kube-proxy has not written yet stands for what it has not deleted yet.
    let written = written(broken.cluster.ns(at));
    let mut missing = broken.promise.backends.iter().filter(|b| !written.contains(&b.addr));
    let Some(any) = broken.promise.backends.first() else {
        return Vec::new();
    };
    let patches = stale.iter().map(|from| {
        let instead = missing.next().unwrap_or(any);
        Patch::DnatRetarget {
            netns: at,
            from: *from,
            to: (instead.addr, instead.port),
        }
    });
    let patches = patches.collect();
    let stale: Vec<String> = stale.iter().map(|to| SocketAddr::from(*to).to_string()).collect();
    let right: Vec<String> = broken
        .promise
        .backends
        .iter()
        .map(|b| SocketAddr::new(b.addr, b.port).to_string())
        .collect();
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(node),
        node: Some(node.to_owned()),
        patches,
        summary: format!(
            "kube-proxy on {node} is behind: its rules send {service} to {}, which is no endpoint of it",
            some(&stale)
        ),
        evidence: vec![
            format!("rules on {node}: DNAT to {}", some(&stale)),
            format!(
                "EndpointSlices of {}/{}: {}",
                service.namespace,
                service.name,
                some(&right)
            ),
        ],
        norm: "kube-proxy writes the endpoints of the EndpointSlices".to_owned(),
        fix: Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![format!(
                "kubectl -n kube-system delete pod -l k8s-app=kube-proxy --field-selector spec.nodeName={node}"
            )],
            note:
                "read kube-proxy's log on this node first: if it cannot reach the API server, a restart does not help"
                    .to_owned(),
        },
        alike: false,
    }]
}

/// Addresses to which a namespace's rules translate.
fn written(ns: &Netns) -> BTreeSet<IpAddr> {
    let tables = ns.netfilter.tables.iter();
    let rules = tables.flat_map(|t| &t.chains).flat_map(|c| &c.rules);
    let iptables = rules.filter_map(|r| match &r.target {
        Target::Dnat(range) => range.addrs.map(|(first, _)| first),
        _ => None,
    });
    let native = ns.netfilter.native.iter();
    let stmts = native
        .flat_map(|t| &t.chains)
        .flat_map(|c| &c.rules)
        .flat_map(|r| &r.stmts);
    let nftables = stmts.filter_map(|stmt| match stmt {
        Stmt::Nat(nat) => Some(nat.ends().into_iter().map(|(addr, _)| addr)),
        _ => None,
    });
    iptables.chain(nftables.flatten()).collect()
}
