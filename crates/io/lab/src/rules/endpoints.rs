//! Which endpoints of a Service port a node uses: readiness, node and zone hints, traffic policies.
//!
//! `pkg/proxy/topology.go: CategorizeEndpoints()`, Kubernetes v1.36.2.

use super::service_port::Port;
use crate::objects::{EndpointSlice, Hints};
use std::collections::BTreeMap;

/// One endpoint, as kube-proxy keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Backend {
    /// `ADDRESS:PORT`.
    pub address: String,
    /// `ADDRESS`.
    pub ip: String,
    local: bool,
    ready: bool,
    serving: bool,
    terminating: bool,
    nodes: Vec<String>,
    zones: Vec<String>,
}

impl Backend {
    /// Takes no new pods, but still answers.
    fn last_resort(&self) -> bool {
        self.serving && self.terminating
    }
}

/// All endpoints by Service port (`NAMESPACE/NAME[:PORT]` and protocol in lower case), sorted by address as text.
pub(super) type Backends = BTreeMap<(String, String), Vec<Backend>>;

/// Gathers the endpoints of all IPv4 slices.
pub(super) fn gather(slices: &[EndpointSlice], node: &str) -> Backends {
    let mut gathered: BTreeMap<(String, String), BTreeMap<String, Backend>> = BTreeMap::new();
    for slice in slices.iter().filter(|s| s.address_type == "IPv4") {
        let labels = &slice.metadata.labels;
        let Some(service) = labels.get("kubernetes.io/service-name") else {
            continue;
        };
        if labels.contains_key("service.kubernetes.io/headless") {
            continue;
        }
        for port in &slice.ports {
            let mut name = format!("{}/{service}", slice.metadata.namespace);
            if !port.name.is_empty() {
                name = format!("{name}:{}", port.name);
            }
            let key = (name, port.protocol.to_ascii_lowercase());
            let all = gathered.entry(key).or_default();
            for backend in of_slice(slice, port.port.unwrap_or(0), node) {
                all.insert(backend.address.clone(), backend);
            }
        }
    }
    gathered
        .into_iter()
        .map(|(key, all)| (key, all.into_values().collect()))
        .collect()
}

fn of_slice<'a>(slice: &'a EndpointSlice, port: u16, node: &'a str) -> impl Iterator<Item = Backend> + 'a {
    slice
        .endpoints
        .iter()
        .filter(move |_| port != 0)
        .filter_map(move |endpoint| {
            let ip = endpoint.addresses.first()?;
            let ready = endpoint.conditions.ready.unwrap_or(true);
            let names = |list: fn(&Hints) -> &Vec<_>| {
                let hints = endpoint.hints.as_ref().map(list);
                hints
                    .into_iter()
                    .flatten()
                    .map(|named: &crate::objects::Named| named.name.clone())
                    .collect()
            };
            Some(Backend {
                address: format!("{ip}:{port}"),
                ip: ip.clone(),
                local: endpoint.node_name.as_deref() == Some(node),
                ready,
                serving: endpoint.conditions.serving.unwrap_or(ready),
                terminating: endpoint.conditions.terminating.unwrap_or(false),
                nodes: names(|h| &h.for_nodes),
                zones: names(|h| &h.for_zones),
            })
        })
}

/// The endpoints of one Service port, as this node uses them.
#[derive(Debug, Default)]
pub(super) struct Usable<'a> {
    /// For traffic of policy `Cluster`.
    pub cluster: Vec<&'a Backend>,
    /// For traffic of policy `Local`.
    pub local: Vec<&'a Backend>,
    /// Both together.
    pub reachable: Vec<&'a Backend>,
    /// Whether there is any endpoint, on whatever node.
    pub any: bool,
}

/// What hints ask for, where every ready endpoint has one.
enum Topology {
    Everywhere,
    SameNode,
    SameZone,
}

/// Where this node is.
pub(super) struct Place<'a> {
    pub node: &'a str,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: &'a str,
}

/// Chooses the endpoints of a Service port for a node.
pub(super) fn usable<'a>(port: &Port, all: &'a [Backend], place: &Place<'_>) -> Usable<'a> {
    let mut usable = Usable::default();
    if port.uses_cluster_endpoints() {
        let topology = topology(all, place);
        let fits = |b: &&Backend| match topology {
            Topology::Everywhere => true,
            Topology::SameNode => b.nodes.iter().any(|n| n == place.node),
            Topology::SameZone => b.zones.iter().any(|z| z == place.zone),
        };
        usable.cluster = all.iter().filter(|b| b.ready).filter(fits).collect();
        if usable.cluster.is_empty() {
            usable.cluster = all.iter().filter(|b| b.last_resort()).collect();
        }
        usable.any = !usable.cluster.is_empty();
    }
    if port.uses_local_endpoints() {
        usable.any |= all.iter().any(|b| b.ready || b.last_resort());
        let local = || all.iter().filter(|b| b.local);
        usable.local = local().filter(|b| b.ready).collect();
        if usable.local.is_empty() {
            usable.local = local().filter(|b| b.last_resort()).collect();
        }
    }
    let of_either = |b: &&Backend| usable.cluster.contains(b) || usable.local.contains(b);
    usable.reachable = all.iter().filter(of_either).collect();
    usable
}

fn topology(all: &[Backend], place: &Place<'_>) -> Topology {
    let ready = || all.iter().filter(|b| b.ready);
    if ready().next().is_none() {
        return Topology::Everywhere;
    }
    let by_node = ready().all(|b| !b.nodes.is_empty());
    if by_node && ready().any(|b| b.nodes.iter().any(|n| n == place.node)) {
        return Topology::SameNode;
    }
    let by_zone = ready().all(|b| !b.zones.is_empty());
    if by_zone && ready().any(|b| b.zones.iter().any(|z| z == place.zone)) {
        return Topology::SameZone;
    }
    Topology::Everywhere
}
