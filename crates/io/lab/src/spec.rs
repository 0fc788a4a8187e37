//! The shape of a lab: pure data, made by [`Spec::default_with`] or drawn by a seed for the grade.
//!
//! Everything a lab contains follows from its `Spec`: links, addresses, routes, rules, API objects, servers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A lab before it is built. `state.json` in the lab's `/run/netwhy` holds it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// Topology name, `flannel-vxlan`.
    pub topology: String,
    /// The nodes, in order; 2 to 5.
    pub nodes: Vec<Node>,
    /// All pods, in the order in which they are made.
    pub pods: Vec<Pod>,
    /// All Services.
    pub services: Vec<Service>,
    /// Cluster-wide pod network, e.g. 10.244.0.0/16.
    pub pod_network: Net,
    /// Service network, e.g. 10.0.0.0/16.
    pub service_network: Net,
    /// The segment between the nodes, e.g. 192.168.50.0/24.
    pub underlay: Net,
    /// Host outside the cluster (client and default gateway of the nodes): name and address in `underlay`.
    pub outside: Outside,
    /// VXLAN network identifier; the device is `flannel.<vni>`.
    pub vni: u32,
    /// VXLAN UDP port (flannel on Linux: 8472).
    pub vxlan_port: u16,
    /// MTU of the underlay; flannel.N, cni0 and pods have 50 less.
    pub underlay_mtu: u32,
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Net {
    /// Network address.
    pub addr: Ipv4Addr,
    /// Prefix length, 0 to 32.
    pub prefix: u8,
}

/// A node: one network namespace with eth0, flannel.N and cni0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Node name, e.g. `worker-1`.
    pub name: String,
    /// Address on eth0, inside the underlay.
    pub ip: Ipv4Addr,
    /// `spec.podCIDR`, a /24 of the pod network.
    pub pod_cidr: Net,
}

/// A pod: one network namespace on a node (or the node's own, with `host_network`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Node it runs on.
    pub node: String,
    /// Pod address (the node's with `host_network`).
    pub ip: Ipv4Addr,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Ports on which the pod's server really listens and which its container declares.
    pub ports: Vec<PodPort>,
    /// `spec.hostNetwork`.
    pub host_network: bool,
}

/// A container port with a server behind it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodPort {
    /// Port name, possibly empty.
    pub name: String,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Port number.
    pub port: u16,
}

/// Transport protocol, spelled as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// ClusterIP or NodePort.
    pub kind: ServiceKind,
    /// `spec.clusterIP`.
    pub cluster_ip: Ipv4Addr,
    /// Label selector.
    pub selector: BTreeMap<String, String>,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// `spec.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceKind {
    /// Reached inside the cluster only.
    ClusterIP,
    /// Also a port on every node.
    NodePort,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// Name, possibly empty.
    pub name: String,
    /// Protocol.
    pub protocol: Protocol,
    /// `port`.
    pub port: u16,
    /// `targetPort`, a number.
    pub target_port: u16,
    /// `nodePort`, 0 if none.
    pub node_port: u16,
}

/// The host outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Name, e.g. `client`.
    pub name: String,
    /// Address in the underlay.
    pub ip: Ipv4Addr,
}
