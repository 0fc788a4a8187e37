use crate::format::de;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `metadata` of any object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectMeta {
    /// Name.
    pub name: String,
    /// Namespace; empty for cluster-wide kinds.
    #[serde(deserialize_with = "de::or_default")]
    pub namespace: String,
    /// Identity: an object that was deleted and made again has another one.
    #[serde(deserialize_with = "de::or_default")]
    pub uid: String,
    /// Labels.
    #[serde(deserialize_with = "de::or_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations; of a bundle only those by name of the allow-list.
    #[serde(deserialize_with = "de::or_default")]
    pub annotations: BTreeMap<String, String>,
    /// Version of this object in the API server's store.
    #[serde(deserialize_with = "de::or_default")]
    pub resource_version: String,
    /// RFC 3339.
    pub creation_timestamp: Option<String>,
    /// RFC 3339; set while the object is being deleted.
    pub deletion_timestamp: Option<String>,
    /// Who made it: the ReplicaSet of a pod.
    #[serde(deserialize_with = "de::or_default")]
    pub owner_references: Vec<OwnerReference>,
}

/// An owner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    /// Kind.
    pub kind: String,
    /// Name, in the same namespace.
    pub name: String,
    /// Identity.
    pub uid: String,
    /// The one that manages it.
    #[serde(deserialize_with = "de::or_default")]
    pub controller: bool,
}
