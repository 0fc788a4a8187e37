//! Patches of netfilter.

use crate::build::netfilter::follow;
use crate::cluster::Netns;
use crate::family::Family;
use crate::netfilter::nft::{NftChain, NftFamily, Stmt};
use crate::netfilter::{Backend, Chain, HookFn, NatRange, Netfilter, Rule, Table, TableName, Target};
use std::net::IpAddr;
use std::sync::Arc;

/// A table of a backend.
type Place = (Family, Backend, TableName);

pub(super) fn delete(ns: &mut Netns, place: Place, chain: &str, number: u32) {
    edit(ns, place, chain, |rules, _| {
        if (number as usize) < rules.len() {
            rules.remove(number as usize);
        }
    });
}

pub(super) fn insert(ns: &mut Netns, place: Place, chain: &str, number: u32, rule: &Rule) {
    edit(ns, place, chain, |rules, _| {
        rules.insert(rules.len().min(number as usize), rule.clone())
    });
}

pub(super) fn policy(ns: &mut Netns, place: Place, chain: &str, accept: bool) {
    edit(ns, place, chain, |_, policy| *policy = policy.map(|_| accept));
}

/// Changes a chain, and what follows from its rules.
fn edit(ns: &mut Netns, place: Place, chain: &str, change: impl FnOnce(&mut Vec<Rule>, &mut Option<bool>)) {
    let netfilter = Arc::make_mut(&mut ns.netfilter);
    let table = netfilter
        .tables
        .iter_mut()
        .find(|t| (t.family, t.backend, t.name) == place);
    let Some(table) = table.filter(|t| t.chains.iter().any(|c| &*c.name == chain)) else {
        return;
    };
    if let Some(chain) = Arc::make_mut(table).chains.iter_mut().find(|c| &*c.name == chain) {
        let mut rules = std::mem::take(&mut chain.rules);
        change(&mut rules, &mut chain.policy);
        *chain = Chain::new(Arc::clone(&chain.name), chain.policy, rules);
    }
    follow(netfilter, place.0);
}

/// Changes a chain of native nftables, and what follows from its rules.
pub(super) fn edit_native(
    ns: &mut Netns,
    (family, name): (NftFamily, &str),
    chain: &str,
    change: impl FnOnce(&mut NftChain),
) {
    let netfilter = Arc::make_mut(&mut ns.netfilter);
    let table = netfilter
        .native
        .iter_mut()
        .find(|t| t.family == family && &*t.name == name);
    let Some(table) = table.filter(|t| t.chains.iter().any(|c| &*c.name == chain)) else {
        return;
    };
    if let Some(chain) = Arc::make_mut(table).chains.iter_mut().find(|c| &*c.name == chain) {
        change(chain);
    }
    for family in Family::ALL {
        follow(netfilter, family);
    }
}

/// What cannot be evaluated is taken away.
pub(super) fn forget_unknown(ns: &mut Netns) {
    let netfilter: &mut Netfilter = Arc::make_mut(&mut ns.netfilter);
    for family in Family::ALL {
        let stack = netfilter.of_mut(family);
        for hook in &mut stack.hooks {
            hook.retain(|entry| matches!(entry.run, HookFn::Table(_) | HookFn::Native { .. } | HookFn::Nat));
        }
        stack.conntrack_otherwise = None;
        follow(netfilter, family);
    }
}

pub(super) fn retarget(ns: &mut Netns, from: (IpAddr, u16), to: (IpAddr, u16)) {
    let netfilter = Arc::make_mut(&mut ns.netfilter);
    for table in &mut netfilter.tables {
        if table
            .chains
            .iter()
            .flat_map(|c| &c.rules)
            .any(|r| leads_to(&r.target, from))
        {
            retarget_table(Arc::make_mut(table), from, to);
        }
    }
    for table in &mut netfilter.native {
        let nats = table.chains.iter().flat_map(|c| &c.rules).flat_map(|r| &r.stmts);
        let leads = |stmt: &Stmt| matches!(stmt, Stmt::Nat(nat) if nat.ends().contains(&(from.0, Some(from.1))));
        if !nats.into_iter().any(leads) {
            continue;
        }
        let rules = Arc::make_mut(table).chains.iter_mut().flat_map(|c| &mut c.rules);
        for stmt in rules.flat_map(|r| &mut r.stmts) {
            if let Stmt::Nat(nat) = stmt {
                nat.retarget(from, to);
            }
        }
    }
}

fn retarget_table(table: &mut Table, from: (IpAddr, u16), to: (IpAddr, u16)) {
    for rule in table
        .chains
        .iter_mut()
        .flat_map(|c| &mut c.rules)
        .filter(|r| leads_to(&r.target, from))
    {
        if let Target::Dnat(range) = &mut rule.target {
            range.addrs = Some((to.0, to.0));
            range.ports = Some((to.1, to.1));
        }
    }
}

fn leads_to(target: &Target, (addr, port): (IpAddr, u16)) -> bool {
    let Target::Dnat(NatRange { addrs, ports, .. }) = target else {
        return false;
    };
    *addrs == Some((addr, addr)) && *ports == Some((port, port))
}
