//! `nft.json`: what native nftables does, as far as it must be known that it does nothing.
//!
//! Rules are not evaluated here. A base chain that provably neither drops nor changes a packet is left out; every other
//! one is a hook function that is not known.

use super::Ctx;
use super::iptables::{HOOKS, TABLES};
use crate::fact::{Fact, GapId};
use crate::netfilter::Hook;
use netwhy_snapshot::format::nft_json::{self, Chain, Ruleset, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::Value;

/// Native rules of a namespace.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// Base chains that may do something.
    pub hooks: Vec<(Hook, i32, GapId)>,
    /// A rule needs connection tracking.
    pub conntrack: bool,
    /// Something of the text could not be read.
    pub cut: Option<GapId>,
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
            native.hooks.extend(HOOKS.map(|h| (h, 0, gap)));
        }
    }
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
            if index.does_nothing(chain) {
                continue;
            }
            let why = format!(
                "native nftables table {} {} chain {} is not modelled",
                table.family, table.name, chain.name
            );
            let gap = unprinted
                .filter(|_| of_iptables)
                .unwrap_or_else(|| ctx.gaps.add(path.as_str(), why));
            native.hooks.push((place.0, place.1, gap));
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

    /// Every packet leaves the base chain accepted and as it came.
    fn does_nothing(&self, base: &'r Chain) -> bool {
        if base.policy.as_deref() != Some("accept") {
            return false;
        }
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
                match harmless(statement) {
                    Some(Some(next)) => todo.push(next),
                    Some(None) => {}
                    None => return false,
                }
            }
        }
        true
    }
}

/// A statement that neither drops nor changes, with the chain that it goes to, if any.
fn harmless(statement: &Value) -> Option<Option<&str>> {
    let object = statement.as_object()?;
    let (name, value) = object.iter().next()?;
    if object.len() != 1 {
        return None;
    }
    match name.as_str() {
        "counter" | "match" | "comment" | "log" | "limit" | "quota" | "accept" | "return" | "continue" => Some(None),
        "xt" => (value.get("type").and_then(Value::as_str) == Some("match")).then_some(None),
        "jump" | "goto" => value.get("target").and_then(Value::as_str).map(Some),
        _ => None,
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
