//! One port of a Service, as kube-proxy keeps it: `pkg/proxy/serviceport.go`, Kubernetes v1.36.2.

use crate::objects::{Service, ServicePort};
use std::net::Ipv4Addr;

/// What kube-proxy knows of one port of a Service.
#[derive(Clone, Debug)]
pub(super) struct Port {
    /// `NAMESPACE/NAME`, and `:PORT` where the port has a name.
    pub name: String,
    /// In lower case.
    pub protocol: String,
    pub cluster_ip: Ipv4Addr,
    pub port: u16,
    pub node_port: u16,
    pub external_ips: Vec<Ipv4Addr>,
    pub load_balancer_ips: Vec<Ipv4Addr>,
    pub source_ranges: Vec<String>,
    pub health_check_node_port: u16,
    pub external_local: bool,
    pub internal_local: bool,
    /// Seconds of ClientIP affinity.
    pub affinity: Option<u32>,
}

impl Port {
    pub fn externally_accessible(&self) -> bool {
        self.node_port != 0 || !self.load_balancer_ips.is_empty() || !self.external_ips.is_empty()
    }

    /// Even with a `Local` external policy: what comes from pods and the node itself goes anywhere.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_local || self.externally_accessible()
    }

    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_local || (self.external_local && self.externally_accessible())
    }
}

/// The ports of a Service that kube-proxy serves over IPv4; none for headless and ExternalName.
pub(super) fn ports(service: &Service) -> Vec<Port> {
    let spec = &service.spec;
    if spec.kind == "ExternalName" || spec.cluster_ip == "None" {
        return Vec::new();
    }
    let mut addresses = spec.cluster_ips.iter().chain([&spec.cluster_ip]);
    let Some(cluster_ip) = addresses.find_map(|ip| ip.parse().ok()) else {
        return Vec::new();
    };
    let label = "service.kubernetes.io/service-proxy-name";
    if service.metadata.labels.contains_key(label) {
        return Vec::new();
    }
    spec.ports.iter().map(|port| one(service, cluster_ip, port)).collect()
}

fn one(service: &Service, cluster_ip: Ipv4Addr, port: &ServicePort) -> Port {
    let spec = &service.spec;
    let mut name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
    if !port.name.is_empty() {
        name = format!("{name}:{}", port.name);
    }
    let ingress = service.status.load_balancer.ingress.iter();
    let balancer = ingress.filter(|i| i.ip_mode != "Proxy");
    let affinity = spec.session_affinity_config.as_ref();
    let external_local = spec.external_traffic_policy == "Local" && has_external_policy(service);
    Port {
        name,
        protocol: port.protocol.to_ascii_lowercase(),
        cluster_ip,
        port: port.port,
        node_port: port.node_port,
        external_ips: spec.external_ips.iter().filter_map(|ip| ip.parse().ok()).collect(),
        load_balancer_ips: balancer.filter_map(|i| i.ip.parse().ok()).collect(),
        source_ranges: spec
            .load_balancer_source_ranges
            .iter()
            .map(|range| range.trim().to_owned())
            .filter(|range| !range.contains(':'))
            .collect(),
        health_check_node_port: if external_local && spec.kind == "LoadBalancer" {
            spec.health_check_node_port
        } else {
            0
        },
        external_local,
        internal_local: spec.internal_traffic_policy == "Local",
        affinity: (spec.session_affinity == "ClientIP")
            .then(|| affinity.map_or(10800, |a| a.client_ip.timeout_seconds)),
    }
}

fn has_external_policy(service: &Service) -> bool {
    matches!(service.spec.kind.as_str(), "NodePort" | "LoadBalancer")
        || (service.spec.kind == "ClusterIP" && !service.spec.external_ips.is_empty())
}
