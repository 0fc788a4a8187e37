//! What the chains of families that are not evaluated can do to a packet.

use netwhy_snapshot::format::nft_json::{self, Chain, Ruleset, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

/// A chain: family, table, name.
type Key<'r> = (&'r str, &'r str, &'r str);

pub(super) struct Index<'r> {
    rules: FxHashMap<Key<'r>, Vec<&'r nft_json::Rule>>,
    all: &'r [nft_json::Rule],
}

impl<'r> Index<'r> {
    pub fn new(rules: &'r Ruleset) -> Self {
        let mut by_chain: FxHashMap<Key<'r>, Vec<&nft_json::Rule>> = FxHashMap::default();
        for rule in &rules.rules {
            by_chain
                .entry((&rule.family, &rule.table, &rule.chain))
                .or_default()
                .push(rule);
        }
        Index {
            rules: by_chain,
            all: &rules.rules,
        }
    }

    pub fn rules_of<'t>(&'t self, table: &'t Table) -> impl Iterator<Item = &'r nft_json::Rule> {
        self.all
            .iter()
            .filter(|r| r.family == table.family && r.table == table.name)
    }

    /// Rules of a chain.
    pub fn rules_in(&self, chain: &'r Chain) -> &[&'r nft_json::Rule] {
        let key: Key<'r> = (&chain.family, &chain.table, &chain.name);
        self.rules.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The worst that the base chain can do to a packet.
    pub fn effect(&self, base: &'r Chain) -> Effect {
        let mut worst = match base.policy.as_deref() {
            Some("accept") => Effect::Nothing,
            Some("drop") => Effect::Drop,
            _ => return Effect::Anything,
        };
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let mut todo: Vec<&str> = vec![&base.name];
        while let Some(chain) = todo.pop() {
            if !seen.insert(chain) {
                continue;
            }
            let rules = self
                .rules
                .get(&(&base.family, &base.table, chain))
                .into_iter()
                .flatten();
            for statement in rules.flat_map(|r| &r.expr) {
                let (effect, next) = effect(statement);
                worst = worst.max(effect);
                todo.extend(next);
            }
        }
        worst
    }
}

/// What rules can do to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// It goes on as it came.
    Nothing,
    /// It goes on as it came, or is dropped silently.
    Drop,
    /// It may be changed, refused, redirected.
    Anything,
}

/// What a statement can do, with the chain that it goes to, if any.
fn effect(statement: &Value) -> (Effect, Option<&str>) {
    let Some((name, value)) = statement
        .as_object()
        .filter(|o| o.len() == 1)
        .and_then(|o| o.iter().next())
    else {
        return (Effect::Anything, None);
    };
    match name.as_str() {
        "counter" | "match" | "comment" | "log" | "limit" | "quota" | "accept" | "return" | "continue" => {
            (Effect::Nothing, None)
        }
        "drop" => (Effect::Drop, None),
        "xt" if value.get("type").and_then(Value::as_str) == Some("match") => (Effect::Nothing, None),
        "jump" | "goto" => match value.get("target").and_then(Value::as_str) {
            Some(next) => (Effect::Nothing, Some(next)),
            None => (Effect::Anything, None),
        },
        _ => (Effect::Anything, None),
    }
}
