//! How namespaces, nodes and pods are named.

use netwhy_model::{Cluster, NetnsId, NetnsKind};

/// `pod/NS/NAME`, `node/NAME` or `outside/NAME`.
#[must_use]
pub fn netns(cluster: &Cluster, id: NetnsId) -> String {
    cluster.ns(id).kind.to_string()
}

/// The receiver of a packet: the pod, or the node for anything in the node's own namespace.
#[must_use]
pub fn receiver(cluster: &Cluster, id: NetnsId) -> String {
    netns(cluster, id)
}

/// The node of a namespace and its place on it: `host`, `pod/NS/NAME`, or `outside/NAME` without a node.
#[must_use]
pub fn place(cluster: &Cluster, id: NetnsId) -> (Option<String>, String) {
    match &cluster.ns(id).kind {
        NetnsKind::Host { node } => (Some(node.clone()), "host".to_owned()),
        NetnsKind::Pod { node, namespace, name } => (Some(node.clone()), format!("pod/{namespace}/{name}")),
        NetnsKind::Outside { name } => (None, format!("outside/{name}")),
    }
}
