//! NW5004: a Service whose pods exist and are not ready.

use super::selects_nothing::{CHECK as SELECTS, selected};
use crate::candidate::{Fix, Object};
use crate::facts::some;
use crate::registry::{Check, no_suspects};
use crate::report::{Finding, Severity};
use netwhy_intent::Endpoints;
use netwhy_model::api::Service;
use netwhy_model::{Cluster, Family};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5004",
    name: "service-endpoints-not-ready",
    severity: Severity::Warning,
    page: include_str!("endpoints_not_ready.md"),
    faults: &["svc-endpoints-not-ready"],
    applies: SELECTS.applies,
    suspects: no_suspects,
    statics,
};

fn statics(cluster: &Cluster) -> Vec<Finding> {
    if cluster.api.pods.is_err() || cluster.api.slices.is_err() {
        return Vec::new();
    }
    cluster
        .api
        .services
        .iter()
        .flatten()
        .filter(|s| s.kind != "ExternalName")
        .filter_map(|s| finding(cluster, s))
        .collect()
}

fn finding(cluster: &Cluster, service: &Service) -> Option<Finding> {
    let unready: Vec<String> = selected(cluster, service)
        .filter(|p| !p.ready)
        .map(|p| p.name.clone())
        .collect();
    let any_ready = selected(cluster, service).any(|p| p.ready);
    let served = service.ports.iter().any(|p| {
        Family::ALL
            .iter()
            .any(|f| !Endpoints::of(cluster, service, p, *f).backends.is_empty())
    });
    if unready.is_empty() || any_ready || served {
        return None;
    }
    Some(Finding {
        norm: "a Service sends traffic to ready pods only".to_owned(),
        fix: Some(Fix::Manual {
            at: "cluster".to_owned(),
            commands: vec![format!(
                "kubectl -n {} describe pod {}",
                service.namespace,
                unready.first().map_or("", |p| p)
            )],
            note: "the events of the pod say which readiness probe fails".to_owned(),
        }),
        ..Finding::standing(
            &CHECK,
            Object::namespaced("Service", &service.namespace, &service.name),
            format!(
                "svc/{}/{} has {} pods and none is ready: clients are refused",
                service.namespace,
                service.name,
                unready.len()
            ),
            vec![format!("not ready: {}", some(&unready))],
        )
    })
}
