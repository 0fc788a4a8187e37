//! One table: its chains, base chains first, and their rules.

use super::{Env, Lost, rule};
use crate::netfilter::{Backend, Chain, ChainId, Hook, Rule, Table, TableName};
use netwhy_snapshot::format::iptables_save::{self as save, View, unescape};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// The chains of a table while their rules are read.
struct Chains<'t> {
    /// Number in the save, and the hook of a base chain.
    order: Vec<(u32, Option<Hook>)>,
    by_name: FxHashMap<&'t str, ChainId>,
    by_number: FxHashMap<u32, usize>,
    base: [Option<ChainId>; 5],
    rules: Vec<Vec<Rule>>,
}

pub(super) fn build(
    env: &mut Env<'_, '_>,
    view: View<'_>,
    raw: &save::Table,
    (name, backend): (TableName, Backend),
    lost: &mut [Lost<'_>],
) -> Table {
    let mut chains = Chains::new(view, chain_order(view, raw, name));
    chains.read(env, view, raw);
    chains.place(raw, lost);
    let Chains { order, base, rules, .. } = chains;
    let chain = |((number, hook), rules): (&(u32, Option<Hook>), Vec<Rule>)| {
        let policy = hook.and_then(|_| policy(view, *number));
        Chain::new(chain_name(view, *number).into(), policy, rules)
    };
    let chains = order.iter().zip(rules).map(chain).collect();
    Table {
        family: env.family,
        backend,
        name,
        chains,
        base,
        path: env.path.into(),
    }
}

impl<'t> Chains<'t> {
    fn new(view: View<'t>, order: Vec<(u32, Option<Hook>)>) -> Self {
        let rules = order.iter().map(|_| Vec::new()).collect();
        let mut chains = Chains {
            order,
            by_name: FxHashMap::default(),
            by_number: FxHashMap::default(),
            base: [None; 5],
            rules,
        };
        for (i, (number, hook)) in chains.order.iter().enumerate() {
            let id = ChainId(i as u32);
            chains.by_name.entry(chain_name(view, *number)).or_insert(id);
            chains.by_number.insert(*number, i);
            if let Some(hook) = hook {
                chains.base[*hook as usize] = Some(id);
            }
        }
        chains
    }

    fn read(&mut self, env: &mut Env<'_, '_>, view: View<'_>, raw: &save::Table) {
        let range = raw.rules.start as usize..raw.rules.end as usize;
        let mut words: Vec<Cow<'_, str>> = Vec::new();
        for rule in view.save.rules.get(range).unwrap_or_default() {
            words.clear();
            words.extend(tokens(view, rule));
            let built = rule::build(env, &words, rule.line, rule.packets, &self.by_name);
            if let Some(list) = self.by_number.get(&rule.chain).and_then(|i| self.rules.get_mut(*i)) {
                list.push(built);
            }
        }
    }

    /// Lines that could not be read stand where they stood, if their chain is known.
    fn place(&mut self, raw: &save::Table, lost: &mut [Lost<'_>]) {
        let end = raw.commit.unwrap_or(u32::MAX);
        for line in lost
            .iter_mut()
            .filter(|l| raw.line < l.line && l.line < end && !l.placed)
        {
            let id = line.chain.and_then(|name| self.by_name.get(name));
            let Some(chain) = id.and_then(|id| self.rules.get_mut(id.0 as usize)) else {
                continue;
            };
            let at = chain.partition_point(|r| r.line < line.line);
            chain.insert(at, rule::unreadable(line.line, line.gap));
            line.placed = true;
        }
    }
}

/// Chains of a table as numbers in the save, base chains (with their hook) first.
fn chain_order(view: View<'_>, raw: &save::Table, name: TableName) -> Vec<(u32, Option<Hook>)> {
    let hook = |number: u32| {
        policy(view, number)?;
        let text = chain_name(view, number);
        name.bases().iter().map(|(h, _)| *h).find(|h| h.chain() == text)
    };
    let mut order: Vec<(u32, Option<Hook>)> = raw.chains.clone().map(|n| (n, hook(n))).collect();
    order.sort_by_key(|(_, hook)| hook.is_none());
    order
}

fn chain_name<'t>(view: View<'t>, number: u32) -> &'t str {
    view.save
        .chains
        .get(number as usize)
        .map(|c| c.name.text(view.text))
        .unwrap_or_default()
}

/// Whether a base chain's policy accepts; `None` for a user chain.
fn policy(view: View<'_>, number: u32) -> Option<bool> {
    let policy = view.save.chains.get(number as usize)?.policy?;
    Some(policy.text(view.text) != "DROP")
}

fn tokens<'t>(view: View<'t>, rule: &save::Rule) -> impl Iterator<Item = Cow<'t, str>> {
    let range = rule.tokens.start as usize..rule.tokens.end as usize;
    let spans = view.save.tokens.get(range).unwrap_or_default();
    spans.iter().map(move |span| {
        let raw = span.text(view.text);
        if span.quoted { unescape(raw) } else { Cow::Borrowed(raw) }
    })
}
