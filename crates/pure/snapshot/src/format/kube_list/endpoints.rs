use super::ObjectMeta;
use crate::format::de;
use serde::{Deserialize, Serialize};

/// An EndpointSlice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Name, namespace, labels, ...
    pub metadata: ObjectMeta,
    /// `IPv4`, `IPv6`, `FQDN`.
    #[serde(deserialize_with = "de::or_default")]
    pub address_type: String,
    /// Endpoints.
    #[serde(deserialize_with = "de::or_default")]
    pub endpoints: Vec<Endpoint>,
    /// Their ports.
    #[serde(deserialize_with = "de::or_default")]
    pub ports: Vec<EndpointPort>,
}

/// An endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Endpoint {
    /// Addresses; consumers use the first.
    #[serde(deserialize_with = "de::or_default")]
    pub addresses: Vec<String>,
    /// Conditions.
    #[serde(deserialize_with = "de::or_default")]
    pub conditions: Conditions,
    /// Its node.
    pub node_name: Option<String>,
    /// Its host name.
    pub hostname: Option<String>,
    /// Its pod.
    pub target_ref: Option<TargetRef>,
    /// Its zone.
    pub zone: Option<String>,
    /// Which zones and nodes should use it.
    #[serde(deserialize_with = "de::or_default")]
    pub hints: Hints,
}

/// Conditions of an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// Absent counts as true.
    pub ready: Option<bool>,
    /// Ready, even while it ends; absent = as `ready`.
    pub serving: Option<bool>,
    /// It is being deleted.
    pub terminating: Option<bool>,
}

/// What an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetRef {
    /// `Pod`.
    pub kind: String,
    /// Its namespace.
    #[serde(deserialize_with = "de::or_default")]
    pub namespace: String,
    /// Its name.
    #[serde(deserialize_with = "de::or_default")]
    pub name: String,
    /// Its identity.
    #[serde(deserialize_with = "de::or_default")]
    pub uid: String,
}

/// `hints` of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Hints {
    /// Zones.
    #[serde(deserialize_with = "de::or_default")]
    pub for_zones: Vec<ForZone>,
    /// Nodes.
    #[serde(deserialize_with = "de::or_default")]
    pub for_nodes: Vec<ForZone>,
}

/// A zone or node of a hint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ForZone {
    /// Its name.
    pub name: String,
}

/// A port of a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EndpointPort {
    /// Name; joins it with a port of the Service.
    #[serde(deserialize_with = "de::or_default")]
    pub name: String,
    /// Port; absent = all.
    #[serde(deserialize_with = "de::opt_num")]
    pub port: Option<u16>,
    /// `TCP`, `UDP`, `SCTP`; empty = TCP.
    #[serde(deserialize_with = "de::or_default")]
    pub protocol: String,
    /// `http`, ...
    pub app_protocol: Option<String>,
}

impl EndpointSlice {
    /// Name of the Service that it belongs to, in its own namespace.
    pub fn service(&self) -> Option<&str> {
        self.metadata
            .labels
            .get("kubernetes.io/service-name")
            .map(String::as_str)
    }
}

impl Conditions {
    /// Ready; absent counts as true.
    pub fn is_ready(self) -> bool {
        self.ready.unwrap_or(true)
    }

    /// Serving; absent is as ready.
    pub fn is_serving(self) -> bool {
        self.serving.unwrap_or_else(|| self.is_ready())
    }

    /// Terminating; absent is false.
    pub fn is_terminating(self) -> bool {
        self.terminating.unwrap_or(false)
    }
}
