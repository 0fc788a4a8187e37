//! The flows that a cluster owes its users, by classes.

use crate::promise::{Promise, PromiseKind, Promises, Strength};
use netwhy_intent::{Backend, Endpoints, owner_of};
use netwhy_model::api::{Pod, Service, ServicePort};
use netwhy_model::link::LinkKind;
use netwhy_model::{Cluster, Family, NetnsId, NetnsKind};
use netwhy_reach::{Class, Classes, classes::ClassKind};
use netwhy_sim::Flow;
use std::net::IpAddr;

/// Everything that this cluster owes, by classes of pods.
#[must_use]
pub fn promises(cluster: &Cluster, classes: &Classes) -> Promises {
    let mut owed = Owed {
        cluster,
        classes,
        out: Promises::default(),
    };
    owed.missing_lists();
    for family in Family::ALL {
        owed.pods_alone(family);
        owed.pod_to_pod(family);
    }
    owed.services();
    for family in Family::ALL {
        owed.node_ports(family);
        owed.host_ports(family);
    }
    owed.missing_pods();
    owed.out
}

struct Owed<'a> {
    cluster: &'a Cluster,
    classes: &'a Classes,
    out: Promises,
}

/// A class of pods with the one that speaks for it.
#[derive(Clone, Copy)]
struct Spokesman<'a> {
    class: &'a Class,
    pod: &'a Pod,
    id: NetnsId,
    addr: IpAddr,
}

impl<'a> Owed<'a> {
    fn pod_of(&self, id: NetnsId) -> Option<&'a Pod> {
        let NetnsKind::Pod { namespace, name, .. } = &self.cluster.ns(id).kind else {
            return None;
        };
        self.cluster.api.pod(namespace, name)
    }

    /// Those that have an address of a family.
    fn pods(&self, family: Family) -> Vec<Spokesman<'a>> {
        let classes = self.classes.list.iter().filter(|c| c.kind == ClassKind::Pods);
        classes
            .filter_map(|class| {
                let id = *class.members.first()?;
                let pod = self.pod_of(id)?;
                Some(Spokesman {
                    class,
                    pod,
                    id,
                    addr: of(&pod.ips, family)?,
                })
            })
            .collect()
    }

    /// Any policy in the namespace of the pod: which pods it selects is not evaluated.
    fn policy(&self, id: NetnsId) -> bool {
        let NetnsKind::Pod { namespace, .. } = &self.cluster.ns(id).kind else {
            return false;
        };
        match &self.cluster.api.network_policies {
            Ok(list) => list.iter().any(|(ns, _)| ns == namespace),
            Err(_) => true,
        }
    }

    /// The node that an end lies on, if its own namespace was not read: every packet passes it.
    fn unread_node(&self, id: NetnsId) -> Option<&'a str> {
        let node = self.cluster.ns(id).kind.node()?;
        let host = self.cluster.node(node).and_then(|n| n.host);
        let read = host.is_some_and(|id| self.cluster.ns(id).links.is_ok());
        (!read).then_some(node)
    }

    fn owe(&mut self, mut promise: Promise) {
        let ends = [promise.flow.from].into_iter().chain(promise.receivers.iter().copied());
        let through_nodes = promise.kind != PromiseKind::Loopback;
        if let Some(node) = ends.filter(|_| through_nodes).find_map(|id| self.unread_node(id)) {
            self.unread(&format!("node {node} was not read"), promise.members);
            return;
        }
        promise.policy = self.policy(promise.flow.from) || promise.receivers.iter().any(|r| self.policy(*r));
        self.out.list.push(promise);
    }

    /// Not judged, as something was not read.
    fn unread(&mut self, why: &str, members: usize) {
        self.out.unread += members;
        self.refuse(why, members);
    }

    fn refuse(&mut self, why: &str, members: usize) {
        if members == 0 {
            return;
        }
        match self.out.not_judged.iter_mut().find(|(w, _)| w == why) {
            Some((_, n)) => *n += members,
            None => self.out.not_judged.push((why.to_owned(), members)),
        }
    }

    /// A TCP port that somebody listens on, else a declared one, else any.
    fn tcp_port(&self, id: NetnsId, pod: &Pod, family: Family) -> u16 {
        let sockets = self.cluster.ns(id).sockets.as_ref().ok();
        let listeners = sockets.into_iter().flat_map(|s| &s.list).filter(|s| s.protocol == 6);
        let mut listeners = listeners.filter(|s| s.family.is_none_or(|f| f == family));
        let listening = listeners
            .find(|s| s.addr.is_none_or(|a| pod.ips.contains(&a)))
            .map(|s| s.port);
        let declared = || pod.ports.iter().find(|p| p.protocol == 6).map(|p| p.port);
        listening.or_else(declared).unwrap_or(1)
    }

    /// Lists without which nothing is promised at all.
    fn missing_lists(&mut self) {
        let api = &self.cluster.api;
        let lists = [
            ("pods", api.pods.as_ref().err()),
            ("services", api.services.as_ref().err()),
            ("endpointslices", api.slices.as_ref().err()),
        ];
        for (name, gap) in lists {
            if let Some(gap) = gap {
                self.out.missing.push(*gap);
                self.unread(
                    &format!("{name} were not collected: how much they promise is not known"),
                    1,
                );
            }
        }
        if !api.incomplete.is_empty() {
            self.out.missing.extend(&api.incomplete);
            self.unread(
                "API lists were not read whole: how much the rest promises is not known",
                1,
            );
        }
    }

    /// What concerns one pod: over its `lo`, from its node, and out of the cluster.
    fn pods_alone(&mut self, family: Family) {
        let outside: Vec<(NetnsId, IpAddr)> = self
            .outside()
            .into_iter()
            .filter_map(|id| Some((id, self.address(id, family)?)))
            .collect();
        for s in self.pods(family) {
            let port = self.tcp_port(s.id, s.pod, family);
            let members = s.class.members.len();
            let arrives = |kind, flow| Promise {
                members,
                arrival: true,
                ..Promise::new(kind, Strength::Model, flow, vec![s.id])
            };
            self.owe(arrives(
                PromiseKind::Loopback,
                Flow::new(s.id, 6, family.loopback(), port),
            ));
            if let Some(host) = self.cluster.node(&s.class.node).and_then(|n| n.host) {
                self.owe(arrives(PromiseKind::NodeToPod, Flow::new(host, 6, s.addr, port)));
            }
            for (to, addr) in &outside {
                let promise = Promise::new(
                    PromiseKind::Egress,
                    Strength::Peers,
                    Flow::new(s.id, 1, *addr, 0),
                    vec![*to],
                );
                self.owe(Promise { members, ..promise });
            }
        }
    }

    fn pod_to_pod(&mut self, family: Family) {
        let pods = self.pods(family);
        for from in &pods {
            for to in &pods {
                let same = from.id == to.id;
                let receiver = if same {
                    to.class.members.get(1).copied()
                } else {
                    Some(to.id)
                };
                let Some((id, pod)) = receiver.and_then(|id| Some((id, self.pod_of(id)?))) else {
                    continue;
                };
                let Some(dst) = of(&pod.ips, family) else { continue };
                let others = to.class.members.len() - usize::from(same);
                let flow = Flow::new(from.id, 6, dst, self.tcp_port(id, pod, family));
                self.owe(Promise {
                    members: from.class.members.len() * others,
                    seen_client: Some(from.addr),
                    arrival: true,
                    ..Promise::new(PromiseKind::PodToPod, Strength::Model, flow, vec![id])
                });
            }
        }
    }

    /// Namespaces that hold a Service's backends, or the reason why that is not known.
    fn receivers(&self, backends: &[&Backend]) -> Result<Vec<NetnsId>, &'static str> {
        let found: Option<Vec<NetnsId>> = backends.iter().map(|b| owner_of(self.cluster, b.addr)).collect();
        let mut list = found.ok_or("a backend's network namespace is not in the snapshot")?;
        list.sort();
        list.dedup();
        Ok(list)
    }

    fn services(&mut self) {
        let cluster = self.cluster;
        let clients = self.classes.list.iter().filter(|c| c.kind != ClassKind::Outside);
        let clients: Vec<(NetnsId, &Class)> = clients.filter_map(|c| Some((*c.members.first()?, c))).collect();
        for (service, port, vip) in netwhy_intent::services::cluster_ips(cluster) {
            if service.other_proxy {
                self.refuse("another proxy serves the Service", clients.len());
            } else if !matches!(port.protocol, 6 | 17) {
                self.refuse("SCTP is not modelled", clients.len());
            } else {
                let family = Family::of(vip.addr);
                let ends = Endpoints::of(cluster, service, port, family);
                for (from, class) in &clients {
                    if self.address(*from, family).is_none() {
                        continue;
                    }
                    let flow = Flow::new(*from, port.protocol, vip.addr, vip.port);
                    let backends = wanted(service.internal_local, &ends, &class.node);
                    self.service(
                        PromiseKind::Service,
                        flow,
                        class.members.len(),
                        &backends,
                        (service, port),
                    );
                }
            }
        }
    }

    fn service(
        &mut self,
        kind: PromiseKind,
        flow: Flow,
        members: usize,
        backends: &[&Backend],
        of: (&Service, &ServicePort),
    ) {
        if backends.is_empty() {
            return;
        }
        match self.receivers(backends) {
            Err(why) => self.unread(why, members),
            Ok(receivers) => self.owe(Promise {
                members,
                backends: backends.iter().map(|b| (*b).clone()).collect(),
                service: Some(netwhy_intent::services::reference(of.0, of.1)),
                ..Promise::new(kind, Strength::Api, flow, receivers)
            }),
        }
    }

    /// Hosts outside that can be clients. A switch or gateway between the nodes is none: it has a bridge.
    fn outside(&self) -> Vec<NetnsId> {
        let is_bridge = |id: NetnsId| {
            let links = self.cluster.ns(id).links.iter().flat_map(|l| l.iter());
            links.into_iter().any(|l| matches!(l.kind, LinkKind::Bridge { .. }))
        };
        let classes = self.classes.list.iter().filter(|c| c.kind == ClassKind::Outside);
        classes
            .filter_map(|c| c.members.first().copied())
            .filter(|id| !is_bridge(*id))
            .collect()
    }

    /// The first global address of a namespace.
    fn address(&self, id: NetnsId, family: Family) -> Option<IpAddr> {
        let links = self.cluster.ns(id).links.as_ref().ok()?;
        let mut addrs = links.iter().flat_map(|l| l.addrs_of(family));
        addrs.find(|a| a.scope == 0 && !a.addr.is_loopback()).map(|a| a.addr)
    }

    fn node_ports(&mut self, family: Family) {
        let cluster = self.cluster;
        let outside = self.outside();
        let has = |s: &&Service| of(&s.cluster_ips, family).is_some();
        for service in cluster
            .api
            .services
            .iter()
            .flatten()
            .filter(|s| !s.other_proxy)
            .filter(has)
        {
            for port in service
                .ports
                .iter()
                .filter(|p| p.node_port != 0 && matches!(p.protocol, 6 | 17))
            {
                let ends = Endpoints::of(cluster, service, port, family);
                for node in cluster.nodes.iter().filter(|n| n.host.is_some()) {
                    let Some(ip) = of(&node.internal_ips, family) else {
                        continue;
                    };
                    let backends = wanted(service.external_local, &ends, &node.name);
                    for from in &outside {
                        if self.address(*from, family).is_none() {
                            continue;
                        }
                        let flow = Flow::new(*from, port.protocol, ip, port.node_port);
                        self.service(PromiseKind::NodePort, flow, 1, &backends, (service, port));
                    }
                }
            }
        }
    }

    fn host_ports(&mut self, family: Family) {
        let cluster = self.cluster;
        let outside = self.outside();
        for pod in cluster.api.pods.iter().flatten().filter(|p| !p.host_network && p.ready) {
            let Some(node) = cluster.node(&pod.node) else { continue };
            let ends = (of(&node.internal_ips, family), of(&pod.ips, family));
            let ((Some(ip), Some(_)), Some(to)) = (ends, cluster.pod_netns(&pod.namespace, &pod.name)) else {
                continue;
            };
            for port in pod
                .ports
                .iter()
                .filter(|p| p.host_port != 0 && matches!(p.protocol, 6 | 17))
            {
                for from in &outside {
                    if self.address(*from, family).is_none() {
                        continue;
                    }
                    let flow = Flow::new(*from, port.protocol, ip, port.host_port);
                    let promise = Promise::new(PromiseKind::HostPort, Strength::Api, flow, vec![to]);
                    self.owe(Promise {
                        arrival: true,
                        ..promise
                    });
                }
            }
        }
    }

    fn missing_pods(&mut self) {
        let pods = self.cluster.api.pods.iter().flatten();
        let unseen = |p: &&Pod| {
            p.phase == "Running" && !p.host_network && self.cluster.pod_netns(&p.namespace, &p.name).is_none()
        };
        let missing = pods.filter(unseen).count();
        let services = netwhy_intent::services::cluster_ips(self.cluster).count();
        self.unread("the pod's network namespace is not in the snapshot", missing * services);
    }
}

/// The first address of a family.
fn of(list: &[IpAddr], family: Family) -> Option<IpAddr> {
    list.iter().copied().find(|addr| Family::of(*addr) == family)
}

/// Backends that a node must use: only its own under a `Local` policy.
fn wanted<'a>(local: bool, ends: &'a Endpoints, node: &str) -> Vec<&'a Backend> {
    if local {
        ends.on_node(node)
    } else {
        ends.backends.iter().collect()
    }
}
