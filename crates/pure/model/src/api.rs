//! API objects, as far as netwhy needs them.

use crate::fact::{Fact, GapId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Lists by kind. A kind whose list was not collected is a gap; an empty list is knowledge.
#[derive(Clone, Debug)]
pub struct Api {
    /// Pods, sorted by namespace and name.
    pub pods: Fact<Vec<Pod>>,
    /// Services, sorted by namespace and name.
    pub services: Fact<Vec<Service>>,
    /// EndpointSlices, sorted by namespace and name.
    pub slices: Fact<Vec<EndpointSlice>>,
    /// Nodes, sorted by name.
    pub nodes: Fact<Vec<ApiNode>>,
    /// NetworkPolicies: namespace and name. Not evaluated yet.
    pub network_policies: Fact<Vec<(String, String)>>,
    /// Lists of pods, Services or EndpointSlices that were cut, or had objects that cannot be read: there may be more.
    pub incomplete: Vec<GapId>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `metadata.uid`.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// `spec.nodeName`, possibly empty.
    pub node: String,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// `status.phase` (`Running`, ...).
    pub phase: String,
    /// Condition Ready is True.
    pub ready: bool,
    /// Has a deletion time.
    pub deleting: bool,
    /// `status.podIPs`.
    pub ips: Vec<IpAddr>,
    /// Container ports.
    pub ports: Vec<ContainerPort>,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPort {
    /// Name, possibly empty.
    pub name: String,
    /// 6 TCP, 17 UDP, 132 SCTP.
    pub protocol: u8,
    /// `containerPort`.
    pub port: u16,
    /// `hostPort`, 0 if none.
    pub host_port: u16,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// `spec.type`: ClusterIP, NodePort, LoadBalancer, ExternalName.
    pub kind: String,
    /// `spec.clusterIPs`; empty for headless ones.
    pub cluster_ips: Vec<IpAddr>,
    /// Headless (`clusterIP: None`).
    pub headless: bool,
    /// `spec.externalIPs` and load-balancer ingress addresses with `ipMode` VIP.
    pub external_ips: Vec<IpAddr>,
    /// Ingress addresses of `status.loadBalancer`, with `ipMode` VIP or none.
    pub lb_ips: Vec<IpAddr>,
    /// Selector; empty for manual endpoints.
    pub selector: BTreeMap<String, String>,
    /// Ports.
    pub ports: Vec<ServicePort>,
    /// `externalTrafficPolicy: Local`.
    pub external_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_local: bool,
    /// `sessionAffinity: ClientIP` with its seconds.
    pub affinity_s: Option<u32>,
    /// `publishNotReadyAddresses`.
    pub publish_not_ready: bool,
    /// `spec.externalName`.
    pub external_name: String,
    /// Carries `service.kubernetes.io/service-proxy-name`: kube-proxy leaves it alone.
    pub other_proxy: bool,
    /// `spec.loadBalancerSourceRanges`, as written.
    pub source_ranges: Vec<String>,
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Name, possibly empty.
    pub name: String,
    /// 6 TCP, 17 UDP, 132 SCTP.
    pub protocol: u8,
    /// `port`.
    pub port: u16,
    /// `targetPort` as written; empty means `port`.
    pub target_port: String,
    /// `nodePort`, 0 if none.
    pub node_port: u16,
}

/// An EndpointSlice with addresses of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Label `kubernetes.io/service-name`.
    pub service: String,
    /// Ports: name, protocol, number; a port without a number means all.
    pub ports: Vec<(String, u8, Option<u16>)>,
    /// Endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// First address (consumers use only the first).
    pub addr: IpAddr,
    /// `conditions.ready`; absent means true.
    pub ready: bool,
    /// `conditions.serving`; absent means the same as ready.
    pub serving: bool,
    /// `conditions.terminating`.
    pub terminating: bool,
    /// `nodeName`.
    pub node: String,
    /// `targetRef` of kind Pod: namespace and name.
    pub pod: Option<(String, String)>,
}

/// A node object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiNode {
    /// Name.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations on the allow-list.
    pub annotations: BTreeMap<String, String>,
    /// `status.addresses` InternalIP.
    pub internal_ips: Vec<IpAddr>,
    /// `spec.podCIDRs`.
    pub pod_cidrs: Vec<ipnet::IpNet>,
    /// Condition Ready is True.
    pub ready: bool,
}

impl Api {
    /// A pod by name.
    #[must_use]
    pub fn pod(&self, namespace: &str, name: &str) -> Option<&Pod> {
        let pods = self.pods.as_ref().ok()?;
        pods.binary_search_by(|p| (p.namespace.as_str(), p.name.as_str()).cmp(&(namespace, name)))
            .ok()
            .map(|i| &pods[i])
    }

    /// A Service by name.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        let list = self.services.as_ref().ok()?;
        list.binary_search_by(|p| (p.namespace.as_str(), p.name.as_str()).cmp(&(namespace, name)))
            .ok()
            .map(|i| &list[i])
    }

    /// The slices of a Service.
    pub fn slices_of<'a>(&'a self, namespace: &'a str, service: &'a str) -> impl Iterator<Item = &'a EndpointSlice> {
        self.slices
            .iter()
            .flatten()
            .filter(move |s| s.namespace == namespace && s.service == service)
    }
}
