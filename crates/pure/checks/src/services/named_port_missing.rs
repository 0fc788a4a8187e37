//! NW5005: `targetPort` is a name that no selected pod has.

use super::selects_nothing::{CHECK as SELECTS, selected};
use crate::candidate::{Fix, Object};
use crate::facts::some;
use crate::registry::{Check, no_suspects};
use crate::report::{Finding, Severity};
use netwhy_model::Cluster;
use netwhy_model::api::{Service, ServicePort};
use std::collections::BTreeSet;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5005",
    name: "service-named-port-missing",
    severity: Severity::Warning,
    page: include_str!("named_port_missing.md"),
    faults: &["svc-named-port-missing"],
    applies: SELECTS.applies,
    suspects: no_suspects,
    statics,
};

fn statics(cluster: &Cluster) -> Vec<Finding> {
    if cluster.api.pods.is_err() {
        return Vec::new();
    }
    let services = cluster.api.services.iter().flatten();
    services
        .flat_map(|s| s.ports.iter().filter_map(move |p| finding(cluster, s, p)))
        .collect()
}

fn finding(cluster: &Cluster, service: &Service, port: &ServicePort) -> Option<Finding> {
    let name = &port.target_port;
    if name.is_empty() || name.parse::<u32>().is_ok() || selected(cluster, service).next().is_none() {
        return None;
    }
    if selected(cluster, service).any(|p| p.ports.iter().any(|c| c.name == *name && c.protocol == port.protocol)) {
        return None;
    }
    let names: BTreeSet<String> = selected(cluster, service)
        .flat_map(|p| &p.ports)
        .filter(|c| !c.name.is_empty())
        .map(|c| c.name.clone())
        .collect();
    let names: Vec<String> = names.into_iter().collect();
    let have = if names.is_empty() {
        "the selected pods name no port".to_owned()
    } else {
        format!("the selected pods have {}", some(&names))
    };
    Some(Finding {
        norm: "a named targetPort is the name of a container port".to_owned(),
        fix: Some(Fix::Manual {
            at: "cluster".to_owned(),
            commands: vec![format!(
                "kubectl -n {} edit service {}",
                service.namespace, service.name
            )],
            note: "write the name that the containers give their port, where the Service is declared".to_owned(),
        }),
        ..Finding::standing(
            &CHECK,
            Object::namespaced("Service", &service.namespace, &service.name),
            format!(
                "svc/{}/{} port {}: no selected pod has a port named {name}: clients are refused",
                service.namespace, service.name, port.port
            ),
            vec![format!("targetPort: {name}; {have}")],
        )
    })
}
