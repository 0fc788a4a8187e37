//! A promise and its post-condition.

use netwhy_intent::{Backend, ServicePortRef};
use netwhy_model::{Cluster, GapId, NetnsId};
use netwhy_sim::Flow;
use std::net::{IpAddr, SocketAddr};

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
    pub seen_client: Option<IpAddr>,
    /// It is enough that the packet reaches the receiver's TCP or UDP: a refusal by the pod itself is no network's fault.
    pub arrival: bool,
    /// The Service.
    pub service: Option<ServicePortRef>,
    /// A NetworkPolicy may select an end; its verdict is not evaluated.
    pub policy: bool,
}

impl Promise {
    /// A promise that is kept by any delivery to one of the receivers.
    #[must_use]
    pub fn new(kind: PromiseKind, strength: Strength, flow: Flow, receivers: Vec<NetnsId>) -> Self {
        Promise {
            kind,
            strength,
            flow,
            members: 1,
            receivers,
            backends: Vec::new(),
            seen_client: None,
            arrival: false,
            service: None,
            policy: false,
        }
    }

    /// `shop/web → svc/shop/api:3000`.
    #[must_use]
    pub fn name(&self, cluster: &Cluster) -> String {
        let from = cluster.ns(self.flow.from).kind.to_string();
        let to = match (&self.service, self.receivers.first()) {
            (Some(s), _) if self.kind == PromiseKind::Service => s.to_string(),
            (_, Some(r)) if !matches!(self.kind, PromiseKind::NodePort | PromiseKind::HostPort) => {
                cluster.ns(*r).kind.to_string()
            }
            _ => SocketAddr::new(self.flow.dst, self.flow.dport).to_string(),
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
    /// How many of them are so because something was not read (and not because it is not modelled).
    pub unread: usize,
    /// API lists that were not collected, or not whole: what they promise is not known, nor how much it is.
    pub missing: Vec<GapId>,
}
