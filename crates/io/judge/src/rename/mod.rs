//! Renaming a whole snapshot: nodes, pods, namespaces, Services, hosts outside, IPv4 addresses and ports.
//!
//! Whoever understands a cluster gives the renamed one the same answers, renamed. Whoever fits what he has seen does not:
//! orders change, subnets lie elsewhere, gateways are not `.1`, ports are not 53 or 8472.
//!
//! What stays: labels, MACs, names of links, IPv6 addresses, hashes in chain names, and the names that Kubernetes itself
//! gives (namespaces `default` and `kube-*`, Service `kubernetes`). Addresses that every host knows (127/8, 169.254/16,
//! multicast, 0.0.0.0) stay too.

mod addresses;
mod answers;
mod api;
mod kernel;
mod names;
mod ports;
mod text;

use addresses::Addresses;
use names::Names;
use netwhy_snapshot::{Meta, Snapshot};
use ports::Ports;
use std::net::Ipv4Addr;

/// One way to rename everything; equal seeds rename alike.
#[derive(Clone, Debug)]
pub struct Renaming {
    names: Names,
    addresses: Addresses,
    ports: Ports,
}

impl Renaming {
    /// For the names and networks of this snapshot.
    pub fn new(snapshot: &Snapshot, seed: u64) -> Renaming {
        let texts = snapshot.members().filter_map(|(_, blob)| blob.text().ok());
        Renaming {
            names: Names::of(snapshot, seed),
            addresses: Addresses::of(texts, seed),
            ports: Ports::new(seed),
        }
    }

    /// The snapshot with other names. Members that are not text stay as they are.
    pub fn snapshot(&self, snapshot: &Snapshot) -> Snapshot {
        let mut renamed = Snapshot::new(self.meta(&snapshot.meta));
        renamed.problems.clone_from(&snapshot.problems);
        for (path, blob) in snapshot.members() {
            let bytes = match blob.text() {
                Ok(text) => self.member(path, text).into_bytes(),
                Err(_) => blob.bytes().to_vec(),
            };
            renamed.insert(self.path(path), bytes);
        }
        renamed
    }

    /// An address.
    pub fn address(&self, addr: Ipv4Addr) -> Ipv4Addr {
        self.addresses.address(addr)
    }

    /// A port.
    pub fn port(&self, port: u16) -> u16 {
        self.ports.port(port)
    }

    /// The name of a node.
    pub fn node<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.node(name)
    }

    /// A path of the bundle, or the beginning of one.
    pub fn path(&self, path: &str) -> String {
        let mut parts = path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let start = match parts.first().map(String::as_str) {
            Some("nodes") => {
                rename_at(&mut parts, 1, |n| self.names.node(n).to_owned());
                if parts.get(2).is_some_and(|p| p == "pods") {
                    rename_at(&mut parts, 3, |p| self.pod_folder(p));
                }
                4
            }
            Some("outside") => {
                rename_at(&mut parts, 1, |n| self.names.outside(n).to_owned());
                2
            }
            _ => parts.len(),
        };
        // A lease of host-local is a file that is called as its address.
        for part in parts.iter_mut().skip(start) {
            *part = self.text(part);
        }
        parts.join("/")
    }

    fn pod_folder(&self, folder: &str) -> String {
        match folder.split_once('_') {
            Some((namespace, pod)) => {
                let (namespace, pod) = (self.names.namespace(namespace), self.names.pod(pod));
                format!("{namespace}_{pod}")
            }
            None => folder.to_owned(),
        }
    }

    fn meta(&self, meta: &Meta) -> Meta {
        let mut renamed = meta.clone();
        for node in &mut renamed.nodes {
            *node = self.names.node(node).to_owned();
        }
        for outside in &mut renamed.outside {
            outside.name = self.names.outside(&outside.name).to_owned();
        }
        let other = std::mem::take(&mut renamed.provenance.other).into_iter();
        renamed.provenance.other = other.map(|(path, text)| (self.path(&path), text)).collect();
        let read = std::mem::take(&mut renamed.read).into_iter();
        renamed.read = read.map(|(path, time)| (self.path(&path), time)).collect();
        for entry in &mut renamed.not_read {
            entry.path = self.path(&entry.path);
        }
        renamed
    }

    fn member(&self, path: &str, text: &str) -> String {
        let file = path.rsplit('/').next().unwrap_or(path);
        match file {
            _ if path.starts_with("cluster/") => self.api_list(file, text),
            // Numbers only, or keys that hold names of links.
            "sysctl.txt" | "snmp.txt" | "conntrack-stats.txt" | "link-stats.json" => text.to_owned(),
            "nft.json" => self.nft_json(text),
            _ if path.contains("/files/") => self.text(text),
            _ if file.ends_with(".json") => self.kernel_json(text),
            _ if file.contains("tables") && file.contains("save") => self.iptables_save(text),
            "sockets.txt" | "sockets-all.txt" => self.sockets(text),
            "conntrack.txt" => self.conntrack(text),
            _ => self.text(text),
        }
    }
}

fn rename_at(parts: &mut [String], at: usize, rename: impl Fn(&str) -> String) {
    if let Some(part) = parts.get_mut(at) {
        *part = rename(part);
    }
}
