//! EndpointSlices, as the controller computes them: `k8s.io/endpointslice: Reconciler.Reconcile()`, v1.36.
//!
//! Hints (`trafficDistribution`, topology mode) are not computed: no Service of a lab asks for them.

use super::Lists;
use super::build::{meta, suffix, uid};
use super::pod_types::*;
use super::service_types::*;
use super::types::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The controller puts at most so many endpoints into one slice.
const PER_SLICE: usize = 100;

pub(super) fn refresh(lists: &mut Lists) {
    let mut slices = Vec::new();
    for service in &lists.services.items {
        if service.spec.selector.is_empty() {
            let own = lists.endpoint_slices.items.iter();
            slices.extend(own.filter(|s| belongs(s, service)).cloned());
        } else {
            slices.extend(of_service(service, lists));
        }
    }
    lists.endpoint_slices = List::of(slices);
}

fn belongs(slice: &EndpointSlice, service: &Service) -> bool {
    slice.metadata.namespace == service.metadata.namespace
        && slice.metadata.labels.get("kubernetes.io/service-name") == Some(&service.metadata.name)
}

/// Pods whose ports differ (a named targetPort) go into different slices.
fn of_service(service: &Service, lists: &Lists) -> Vec<EndpointSlice> {
    let mut by_ports: BTreeMap<Vec<(String, u16, String)>, Vec<Endpoint>> = BTreeMap::new();
    for pod in lists.pods.items.iter().filter(|p| selects(service, p)) {
        let ports = service.spec.ports.iter().filter_map(|p| {
            Some((
                p.name.clone(),
                target(&p.target_port, &p.protocol, pod, p.port)?,
                p.protocol.clone(),
            ))
        });
        by_ports.entry(ports.collect()).or_default().push(endpoint(pod));
    }
    if by_ports.is_empty() {
        return vec![slice(service, 0, Vec::new(), Vec::new())];
    }
    let mut slices = Vec::new();
    for (ports, endpoints) in by_ports {
        for part in endpoints.chunks(PER_SLICE) {
            let ports = ports.iter().map(|(name, port, protocol)| EndpointPort {
                name: name.clone(),
                port: Some(*port),
                protocol: protocol.clone(),
            });
            slices.push(slice(service, slices.len(), part.to_vec(), ports.collect()));
        }
    }
    slices
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let labels = &pod.metadata.labels;
    service.metadata.namespace == pod.metadata.namespace
        && !pod.status.pod_ip.is_empty()
        && !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
        && service
            .spec
            .selector
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
}

fn target(target: &Value, protocol: &str, pod: &Pod, port: u16) -> Option<u16> {
    match target {
        Value::Null => Some(port),
        Value::Number(number) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
        Value::String(name) => pod
            .spec
            .containers
            .iter()
            .flat_map(|c| &c.ports)
            .find(|p| p.name == *name && p.protocol == protocol)
            .map(|p| p.container_port),
        _ => None,
    }
}

fn endpoint(pod: &Pod) -> Endpoint {
    let ready = pod.is_ready();
    Endpoint {
        addresses: vec![pod.status.pod_ip.clone()],
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(ready),
            terminating: Some(false),
        },
        node_name: Some(pod.spec.node_name.clone()),
        target_ref: json!({
            "kind": "Pod",
            "name": pod.metadata.name,
            "namespace": pod.metadata.namespace,
            "uid": pod.metadata.uid,
        }),
        ..Endpoint::default()
    }
}

fn slice(service: &Service, number: usize, endpoints: Vec<Endpoint>, ports: Vec<EndpointPort>) -> EndpointSlice {
    let (namespace, name) = (&service.metadata.namespace, &service.metadata.name);
    let own = format!("{name}-{}", suffix(&format!("{namespace}/{name}/{number}")));
    let mut metadata = meta("EndpointSlice", namespace, &own);
    metadata.generate_name = format!("{name}-");
    metadata.labels = BTreeMap::from([
        (
            "endpointslice.kubernetes.io/managed-by".to_owned(),
            "endpointslice-controller.k8s.io".to_owned(),
        ),
        ("kubernetes.io/service-name".to_owned(), name.clone()),
    ]);
    metadata.owner_references = vec![json!({
        "apiVersion": "v1",
        "blockOwnerDeletion": true,
        "controller": true,
        "kind": "Service",
        "name": name,
        "uid": uid("Service", namespace, name),
    })];
    EndpointSlice {
        address_type: "IPv4".to_owned(),
        api_version: "discovery.k8s.io/v1".to_owned(),
        endpoints,
        kind: "EndpointSlice".to_owned(),
        metadata,
        ports,
    }
}
