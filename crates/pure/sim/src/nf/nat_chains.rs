//! The nat chains of a hook.
//!
//! Kernel: `nf_nat_inet_fn()` (`net/netfilter/nf_nat_core.c`, 6.18). Kernel-facts traps 1 and 2.

use super::ipt_do_table::{TableVerdict, ipt_do_table};
use super::nat::manip_is_src;
use super::nf_hook::{Hooked, Links, Order, Seen, drop_stage, is_idle, is_known, unknown_rules};
use super::nft_do_chain::nft_do_chain;
use crate::engine::Engine;
use crate::reason::{DropReason, Stage};
use crate::skb::Skb;
use netwhy_model::Netns;
use netwhy_model::netfilter::{Hook, HookEntry, HookFn};

/// Its connection is translated in this direction, or never will be.
pub(super) fn is_done(eng: &Engine<'_>, skb: &Skb, src: bool) -> bool {
    skb.ct.is_some_and(|ct| match src {
        true => eng.conns[ct.entry].src_done,
        false => eng.conns[ct.entry].dst_done,
    })
}

/// The chains of a hook by their own priorities, until one translates. `false`: dropped.
pub(super) fn run_chains<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    links: Links,
    chains: &[HookEntry],
) -> bool {
    let src = manip_is_src(hook);
    let mut rest = chains;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|e| e.nat == first.nat).count();
        let (group, later) = rest.split_at(same);
        rest = later;
        let mut group: Vec<&HookEntry> = group.iter().filter(|e| !is_idle(ns, hook, e)).collect();
        let known = group.iter().all(|e| is_known(e));
        let order = Order::new(eng, ns, hook, first.nat, group.len());
        order.arrange(&mut group);
        for (at, entry) in group.iter().enumerate() {
            let before = Seen::of(eng, skb);
            let accepted = chain(eng, ns, hook, skb, links, entry);
            let ended = !accepted || is_done(eng, skb, src);
            if known && group.len() > 1 {
                order.ran(eng, at + 1 == group.len(), ended, before != Seen::of(eng, skb));
            }
            if ended {
                return accepted;
            }
        }
    }
    true
}

/// One nat chain. `false`: dropped.
fn chain<'a>(eng: &mut Engine<'a>, ns: &'a Netns, hook: Hook, skb: &mut Skb, links: Links, entry: &HookEntry) -> bool {
    let (verdict, stage) = match entry.run {
        HookFn::Table(table) => (ipt_do_table(eng, ns, hook, table, skb, links), drop_stage(ns, table)),
        HookFn::Native { table, chain } => (
            nft_do_chain(eng, ns, hook, (table, chain), skb, links),
            Stage::NftDoChain,
        ),
        HookFn::Nat => return true,
        HookFn::Unknown(gap) | HookFn::MayDrop(gap) => {
            return unknown_rules(eng, ns, hook, skb, gap, true) != Hooked::Drop;
        }
    };
    match verdict {
        TableVerdict::Accept => true,
        TableVerdict::Lost => false,
        TableVerdict::Drop(rule) => {
            eng.drop_by(ns, skb, stage, DropReason::NetfilterDrop, Some(rule));
            false
        }
    }
}
