//! One hook: its entries by priority, with connection tracking and translation at their places.
//!
//! Kernel: `nf_hook_slow()` (`net/netfilter/core.c`), priorities in `linux/netfilter_ipv4.h`. Kernel-facts traps 1 and 2.

use super::conntrack::{confirm, nf_conntrack_in};
use super::ipt_do_table::{TableVerdict, ipt_do_table};
use super::nat::nf_nat_inet_fn;
use crate::engine::Engine;
use crate::ip::{DefragUser, ip_defrag, ip_route_me_harder};
use crate::oracle::Question;
use crate::reason::{DropReason, Stage};
use crate::skb::Skb;

use netwhy_model::netfilter::{Backend, Hook, HookEntry, HookFn, TableName};
use netwhy_model::{GapId, Netns};

/// Whether the packet goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hooked {
    Accept,
    /// Dropped; already noted.
    Drop,
}

/// In and out link of a hook, 0 for none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links {
    pub iif: u32,
    pub oif: u32,
}

const NF_IP_PRI_CONNTRACK: i32 = -200;

pub(crate) fn nf_hook<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    iif: u32,
    oif: u32,
) -> Hooked {
    let nf = ns.netfilter.of(skb.family());
    let entries = &nf.hooks[hook as usize];
    let links = Links { iif, oif };
    let tracked = nf.conntrack.is_some();
    let tracks_here = tracked && matches!(hook, Hook::PreRouting | Hook::LocalOut);
    // nf_defrag_ipv4.c: ipv4_conntrack_defrag(), before all others.
    let whole = tracks_here || nf.defrag && matches!(hook, Hook::PreRouting | Hook::LocalOut);
    if whole && skb.frag.is_some() {
        let user = match hook {
            Hook::PreRouting => DefragUser::ConntrackIn,
            _ => DefragUser::ConntrackOut,
        };
        match ip_defrag(eng, ns, skb.clone(), user) {
            Some(whole) => *skb = whole,
            None => return Hooked::Drop,
        }
    }
    let before = if tracks_here {
        entries.partition_point(|e| e.priority < NF_IP_PRI_CONNTRACK)
    } else {
        0
    };
    if tracks_here {
        if run(eng, ns, hook, skb, links, &entries[..before]) == Hooked::Drop {
            return Hooked::Drop;
        }
        if nf_conntrack_in(eng, ns, skb) == Hooked::Drop {
            return Hooked::Drop;
        }
        eng.used("conntrack", skb.ct_name(), "");
    }
    if run(eng, ns, hook, skb, links, &entries[before..]) == Hooked::Drop {
        return Hooked::Drop;
    }
    if tracked && matches!(hook, Hook::LocalIn | Hook::PostRouting) {
        return confirm(eng, ns, skb);
    }
    Hooked::Accept
}

/// Runs entries in order; tables of one priority in both orders where that can matter.
fn run<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    links: Links,
    entries: &[HookEntry],
) -> Hooked {
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|e| e.priority == first.priority).count();
        let (group, later) = rest.split_at(same);
        rest = later;
        if group.iter().any(|e| is_nat(ns, e)) {
            let daddr = skb.dst;
            let several = (group.len() > 1).then(|| ordered(eng, ns, hook, group));
            if !nf_nat_inet_fn(eng, ns, hook, skb, links, several.as_deref().unwrap_or(group)) {
                return Hooked::Drop;
            }
            // nf_nat_ipv4_pre_routing(): what comes over lo has a route, which then is another one.
            if hook == Hook::PreRouting && skb.dst != daddr {
                skb.route = None;
            }
            if hook == Hook::LocalOut && moves_destination(eng, skb) && !ip_route_me_harder(eng, ns, skb) {
                return Hooked::Drop;
            }
            continue;
        }
        if let [entry] = group {
            if !is_idle(ns, hook, entry) && one(eng, ns, hook, skb, links, entry) == Hooked::Drop {
                return Hooked::Drop;
            }
            continue;
        }
        for entry in ordered(eng, ns, hook, group) {
            if one(eng, ns, hook, skb, links, &entry) == Hooked::Drop {
                return Hooked::Drop;
            }
        }
    }
    Hooked::Accept
}

fn is_nat(ns: &Netns, entry: &HookEntry) -> bool {
    matches!(entry.run, HookFn::Table(t) if ns.netfilter.tables[t as usize].name == TableName::Nat)
}

/// Entries that do something, in an order that no snapshot shows: the last registered runs first.
fn ordered(eng: &mut Engine<'_>, ns: &Netns, hook: Hook, group: &[HookEntry]) -> Vec<HookEntry> {
    let mut list: Vec<HookEntry> = group.iter().filter(|e| !is_idle(ns, hook, e)).cloned().collect();
    if list.len() > 1
        && list.iter().all(|e| matches!(e.run, HookFn::Table(_)))
        && eng.oracle.gap(
            Question {
                gap: HOOK_ORDER,
                about: ns.id.0 << 4 | hook as u32,
            },
            2,
        ) == 1
    {
        list.reverse();
    }
    list
}

/// The gap that stands for the order of hooks of equal priority.
pub const HOOK_ORDER: GapId = GapId(u32::MAX);

fn is_idle(ns: &Netns, hook: Hook, entry: &HookEntry) -> bool {
    let HookFn::Table(t) = entry.run else { return false };
    let table = &ns.netfilter.tables[t as usize];
    let Some(chain) = table.base[hook as usize].and_then(|c| table.chains.get(c.0 as usize)) else {
        return true;
    };
    chain.rules.is_empty() && chain.policy != Some(false)
}

fn one<'a>(eng: &mut Engine<'a>, ns: &'a Netns, hook: Hook, skb: &mut Skb, links: Links, entry: &HookEntry) -> Hooked {
    match entry.run {
        HookFn::Table(t) => match mangle_out(eng, ns, hook, t, skb, links) {
            TableVerdict::Accept => Hooked::Accept,
            TableVerdict::Lost => Hooked::Drop,
            TableVerdict::Drop(rule) => {
                eng.drop_by(ns, skb, drop_stage(ns, t), DropReason::NetfilterDrop, Some(rule));
                Hooked::Drop
            }
        },
        HookFn::Unknown(gap) => unknown_rules(eng, ns, hook, skb, gap, true),
        HookFn::MayDrop(gap) => unknown_rules(eng, ns, hook, skb, gap, false),
    }
}

/// `nf_nat_ipv4_local_fn()`: the connection's destination is another address on the other side; its port alone moves nothing.
fn moves_destination(eng: &Engine<'_>, skb: &Skb) -> bool {
    skb.ct.is_some_and(|ct| {
        let conn = &eng.conns[ct.entry];
        if ct.reply {
            conn.reply.dst != conn.orig.src
        } else {
            conn.orig.dst != conn.reply.src
        }
    })
}

/// `ipt_mangle_out()`, `nf_route_table_hook4()`: mangle is the only table whose marks route what the host sends.
fn mangle_out<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    table: u32,
    skb: &mut Skb,
    links: Links,
) -> TableVerdict {
    let before = (skb.src, skb.dst, skb.mark, skb.tos);
    let verdict = ipt_do_table(eng, ns, hook, table, skb, links);
    let routes = hook == Hook::LocalOut && ns.netfilter.tables[table as usize].name == TableName::Mangle;
    let changed = routes && before != (skb.src, skb.dst, skb.mark, skb.tos);
    match verdict {
        TableVerdict::Accept if changed && !ip_route_me_harder(eng, ns, skb) => TableVerdict::Lost,
        verdict => verdict,
    }
}

/// nft rules drop in their own function, legacy rules in the hook's.
pub(crate) fn drop_stage(ns: &Netns, table: u32) -> Stage {
    match ns.netfilter.tables[table as usize].backend {
        Backend::Legacy => Stage::NfHookSlow,
        Backend::Nft => Stage::NftDoChain,
    }
}

/// Rules that cannot be evaluated may drop this packet, or, where `anything` is possible, make of it what they like.
pub(crate) fn unknown_rules(
    eng: &mut Engine<'_>,
    ns: &Netns,
    hook: Hook,
    skb: &Skb,
    gap: GapId,
    anything: bool,
) -> Hooked {
    if !skb.matters() && eng.watch.is_none() {
        return Hooked::Accept;
    }
    let about = 0x100 | (hook as u32) << 2 | u32::from(skb.main) << 1 | u32::from(skb.reply) | ns.id.0 << 12;
    if eng.oracle.gap(Question { gap, about }, 2) == 0 {
        return Hooked::Accept;
    }
    if anything {
        eng.unknown(ns, skb, Stage::NftDoChain, gap);
    } else {
        eng.drop(ns, skb, Stage::NftDoChain, DropReason::NetfilterDrop);
    }
    Hooked::Drop
}
