//! NW4003: a rule that neither Kubernetes nor the plugin wrote drops or rejects.

use super::vxlan_udp_blocked::inside_vxlan;
use crate::candidate::{Broken, Candidate, Object};
use crate::facts::{host_node, is_managed, line_text, rule_place};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use netwhy_model::Patch;
use netwhy_model::netfilter::{Backend, Target};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW4003",
    name: "foreign-rule-drops",
    severity: Severity::Error,
    page: include_str!("foreign_rule_drops.md"),
    faults: &[
        "host-firewall-input-drop",
        "forward-reject-rule",
        "nodeport-firewalled",
        "firewalld-reject",
    ],
    applies: always,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    // A drop that a NetworkPolicy may want is not taken for a foreign one.
    if inside_vxlan(broken) || broken.promise.policy {
        return Vec::new();
    }
    let Some(c) = culprit(broken) else { return Vec::new() };
    if !c.foreign {
        return Vec::new();
    }
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(&c.node),
        node: Some(c.node.clone()),
        patches: c.patches,
        summary: format!("a rule on {} in chain {} {} this traffic", c.node, c.chain, if c.rejects { "rejects" } else { "drops" }),
        evidence: vec![format!("{}  {}", c.place, c.text)],
        norm: "neither kube-proxy nor the plugin writes this rule".to_owned(),
        fix: crate::Fix::Manual {
            at: format!("node/{}", c.node),
            commands: vec![c.command],
            note: "find its owner first (firewalld, ufw, nftables.service, a hardening role): it may be meant, and it comes back from its own configuration".to_owned(),
        },
        alike: false,
    }]
}

/// The rule at which a packet ended.
pub(super) struct Culprit {
    pub node: String,
    pub place: String,
    pub chain: String,
    pub text: String,
    pub patches: Vec<Patch>,
    pub command: String,
    /// No chain of Kubernetes or a plugin.
    pub foreign: bool,
    pub rejects: bool,
}

pub(super) fn culprit(broken: &Broken<'_>) -> Option<Culprit> {
    let end = &broken.outcome.end;
    let at = end.rule.filter(|r| r.rule != u32::MAX)?;
    let node = host_node(broken.cluster, end.netns)?.to_owned();
    let ns = broken.cluster.ns(end.netns);
    let table = ns.netfilter.tables.get(at.table as usize)?;
    let chain = table.chains.get(at.chain.0 as usize)?;
    let rule = chain.rules.get(at.rule as usize)?;
    let (place, _) = rule_place(ns, at)?;
    let text = line_text(broken.cluster, &place).unwrap_or_default();
    let program = if table.backend == Backend::Legacy {
        "iptables-legacy"
    } else {
        "iptables-nft"
    };
    Some(Culprit {
        node,
        chain: chain.name.to_string(),
        text: text.trim().to_owned(),
        patches: vec![Patch::RuleDel {
            netns: end.netns,
            backend: table.backend,
            table: table.name,
            chain: chain.name.to_string(),
            number: at.rule,
        }],
        command: format!(
            "{program} -t {} -D {} {}   # {place}",
            table.name.as_str(),
            chain.name,
            at.rule + 1
        ),
        foreign: !is_managed(&chain.name),
        rejects: matches!(rule.target, Target::Reject(_)),
        place,
    })
}
