//! New names for what Kubernetes objects and hosts are called.

use netwhy_lab::Random;
use netwhy_snapshot::{NetnsKind, Snapshot};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    nodes: BTreeMap<String, String>,
    namespaces: BTreeMap<String, String>,
    pods: BTreeMap<String, String>,
    services: BTreeMap<String, String>,
    outside: BTreeMap<String, String>,
}

/// Given by Kubernetes itself.
fn is_given(namespace: &str) -> bool {
    matches!(namespace, "default" | "kube-system" | "kube-public" | "kube-node-lease")
}

impl Names {
    /// For all that this snapshot names.
    pub fn of(snapshot: &Snapshot, seed: u64) -> Names {
        let mut found: [BTreeSet<String>; 5] = Default::default();
        let [nodes, namespaces, pods, services, outside] = &mut found;
        nodes.extend(snapshot.meta.nodes.iter().cloned());
        outside.extend(snapshot.meta.outside.iter().map(|o| o.name.clone()));
        for dir in snapshot.netns_dirs() {
            match dir.kind {
                NetnsKind::Host { node } => drop(nodes.insert(node)),
                NetnsKind::Outside { name } => drop(outside.insert(name)),
                NetnsKind::Pod { node, namespace, name } => {
                    nodes.insert(node);
                    namespaces.insert(namespace);
                    pods.insert(name);
                }
            }
        }
        for (list, into) in [
            ("nodes", &mut *nodes),
            ("pods", &mut *pods),
            ("services", &mut *services),
        ] {
            into.extend(named(snapshot, list, "name"));
            namespaces.extend(named(snapshot, list, "namespace"));
        }
        services.extend(named(snapshot, "endpoints", "name"));
        namespaces.extend(named(snapshot, "namespaces", "name"));
        namespaces.retain(|n| !is_given(n));
        services.remove("kubernetes");
        let mut random = Random::new(seed.wrapping_add(2));
        let mut used = BTreeSet::new();
        let [nodes, namespaces, pods, services, outside] = found.map(|old| fresh(old, &mut random, &mut used));
        Names {
            nodes,
            namespaces,
            pods,
            services,
            outside,
        }
    }

    pub fn node<'a>(&'a self, name: &'a str) -> &'a str {
        self.nodes.get(name).map_or(name, String::as_str)
    }

    pub fn namespace<'a>(&'a self, name: &'a str) -> &'a str {
        self.namespaces.get(name).map_or(name, String::as_str)
    }

    pub fn pod<'a>(&'a self, name: &'a str) -> &'a str {
        self.pods.get(name).map_or(name, String::as_str)
    }

    pub fn service<'a>(&'a self, name: &'a str) -> &'a str {
        self.services.get(name).map_or(name, String::as_str)
    }

    pub fn outside<'a>(&'a self, name: &'a str) -> &'a str {
        self.outside.get(name).map_or(name, String::as_str)
    }

    /// `NAMESPACE/NAME` of a Service or pod, as comments have it.
    pub fn pair(&self, namespace: &str, name: &str) -> Option<String> {
        if !self.namespaces.contains_key(namespace) && !is_given(namespace) {
            return None;
        }
        let new = self.services.get(name).or_else(|| self.pods.get(name));
        let known = new.is_some() || name == "kubernetes";
        let new = new.map_or(name, String::as_str);
        known.then(|| format!("{}/{new}", self.namespace(namespace)))
    }
}

/// `metadata.name` or `metadata.namespace` of each object of a list.
fn named(snapshot: &Snapshot, list: &str, key: &str) -> Vec<String> {
    let text = snapshot.text(&format!("cluster/{list}.json")).and_then(Result::ok);
    let value: Value = text.and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
    let items = value
        .get("items")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let name = |item: &Value| Some(item.get("metadata")?.get(key)?.as_str()?.to_owned());
    items.iter().filter_map(name).collect()
}

/// A new name for each, in an order that has nothing to do with the old one.
fn fresh(old: BTreeSet<String>, random: &mut Random, used: &mut BTreeSet<String>) -> BTreeMap<String, String> {
    let mut new = || loop {
        let letters = (0..random.range(5, 9)).map(|_| char::from(b'a' + random.range(0, 25) as u8));
        let name: String = letters.collect();
        if used.insert(name.clone()) {
            return name;
        }
    };
    old.into_iter().map(|old| (old, new())).collect()
}
