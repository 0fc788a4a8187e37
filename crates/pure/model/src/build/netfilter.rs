//! What runs at each hook: iptables of both backends, and native nftables.

use super::iptables::{self, HOOKS, Parsed};
use super::{Ctx, misprints, nft};
use crate::fact::{Fact, GapId};
use crate::family::Family;
use crate::link::Links;
use crate::netfilter::nft::NftTable;
use crate::netfilter::{Backend, Hook, HookEntry, HookFn, Netfilter, Rule, TableName};
use std::sync::Arc;

/// Order of entries with equal priority.
const LEGACY: u8 = 0;
const NFT: u8 = 1;
const NATIVE: u8 = 2;

/// Entries of the five hooks before they are sorted, with their order.
#[derive(Default)]
struct Hooks([Vec<(u8, HookEntry)>; 5]);

impl Hooks {
    fn add(&mut self, hook: Hook, priority: i32, order: u8, run: HookFn) {
        self.place(hook, priority, None, order, run);
    }

    fn place(&mut self, hook: Hook, priority: i32, nat: Option<i32>, order: u8, run: HookFn) {
        self.0[hook as usize].push((order, HookEntry { priority, nat, run }));
    }

    /// Rules may exist anywhere, and nothing is known of them.
    fn anywhere(&mut self, gap: GapId) {
        for hook in HOOKS {
            self.add(hook, 0, NATIVE, HookFn::Unknown(gap));
        }
    }

    /// One nat chain brings address translation to all hooks that have it.
    fn translate(&mut self) {
        if self.0.iter().flatten().all(|(_, entry)| entry.nat.is_none()) {
            return;
        }
        for hook in HOOKS.into_iter().filter(|hook| *hook != Hook::Forward) {
            if self.0[hook as usize].iter().all(|(_, entry)| entry.nat.is_none()) {
                let priority = hook.nat_priority();
                self.place(hook, priority, Some(priority), NATIVE, HookFn::Nat);
            }
        }
    }

    fn sorted(self) -> [Vec<HookEntry>; 5] {
        self.0.map(|mut list| {
            list.sort_by_key(|(order, entry)| (entry.priority, entry.nat, *order));
            list.into_iter().map(|(_, entry)| entry).collect()
        })
    }
}

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str, links: Option<&Links>) -> Netfilter {
    let mut netfilter = Netfilter::default();
    for family in Family::ALL {
        of_family(ctx, dir, links, family, &mut netfilter);
    }
    netfilter
}

fn of_family(ctx: &mut Ctx<'_>, dir: &str, links: Option<&Links>, family: Family, netfilter: &mut Netfilter) {
    let tool = match family {
        Family::Inet => "iptables",
        Family::Inet6 => "ip6tables",
    };
    let main = format!("{dir}/{tool}-save");
    let legacy = format!("{dir}/{tool}-legacy-save");
    let backend = ctx
        .text(&main)
        .map(|text| iptables::named_backend(text).unwrap_or(Backend::Nft));
    let legacy = if backend == Ok(Backend::Legacy) && ctx.snap.get(&legacy).is_none() {
        &main
    } else {
        &legacy
    };
    let legacy = iptables::read(ctx, dir, legacy, (Backend::Legacy, family));
    let nft = match backend {
        Ok(Backend::Nft) => Some(iptables::read(ctx, dir, &main, (Backend::Nft, family))),
        // What iptables-nft has, if anything, stands in nft.json then.
        Ok(Backend::Legacy) => None,
        Err(gap) => Some(Err(gap)),
    };
    let unprinted = nft.as_ref().and_then(|n| n.as_ref().err().copied());
    let printed: &[String] = nft.as_ref().and_then(|n| n.as_ref().ok()).map_or(&[], |p| &p.names);
    let native = nft::build(ctx, dir, links, family, printed, unprinted);
    // Native tables show what the missing text would have said, if without its arguments.
    let nft = nft.filter(|n| n.is_ok() || native.is_err());
    let ipvs = ipvs(ctx, dir, links);
    assemble(netfilter, family, [(LEGACY, Some(legacy)), (NFT, nft)], native, ipvs);
}

/// The device that holds the Service addresses where kube-proxy uses IPVS.
const IPVS_DEVICE: &str = "kube-ipvs0";

/// Where IPVS stands (`net/netfilter/ipvs/ip_vs_core.c: ip_vs_ops4`).
const IPVS: [(Hook, i32); 6] = [
    (Hook::LocalIn, 98),
    (Hook::LocalIn, 99),
    (Hook::LocalOut, -99),
    (Hook::LocalOut, -98),
    (Hook::Forward, 99),
    (Hook::Forward, 100),
];

/// IPVS is not modelled: the gap, if it has services, or may have.
fn ipvs(ctx: &mut Ctx<'_>, dir: &str, links: Option<&Links>) -> Option<GapId> {
    let path = format!("{dir}/ipvs.save");
    match ctx.snap.get(&path) {
        Some(blob) => (!blob.bytes().is_empty()).then(|| ctx.gaps.add(path, "IPVS is not modelled")),
        None => links?.named(IPVS_DEVICE).map(|_| ctx.missing(&path)),
    }
}

fn assemble(
    netfilter: &mut Netfilter,
    family: Family,
    saves: [(u8, Option<Fact<Arc<Parsed>>>); 2],
    native: Fact<nft::Native>,
    ipvs: Option<GapId>,
) {
    let mut hooks = Hooks::default();
    let mut used = false;
    let mut maybe = None;
    for (order, save) in saves {
        match save {
            None => {}
            Some(Err(gap)) => {
                hooks.anywhere(gap);
                maybe = maybe.or(Some(gap));
            }
            Some(Ok(parsed)) => {
                add_save(netfilter, &mut hooks, order, &parsed);
                used |= parsed.conntrack;
                maybe = maybe.or(parsed.lost).or(parsed.unknown.first().map(|(_, _, gap)| *gap));
            }
        }
    }
    match native {
        Err(gap) => {
            hooks.anywhere(gap);
            maybe = maybe.or(Some(gap));
        }
        Ok(native) => {
            for (table, gap) in misprints::apply(netfilter, family, &native.misprints) {
                for &(hook, priority) in table.bases() {
                    hooks.add(hook, priority, NFT, HookFn::Unknown(gap));
                }
            }
            let numbers = add_native(netfilter, native.tables);
            for (hook, priority, nat, mut run) in native.hooks {
                if let HookFn::Native { table, .. } = &mut run {
                    *table = numbers[*table as usize];
                }
                hooks.place(hook, priority, nat, NATIVE, run);
            }
            used |= native.conntrack;
            maybe = maybe.or(native.cut);
            netfilter.arp = netfilter.arp.or(native.arp);
        }
    }
    if let Some(gap) = ipvs {
        for (hook, priority) in IPVS {
            hooks.add(hook, priority, NATIVE, HookFn::Unknown(gap));
        }
        maybe = maybe.or(Some(gap));
    }
    hooks.translate();
    let stack = netfilter.of_mut(family);
    stack.hooks = hooks.sorted();
    stack.conntrack_otherwise = if used { Some(Ok(())) } else { maybe.map(Err) };
    follow(netfilter, family);
}

/// Tables of native nftables, and the numbers that they get: one of both families is one table.
fn add_native(netfilter: &mut Netfilter, tables: Vec<Arc<NftTable>>) -> Vec<u32> {
    let mut numbers = Vec::with_capacity(tables.len());
    for table in tables {
        let same = |t: &Arc<NftTable>| (t.family, &t.name) == (table.family, &table.name);
        let at = netfilter.native.iter().position(same).unwrap_or_else(|| {
            netfilter.native.push(table);
            netfilter.native.len() - 1
        });
        numbers.push(at as u32);
    }
    numbers
}

fn add_save(netfilter: &mut Netfilter, hooks: &mut Hooks, order: u8, parsed: &Parsed) {
    for table in &parsed.tables {
        let number = netfilter.tables.len() as u32;
        for &(hook, priority) in table.name.bases() {
            if table.base[hook as usize].is_some() {
                let nat = (table.name == TableName::Nat).then_some(priority);
                hooks.place(hook, priority, nat, order, HookFn::Table(number));
            }
        }
        netfilter.tables.push(Arc::clone(table));
    }
    for &(hook, priority, gap) in &parsed.unknown {
        let nat = (priority == hook.nat_priority()).then_some(priority);
        hooks.place(hook, priority, nat, order, HookFn::Unknown(gap));
    }
}

/// What follows from the rules of a family's tables.
pub(super) fn follow(netfilter: &mut Netfilter, family: Family) {
    let (conntrack, defrag) = (conntrack(netfilter, family), defrag(netfilter, family));
    let stack = netfilter.of_mut(family);
    stack.conntrack = conntrack;
    stack.defrag = defrag;
}

fn rules(netfilter: &Netfilter, family: Family) -> impl Iterator<Item = &Rule> {
    let tables = netfilter.tables.iter().filter(move |t| t.family == family);
    tables.flat_map(|t| &t.chains).flat_map(|c| &c.rules)
}

/// Whether a rule, reachable or not, needs whole packets: `socket_mt_enable_defrag()` (`net/netfilter/xt_socket.c`).
fn defrag(netfilter: &Netfilter, family: Family) -> bool {
    rules(netfilter, family).any(|rule| rule.matches.iter().any(|m| m.name() == "socket"))
}

/// Whether connection tracking is on: some rule, reachable or not, asks for it (`nf_ct_netns_get()`).
fn conntrack(netfilter: &Netfilter, family: Family) -> Option<Result<(), GapId>> {
    let native = netfilter.native.iter().filter(|t| t.family.has(family));
    let mut native = native.flat_map(|t| &t.chains).flat_map(|c| &c.rules);
    if rules(netfilter, family).any(iptables::uses_conntrack) || native.any(|rule| rule.conntrack) {
        return Some(Ok(()));
    }
    netfilter.of(family).conntrack_otherwise
}
