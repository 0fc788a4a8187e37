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
