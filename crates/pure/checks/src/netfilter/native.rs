//! Rules and policies of native nftables at which packets end.

use super::foreign_rule_drops::Culprit;
use crate::candidate::Broken;
use crate::facts::host_node;
use netwhy_model::netfilter::nft::{NftTable, Stmt};
use netwhy_model::{Netns, Patch};
use netwhy_sim::trace::RuleRef;

/// Tables that kube-proxy and network plugins write.
const MANAGED: [&str; 8] = [
    "kube-proxy",
    "kube-network-policies",
    "flannel-",
    "calico",
    "kindnet-",
    "cni",
    "cilium",
    "antrea",
];

/// The rule of a native table at which a packet ended.
pub(super) fn culprit(broken: &Broken<'_>, at: RuleRef) -> Option<Culprit> {
    let end = &broken.outcome.end;
    let ns = broken.cluster.ns(end.netns);
    let table = ns.netfilter.native_table(at.table)?;
    let chain = table.chains.get(at.chain.0 as usize)?;
    let rule = chain.rules.get(at.rule as usize)?;
    let node = host_node(broken.cluster, end.netns)?.to_owned();
    let (place, said) = table.place_and_text(broken.cluster, rule);
    let name = full_name(table, &chain.name);
    Some(Culprit {
        node,
        chain: chain.name.to_string(),
        text: format!(
            "table {} {} chain {}: {said}  # handle {}",
            table.family.as_str(),
            table.name,
            chain.name,
            rule.handle
        ),
        patches: vec![Patch::NftRuleDel {
            netns: end.netns,
            family: table.family,
            table: table.name.to_string(),
            chain: chain.name.to_string(),
            handle: rule.handle,
        }],
        command: match name {
            Some(name) => format!("nft delete rule {name} handle {}   # {place}", rule.handle),
            None => format!("nft -a list ruleset   # {place}"),
        },
        foreign: !is_managed(table),
        rejects: rule.stmts.iter().any(|stmt| matches!(stmt, Stmt::Reject(_))),
        hidden: Some(NOT_LISTED.to_owned()),
        native: true,
        place,
    })
}

/// `iptables -S` shows nothing of it.
pub(super) const NOT_LISTED: &str =
    "`iptables -S` does not show it, `nft list ruleset` does: what one table accepts another may still drop";

/// A policy of a native table: patch, name for people, command.
pub(super) fn policy(ns: &Netns, at: RuleRef) -> Option<(Patch, String, String)> {
    let table = ns.netfilter.native_table(at.table).filter(|table| !is_managed(table))?;
    let chain = table.chains.get(at.chain.0 as usize)?;
    let patch = Patch::NftPolicy {
        netns: ns.id,
        family: table.family,
        table: table.name.to_string(),
        chain: chain.name.to_string(),
        accept: true,
    };
    let said = format!("{} {} {}", table.family.as_str(), table.name, chain.name);
    let command = match full_name(table, &chain.name) {
        Some(name) => format!("nft chain {name} '{{ policy accept; }}'"),
        None => "nft list ruleset".to_owned(),
    };
    Some((patch, said, command))
}

fn is_managed(table: &NftTable) -> bool {
    MANAGED.iter().any(|prefix| table.name.starts_with(prefix))
}

/// Family, table and chain as nft reads them, if a shell reads them so.
fn full_name(table: &NftTable, chain: &str) -> Option<String> {
    let plain = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    let both = plain(&table.name) && plain(chain);
    both.then(|| format!("{} {} {chain}", table.family.as_str(), table.name))
}
