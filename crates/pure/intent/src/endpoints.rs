//! The backends that a Service port has, seen from a node.
//!
//! Source: `CategorizeEndpoints()` (`pkg/proxy/topology.go`, Kubernetes 1.36): ready endpoints; where there is none, those that
//! are serving and terminating; under a `Local` policy only the node's own.

use netwhy_model::api::{Endpoint, Service, ServicePort};
use netwhy_model::{Cluster, Family};
use std::net::IpAddr;

/// One backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Address.
    pub addr: IpAddr,
    /// Port.
    pub port: u16,
    /// `nodeName`, possibly empty.
    pub node: String,
    /// Namespace and name of the pod, if the endpoint names one.
    pub pod: Option<(String, String)>,
}

/// The backends of one Service port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Those that traffic goes to.
    pub backends: Vec<Backend>,
    /// Endpoints that exist and get no traffic, because they are not ready.
    pub not_ready: usize,
    /// Slices exist for the Service.
    pub has_slices: bool,
}

impl Endpoints {
    /// All backends of a port of one family, whatever the node.
    #[must_use]
    pub fn of(cluster: &Cluster, service: &Service, port: &ServicePort, family: Family) -> Endpoints {
        let mut found: Vec<(Backend, &Endpoint)> = Vec::new();
        let mut has_slices = false;
        for slice in cluster.api.slices_of(&service.namespace, &service.name) {
            has_slices = true;
            let number = slice
                .ports
                .iter()
                .find(|(name, proto, _)| *name == port.name && *proto == port.protocol);
            let Some((_, _, Some(number))) = number else { continue };
            for e in slice.endpoints.iter().filter(|e| Family::of(e.addr) == family) {
                let backend = Backend {
                    addr: e.addr,
                    port: *number,
                    node: e.node.clone(),
                    pod: e.pod.clone(),
                };
                found.push((backend, e));
            }
        }
        let ready = |e: &Endpoint| e.ready || service.publish_not_ready;
        let mut backends: Vec<Backend> = found.iter().filter(|(_, e)| ready(e)).map(|(b, _)| b.clone()).collect();
        if backends.is_empty() {
            backends = found
                .iter()
                .filter(|(_, e)| e.serving && e.terminating)
                .map(|(b, _)| b.clone())
                .collect();
        }
        backends.sort();
        backends.dedup();
        let not_ready = found.iter().filter(|(_, e)| !ready(e)).count();
        Endpoints {
            backends,
            not_ready,
            has_slices,
        }
    }

    /// Only those on a node.
    #[must_use]
    pub fn on_node(&self, node: &str) -> Vec<&Backend> {
        self.backends.iter().filter(|b| b.node == node).collect()
    }
}
