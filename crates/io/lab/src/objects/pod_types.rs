//! Pods.

use super::types::{Meta, is_zero, null_is_default, tcp, v1};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A Pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pod {
    /// `v1`.
    #[serde(default = "v1")]
    pub api_version: String,
    /// `Pod`.
    #[serde(default)]
    pub kind: String,
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    #[serde(default)]
    pub spec: PodSpec,
    /// Status.
    #[serde(default)]
    pub status: PodStatus,
}

/// `spec` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpec {
    /// Containers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub containers: Vec<Container>,
    /// Where names are looked up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dns_policy: String,
    /// The pod lives in the node's own network namespace.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    /// Node.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// `Always`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub restart_policy: String,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Image.
    #[serde(default)]
    pub image: String,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Declared ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
}

/// A declared port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Port.
    pub container_port: u16,
    /// The same port on the node, for host network.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub host_port: u16,
    /// Name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Protocol.
    #[serde(default = "tcp")]
    pub protocol: String,
}

/// `status` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatus {
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PodCondition>,
    /// Status of each container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<Value>,
    /// Address of the node.
    #[serde(default, rename = "hostIP", skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
    /// `Running`, ...
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// First of `podIPs`.
    #[serde(default, rename = "podIP", skip_serializing_if = "String::is_empty")]
    pub pod_ip: String,
    /// One address for each family.
    #[serde(default, rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<PodIp>,
}

/// A condition of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodCondition {
    /// When it changed.
    #[serde(default)]
    pub last_transition_time: String,
    /// `True` or `False`.
    #[serde(default)]
    pub status: String,
    /// `Ready`, ...
    #[serde(default, rename = "type")]
    pub kind: String,
}

/// One of `podIPs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodIp {
    /// Address.
    pub ip: String,
}

impl Pod {
    /// Whether the kubelet says that the pod is ready.
    pub fn is_ready(&self) -> bool {
        self.status
            .conditions
            .iter()
            .any(|c| c.kind == "Ready" && c.status == "True")
    }

    /// Sets the condition `Ready` and `ContainersReady`.
    pub fn set_ready(&mut self, ready: bool) {
        for condition in &mut self.status.conditions {
            if condition.kind == "Ready" || condition.kind == "ContainersReady" {
                condition.status = if ready { "True" } else { "False" }.to_owned();
            }
        }
    }
}
