//! NW5003: a Service whose selector matches no pod.

use super::target_port_wrong::CHECK as TARGET_PORT;
use crate::candidate::{Fix, Object};
use crate::facts::some;
use crate::registry::{Check, no_suspects};
use crate::report::{Finding, Severity};
use netwhy_model::Cluster;
use netwhy_model::api::{Pod, Service};
use std::collections::BTreeMap;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5003",
    name: "service-selects-nothing",
    severity: Severity::Warning,
    page: include_str!("selects_nothing.md"),
    faults: &["svc-selector-mismatch"],
    applies,
    suspects: no_suspects,
    statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if cluster.api.pods.is_err() {
        Err("pods were not collected")
    } else {
        (TARGET_PORT.applies)(cluster)
    }
}

pub(super) fn selected<'a>(cluster: &'a Cluster, service: &'a Service) -> impl Iterator<Item = &'a Pod> {
    cluster
        .api
        .pods
        .iter()
        .flatten()
        .filter(move |p| p.namespace == service.namespace && matches(&service.selector, &p.labels))
}

fn matches(selector: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    !selector.is_empty() && selector.iter().all(|(k, v)| labels.get(k) == Some(v))
}

fn statics(cluster: &Cluster) -> Vec<Finding> {
    if cluster.api.pods.is_err() {
        return Vec::new();
    }
    let services = cluster
        .api
        .services
        .iter()
        .flatten()
        .filter(|s| !s.selector.is_empty() && s.kind != "ExternalName");
    services
        .filter(|s| selected(cluster, s).next().is_none())
        .map(|s| finding(cluster, s))
        .collect()
}

fn finding(cluster: &Cluster, service: &Service) -> Finding {
    let name = format!("{}/{}", service.namespace, service.name);
    let selector: Vec<String> = service.selector.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut evidence = vec![format!(
        "selector {} matches no pod in namespace {}",
        selector.join(","),
        service.namespace
    )];
    evidence.extend(nearest(cluster, service));
    Finding {
        norm: "a Service with a selector has pods".to_owned(),
        fix: Some(Fix::Manual {
            at: "cluster".to_owned(),
            commands: vec![
                format!("kubectl -n {} get pods --show-labels", service.namespace),
                format!("kubectl -n {} edit service {}", service.namespace, service.name),
            ],
            note: "start the pods, or correct the selector where the Service is declared".to_owned(),
        }),
        ..Finding::standing(
            &CHECK,
            Object::namespaced("Service", &service.namespace, &service.name),
            format!("svc/{name} selects no pod: clients are refused"),
            evidence,
        )
    }
}

/// Pods that carry the selector's keys with another value, where that value is near.
fn nearest(cluster: &Cluster, service: &Service) -> Option<String> {
    let mut near: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in cluster
        .api
        .pods
        .iter()
        .flatten()
        .filter(|p| p.namespace == service.namespace)
    {
        let wrong: Vec<(&String, &String, &String)> = service
            .selector
            .iter()
            .filter_map(|(k, v)| pod.labels.get(k).filter(|have| *have != v).map(|have| (k, v, have)))
            .collect();
        let others_fit = service
            .selector
            .iter()
            .filter(|(k, _)| !wrong.iter().any(|w| w.0 == *k))
            .all(|(k, v)| pod.labels.get(k) == Some(v));
        if let ([(key, want, have)], true) = (&wrong[..], others_fit)
            && distance(want, have) <= 2
        {
            near.entry(format!("{key}={have}")).or_default().push(pod.name.clone());
        }
    }
    let (label, pods) = near.into_iter().next()?;
    Some(format!(
        "{} {} {label}",
        some(&pods),
        if pods.len() == 1 { "has" } else { "have" }
    ))
}

/// Edit distance with transpositions, for labels of ordinary length.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn typing_errors_are_near() {
        assert_eq!(distance("frontend", "frontnd"), 1);
        assert_eq!(distance("search", "serach"), 1);
        assert!(distance("api", "web") > 2);
    }
}
