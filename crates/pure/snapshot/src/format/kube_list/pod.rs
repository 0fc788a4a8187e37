use super::ObjectMeta;
use crate::format::de;
use serde::{Deserialize, Serialize};

/// A Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    /// Name, namespace, labels, ...
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: PodSpec,
    /// What is.
    #[serde(deserialize_with = "de::or_default")]
    pub status: PodStatus,
}

/// `spec` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Its node; empty while it is not scheduled.
    #[serde(deserialize_with = "de::or_default")]
    pub node_name: String,
    /// It lives in its node's network namespace.
    #[serde(deserialize_with = "de::or_default")]
    pub host_network: bool,
    /// `ClusterFirst` if empty.
    #[serde(deserialize_with = "de::or_default")]
    pub dns_policy: String,
    /// Its host name, if it is not the pod's name.
    #[serde(deserialize_with = "de::or_default")]
    pub hostname: String,
    /// The headless Service that gives it a name.
    #[serde(deserialize_with = "de::or_default")]
    pub subdomain: String,
    /// Its containers.
    #[serde(deserialize_with = "de::or_default")]
    pub containers: Vec<Container>,
    /// Containers that run before them; with `restart_policy` Always beside them (sidecars).
    #[serde(deserialize_with = "de::or_default")]
    pub init_containers: Vec<Container>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image.
    #[serde(deserialize_with = "de::or_default")]
    pub image: String,
    /// Declared ports. A container may listen on others.
    #[serde(deserialize_with = "de::or_default")]
    pub ports: Vec<ContainerPort>,
    /// `Always`: an init container that is a sidecar.
    pub restart_policy: Option<String>,
}

/// A declared port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    /// Name, which a Service or policy may use.
    #[serde(deserialize_with = "de::or_default")]
    pub name: String,
    /// Port in the pod.
    #[serde(deserialize_with = "de::num")]
    pub container_port: u16,
    /// Port on the node; 0 = none.
    #[serde(deserialize_with = "de::num")]
    pub host_port: u16,
    /// Address on the node; empty = all.
    #[serde(rename = "hostIP", deserialize_with = "de::or_default")]
    pub host_ip: String,
    /// `TCP`, `UDP`, `SCTP`; empty = TCP.
    #[serde(deserialize_with = "de::or_default")]
    pub protocol: String,
}

/// `status` of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    #[serde(deserialize_with = "de::or_default")]
    pub phase: String,
    /// Its address; empty while it has none.
    #[serde(rename = "podIP", deserialize_with = "de::or_default")]
    pub pod_ip: String,
    /// Its addresses of both families.
    #[serde(rename = "podIPs", deserialize_with = "de::or_default")]
    pub pod_ips: Vec<PodIp>,
    /// Its node's address.
    #[serde(rename = "hostIP", deserialize_with = "de::or_default")]
    pub host_ip: String,
    /// Its node's addresses.
    #[serde(rename = "hostIPs", deserialize_with = "de::or_default")]
    pub host_ips: Vec<HostIp>,
    /// `Ready` and others.
    #[serde(deserialize_with = "de::or_default")]
    pub conditions: Vec<Condition>,
    /// When kubelet saw it first, RFC 3339.
    pub start_time: Option<String>,
}

/// One of `podIPs`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodIp {
    /// Address.
    pub ip: String,
}

/// One of `hostIPs`.
pub type HostIp = PodIp;

/// A condition of a pod or node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `NetworkUnavailable`, ...
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// One word.
    #[serde(deserialize_with = "de::or_default")]
    pub reason: String,
    /// RFC 3339.
    pub last_transition_time: Option<String>,
}

impl Pod {
    /// The condition `Ready` is true.
    pub fn is_ready(&self) -> bool {
        self.status
            .conditions
            .iter()
            .any(|condition| condition.kind == "Ready" && condition.status == "True")
    }

    /// All its addresses, the first one first.
    pub fn ips(&self) -> impl Iterator<Item = &str> {
        let first = Some(self.status.pod_ip.as_str()).filter(|ip| !ip.is_empty());
        let others = self.status.pod_ips.iter().map(|pod_ip| pod_ip.ip.as_str());
        first
            .into_iter()
            .chain(others.filter(move |ip| Some(*ip) != first && !ip.is_empty()))
    }
}
