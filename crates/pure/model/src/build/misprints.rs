//! Native rules within tables of iptables-nft, which `iptables-nft-save` prints as something else.
//!
//! Measured with 1.8.9: a lookup in a set, a map or an address range is left out or cut down, so that
//! `ip saddr { 10.0.0.1, 10.0.0.2 } drop` is printed as `-A FORWARD -j DROP`. Other expressions that it does not know make
//! it refuse the table, or end without COMMIT, which is seen in the text itself.

use super::Ctx;
use super::iptables::unreadable;
use crate::fact::GapId;
use crate::family::Family;
use crate::netfilter::{Backend, Chain, Netfilter, TableName};
use netwhy_snapshot::format::nft_json::{Rule, Ruleset};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A rule whose text is not what it does.
#[derive(Debug)]
pub(super) struct Misprint {
    table: String,
    chain: String,
    /// Number in the chain, from 0.
    number: usize,
    /// Rules of the chain.
    of: usize,
    gap: GapId,
}

/// Looks for such rules in the tables that the text prints.
pub(super) fn find(
    ctx: &mut Ctx<'_>,
    path: &str,
    rules: &Ruleset,
    family: Family,
    printed: &[String],
) -> Vec<Misprint> {
    let mut found = Vec::new();
    let mut counts: FxHashMap<(&str, &str), usize> = FxHashMap::default();
    for rule in rules
        .rules
        .iter()
        .filter(|r| r.family == super::nft::of_iptables(family) && printed.contains(&r.table))
    {
        let count = counts.entry((&rule.table, &rule.chain)).or_default();
        *count += 1;
        if rule.expr.iter().any(is_lookup) {
            found.push(misprint(ctx, path, rule, *count - 1));
        }
    }
    for misprint in &mut found {
        misprint.of = counts
            .get(&(misprint.table.as_str(), misprint.chain.as_str()))
            .copied()
            .unwrap_or(0);
    }
    found
}

fn misprint(ctx: &mut Ctx<'_>, path: &str, rule: &Rule, number: usize) -> Misprint {
    let why = format!(
        "native rule with handle {} in table {} {} chain {} is not modelled, and iptables-save misprints it",
        rule.handle, rule.family, rule.table, rule.chain
    );
    let gap = ctx.gaps.add(path, why);
    Misprint {
        table: rule.table.clone(),
        chain: rule.chain.clone(),
        number,
        of: 0,
        gap,
    }
}

/// A statement that looks something up in a set or a map, or asks for a range that is no port range.
fn is_lookup(statement: &Value) -> bool {
    if statement.get("vmap").is_some() {
        return true;
    }
    let Some(test) = statement.get("match") else {
        return false;
    };
    let right = test.get("right");
    let left = test.get("left");
    let field = |name: &str| {
        left.and_then(|l| l.get("payload"))
            .and_then(|p| p.get("field"))
            .and_then(Value::as_str)
            == Some(name)
    };
    match right {
        Some(Value::String(text)) => text.starts_with('@'),
        Some(Value::Object(object)) => {
            object.contains_key("set") || (object.contains_key("range") && !field("sport") && !field("dport"))
        }
        // `tcp flags & (syn | ack) == syn | ack` is what iptables itself writes, and `tcp flags ! syn,ack` where none is set.
        Some(Value::Array(_)) => {
            let none = test.get("op").and_then(Value::as_str) == Some("!") && field("flags");
            left.is_none_or(|l| l.get("&").is_none()) && !none
        }
        _ => left.is_some_and(|l| l.get("concat").is_some()),
    }
}

/// Makes the rules unknown that are misprinted. Returns the tables where it is not known which ones they are.
pub(super) fn apply(netfilter: &mut Netfilter, family: Family, misprints: &[Misprint]) -> Vec<(TableName, GapId)> {
    let mut by_chain: BTreeMap<(&str, &str), Vec<&Misprint>> = BTreeMap::new();
    for misprint in misprints {
        by_chain
            .entry((&misprint.table, &misprint.chain))
            .or_default()
            .push(misprint);
    }
    let mut unplaced = Vec::new();
    for ((table, chain), list) in by_chain {
        let table = netfilter
            .tables
            .iter_mut()
            .find(|t| (t.family, t.backend) == (family, Backend::Nft) && t.name.as_str() == table);
        let (Some(table), Some(first)) = (table, list.first()) else {
            continue;
        };
        let at = table
            .chains
            .iter()
            .position(|c| &*c.name == chain && c.rules.len() == first.of);
        match at.and_then(|at| Arc::make_mut(table).chains.get_mut(at)) {
            Some(chain) => mark(chain, &list),
            None => unplaced.push((table.name, first.gap)),
        }
    }
    unplaced
}

fn mark(chain: &mut Chain, misprints: &[&Misprint]) {
    let mut rules = std::mem::take(&mut chain.rules);
    for misprint in misprints {
        if let Some(rule) = rules.get_mut(misprint.number) {
            *rule = unreadable(rule.line, misprint.gap);
        }
    }
    *chain = Chain::new(Arc::clone(&chain.name), chain.policy, rules);
}
