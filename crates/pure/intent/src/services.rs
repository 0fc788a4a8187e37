//! The addresses at which a Service port can be reached.

use netwhy_model::Cluster;
use netwhy_model::api::{Service, ServicePort};
use std::fmt;
use std::net::IpAddr;

/// A Service port by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePortRef {
    /// Namespace.
    pub namespace: String,
    /// Service.
    pub name: String,
    /// `port`.
    pub port: u16,
    /// 6 TCP, 17 UDP.
    pub protocol: u8,
}

impl fmt::Display for ServicePortRef {
    /// `svc/shop/api:3000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "svc/{}/{}:{}", self.namespace, self.name, self.port)
    }
}

/// Kind of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VipKind {
    /// `clusterIP`.
    ClusterIp,
    /// Address of a node, with the node port.
    NodePort,
    /// `externalIPs`.
    ExternalIp,
    /// `status.loadBalancer.ingress`.
    LoadBalancer,
}

/// An address and port that belong to a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vip {
    /// Which Service port.
    pub service: ServicePortRef,
    /// Kind.
    pub kind: VipKind,
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
}

/// Every ClusterIP and port.
pub fn cluster_ips(cluster: &Cluster) -> impl Iterator<Item = (&Service, &ServicePort, Vip)> {
    cluster.api.services.iter().flatten().flat_map(|s| {
        s.ports.iter().flat_map(move |p| {
            s.cluster_ips.iter().map(move |ip| {
                (
                    s,
                    p,
                    Vip {
                        service: reference(s, p),
                        kind: VipKind::ClusterIp,
                        addr: *ip,
                        port: p.port,
                    },
                )
            })
        })
    })
}

/// The Service port behind an address, a port and a protocol.
#[must_use]
pub fn behind(cluster: &Cluster, addr: IpAddr, port: u16, protocol: u8) -> Option<Vip> {
    let services = cluster.api.services.as_ref().ok()?;
    let is_node = cluster.nodes.iter().any(|n| n.internal_ips.contains(&addr));
    services.iter().find_map(|s| {
        s.ports.iter().filter(|p| p.protocol == protocol).find_map(|p| {
            let kind = if s.cluster_ips.contains(&addr) && p.port == port {
                VipKind::ClusterIp
            } else if s.lb_ips.contains(&addr) && p.port == port {
                VipKind::LoadBalancer
            } else if s.external_ips.contains(&addr) && p.port == port {
                VipKind::ExternalIp
            } else if is_node && p.node_port == port && port != 0 {
                VipKind::NodePort
            } else {
                return None;
            };
            Some(Vip {
                service: reference(s, p),
                kind,
                addr,
                port,
            })
        })
    })
}

/// The name of a Service port.
#[must_use]
pub fn reference(service: &Service, port: &ServicePort) -> ServicePortRef {
    ServicePortRef {
        namespace: service.namespace.clone(),
        name: service.name.clone(),
        port: port.port,
        protocol: port.protocol,
    }
}
