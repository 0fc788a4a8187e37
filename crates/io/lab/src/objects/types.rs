//! The API objects of a lab, as far as a lab needs them; fields in the order in which `kubectl` prints them.
//!
//! The same types read the lists of a real cluster: what is not declared here is left out.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// `kind: List`, as `kubectl get KIND -A -o json` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "T: Deserialize<'de>"))]
pub struct List<T> {
    /// Always `v1`.
    #[serde(default = "v1")]
    pub api_version: String,
    /// The objects.
    #[serde(default, deserialize_with = "null_is_default")]
    pub items: Vec<T>,
    /// `List`.
    #[serde(default = "list_kind")]
    pub kind: String,
    /// `resourceVersion`, empty in a list that kubectl made.
    #[serde(default)]
    pub metadata: ListMeta,
}

/// Metadata of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListMeta {
    /// Empty where kubectl joined several answers.
    #[serde(default)]
    pub resource_version: String,
}

impl<T> List<T> {
    /// A list of these objects.
    pub fn of(items: Vec<T>) -> List<T> {
        List {
            api_version: v1(),
            items,
            kind: list_kind(),
            metadata: ListMeta::default(),
        }
    }
}

impl<T> Default for List<T> {
    fn default() -> List<T> {
        List::of(Vec::new())
    }
}

/// Metadata of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// When the object was made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub creation_timestamp: String,
    /// Prefix of a name that a controller made.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub generate_name: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Name.
    #[serde(default)]
    pub name: String,
    /// Namespace; empty for objects of the cluster.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Owners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<Value>,
    /// Version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resource_version: String,
    /// Unique id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// A Node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// `v1`.
    #[serde(default = "v1")]
    pub api_version: String,
    /// `Node`.
    #[serde(default)]
    pub kind: String,
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    #[serde(default)]
    pub spec: NodeSpec,
    /// Status.
    #[serde(default)]
    pub status: NodeStatus,
}

/// `spec` of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// The first of `podCIDRs`.
    #[serde(default, rename = "podCIDR", skip_serializing_if = "String::is_empty")]
    pub pod_cidr: String,
    /// One network for each address family.
    #[serde(default, rename = "podCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub pod_cidrs: Vec<String>,
}

/// `status` of a Node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// Addresses.
    #[serde(default, deserialize_with = "null_is_default")]
    pub addresses: Vec<NodeAddress>,
    /// Conditions.
    #[serde(default, deserialize_with = "null_is_default")]
    pub conditions: Vec<Value>,
    /// Versions of what runs there.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub node_info: Value,
}

/// An address of a Node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddress {
    /// Address or name.
    pub address: String,
    /// `InternalIP`, `Hostname`, ...
    #[serde(rename = "type")]
    pub kind: String,
}

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

pub(super) fn v1() -> String {
    "v1".to_owned()
}

fn list_kind() -> String {
    "List".to_owned()
}

pub(super) fn tcp() -> String {
    "TCP".to_owned()
}

pub(super) fn is_zero(n: &u16) -> bool {
    *n == 0
}

/// Reads `null` as the default: lists without elements are written so.
pub(super) fn null_is_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(from)?.unwrap_or_default())
}
