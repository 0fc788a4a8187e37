//! Nodes, pods, Services and namespaces out of a [`Spec`].

use super::pod_types::*;
use super::service_types::*;
use super::types::*;
use super::{Lists, system};
use crate::spec::{self, Protocol, ServiceKind, Spec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// When everything in a lab was made, as its API objects tell.
pub const MADE_AT: &str = "2026-01-01T00:00:00Z";

/// Version of Kubernetes that the lab claims to be: the one whose kube-proxy the rules follow.
pub(super) const VERSION: &str = "v1.36.2";

pub(super) fn lists(spec: &Spec) -> Lists {
    let mut pods: Vec<Pod> = spec.pods.iter().map(|p| pod(spec, p)).collect();
    pods.extend(system::pods(spec));
    pods.sort_by_key(|p| (p.metadata.namespace.clone(), p.metadata.name.clone()));
    Lists {
        nodes: List::of(spec.nodes.iter().map(|n| node(spec, n)).collect()),
        pods: List::of(pods),
        services: List::of(services(spec)),
        endpoint_slices: List::default(),
        namespaces: List::of(namespaces(spec)),
        network_policies: List::default(),
        config_maps: List::of(system::config_maps(spec)),
        daemon_sets: List::of(system::daemon_sets(spec)),
        version: version(),
    }
}

/// MAC address of the node's `flannel.N`: a locally administered one that follows from VNI and node address.
pub fn vtep_mac(spec: &Spec, node: &spec::Node) -> [u8; 6] {
    let hash = Sha256::digest(format!("vtep {} {}", spec.vni, node.ip));
    let mut mac = [0u8; 6];
    mac.copy_from_slice(&hash[..6]);
    mac[0] = mac[0] & 0xfc | 0x02;
    mac
}

/// A unique id that stays the same for the same object.
pub(super) fn uid(kind: &str, namespace: &str, name: &str) -> String {
    let hash = Sha256::digest(format!("{kind}/{namespace}/{name}"));
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

/// Five characters as a controller appends them to a name.
pub(super) fn suffix(seed: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    Sha256::digest(seed)
        .iter()
        .take(5)
        .map(|b| char::from(ALPHABET[usize::from(*b) % ALPHABET.len()]))
        .collect()
}

pub(super) fn meta(kind: &str, namespace: &str, name: &str) -> Meta {
    Meta {
        creation_timestamp: MADE_AT.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        uid: uid(kind, namespace, name),
        ..Meta::default()
    }
}

pub(super) fn cidr(net: &spec::Net) -> String {
    format!("{}/{}", net.addr, net.prefix)
}

pub(super) fn protocol(protocol: Protocol) -> String {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
    .to_owned()
}

fn node(spec: &Spec, node: &spec::Node) -> Node {
    let mac = vtep_mac(spec, node).map(|b| format!("{b:02x}")).join(":");
    let backend = format!("{{\"VNI\":{},\"VtepMAC\":\"{mac}\"}}", spec.vni);
    let flannel = |key: &str| format!("flannel.alpha.coreos.com/{key}");
    let mut metadata = meta("Node", "", &node.name);
    metadata.annotations = BTreeMap::from([
        (flannel("backend-data"), backend),
        (flannel("backend-type"), "vxlan".to_owned()),
        (flannel("kube-subnet-manager"), "true".to_owned()),
        (flannel("public-ip"), node.ip.to_string()),
        ("node.alpha.kubernetes.io/ttl".to_owned(), "0".to_owned()),
    ]);
    metadata.labels = BTreeMap::from([
        ("kubernetes.io/arch".to_owned(), "amd64".to_owned()),
        ("kubernetes.io/hostname".to_owned(), node.name.clone()),
        ("kubernetes.io/os".to_owned(), "linux".to_owned()),
    ]);
    Node {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        metadata,
        spec: NodeSpec {
            pod_cidr: cidr(&node.pod_cidr),
            pod_cidrs: vec![cidr(&node.pod_cidr)],
        },
        status: NodeStatus {
            addresses: vec![
                NodeAddress {
                    address: node.ip.to_string(),
                    kind: "InternalIP".to_owned(),
                },
                NodeAddress {
                    address: node.name.clone(),
                    kind: "Hostname".to_owned(),
                },
            ],
            conditions: node_conditions(),
            node_info: json!({
                "architecture": "amd64",
                "containerRuntimeVersion": "netwhy-lab://0",
                "kubeletVersion": VERSION,
                "operatingSystem": "linux",
            }),
        },
    }
}

fn node_conditions() -> Vec<Value> {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "lastHeartbeatTime": MADE_AT,
            "lastTransitionTime": MADE_AT,
            "message": message,
            "reason": reason,
            "status": status,
            "type": kind,
        })
    };
    vec![
        condition(
            "NetworkUnavailable",
            "False",
            "FlannelIsUp",
            "Flannel is running on this node",
        ),
        condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ]
}

pub(super) fn pod(spec: &Spec, pod: &spec::Pod) -> Pod {
    let host_ip = spec.nodes.iter().find(|n| n.name == pod.node);
    let mut metadata = meta("Pod", &pod.namespace, &pod.name);
    metadata.labels = pod.labels.clone();
    let ports = pod.ports.iter().map(|p| ContainerPort {
        container_port: p.port,
        host_port: if pod.host_network { p.port } else { 0 },
        name: p.name.clone(),
        protocol: protocol(p.protocol),
    });
    let ip = pod.ip.to_string();
    Pod {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        spec: PodSpec {
            containers: vec![Container {
                image: "netwhy.dev/lab/server".to_owned(),
                name: "server".to_owned(),
                ports: ports.collect(),
            }],
            dns_policy: "ClusterFirst".to_owned(),
            host_network: pod.host_network,
            node_name: pod.node.clone(),
            restart_policy: "Always".to_owned(),
        },
        status: PodStatus {
            conditions: pod_conditions(),
            container_statuses: vec![json!({
                "name": "server",
                "ready": true,
                "restartCount": 0,
                "started": true,
                "state": {"running": {"startedAt": MADE_AT}},
            })],
            host_ip: host_ip.map(|n| n.ip.to_string()).unwrap_or_default(),
            phase: "Running".to_owned(),
            pod_ip: ip.clone(),
            pod_ips: vec![PodIp { ip }],
        },
        metadata,
    }
}

fn pod_conditions() -> Vec<PodCondition> {
    [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]
    .map(|kind| PodCondition {
        last_transition_time: MADE_AT.to_owned(),
        status: "True".to_owned(),
        kind: kind.to_owned(),
    })
    .to_vec()
}

fn services(spec: &Spec) -> Vec<Service> {
    let mut services: Vec<Service> = spec.services.iter().map(service).collect();
    services.sort_by_key(|s| (s.metadata.namespace.clone(), s.metadata.name.clone()));
    services
}

fn service(service: &spec::Service) -> Service {
    let node_ports = service.kind == ServiceKind::NodePort;
    let ports = service.ports.iter().map(|p| ServicePort {
        name: p.name.clone(),
        node_port: if node_ports { p.node_port } else { 0 },
        port: p.port,
        protocol: protocol(p.protocol),
        target_port: json!(p.target_port),
    });
    let cluster_ip = service.cluster_ip.to_string();
    Service {
        api_version: "v1".to_owned(),
        kind: "Service".to_owned(),
        metadata: meta("Service", &service.namespace, &service.name),
        spec: ServiceSpec {
            cluster_ips: vec![cluster_ip.clone()],
            cluster_ip,
            external_traffic_policy: if node_ports { "Cluster" } else { "" }.to_owned(),
            internal_traffic_policy: "Cluster".to_owned(),
            ip_families: vec!["IPv4".to_owned()],
            ip_family_policy: "SingleStack".to_owned(),
            ports: ports.collect(),
            selector: service.selector.clone(),
            session_affinity: "None".to_owned(),
            kind: if node_ports { "NodePort" } else { "ClusterIP" }.to_owned(),
            ..ServiceSpec::default()
        },
        status: ServiceStatus::default(),
    }
}

fn namespaces(spec: &Spec) -> Vec<Value> {
    let used = spec.pods.iter().map(|p| p.namespace.as_str());
    let used = used.chain(spec.services.iter().map(|s| s.namespace.as_str()));
    let names: BTreeSet<&str> = ["default", "kube-flannel", "kube-system"]
        .into_iter()
        .chain(used)
        .collect();
    names
        .into_iter()
        .map(|name| {
            json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "creationTimestamp": MADE_AT,
                    "labels": {"kubernetes.io/metadata.name": name},
                    "name": name,
                    "uid": uid("Namespace", "", name),
                },
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            })
        })
        .collect()
}

fn version() -> Value {
    json!({
        "serverVersion": {
            "gitVersion": VERSION,
            "major": "1",
            "minor": "36",
            "platform": "linux/amd64",
        }
    })
}
