//! Which chains a Service port has on a node.

use super::endpoints::Usable;
use super::names::service_chain;
use super::service_port::Port;

/// The chains of one Service port on this node.
pub(super) struct Chains {
    /// KUBE-SVC-.
    pub cluster: String,
    /// KUBE-SVL-.
    pub local: String,
    /// Where traffic to the cluster address goes, by internal policy.
    pub internal: String,
    /// Where traffic from outside ends, by external policy.
    pub outer_policy: String,
    /// KUBE-EXT-.
    pub external: String,
    /// Where traffic to a balancer address goes: KUBE-FW- or KUBE-EXT-.
    pub balancer: String,
    /// Traffic to the cluster address finds an endpoint.
    pub has_internal: bool,
    /// Traffic from outside finds an endpoint.
    pub has_external: bool,
    /// There is an endpoint somewhere.
    pub any: bool,
}

impl Chains {
    /// Which of them this node has follows from its usable endpoints.
    pub fn of(port: &Port, usable: &Usable<'_>) -> Chains {
        let chain = |prefix| service_chain(prefix, &port.name, &port.protocol);
        let (cluster, local) = (chain("KUBE-SVC-"), chain("KUBE-SVL-"));
        let by = |is_local| if is_local { &local } else { &cluster }.clone();
        let has = |is_local: bool| match is_local {
            true => !usable.local.is_empty(),
            false => !usable.cluster.is_empty(),
        };
        let external = chain("KUBE-EXT-");
        Chains {
            internal: by(port.internal_local),
            outer_policy: by(port.external_local),
            balancer: if port.source_ranges.is_empty() {
                external.clone()
            } else {
                chain("KUBE-FW-")
            },
            external,
            has_internal: has(port.internal_local),
            has_external: has(port.external_local),
            any: usable.any,
            cluster,
            local,
        }
    }

    /// What the filter table does with traffic that finds no endpoint: words of the comment, and the target.
    pub fn refusal(&self) -> (&'static str, &'static str) {
        if self.any {
            ("has no local endpoints", "DROP")
        } else {
            ("has no endpoints", "REJECT --reject-with icmp-port-unreachable")
        }
    }
}
