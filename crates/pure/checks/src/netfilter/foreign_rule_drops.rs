//! NW4003: a rule or policy that neither Kubernetes nor the plugin wrote drops or rejects.

use super::forward_policy_drop::spell;
use super::native;
use super::vxlan_udp_blocked::inside_vxlan;
use crate::candidate::{Broken, Candidate, Object};
use crate::facts::{hidden_from_the_other, host_node, is_managed, line_text, rule_place};
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use netwhy_model::netfilter::{Hook, Target};
use netwhy_model::{Netns, Patch};
use netwhy_sim::trace::RuleRef;

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
        NATIVE,
        MIX,
    ],
    applies: always,
    suspects,
    statics: no_statics,
};

/// Rules that no iptables shows.
const NATIVE: &str = "native-nft-drop";
/// Rules in both backends of iptables.
pub(super) const MIX: &str = "iptables-legacy-nft-mix";

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    if let Some(c) = policy(broken) {
        return vec![c];
    }
    // A drop that a NetworkPolicy may want is not taken for a foreign one.
    if inside_vxlan(broken) || broken.promise.policy {
        return Vec::new();
    }
    let Some(c) = culprit(broken) else { return Vec::new() };
    if !c.foreign {
        return Vec::new();
    }
    let mut faults = CHECK.faults[..4].to_vec();
    if c.native {
        faults.insert(0, NATIVE);
    } else if c.hidden.is_some() {
        faults.insert(0, MIX);
    }
    vec![Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(&c.node),
        node: Some(c.node.clone()),
        patches: c.patches,
        summary: format!("a rule on {} in chain {} {} this traffic", c.node, c.chain, if c.rejects { "rejects" } else { "drops" }),
        evidence: [format!("{}  {}", c.place, c.text)].into_iter().chain(c.hidden).collect(),
        norm: "neither kube-proxy nor the plugin writes this rule".to_owned(),
        fix: crate::Fix::Manual {
            at: format!("node/{}", c.node),
            commands: vec![c.command],
            note: "find its owner first (firewalld, ufw, nftables.service, a hardening role): it may be meant, and it comes back from its own configuration".to_owned(),
        },
        alike: false,
    }]
}

/// The policy of another chain than FORWARD dropped what no rule accepts.
fn policy(broken: &Broken<'_>) -> Option<Candidate> {
    let end = &broken.outcome.end;
    let at = end.rule.filter(|r| r.rule == u32::MAX)?;
    let node = host_node(broken.cluster, end.netns)?;
    let ns = broken.cluster.ns(end.netns);
    if let Some(found) = native::policy(ns, at) {
        return Some(native_policy(node, ns, at, found));
    }
    let table = ns.netfilter.tables.get(at.table as usize)?;
    let chain = table.chains.get(at.chain.0 as usize)?;
    if &*chain.name == Hook::Forward.chain() {
        return None;
    }
    let program = spell(table.family, table.backend);
    let hidden = hidden_from_the_other(ns, table.backend);
    let mut faults = vec!["host-firewall-input-drop"];
    if hidden.is_some() {
        faults.insert(0, MIX);
    }
    Some(Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(node),
        node: Some(node.to_owned()),
        patches: vec![Patch::Policy { netns: end.netns, family: table.family, backend: table.backend, table: table.name, chain: chain.name.to_string(), accept: true }],
        summary: format!("on {node} the policy of {} is DROP, and no rule accepts what the node and its plugin must receive", chain.name),
        evidence: [format!("{}  :{} DROP (table {}, {program})", table.path, chain.name, table.name.as_str())].into_iter().chain(hidden).collect(),
        norm: "neither kube-proxy nor the plugin sets this policy".to_owned(),
        fix: crate::Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![format!("{program} -t {} -P {} ACCEPT", table.name.as_str(), chain.name)],
            note: "that is the change that was tried; what should stay is a list of accepted traffic in the firewall's own configuration: the plugin's UDP port, kubelet's 10250, node ports, established connections".to_owned(),
        },
        alike: false,
    })
}

/// The policy of a base chain of native nftables.
fn native_policy(node: &str, ns: &Netns, at: RuleRef, (patch, chain, command): (Patch, String, String)) -> Candidate {
    let path = rule_place(ns, at).map_or(String::new(), |(path, _)| path);
    Candidate {
        code: CHECK.code,
        faults: vec![NATIVE, "host-firewall-input-drop"],
        object: Object::node(node),
        node: Some(node.to_owned()),
        patches: vec![patch],
        summary: format!("on {node} the policy of nftables chain {chain} is drop, and no rule accepts what the node must let pass"),
        evidence: vec![format!("{path}  chain {chain} {{ policy drop; }}"), native::NOT_LISTED.to_owned()],
        norm: "neither kube-proxy nor the plugin sets this policy".to_owned(),
        fix: crate::Fix::Manual {
            at: format!("node/{node}"),
            commands: vec![command],
            note: "that is the change that was tried; what should stay is a list of accepted traffic in the firewall's own configuration (/etc/nftables.conf): established connections, the pod network, the plugin's UDP port, kubelet's 10250, node ports".to_owned(),
        },
        alike: false,
    }
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
    /// The usual listing does not show it.
    pub hidden: Option<String>,
    /// Of native nftables.
    pub native: bool,
}

pub(super) fn culprit(broken: &Broken<'_>) -> Option<Culprit> {
    let end = &broken.outcome.end;
    let at = end.rule.filter(|r| r.rule != u32::MAX)?;
    if let Some(found) = native::culprit(broken, at) {
        return Some(found);
    }
    let node = host_node(broken.cluster, end.netns)?.to_owned();
    let ns = broken.cluster.ns(end.netns);
    let table = ns.netfilter.tables.get(at.table as usize)?;
    let chain = table.chains.get(at.chain.0 as usize)?;
    let rule = chain.rules.get(at.rule as usize)?;
    let (place, _) = rule_place(ns, at)?;
    let text = line_text(broken.cluster, &place).unwrap_or_default();
    let program = spell(table.family, table.backend);
    Some(Culprit {
        node,
        chain: chain.name.to_string(),
        text: text.trim().to_owned(),
        patches: vec![Patch::RuleDel {
            netns: end.netns,
            family: table.family,
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
        hidden: hidden_from_the_other(ns, table.backend),
        native: false,
        place,
    })
}
