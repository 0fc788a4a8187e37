use super::{Condition, ObjectMeta};
use crate::format::de;
use serde::{Deserialize, Serialize};

/// A Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Node {
    /// Name, labels, ...
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(deserialize_with = "de::or_default")]
    pub spec: NodeSpec,
    /// What is.
    #[serde(deserialize_with = "de::or_default")]
    pub status: NodeStatus,
}

/// `spec` of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeSpec {
    /// Range of its pods; empty if a plugin gives addresses itself.
    #[serde(rename = "podCIDR", deserialize_with = "de::or_default")]
    pub pod_cidr: String,
    /// Ranges of both families.
    #[serde(rename = "podCIDRs", deserialize_with = "de::or_default")]
    pub pod_cidrs: Vec<String>,
    /// Cordoned.
    #[serde(deserialize_with = "de::or_default")]
    pub unschedulable: bool,
    /// Taints.
    #[serde(deserialize_with = "de::or_default")]
    pub taints: Vec<Taint>,
    /// The cloud's name of the machine.
    #[serde(rename = "providerID", deserialize_with = "de::or_default")]
    pub provider_id: String,
}

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value.
    #[serde(deserialize_with = "de::or_default")]
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

/// `status` of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NodeStatus {
    /// Its addresses.
    #[serde(deserialize_with = "de::or_default")]
    pub addresses: Vec<NodeAddress>,
    /// `Ready`, `NetworkUnavailable`, ...
    #[serde(deserialize_with = "de::or_default")]
    pub conditions: Vec<Condition>,
}

/// An address of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeAddress {
    /// `InternalIP`, `ExternalIP`, `Hostname`, `InternalDNS`, `ExternalDNS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Address or name.
    pub address: String,
}

impl Node {
    /// The condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True")
    }

    /// Addresses of one type, in their order: `InternalIP`.
    pub fn addresses<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.status
            .addresses
            .iter()
            .filter(move |address| address.kind == kind)
            .map(|address| address.address.as_str())
    }
}
