//! NW5002: a node's rules send a Service to an address that is no endpoint of it any more.

use super::target_port_wrong::CHECK as TARGET_PORT;
use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, some};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::{Cluster, Patch};
use netwhy_sim::Detail;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5002",
    name: "kube-proxy-rules-stale",
    severity: Severity::Error,
    page: include_str!("kube_proxy_stale.md"),
    faults: &["kubeproxy-stale-rules", "kubeproxy-down"],
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
    let Some(first) = broken.promise.backends.first() else {
        return Vec::new();
    };
    let wrong = broken.outcome.steps.iter().find_map(|s| match s.detail {
        Detail::Dnat { to } if !broken.promise.backends.iter().any(|b| (b.addr, b.port) == to) => Some((s.netns, to)),
        _ => None,
    });
    let Some((at, to)) = wrong else { return Vec::new() };
    let Some(node) = host_node(broken.cluster, at) else {
        return Vec::new();
    };
    let right: Vec<String> = broken
        .promise
        .backends
        .iter()
        .map(|b| format!("{}:{}", b.addr, b.port))
        .collect();
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(node),
        node: Some(node.to_owned()),
        patches: vec![Patch::DnatRetarget {
            netns: at,
            from: to,
            to: (first.addr, first.port),
        }],
        summary: format!(
            "kube-proxy on {node} is behind: its rules send {service} to {}:{}, which is no endpoint of it",
            to.0, to.1
        ),
        evidence: vec![
            format!("rules on {node}: DNAT to {}:{}", to.0, to.1),
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
