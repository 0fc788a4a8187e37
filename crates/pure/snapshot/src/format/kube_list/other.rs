use super::ObjectMeta;
use crate::format::de;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// A NetworkPolicy of `networking.k8s.io`; its meaning is the model's business.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkPolicy {
    /// Name, namespace, ...
    pub metadata: ObjectMeta,
    /// `spec`, as it stands.
    pub spec: Value,
}

/// A Namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespace {
    /// Name, labels, ...
    pub metadata: ObjectMeta,
}

/// A ConfigMap. Of a bundle: only those by name of the allow-list, and of these only the known keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    /// Name, namespace, ...
    pub metadata: ObjectMeta,
    /// Texts by key.
    #[serde(deserialize_with = "de::or_default")]
    pub data: BTreeMap<String, String>,
}

/// A DaemonSet, Deployment, ReplicaSet or StatefulSet, by the images that it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Name, namespace, labels, ...
    pub metadata: ObjectMeta,
    /// What is wanted.
    #[serde(deserialize_with = "de::or_default")]
    pub spec: WorkloadSpec,
}

/// `spec` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkloadSpec {
    /// How many pods; absent for a DaemonSet.
    #[serde(deserialize_with = "de::opt_num")]
    pub replicas: Option<u32>,
    /// Its pods.
    #[serde(deserialize_with = "de::or_default")]
    pub template: Template,
}

/// `spec.template` of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Template {
    /// Labels of its pods.
    #[serde(deserialize_with = "de::or_default")]
    pub metadata: ObjectMeta,
    /// Its containers.
    #[serde(deserialize_with = "de::or_default")]
    pub spec: super::PodSpec,
}

impl Workload {
    /// Images of its containers, in their order.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.spec
            .template
            .spec
            .containers
            .iter()
            .map(|container| container.image.as_str())
    }
}

/// An Event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Name, namespace, ...
    pub metadata: ObjectMeta,
    /// What it is about.
    #[serde(alias = "regarding", deserialize_with = "de::or_default")]
    pub involved_object: InvolvedObject,
    /// One word: `FailedCreatePodSandBox`.
    #[serde(deserialize_with = "de::or_default")]
    pub reason: String,
    /// A sentence.
    #[serde(alias = "note", deserialize_with = "de::or_default")]
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type", deserialize_with = "de::or_default")]
    pub kind: String,
    /// How often.
    #[serde(deserialize_with = "de::num")]
    pub count: u32,
    /// RFC 3339.
    pub last_timestamp: Option<String>,
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InvolvedObject {
    /// Kind.
    #[serde(deserialize_with = "de::or_default")]
    pub kind: String,
    /// Namespace.
    #[serde(deserialize_with = "de::or_default")]
    pub namespace: String,
    /// Name.
    #[serde(deserialize_with = "de::or_default")]
    pub name: String,
}
