//! Which cells there are, and how two matrices differ.

use super::{Cell, Pair, Source, Target, TargetKind};
use crate::names;
use crate::spec::{ServiceKind, Spec};
use std::collections::BTreeMap;

/// Every source: each pod, each node, the outside host.
pub fn sources(spec: &Spec) -> Vec<Source> {
    let pods = spec.pods.iter().map(|p| Source {
        name: format!("pod/{}/{}", p.namespace, p.name),
        netns: names::netns_of(p),
    });
    let nodes = spec.nodes.iter().map(|n| Source {
        name: format!("node/{}", n.name),
        netns: n.name.clone(),
    });
    let outside = Source {
        name: format!("outside/{}", spec.outside.name),
        netns: spec.outside.name.clone(),
    };
    pods.chain(nodes).chain([outside]).collect()
}

/// Every target: each port of each pod, of each Service, and each node port on each node.
pub fn targets(spec: &Spec) -> Vec<Target> {
    let mut targets = Vec::new();
    for pod in &spec.pods {
        targets.extend(pod.ports.iter().map(|port| Target {
            name: format!("pod/{}/{}:{}", pod.namespace, pod.name, port.port),
            kind: TargetKind::Pod,
            ip: pod.ip,
            port: port.port,
            protocol: port.protocol,
        }));
    }
    for service in &spec.services {
        for port in &service.ports {
            targets.push(Target {
                name: format!("svc/{}/{}:{}", service.namespace, service.name, port.port),
                kind: TargetKind::Service,
                ip: service.cluster_ip,
                port: port.port,
                protocol: port.protocol,
            });
            if service.kind == ServiceKind::NodePort && port.node_port != 0 {
                targets.extend(spec.nodes.iter().map(|node| Target {
                    name: format!("node/{}:{}", node.name, port.node_port),
                    kind: TargetKind::NodePort,
                    ip: node.ip,
                    port: port.node_port,
                    protocol: port.protocol,
                }));
            }
        }
    }
    targets
}

/// Every source with every target.
pub fn pairs(spec: &Spec) -> Vec<Pair> {
    let targets = targets(spec);
    let of = |source: Source| {
        targets.iter().map(move |target| Pair {
            source: source.clone(),
            target: target.clone(),
        })
    };
    sources(spec).into_iter().flat_map(of).collect()
}

/// The cells that differ between two matrices in anything a user could see; see [`same`].
pub fn differences<'a>(before: &'a [Cell], after: &'a [Cell]) -> Vec<(&'a Cell, &'a Cell)> {
    let key = |cell: &Cell| (cell.source.clone(), cell.target.clone(), cell.protocol as u8);
    let old: BTreeMap<_, _> = before.iter().map(|cell| (key(cell), cell)).collect();
    let pairs = after.iter().filter_map(|new| Some((*old.get(&key(new))?, new)));
    pairs.filter(|(old, new)| !same(old, new)).collect()
}

/// Whether two cells agree in what a user could see: class, whether the whole answer came, who answers and the client that
/// it sees. When it came does not count.
pub fn same(old: &Cell, new: &Cell) -> bool {
    let classes = |cell: &Cell| cell.outcomes.keys().copied().collect::<Vec<_>>();
    old.class == new.class
        && old.errno == new.errno
        && old.bytes == new.bytes
        && old.backends == new.backends
        && classes(old) == classes(new)
}
