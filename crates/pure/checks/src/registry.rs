//! All checks, in the order in which they are asked. An explicit list: it can be read and searched.

use crate::candidate::{Broken, Candidate};
use crate::report::{Finding, Severity};
use crate::{application, links, netfilter, node, routes, services};
use netwhy_model::Cluster;

/// One check: a code, a page, and what it can offer.
pub struct Check {
    /// `NW` and four digits; the first is the layer in the order of the packet.
    pub code: &'static str,
    /// States the problem.
    pub name: &'static str,
    /// Severity where a promise is broken, or of a static finding.
    pub severity: Severity,
    /// Page of `netwhy explain`; its examples are tests.
    pub page: &'static str,
    /// Ids of the catalogue that it covers.
    pub faults: &'static [&'static str],
    /// Why it has nothing to look at in this cluster, if so.
    pub applies: fn(&Cluster) -> Result<(), &'static str>,
    /// Candidates for a broken promise.
    pub suspects: fn(&Broken<'_>) -> Vec<Candidate>,
    /// Findings without a flow: what will break, and what has no packet.
    pub statics: fn(&Cluster) -> Vec<Finding>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.code, self.name)
    }
}

/// The registry.
pub static CHECKS: &[&Check] = &[
    &UNEXPLAINED,
    &node::ip_forward_disabled::CHECK,
    &node::iface_forwarding_disabled::CHECK,
    &node::bridge_nf_disabled::CHECK,
    &node::rp_filter_strict::CHECK,
    &node::forwarding_not_persistent::CHECK,
    &links::vtep_mac_wrong::CHECK,
    &links::vxlan_mismatch::CHECK,
    &links::hairpin_off::CHECK,
    &links::link_down::CHECK,
    &routes::route_to_podcidr_missing::CHECK,
    &routes::pod_no_default_route::CHECK,
    &routes::error_route::CHECK,
    &routes::podcidr_wrong_nexthop::CHECK,
    &netfilter::forward_policy_drop::CHECK,
    &netfilter::vxlan_udp_blocked::CHECK,
    &netfilter::foreign_rule_drops::CHECK,
    &services::target_port_wrong::CHECK,
    &services::kube_proxy_stale::CHECK,
    &services::selects_nothing::CHECK,
    &services::endpoints_not_ready::CHECK,
    &services::named_port_missing::CHECK,
    &application::not_listening::CHECK,
];

/// What is reported where no candidate heals.
pub(crate) static UNEXPLAINED: Check = Check {
    code: "NW0001",
    name: "promise-broken-unexplained",
    severity: Severity::Error,
    page: include_str!("unexplained.md"),
    faults: &[],
    applies: always,
    suspects: no_suspects,
    statics: no_statics,
};

/// By code or name.
#[must_use]
pub fn by_code(code: &str) -> Option<&'static Check> {
    CHECKS
        .iter()
        .copied()
        .find(|c| c.code.eq_ignore_ascii_case(code) || c.name == code)
}

/// Applies to every cluster.
pub(crate) fn always(_: &Cluster) -> Result<(), &'static str> {
    Ok(())
}

/// Offers nothing for a broken promise.
pub(crate) fn no_suspects(_: &Broken<'_>) -> Vec<Candidate> {
    Vec::new()
}

/// Finds nothing without a flow.
pub(crate) fn no_statics(_: &Cluster) -> Vec<Finding> {
    Vec::new()
}
