use super::ObjectMeta;
use crate::format::de;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Service {
    /// Name, namespace, labels, ...
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ServiceSpec,
    /// What is.
    #[serde(deserialize_with = "de::or_default")]
    pub status: ServiceStatus,
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceSpec {
    /// `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`.
    #[serde(rename = "type", deserialize_with = "de::or_default")]
    pub kind: String,
    /// Address, or `None` (headless), or empty.
    #[serde(rename = "clusterIP", deserialize_with = "de::or_default")]
    pub cluster_ip: String,
    /// Addresses of both families.
    #[serde(rename = "clusterIPs", deserialize_with = "de::or_default")]
    pub cluster_ips: Vec<String>,
    /// Ports.
    #[serde(deserialize_with = "de::or_default")]
    pub ports: Vec<ServicePort>,
    /// Labels of its pods; empty: somebody else writes the EndpointSlices.
    #[serde(deserialize_with = "de::or_default")]
    pub selector: BTreeMap<String, String>,
    /// Addresses that nodes accept for it.
    #[serde(rename = "externalIPs", deserialize_with = "de::or_default")]
    pub external_ips: Vec<String>,
    /// Wanted address of the load balancer; obsolete.
    #[serde(rename = "loadBalancerIP", deserialize_with = "de::or_default")]
    pub load_balancer_ip: String,
    /// Clients that may use the load balancer; empty = all.
    #[serde(deserialize_with = "de::or_default")]
    pub load_balancer_source_ranges: Vec<String>,
    /// Whose load balancer.
    pub load_balancer_class: Option<String>,
    /// `Cluster` or `Local`; empty = Cluster.
    #[serde(deserialize_with = "de::or_default")]
    pub external_traffic_policy: String,
    /// `Cluster` or `Local`; empty = Cluster.
    #[serde(deserialize_with = "de::or_default")]
    pub internal_traffic_policy: String,
    /// `PreferClose`, `PreferSameZone`, `PreferSameNode`.
    pub traffic_distribution: Option<String>,
    /// `None` or `ClientIP`.
    #[serde(deserialize_with = "de::or_default")]
    pub session_affinity: String,
    /// Its time.
    #[serde(deserialize_with = "de::or_default")]
    pub session_affinity_config: SessionAffinityConfig,
    /// Port of the health check of `externalTrafficPolicy: Local`; 0 = none.
    #[serde(deserialize_with = "de::num")]
    pub health_check_node_port: u16,
    /// Pods that are not ready count too.
    #[serde(deserialize_with = "de::or_default")]
    pub publish_not_ready_addresses: bool,
    /// `IPv4`, `IPv6`.
    #[serde(deserialize_with = "de::or_default")]
    pub ip_families: Vec<String>,
    /// `SingleStack`, `PreferDualStack`, `RequireDualStack`.
    #[serde(deserialize_with = "de::or_default")]
    pub ip_family_policy: String,
    /// The name that it stands for.
    #[serde(deserialize_with = "de::or_default")]
    pub external_name: String,
    /// False: a load balancer without node ports.
    pub allocate_load_balancer_node_ports: Option<bool>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; joins it with the ports of EndpointSlices.
    #[serde(deserialize_with = "de::or_default")]
    pub name: String,
    /// `TCP`, `UDP`, `SCTP`; empty = TCP.
    #[serde(deserialize_with = "de::or_default")]
    pub protocol: String,
    /// Port at the Service's address.
    #[serde(deserialize_with = "de::num")]
    pub port: u16,
    /// Port in the pod: a number or a name; absent = `port`.
    pub target_port: Option<TargetPort>,
    /// Port on every node; 0 = none.
    #[serde(deserialize_with = "de::num")]
    pub node_port: u16,
    /// `http`, `kubernetes.io/ws`, ...
    pub app_protocol: Option<String>,
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetPort {
    /// Number.
    Number(u16),
    /// Name of a container port.
    Name(String),
}

/// `sessionAffinityConfig`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SessionAffinityConfig {
    /// For `ClientIP`.
    #[serde(rename = "clientIP", deserialize_with = "de::or_default")]
    pub client_ip: ClientIpConfig,
}

/// Settings of `ClientIP` affinity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientIpConfig {
    /// Seconds; absent = 10800.
    #[serde(deserialize_with = "de::opt_num")]
    pub timeout_seconds: Option<u32>,
}

/// `status` of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceStatus {
    /// The load balancer.
    #[serde(deserialize_with = "de::or_default")]
    pub load_balancer: LoadBalancerStatus,
}

/// `status.loadBalancer`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadBalancerStatus {
    /// Its addresses.
    #[serde(deserialize_with = "de::or_default")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// An address of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LoadBalancerIngress {
    /// Address; empty if it has a name only.
    #[serde(deserialize_with = "de::or_default")]
    pub ip: String,
    /// Name.
    #[serde(deserialize_with = "de::or_default")]
    pub hostname: String,
    /// `VIP` (nodes answer for it) or `Proxy` (traffic to it leaves the node); absent = VIP.
    pub ip_mode: Option<String>,
}

impl Service {
    /// It has no address of its own: DNS answers with its pods.
    pub fn is_headless(&self) -> bool {
        self.spec.cluster_ip == "None"
    }

    /// Its addresses; empty for a headless or external name one.
    pub fn ips(&self) -> impl Iterator<Item = &str> {
        let first = Some(self.spec.cluster_ip.as_str());
        let others = self
            .spec
            .cluster_ips
            .iter()
            .map(String::as_str)
            .filter(move |ip| Some(*ip) != first);
        first
            .into_iter()
            .chain(others)
            .filter(|ip| !ip.is_empty() && *ip != "None")
    }
}
