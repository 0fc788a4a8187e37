//! Small namespaces, written by hand.

mod fib;
mod links;
mod nft;
mod wires;

use crate::{Cluster, Family, Netns};
use netwhy_snapshot::{Meta, NotRead, Snapshot};

/// A bundle of members below their folders.
fn cluster(members: &[(&str, &str)]) -> Cluster {
    let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
    for (path, text) in members {
        snapshot.insert(*path, *text);
    }
    Cluster::build(snapshot)
}

/// One namespace.
pub(super) fn alone(members: &[(&str, &str)]) -> Cluster {
    let paths: Vec<(String, &str)> = members
        .iter()
        .map(|(file, text)| (format!("outside/a/{file}"), *text))
        .collect();
    let members: Vec<(&str, &str)> = paths.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    cluster(&members)
}

pub(super) fn only(cluster: &Cluster) -> &Netns {
    &cluster.netns[0]
}

#[test]
fn what_is_missing_says_why() {
    let mut meta = Meta::new(vec!["n1".into()]);
    meta.not_read = vec![
        NotRead {
            path: "nodes/n1/host/neigh.json".into(),
            why: "permission denied".into(),
        },
        NotRead {
            path: "nodes/n1/files".into(),
            why: "no such host".into(),
        },
    ];
    let mut snapshot = Snapshot::new(meta);
    snapshot.insert("nodes/n1/host/resolv.conf", "");
    let c = Cluster::build(snapshot);
    let ns = only(&c);
    let why = |gap| (c.gaps.get(gap).path.as_str(), c.gaps.get(gap).why.as_str());
    assert_eq!(
        why(*ns.neigh.as_ref().unwrap_err()),
        ("nodes/n1/host/neigh.json", "permission denied")
    );
    assert_eq!(
        why(*ns.fib.as_ref().unwrap_err()),
        ("nodes/n1/host/route.json", "not collected")
    );
    assert_eq!(
        why(*ns.links.as_ref().unwrap_err()),
        ("nodes/n1/host/link.json", "not collected")
    );
    assert_eq!(
        why(*c.nodes[0].files.as_ref().unwrap_err()),
        ("nodes/n1/files", "no such host")
    );
    assert_eq!(
        why(*c.api.pods.as_ref().unwrap_err()),
        ("cluster/pods.json", "not collected")
    );
    assert!(ns.sysctl_flag("net.ipv4.ip_forward").is_err() && ns.bridge_nf_call_iptables(1, Family::Inet).is_err());
}

#[test]
fn files_of_a_node() {
    let c = cluster(&[
        ("nodes/n1/files/etc/sysctl.d/99-k8s.conf", "net.ipv4.ip_forward = 1\n"),
        ("nodes/n1/files/etc/modules-load.d/.netwhy-empty", ""),
    ]);
    let files = c.node("n1").map(|_| ()).is_none();
    assert!(files, "a folder of files alone makes no node");
    let c = cluster(&[
        ("nodes/n1/host/resolv.conf", ""),
        ("nodes/n1/files/etc/sysctl.d/99-k8s.conf", "net.ipv4.ip_forward = 1\n"),
        ("nodes/n1/files/etc/modules-load.d/.netwhy-empty", ""),
    ]);
    let files: Vec<(&str, &str)> = c.nodes[0]
        .files
        .as_ref()
        .unwrap()
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let expected = [
        ("/etc/modules-load.d/", ""),
        ("/etc/sysctl.d/99-k8s.conf", "net.ipv4.ip_forward = 1\n"),
    ];
    assert_eq!(files, expected);
}
