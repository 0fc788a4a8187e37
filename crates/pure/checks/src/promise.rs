//! The flows that a cluster owes its users, by classes.

use netwhy_intent::{Backend, Endpoints, ServicePortRef, owner_of};
use netwhy_model::api::{Pod, Service, ServicePort};
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use netwhy_reach::{Classes, classes::ClassKind};
use netwhy_sim::Flow;
use std::net::Ipv4Addr;

/// What kind of promise it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PromiseKind {
    /// Containers of a pod over `lo`.
    Loopback,
    /// Pod to pod, without NAT.
    PodToPod,
    /// A node to its own pods (kubelet probes).
    NodeToPod,
    /// A pod or node to a Service.
    Service,
    /// From outside to a node port.
    NodePort,
    /// From outside to a host port.
    HostPort,
    /// A pod to a host outside.
    Egress,
    /// Asked for by name, not owed by anybody.
    Asked,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The other nodes keep it.
    Peers,
    /// The Kubernetes network model.
    Model,
    /// An API object.
    Api,
}

/// A promise and its post-condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Kind.
    pub kind: PromiseKind,
    /// Who says so.
    pub strength: Strength,
    /// The representative's flow.
    pub flow: Flow,
    /// How many flows it stands for.
    pub members: usize,
    /// Namespaces that may receive it.
    pub receivers: Vec<NetnsId>,
    /// Backends behind a Service.
    pub backends: Vec<Backend>,
    /// Address that the receiver must see, if that is promised.
    pub seen_client: Option<Ipv4Addr>,
    /// It is enough that the packet reaches the receiver's TCP or UDP: a refusal by the pod itself is no network's fault.
    pub arrival: bool,
    /// The Service.
    pub service: Option<ServicePortRef>,
    /// A NetworkPolicy may select an end; its verdict is not evaluated.
    pub policy: bool,
    /// The same promise from the other nodes' classes: used to see whether peers keep it.
    pub peers: Option<(u8, Ipv4Addr, u16)>,
}

impl Promise {
    /// `shop/web → svc/shop/api:3000`.
    #[must_use]
    pub fn name(&self, cluster: &Cluster) -> String {
        let from = cluster.ns(self.flow.from).kind.to_string();
        let to = match (&self.service, self.receivers.first()) {
            (Some(s), _) if self.kind == PromiseKind::Service => s.to_string(),
            (_, Some(r)) if !matches!(self.kind, PromiseKind::NodePort | PromiseKind::HostPort) => {
                cluster.ns(*r).kind.to_string()
            }
            _ => format!("{}:{}", self.flow.dst, self.flow.dport),
        };
        format!("{from} → {to}")
    }
}

/// Promises, and what could not become one.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// To be judged.
    pub list: Vec<Promise>,
    /// Reason and number of flows of those that cannot be asked.
    pub not_judged: Vec<(String, usize)>,
}

/// Everything that this cluster owes, by classes of pods.
#[must_use]
pub fn promises(cluster: &Cluster, classes: &Classes) -> Promises {
    let mut make = Maker {
        cluster,
        classes,
        out: Promises::default(),
    };
    make.loopback();
    make.pod_to_pod();
    make.node_to_pods();
    make.services();
    make.node_ports();
    make.host_ports();
    make.egress();
    make.missing_pods();
    make.out
}

struct Maker<'a> {
    cluster: &'a Cluster,
    classes: &'a Classes,
    out: Promises,
}

impl Maker<'_> {
    fn pods(&self) -> impl Iterator<Item = (&netwhy_reach::Class, &Pod)> {
        self.classes
            .list
            .iter()
            .filter(|c| c.kind == ClassKind::Pods)
            .filter_map(|c| Some((c, self.pod_of(c.members[0])?)))
    }

    fn pod_of(&self, id: NetnsId) -> Option<&Pod> {
        let NetnsKind::Pod { namespace, name, .. } = &self.cluster.ns(id).kind else {
            return None;
        };
        self.cluster.api.pod(namespace, name)
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

    fn push(
        &mut self,
        kind: PromiseKind,
        strength: Strength,
        flow: Flow,
        members: usize,
        receivers: Vec<NetnsId>,
    ) -> &mut Promise {
        let policy = self.policy(flow.from) || receivers.iter().any(|r| self.policy(*r));
        let promise = Promise {
            kind,
            strength,
            flow,
            members,
            receivers,
            backends: Vec::new(),
            seen_client: None,
            arrival: false,
            service: None,
            policy,
            peers: None,
        };
        self.out.list.push(promise);
        let last = self.out.list.len() - 1;
        &mut self.out.list[last]
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
    fn tcp_port(&self, id: NetnsId, pod: &Pod) -> u16 {
        let sockets = self.cluster.ns(id).sockets.as_ref().ok();
        let listening = sockets
            .and_then(|s| {
                s.list
                    .iter()
                    .find(|s| s.protocol == 6 && s.addr.is_none_or(|a| pod.ips.contains(&a)))
            })
            .map(|s| s.port);
        listening
            .or_else(|| pod.ports.iter().find(|p| p.protocol == 6).map(|p| p.port))
            .unwrap_or(1)
    }

    fn loopback(&mut self) {
        let asked: Vec<_> = self
            .pods()
            .map(|(c, pod)| (c.members[0], c.members.len(), self.tcp_port(c.members[0], pod)))
            .collect();
        for (id, members, port) in asked {
            let promise = self.push(
                PromiseKind::Loopback,
                Strength::Model,
                Flow::new(id, 6, Ipv4Addr::LOCALHOST, port),
                members,
                vec![id],
            );
            promise.arrival = true;
        }
    }

    fn pod_to_pod(&mut self) {
        let mut asked = Vec::new();
        for (from, a) in self.pods() {
            for (to, b) in self.pods() {
                let same = from.members[0] == to.members[0];
                let receiver = if same { to.members.get(1) } else { to.members.first() };
                let Some(receiver) = receiver.copied() else { continue };
                let Some(pod) = self.pod_of(receiver) else { continue };
                let (Some(src), Some(dst)) = (a.ips.first(), pod.ips.first()) else {
                    continue;
                };
                let members = if same {
                    from.members.len() * (to.members.len() - 1)
                } else {
                    from.members.len() * to.members.len()
                };
                let _ = b;
                asked.push((
                    from.members[0],
                    receiver,
                    *src,
                    *dst,
                    self.tcp_port(receiver, pod),
                    members,
                ));
            }
        }
        for (from, to, src, dst, port, members) in asked {
            let promise = self.push(
                PromiseKind::PodToPod,
                Strength::Model,
                Flow::new(from, 6, dst, port),
                members,
                vec![to],
            );
            promise.seen_client = Some(src);
            promise.arrival = true;
        }
    }

    fn node_to_pods(&mut self) {
        let mut asked = Vec::new();
        for (class, pod) in self.pods() {
            let host = self.cluster.node(&class.node).and_then(|n| n.host);
            if let (Some(host), Some(dst)) = (host, pod.ips.first()) {
                asked.push((
                    host,
                    class.members[0],
                    *dst,
                    self.tcp_port(class.members[0], pod),
                    class.members.len(),
                ));
            }
        }
        for (host, to, dst, port, members) in asked {
            self.push(
                PromiseKind::NodeToPod,
                Strength::Model,
                Flow::new(host, 6, dst, port),
                members,
                vec![to],
            )
            .arrival = true;
        }
    }

    /// Namespaces that hold a Service's backends, or the reason why that is not known.
    fn receivers(&self, backends: &[&Backend]) -> Result<Vec<NetnsId>, &'static str> {
        let mut list = Vec::new();
        for b in backends {
            match owner_of(self.cluster, b.addr) {
                Some(id) => list.push(id),
                None => return Err("a backend's network namespace is not in the snapshot"),
            }
        }
        list.sort();
        list.dedup();
        Ok(list)
    }

    fn services(&mut self) {
        let cluster = self.cluster;
        let clients: Vec<(NetnsId, usize, String)> = self
            .classes
            .list
            .iter()
            .filter(|c| c.kind != ClassKind::Outside)
            .map(|c| (c.members[0], c.members.len(), c.node.clone()))
            .collect();
        for (service, port, vip) in netwhy_intent::services::cluster_ips(cluster) {
            if service.other_proxy || !matches!(port.protocol, 6 | 17) {
                self.refuse(
                    if service.other_proxy {
                        "another proxy serves the Service"
                    } else {
                        "SCTP is not modelled"
                    },
                    clients.len(),
                );
                continue;
            }
            let ends = Endpoints::of(cluster, service, port);
            for (from, members, node) in &clients {
                let backends = wanted(service.internal_local, &ends, node);
                if backends.is_empty() {
                    continue;
                }
                let flow = Flow::new(*from, port.protocol, vip.addr, vip.port);
                self.service_promise(PromiseKind::Service, flow, *members, &backends, service, port);
            }
        }
    }

    fn service_promise(
        &mut self,
        kind: PromiseKind,
        flow: Flow,
        members: usize,
        backends: &[&Backend],
        service: &Service,
        port: &ServicePort,
    ) {
        match self.receivers(backends) {
            Err(why) => self.refuse(why, members),
            Ok(receivers) => {
                let promise = self.push(kind, Strength::Api, flow, members, receivers);
                promise.backends = backends.iter().map(|b| (*b).clone()).collect();
                promise.service = Some(netwhy_intent::services::reference(service, port));
            }
        }
    }

    fn outside(&self) -> Vec<NetnsId> {
        let is_client = |id: &NetnsId| {
            // A switch or gateway between the nodes is no client: it has a bridge.
            let ns = self.cluster.ns(*id);
            ns.links.as_ref().is_ok_and(|l| {
                !l.iter()
                    .any(|l| matches!(l.kind, netwhy_model::link::LinkKind::Bridge { .. }))
            })
        };
        self.classes
            .list
            .iter()
            .filter(|c| c.kind == ClassKind::Outside)
            .map(|c| c.members[0])
            .filter(is_client)
            .collect()
    }

    fn node_ports(&mut self) {
        let cluster = self.cluster;
        let outside = self.outside();
        for service in cluster.api.services.iter().flatten() {
            for port in service
                .ports
                .iter()
                .filter(|p| p.node_port != 0 && matches!(p.protocol, 6 | 17) && !service.other_proxy)
            {
                let ends = Endpoints::of(cluster, service, port);
                for node in &cluster.nodes {
                    let (Some(_), Some(ip)) = (node.host, node.internal_ips.first()) else {
                        continue;
                    };
                    let backends = wanted(service.external_local, &ends, &node.name);
                    if backends.is_empty() {
                        continue;
                    }
                    for from in &outside {
                        let flow = Flow::new(*from, port.protocol, *ip, port.node_port);
                        self.service_promise(PromiseKind::NodePort, flow, 1, &backends, service, port);
                    }
                }
            }
        }
    }

    fn host_ports(&mut self) {
        let mut asked = Vec::new();
        for pod in self
            .cluster
            .api
            .pods
            .iter()
            .flatten()
            .filter(|p| !p.host_network && p.ready)
        {
            for port in pod
                .ports
                .iter()
                .filter(|p| p.host_port != 0 && matches!(p.protocol, 6 | 17))
            {
                let Some(node) = self.cluster.node(&pod.node) else {
                    continue;
                };
                let (Some(ip), Some(to)) = (
                    node.internal_ips.first(),
                    self.cluster.pod_netns(&pod.namespace, &pod.name),
                ) else {
                    continue;
                };
                asked.push((*ip, port.host_port, port.protocol, to));
            }
        }
        for from in self.outside() {
            for (ip, port, protocol, to) in &asked {
                self.push(
                    PromiseKind::HostPort,
                    Strength::Api,
                    Flow::new(from, *protocol, *ip, *port),
                    1,
                    vec![*to],
                )
                .arrival = true;
            }
        }
    }

    fn egress(&mut self) {
        let mut asked = Vec::new();
        for to in self.outside() {
            let links = self.cluster.ns(to).links.iter().flat_map(|l| l.iter());
            let Some(addr) = links
                .flat_map(|l| &l.addrs)
                .find(|a| a.scope == 0 && !a.addr.is_loopback())
            else {
                continue;
            };
            for (class, _) in self.pods() {
                asked.push((class.members[0], class.members.len(), to, addr.addr));
            }
        }
        for (from, members, to, addr) in asked {
            let promise = self.push(
                PromiseKind::Egress,
                Strength::Peers,
                Flow::new(from, 1, addr, 0),
                members,
                vec![to],
            );
            promise.peers = Some((1, addr, 0));
        }
    }

    fn missing_pods(&mut self) {
        let missing = self
            .cluster
            .api
            .pods
            .iter()
            .flatten()
            .filter(|p| {
                p.phase == "Running" && !p.host_network && self.cluster.pod_netns(&p.namespace, &p.name).is_none()
            })
            .count();
        let services = netwhy_intent::services::cluster_ips(self.cluster).count();
        self.refuse("the pod's network namespace is not in the snapshot", missing * services);
    }
}

/// Backends that a node must use: only its own under a `Local` policy.
fn wanted<'a>(local: bool, ends: &'a Endpoints, node: &str) -> Vec<&'a Backend> {
    if local {
        ends.on_node(node)
    } else {
        ends.backends.iter().collect()
    }
}
