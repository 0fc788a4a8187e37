//! kube-proxy and flannel as API objects: their DaemonSets, pods and configuration.

use super::build::{MADE_AT, VERSION, cidr, pod, suffix, uid};
use super::pod_types::*;
use crate::spec::{self, Spec};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FLANNEL_IMAGE: &str = "ghcr.io/flannel-io/flannel:v0.28.9";

/// A DaemonSet of the lab: namespace, name, image, label of its pods.
struct Daemon {
    namespace: &'static str,
    name: &'static str,
    image: String,
    label: (&'static str, &'static str),
}

fn daemons() -> [Daemon; 2] {
    [
        Daemon {
            namespace: "kube-flannel",
            name: "kube-flannel-ds",
            image: FLANNEL_IMAGE.to_owned(),
            label: ("app", "flannel"),
        },
        Daemon {
            namespace: "kube-system",
            name: "kube-proxy",
            image: format!("registry.k8s.io/kube-proxy:{VERSION}"),
            label: ("k8s-app", "kube-proxy"),
        },
    ]
}

/// The pods of both DaemonSets: one a node, in the node's network namespace, without a declared port.
pub(super) fn pods(spec: &Spec) -> Vec<Pod> {
    let mut pods = Vec::new();
    for daemon in daemons() {
        for node in &spec.nodes {
            pods.push(daemon_pod(spec, &daemon, node));
        }
    }
    pods
}

fn daemon_pod(spec: &Spec, daemon: &Daemon, node: &spec::Node) -> Pod {
    let shape = spec::Pod {
        namespace: daemon.namespace.to_owned(),
        name: format!("{}-{}", daemon.name, suffix(&format!("{}/{}", daemon.name, node.name))),
        node: node.name.clone(),
        ip: node.ip,
        labels: BTreeMap::from([(daemon.label.0.to_owned(), daemon.label.1.to_owned())]),
        ports: Vec::new(),
        host_network: true,
    };
    let mut pod = pod(spec, &shape);
    pod.metadata.generate_name = format!("{}-", daemon.name);
    pod.metadata.owner_references = vec![json!({
        "apiVersion": "apps/v1",
        "blockOwnerDeletion": true,
        "controller": true,
        "kind": "DaemonSet",
        "name": daemon.name,
        "uid": uid("DaemonSet", daemon.namespace, daemon.name),
    })];
    if let Some(container) = pod.spec.containers.first_mut() {
        container.image = daemon.image.clone();
        container.name = daemon.name.trim_end_matches("-ds").to_owned();
    }
    for status in &mut pod.status.container_statuses {
        status["name"] = json!(daemon.name.trim_end_matches("-ds"));
    }
    pod
}

pub(super) fn daemon_sets(spec: &Spec) -> Vec<Value> {
    let count = spec.nodes.len();
    daemons()
        .iter()
        .map(|daemon| {
            let labels = json!({ daemon.label.0: daemon.label.1 });
            json!({
                "apiVersion": "apps/v1",
                "kind": "DaemonSet",
                "metadata": {
                    "creationTimestamp": MADE_AT,
                    "labels": labels,
                    "name": daemon.name,
                    "namespace": daemon.namespace,
                    "uid": uid("DaemonSet", daemon.namespace, daemon.name),
                },
                "spec": {
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {
                            "containers": [{
                                "image": daemon.image,
                                "name": daemon.name.trim_end_matches("-ds"),
                            }],
                            "hostNetwork": true,
                        },
                    },
                },
                "status": {
                    "currentNumberScheduled": count,
                    "desiredNumberScheduled": count,
                    "numberAvailable": count,
                    "numberMisscheduled": 0,
                    "numberReady": count,
                    "observedGeneration": 1,
                    "updatedNumberScheduled": count,
                },
            })
        })
        .collect()
}

pub(super) fn config_maps(spec: &Spec) -> Vec<Value> {
    vec![
        config_map(
            "kube-flannel",
            "kube-flannel-cfg",
            json!({"cni-conf.json": cni_conf(), "net-conf.json": net_conf(spec)}),
        ),
        config_map(
            "kube-system",
            "kube-proxy",
            json!({"config.conf": kube_proxy_conf(spec)}),
        ),
    ]
}

fn config_map(namespace: &str, name: &str, data: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "data": data,
        "kind": "ConfigMap",
        "metadata": {
            "creationTimestamp": MADE_AT,
            "name": name,
            "namespace": namespace,
            "uid": uid("ConfigMap", namespace, name),
        },
    })
}

fn text(value: &Value) -> String {
    format!("{value:#}\n")
}

fn cni_conf() -> String {
    text(&json!({
        "name": "cbr0",
        "cniVersion": "0.3.1",
        "plugins": [
            {"type": "flannel", "delegate": {"hairpinMode": true, "isDefaultGateway": true}},
            {"type": "portmap", "capabilities": {"portMappings": true}},
        ],
    }))
}

fn net_conf(spec: &Spec) -> String {
    let mut backend = json!({"Type": "vxlan"});
    if spec.vni != 1 {
        backend["VNI"] = json!(spec.vni);
    }
    if spec.vxlan_port != 8472 {
        backend["Port"] = json!(spec.vxlan_port);
    }
    text(&json!({
        "Network": cidr(&spec.pod_network),
        "EnableNFTables": false,
        "Backend": backend,
    }))
}

fn kube_proxy_conf(spec: &Spec) -> String {
    format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\n\
         bindAddress: 0.0.0.0\n\
         clusterCIDR: {}\n\
         kind: KubeProxyConfiguration\n\
         mode: iptables\n",
        cidr(&spec.pod_network)
    )
}
