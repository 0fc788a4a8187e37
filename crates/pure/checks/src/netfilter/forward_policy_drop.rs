//! NW4001: the FORWARD policy drops what no rule accepts.

use super::foreign_rule_drops::MIX;
use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{hidden_from_the_other, host_node, hosts};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use netwhy_model::netfilter::{Backend, Hook};
use netwhy_model::{Family, Netns, Patch};
use netwhy_sim::DropReason;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW4001",
    name: "forward-policy-drop",
    severity: Severity::Error,
    page: include_str!("forward_policy_drop.md"),
    faults: &["forward-policy-drop", "ufw-forward-drop", MIX],
    applies: always,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    let ns = broken.cluster.ns(end.netns);
    let (Some(rule), Some(name)) = (
        end.rule.filter(|r| r.rule == u32::MAX),
        host_node(broken.cluster, end.netns),
    ) else {
        return Vec::new();
    };
    if end.reason != Some(DropReason::NetfilterDrop) {
        return Vec::new();
    }
    let Some(table) = ns.netfilter.tables.get(rule.table as usize) else {
        return Vec::new();
    };
    let Some(chain) = table.chains.get(rule.chain.0 as usize) else {
        return Vec::new();
    };
    if &*chain.name != Hook::Forward.chain() {
        return Vec::new();
    }
    let others = hosts(broken.cluster)
        .filter(|(n, o)| n.name != name && accepts(o, (table.family, table.backend)))
        .count();
    let mut evidence = vec![format!(
        "{}  :{} DROP (table {}, {})",
        table.path,
        chain.name,
        table.name.as_str(),
        spell(table.family, table.backend)
    )];
    if others > 0 {
        evidence.push(format!("{others} other nodes have policy ACCEPT"));
    }
    let mut faults = CHECK.faults[..2].to_vec();
    if let Some(hidden) = hidden_from_the_other(ns, table.backend) {
        faults.insert(0, MIX);
        evidence.push(hidden);
    }
    let program = spell(table.family, table.backend);
    vec![Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: vec![Patch::Policy { netns: end.netns, family: table.family, backend: table.backend, table: table.name, chain: chain.name.to_string(), accept: true }],
        summary: format!("on {name} the policy of {} is DROP, and no rule accepts pod traffic before it", chain.name),
        evidence,
        norm: if others > 0 { "the other nodes' policy, and what the plugin expects".to_owned() } else { "the plugin expects FORWARD to accept pod traffic".to_owned() },
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: vec![format!("{program} -t {} -P {} ACCEPT", table.name.as_str(), chain.name)],
            note: "Docker sets this policy at every start (\"ip-forward-no-drop\": true in daemon.json prevents it), ufw by DEFAULT_FORWARD_POLICY; restart the plugin's agent so that it writes its own ACCEPT rules again".to_owned(),
        },
        alike: false,
    }]
}

fn accepts(ns: &Netns, (family, backend): (Family, Backend)) -> bool {
    ns.netfilter
        .tables
        .iter()
        .filter(|t| (t.family, t.backend) == (family, backend))
        .filter_map(|t| t.chains.get(t.base[Hook::Forward as usize]?.0 as usize))
        .all(|c| c.policy != Some(false))
}

pub(super) fn spell(family: Family, backend: Backend) -> &'static str {
    match (family, backend) {
        (Family::Inet, Backend::Legacy) => "iptables-legacy",
        (Family::Inet, Backend::Nft) => "iptables-nft",
        (Family::Inet6, Backend::Legacy) => "ip6tables-legacy",
        (Family::Inet6, Backend::Nft) => "ip6tables-nft",
    }
}
