//! Patches of netfilter.

use crate::build::netfilter::{conntrack, defrag};
use crate::cluster::Netns;
use crate::netfilter::{Backend, Chain, HookFn, NatRange, Netfilter, Rule, Table, TableName, Target};
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A table of a backend.
type Place = (Backend, TableName);

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
fn edit(ns: &mut Netns, (backend, name): Place, chain: &str, change: impl FnOnce(&mut Vec<Rule>, &mut Option<bool>)) {
    let netfilter = Arc::make_mut(&mut ns.netfilter);
    let table = netfilter
        .tables
        .iter_mut()
        .find(|t| t.backend == backend && t.name == name);
    let Some(table) = table.filter(|t| t.chains.iter().any(|c| &*c.name == chain)) else {
        return;
    };
    if let Some(chain) = Arc::make_mut(table).chains.iter_mut().find(|c| &*c.name == chain) {
        let mut rules = std::mem::take(&mut chain.rules);
        change(&mut rules, &mut chain.policy);
        *chain = Chain::new(Arc::clone(&chain.name), chain.policy, rules);
    }
    netfilter.conntrack = conntrack(netfilter);
    netfilter.defrag = defrag(netfilter);
}

/// What cannot be evaluated is taken away.
pub(super) fn forget_unknown(ns: &mut Netns) {
    let netfilter: &mut Netfilter = Arc::make_mut(&mut ns.netfilter);
    for hook in &mut netfilter.hooks {
        hook.retain(|entry| matches!(entry.run, HookFn::Table(_)));
    }
    netfilter.conntrack_otherwise = None;
    netfilter.conntrack = conntrack(netfilter);
}

pub(super) fn retarget(ns: &mut Netns, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) {
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
}

fn retarget_table(table: &mut Table, from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)) {
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

fn leads_to(target: &Target, (addr, port): (Ipv4Addr, u16)) -> bool {
    let Target::Dnat(NatRange { addrs, ports, .. }) = target else {
        return false;
    };
    *addrs == Some((addr, addr)) && *ports == Some((port, port))
}
