//! `nft.json`: what native nftables does, as far as it must be known that it does nothing.
//!
//! Rules are not evaluated here. A base chain that provably neither drops nor changes a packet is left out; every other
//! one is a hook function that is not known.

use super::Ctx;
use super::iptables::{HOOKS, TABLES};
use super::misprints::{self, Misprint};
use crate::fact::{Fact, GapId};
use crate::netfilter::{Hook, HookFn};
use netwhy_snapshot::format::nft_json::{self, Chain, Ruleset, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

/// Native rules of a namespace.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// Base chains that may do something.
    pub hooks: Vec<(Hook, i32, HookFn)>,
    /// A rule needs connection tracking.
    pub conntrack: bool,
    /// Something of the text could not be read.
    pub cut: Option<GapId>,
    /// Rules that the text of iptables-nft shows otherwise than they are.
    pub misprints: Vec<Misprint>,
}

/// `printed` are the tables that the text of iptables-nft has; `unprinted` says why it is missing.
pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str, printed: &[String], unprinted: Option<GapId>) -> Fact<Native> {
    let path = format!("{dir}/nft.json");
    let rules = nft_json::parse(ctx.text(&path)?);
    let mut native = Native::default();
    for problem in &rules.problems {
        let gap = ctx.problem(&path, problem);
        if native.cut.is_none() {
            native.cut = Some(gap);
            native.hooks.extend(HOOKS.map(|h| (h, 0, HookFn::Unknown(gap))));
        }
    }
    native.misprints = misprints::find(ctx, &path, &rules, printed);
    let index = Index::new(&rules);
    for table in &rules.tables {
        let v4 = matches!(table.family.as_str(), "ip" | "inet");
        if !v4 && !matches!(table.family.as_str(), "netdev" | "bridge") || table.flags.iter().any(|f| f == "dormant") {
            continue;
        }
        let of_iptables = table.family == "ip" && TABLES.iter().any(|t| t.as_str() == table.name);
        if of_iptables && printed.contains(&table.name) {
            continue;
        }
        native.conntrack |= v4 && index.rules_of(table).any(|r| r.expr.iter().any(uses_conntrack));
        for chain in rules
            .chains
            .iter()
            .filter(|c| c.family == table.family && c.table == table.name)
        {
            let Some(place) = place(chain) else { continue };
            let effect = index.effect(chain);
            if effect == Effect::Nothing {
                continue;
            }
            let why = format!(
                "native nftables table {} {} chain {} is not modelled",
                table.family, table.name, chain.name
            );
            let gap = unprinted
                .filter(|_| of_iptables)
                .unwrap_or_else(|| ctx.gaps.add(path.as_str(), why));
            let run = if effect == Effect::Drop {
                HookFn::MayDrop(gap)
            } else {
                HookFn::Unknown(gap)
            };
            native.hooks.push((place.0, place.1, run));
        }
    }
    Ok(native)
}

/// Hook and priority of a base chain. Layer 2 hooks stand before or behind all of layer 3.
fn place(chain: &Chain) -> Option<(Hook, i32)> {
    let name = chain.hook.as_deref()?;
    let priority = chain.prio.unwrap_or(0);
    let hook = match name {
        "egress" => return Some((Hook::PostRouting, 400)),
        "ingress" => return Some((Hook::PreRouting, -400)),
        _ if chain.family == "bridge" || chain.family == "netdev" => return Some((Hook::PreRouting, -400)),
        "prerouting" => Hook::PreRouting,
        "input" => Hook::LocalIn,
        "forward" => Hook::Forward,
        "output" => Hook::LocalOut,
        "postrouting" => Hook::PostRouting,
        _ => return Some((Hook::PreRouting, -400)),
    };
    if chain.kind.as_deref() != Some("nat") {
        return Some((hook, priority));
    }
    // All nat chains of a hook run inside one function at a fixed priority (`net/netfilter/nf_nat_proto.c`).
    Some((
        hook,
        if matches!(hook, Hook::PreRouting | Hook::LocalOut) {
            -100
        } else {
            100
        },
    ))
}

/// A chain: family, table, name.
type Key<'r> = (&'r str, &'r str, &'r str);

struct Index<'r> {
    rules: FxHashMap<Key<'r>, Vec<&'r nft_json::Rule>>,
    all: &'r [nft_json::Rule],
}

impl<'r> Index<'r> {
    fn new(rules: &'r Ruleset) -> Self {
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

    fn rules_of<'t>(&'t self, table: &'t Table) -> impl Iterator<Item = &'r nft_json::Rule> {
        self.all
            .iter()
            .filter(|r| r.family == table.family && r.table == table.name)
    }

    /// The worst that the base chain can do to a packet.
    fn effect(&self, base: &'r Chain) -> Effect {
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
enum Effect {
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

/// A `ct` expression, a NAT statement, or an extension of iptables that is one of them.
fn uses_conntrack(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(uses_conntrack),
        Value::Object(object) => object.iter().any(|(key, value)| {
            matches!(
                key.as_str(),
                "ct" | "ct helper" | "ct timeout" | "ct expectation" | "ct count" | "flow"
            ) || matches!(key.as_str(), "snat" | "dnat" | "masquerade" | "redirect")
                || (key == "xt" && xt_uses_conntrack(value))
                || uses_conntrack(value)
        }),
        _ => false,
    }
}

fn xt_uses_conntrack(value: &Value) -> bool {
    const NAMES: [&str; 13] = [
        "conntrack",
        "state",
        "connmark",
        "connbytes",
        "connlimit",
        "connlabel",
        "helper",
        "CT",
        "CONNMARK",
        "DNAT",
        "SNAT",
        "MASQUERADE",
        "REDIRECT",
    ];
    value
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(|name| NAMES.contains(&name))
}
