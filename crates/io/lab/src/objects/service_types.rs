//! Services and EndpointSlices: what kube-proxy reads.

use super::types::{Meta, is_zero, null_is_default, tcp, v1};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A Service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// `v1`.
    #[serde(default = "v1")]
    pub api_version: String,
    /// `Service`.
    #[serde(default)]
    pub kind: String,
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    #[serde(default)]
    pub spec: ServiceSpec,
    /// Status.
    #[serde(default)]
    pub status: ServiceStatus,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// First of `clusterIPs`, or `None`.
    #[serde(default, rename = "clusterIP", skip_serializing_if = "String::is_empty")]
    pub cluster_ip: String,
    /// One address for each family.
    #[serde(default, rename = "clusterIPs", skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<String>,
    /// Addresses that somebody else routes to the nodes.
    #[serde(default, rename = "externalIPs", skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// `Cluster` or `Local`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub external_traffic_policy: String,
    /// Port on which a balancer asks whether this node has endpoints.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub health_check_node_port: u16,
    /// `Cluster` or `Local`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub internal_traffic_policy: String,
    /// Address families.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<String>,
    /// `SingleStack`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip_family_policy: String,
    /// Client networks that the balancer address admits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<String>,
    /// Ports.
    #[serde(default, deserialize_with = "null_is_default")]
    pub ports: Vec<ServicePort>,
    /// Selector.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// `None` or `ClientIP`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub session_affinity: String,
    /// Timeout of the affinity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(default, rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

/// `spec.sessionAffinityConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionAffinityConfig {
    /// Configuration of `ClientIP`.
    #[serde(rename = "clientIP", default)]
    pub client_ip: ClientIpConfig,
}

/// `spec.sessionAffinityConfig.clientIP`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientIpConfig {
    /// How long a client stays with its endpoint.
    #[serde(default)]
    pub timeout_seconds: u32,
}

/// One port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name, empty where a Service has one port only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Port on every node, 0 if none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub node_port: u16,
    /// Port.
    pub port: u16,
    /// `TCP`, `UDP` or `SCTP`.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// A number, or the name of a container port.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub target_port: Value,
}

/// `status` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// What the balancer answered.
    #[serde(default)]
    pub load_balancer: LoadBalancer,
}

/// `status.loadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Addresses of the balancer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<Ingress>,
}

/// One address of a balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// Address, empty if the balancer has a name only.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// `VIP` or `Proxy`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ip_mode: String,
}

/// An EndpointSlice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// `IPv4`, `IPv6` or `FQDN`.
    #[serde(default)]
    pub address_type: String,
    /// `discovery.k8s.io/v1`.
    #[serde(default)]
    pub api_version: String,
    /// Endpoints; `null` where there are none.
    #[serde(default, deserialize_with = "null_is_default", serialize_with = "empty_is_null")]
    pub endpoints: Vec<Endpoint>,
    /// `EndpointSlice`.
    #[serde(default)]
    pub kind: String,
    /// Metadata.
    pub metadata: Meta,
    /// Ports; `null` where there are none.
    #[serde(default, deserialize_with = "null_is_default", serialize_with = "empty_is_null")]
    pub ports: Vec<EndpointPort>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Addresses; kube-proxy takes the first.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Conditions.
    #[serde(default)]
    pub conditions: EndpointConditions,
    /// Zones and nodes for which this endpoint is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hints: Option<Hints>,
    /// Node of the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The Pod.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub target_ref: Value,
    /// Zone of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
}

/// Conditions of an endpoint; what is not said has a meaning of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointConditions {
    /// Absent means true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Absent means as `ready`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<bool>,
    /// Absent means false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminating: Option<bool>,
}

/// `hints` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hints {
    /// Nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub for_nodes: Vec<Named>,
    /// Zones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub for_zones: Vec<Named>,
}

/// An object with nothing but a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// One port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointPort {
    /// Name of the Service port.
    #[serde(default)]
    pub name: String,
    /// Port of the pods; absent means every port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Protocol.
    #[serde(default = "tcp")]
    pub protocol: String,
}

/// Writes an empty list as `null`, as the API does for slices.
fn empty_is_null<S, T>(list: &[T], to: S) -> Result<S::Ok, S::Error>
where
    S: serde::Serializer,
    T: Serialize,
{
    if list.is_empty() {
        to.serialize_none()
    } else {
        list.serialize(to)
    }
}
