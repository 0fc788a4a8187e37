//! `nft.json`: native nftables.
//!
//! Tables of IPv4 and IPv6 become [`NftTable`]s. Of those of bridges and devices, a base chain that provably neither drops nor
//! changes a packet is left out, and every other one is a hook function that is not known.

mod conntrack;
mod datatype;
mod effect;
mod expr;
mod payload;
mod set;
mod stmt;
#[cfg(test)]
mod tests;

use super::Ctx;
use super::iptables::{HOOKS, TABLES};
use super::misprints::{self, Misprint};
use crate::fact::{Fact, GapId};
use crate::family::Family;
use crate::link::Links;
use crate::netfilter::nft::{NftBase, NftChain, NftChainType, NftFamily, NftRule, NftSet, NftTable};
use crate::netfilter::{ChainId, Hook, HookFn};
use conntrack::uses_conntrack;
use datatype::{Dtype, IPV4, IPV6};
use effect::{Effect, Index};
use netwhy_snapshot::format::nft_json::{self, Chain, Ruleset, Table};
use rustc_hash::FxHashMap;
use serde_json::Value;
use std::sync::Arc;

/// Native rules of a namespace.
#[derive(Debug, Default)]
pub(super) struct Native {
    /// Tables that are evaluated.
    pub tables: Vec<Arc<NftTable>>,
    /// Base chains: hook, place in it, priority among the nat chains of one, what runs.
    pub hooks: Vec<(Hook, i32, Option<i32>, HookFn)>,
    /// A rule that is not evaluated needs connection tracking.
    pub conntrack: bool,
    /// A table of family arp may do something.
    pub arp: Option<GapId>,
    /// Something of the text could not be read.
    pub cut: Option<GapId>,
    /// Rules that the text of iptables-nft shows otherwise than they are.
    pub misprints: Vec<Misprint>,
}

/// What the rules of one table are read with.
struct Reader<'r, 'a> {
    ctx: &'r mut Ctx<'a>,
    path: &'r str,
    links: Option<&'r Links>,
    family: NftFamily,
    sets: FxHashMap<&'r str, Named>,
    chains: FxHashMap<&'r str, ChainId>,
    /// What is being read, in words.
    place: String,
}

/// A named set, with the types of its keys and values.
struct Named {
    set: Arc<NftSet>,
    key: Vec<Dtype>,
    data: Option<Vec<Dtype>>,
    verdicts: bool,
}

/// What was read, or what is not modelled.
type Read<T> = Result<T, String>;

impl Reader<'_, '_> {
    /// The gap of something that is not modelled.
    fn unsupported(&mut self, what: &str) -> GapId {
        let why = format!("{what} of {} is not modelled", self.place);
        self.ctx.gaps.add(self.path, why)
    }

    /// The gap of what stands in no snapshot.
    fn gap(&mut self, what: &str) -> GapId {
        let why = format!("{} {what}", self.place);
        self.ctx.gaps.add(self.path, why)
    }
}

impl NftFamily {
    /// Type of `ct saddr`, of which a rule does not say the family.
    fn ct_address(self) -> Dtype {
        if self == NftFamily::Ip6 { IPV6 } else { IPV4 }
    }
}

/// `printed` are the tables that the text of iptables-nft has; `unprinted` says why it is missing.
pub(super) fn build(
    ctx: &mut Ctx<'_>,
    dir: &str,
    links: Option<&Links>,
    of: Family,
    printed: &[String],
    unprinted: Option<GapId>,
) -> Fact<Native> {
    let path = format!("{dir}/nft.json");
    let rules = nft_json::parse(ctx.text(&path)?);
    let mut native = Native::default();
    for problem in &rules.problems {
        let gap = ctx.problem(&path, problem);
        if native.cut.is_none() {
            native.cut = Some(gap);
            native.hooks.extend(HOOKS.map(|h| (h, 0, None, HookFn::Unknown(gap))));
        }
    }
    native.misprints = misprints::find(ctx, &path, &rules, of, printed);
    let index = Index::new(&rules);
    for table in &rules.tables {
        let Some(family) = NftFamily::named(&table.family) else {
            continue;
        };
        if (family, of) == (NftFamily::Arp, Family::Inet) && !table.flags.iter().any(|f| f == "dormant") {
            native.arp = native.arp.or_else(|| arp(ctx, &path, &index, chains_of(&rules, table)));
        }
        let layer2 = matches!(family, NftFamily::Netdev | NftFamily::Bridge);
        if !family.has(of) && !layer2 || table.flags.iter().any(|f| f == "dormant") {
            continue;
        }
        let of_iptables = family.as_str() == of_iptables(of) && TABLES.iter().any(|t| t.as_str() == table.name);
        if of_iptables && printed.contains(&table.name) {
            continue;
        }
        if layer2 || of_iptables {
            // Extensions of iptables lose their arguments here, or vanish.
            let gap = unprinted.filter(|_| of_iptables);
            native.conntrack |= family.has(of) && index.rules_of(table).any(|r| r.expr.iter().any(uses_conntrack));
            unread(ctx, &path, &mut native, &index, chains_of(&rules, table), gap);
            continue;
        }
        let number = native.tables.len() as u32;
        let read = one(ctx, (&path, links), (&rules, &index), (table, family));
        for (at, chain) in (0..).zip(&read.chains) {
            if let Some(base) = chain.base {
                let run = HookFn::Native {
                    table: number,
                    chain: ChainId(at),
                };
                let nat = (base.kind == NftChainType::Nat).then_some(base.priority);
                native.hooks.push((base.hook, place_of(base), nat, run));
            }
        }
        native.tables.push(Arc::new(read));
        let odd = chains_of(&rules, table).filter(|c| c.hook.is_some() && base(c).is_none());
        unread(ctx, &path, &mut native, &index, odd, None);
    }
    Ok(native)
}

/// The family of nftables in which the tables of iptables-nft are.
pub(super) fn of_iptables(family: Family) -> &'static str {
    match family {
        Family::Inet => "ip",
        Family::Inet6 => "ip6",
    }
}

fn chains_of<'r>(rules: &'r Ruleset, table: &'r Table) -> impl Iterator<Item = &'r Chain> {
    let own = |c: &&Chain| c.family == table.family && c.table == table.name;
    rules.chains.iter().filter(own)
}

/// The gap of a base chain that may keep ARP from being heard.
fn arp<'r>(
    ctx: &mut Ctx<'_>,
    path: &str,
    index: &Index<'r>,
    mut chains: impl Iterator<Item = &'r Chain>,
) -> Option<GapId> {
    let chain = chains.find(|chain| chain.hook.is_some() && index.effect(chain) != Effect::Nothing)?;
    let text = format!(
        "native nftables table arp {} chain {} is not modelled",
        chain.table, chain.name
    );
    Some(ctx.gaps.add(path, text))
}

/// Base chains that are not evaluated.
fn unread<'r>(
    ctx: &mut Ctx<'_>,
    path: &str,
    native: &mut Native,
    index: &Index<'r>,
    chains: impl Iterator<Item = &'r Chain>,
    why: Option<GapId>,
) {
    for chain in chains {
        let Some(place) = place(chain) else { continue };
        let effect = index.effect(chain);
        if effect == Effect::Nothing {
            continue;
        }
        let text = format!(
            "native nftables table {} {} chain {} is not modelled",
            chain.family, chain.table, chain.name
        );
        let gap = why.unwrap_or_else(|| ctx.gaps.add(path, text));
        let run = if effect == Effect::Drop {
            HookFn::MayDrop(gap)
        } else {
            HookFn::Unknown(gap)
        };
        let nat = chain.kind.as_deref() == Some("nat");
        native.hooks.push((place.0, place.1, chain.prio.filter(|_| nat), run));
    }
}

/// A table with its sets, chains and rules.
fn one(
    ctx: &mut Ctx<'_>,
    (path, links): (&str, Option<&Links>),
    (rules, index): (&Ruleset, &Index<'_>),
    (table, family): (&Table, NftFamily),
) -> NftTable {
    let chains: Vec<&Chain> = chains_of(rules, table).collect();
    let mut reader = Reader {
        ctx,
        path,
        links,
        family,
        sets: FxHashMap::default(),
        chains: chains.iter().map(|c| c.name.as_str()).zip((0..).map(ChainId)).collect(),
        place: String::new(),
    };
    for set in rules.sets.iter().chain(&rules.maps) {
        if set.family == table.family && set.table == table.name {
            reader.place = format!("set {} in table {} {}", set.name, table.family, table.name);
            let named = reader.named(set);
            reader.sets.insert(&set.name, named);
        }
    }
    let mut read = Vec::with_capacity(chains.len());
    for chain in chains {
        let mut list = Vec::new();
        for rule in index.rules_in(chain) {
            reader.place = format!(
                "the rule with handle {} in table {} {} chain {}",
                rule.handle, table.family, table.name, chain.name
            );
            list.push(NftRule {
                handle: rule.handle,
                number: rule.number,
                packets: rule.expr.iter().find_map(packets),
                stmts: rule.expr.iter().map(|stmt| reader.stmt(stmt)).collect(),
                conntrack: rule.expr.iter().any(uses_conntrack),
            });
        }
        read.push(NftChain {
            name: chain.name.as_str().into(),
            base: base(chain),
            rules: list,
        });
    }
    NftTable {
        family,
        name: table.name.as_str().into(),
        chains: read,
        path: path.into(),
    }
}

fn packets(stmt: &Value) -> Option<u64> {
    stmt.get("counter")?.get("packets")?.as_u64()
}

/// Where a chain of IP is hooked in.
fn base(chain: &Chain) -> Option<NftBase> {
    let kind = match chain.kind.as_deref()? {
        "filter" => NftChainType::Filter,
        "nat" => NftChainType::Nat,
        "route" => NftChainType::Route,
        _ => return None,
    };
    let accept = match chain.policy.as_deref()? {
        "accept" => true,
        "drop" => false,
        _ => return None,
    };
    Some(NftBase {
        kind,
        hook: hook(chain.hook.as_deref()?)?,
        priority: chain.prio?,
        accept,
    })
}

fn hook(name: &str) -> Option<Hook> {
    Some(match name {
        "prerouting" => Hook::PreRouting,
        "input" => Hook::LocalIn,
        "forward" => Hook::Forward,
        "output" => Hook::LocalOut,
        "postrouting" => Hook::PostRouting,
        _ => return None,
    })
}

/// All nat chains of a hook run inside one function at a fixed priority (`net/netfilter/nf_nat_proto.c`).
fn place_of(base: NftBase) -> i32 {
    match (base.kind, base.hook) {
        (NftChainType::Nat, hook) => hook.nat_priority(),
        _ => base.priority,
    }
}

/// Hook and priority of a base chain. Layer 2 hooks stand before or behind all of layer 3.
fn place(chain: &Chain) -> Option<(Hook, i32)> {
    let name = chain.hook.as_deref()?;
    let layer2 = chain.family == "bridge" || chain.family == "netdev";
    let hook = match (name, hook(name)) {
        ("egress", _) => return Some((Hook::PostRouting, 400)),
        (_, Some(hook)) if !layer2 => hook,
        _ => return Some((Hook::PreRouting, -400)),
    };
    match chain.kind.as_deref() {
        Some("nat") => Some((hook, hook.nat_priority())),
        _ => Some((hook, chain.prio.unwrap_or(0))),
    }
}
