//! API objects: which kinds may be taken.

use super::Rule;
use super::config;
use super::fields::{
    DEFINITION, ENDPOINT_SLICE, ENDPOINTS, EVENT, INGRESS, LEASE, NODE, OBJECT, POD, SERVICE, SPEC, WORKLOAD,
};
use super::shape::Keep::{self, Both, Fields, Map, Plain};
use serde_json::Value;

/// Kinds that may be taken, as their files in `cluster/` are named. Secrets are not among them.
pub const KINDS: &[&str] = &[
    "nodes",
    "pods",
    "services",
    "endpointslices",
    "endpoints",
    "networkpolicies",
    "namespaces",
    "configmaps",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "ingresses",
    "ingressclasses",
    "leases",
    "servicecidrs",
    "ipaddresses",
    "events",
    "customresourcedefinitions",
];

/// Custom resources whose `spec` is network configuration and nothing else.
const CUSTOM_GROUPS: &[&str] = &["crd.projectcalico.org", "policy.networking.k8s.io"];

/// The rule of a kind; `None` if it may not be taken.
pub(super) fn keep(kind: &str) -> Option<Rule> {
    type More = Option<fn(Value) -> Option<Value>>;
    let (fields, more): (&'static Keep, More) = match kind {
        "nodes" => (&NODE, None),
        "pods" => (&POD, None),
        "services" => (&SERVICE, None),
        "endpointslices" => (&ENDPOINT_SLICE, None),
        "endpoints" => (&ENDPOINTS, None),
        "networkpolicies" | "servicecidrs" | "ipaddresses" => (&SPEC, None),
        "namespaces" => (&Fields(&[("status", Fields(&[("phase", Plain)]))]), None),
        "configmaps" => (&Fields(&[("data", Map)]), Some(config::keep_known)),
        "daemonsets" | "deployments" | "replicasets" | "statefulsets" => (&WORKLOAD, None),
        "ingresses" => (&INGRESS, None),
        "ingressclasses" => (&Fields(&[("spec", Fields(&[("controller", Plain)]))]), None),
        "leases" => (&LEASE, None),
        "events" => (&EVENT, Some(event)),
        "customresourcedefinitions" => (&DEFINITION, None),
        custom => {
            let (_, group) = custom.split_once('.')?;
            (CUSTOM_GROUPS.contains(&group).then_some(&SPEC)?, None)
        }
    };
    Some(Rule {
        keep: Both(&OBJECT, fields),
        more,
    })
}

/// Reasons whose message speaks of the network; the message of any other event may hold anything.
const REASONS: &[&str] = &[
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "NetworkUnavailable",
    "NetworkFailed",
    "DNSConfigForming",
    "CIDRNotAvailable",
    "CIDRAssignmentFailed",
    "FailedToUpdateEndpoint",
    "FailedToUpdateEndpointSlices",
    "FailedToCreateEndpoint",
    "ClusterIPNotAllocated",
    "PortNotAllocated",
    "SyncLoadBalancerFailed",
    "InvalidClusterCIDR",
    "NodeNotReady",
    "HostPortConflict",
];

fn event(mut event: Value) -> Option<Value> {
    let known = event
        .get("reason")
        .and_then(Value::as_str)
        .is_some_and(|reason| REASONS.contains(&reason));
    if let (false, Some(fields)) = (known, event.as_object_mut()) {
        fields.remove("message");
        fields.remove("note");
    }
    Some(event)
}
