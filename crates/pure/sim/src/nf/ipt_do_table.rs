//! Walking an iptables table.
//!
//! Kernel: `ipt_do_table()` (`net/ipv4/netfilter/ip_tables.c`), and `nft_do_chain()` for the same rules in nf_tables.

use super::nf_hook::Links;
use super::reject::reject;
use super::xt::{self, Hit, rule_hits};
use crate::engine::Engine;
use crate::oracle::Question;
use crate::skb::Skb;
use crate::trace::{Detail, RuleRef};
use netwhy_model::Netns;
use netwhy_model::netfilter::{Candidates, ChainId, Hook, Table, TableName, Target};

/// End of a table.
pub(crate) enum TableVerdict {
    Accept,
    Drop(RuleRef),
    /// Dropped already, for lack of a route.
    Lost,
}

/// Jumps that may be open at once; the kernel refuses loops when the table is loaded.
const STACK_MAX: usize = 64;
/// Rules that one table may visit.
const VISITS_MAX: usize = 1_000_000;

/// What a rule does with the walk.
enum Go {
    Next,
    Accept,
    Drop,
    Return,
    Jump(ChainId),
    Goto(ChainId),
}

pub(crate) fn ipt_do_table<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    number: u32,
    skb: &mut Skb,
    links: Links,
) -> TableVerdict {
    let table: &'a Table = &ns.netfilter.tables[number as usize];
    let Some(base) = table.base[hook as usize] else {
        return TableVerdict::Accept;
    };
    let packet = (skb.dst, skb.proto(), skb.ports().map_or(0, |p| p.1));
    let (linear, any_port) = (eng.options.linear, skb.dport_any.is_some());
    let walk = |chain: ChainId| -> Candidates<'a> {
        let chain = &table.chains[chain.0 as usize];
        match linear || any_port {
            true => chain.every(),
            false => chain.candidates(packet.0, packet.1, packet.2),
        }
    };
    let mut stack: Vec<(ChainId, Candidates<'a>)> = Vec::new();
    let (mut chain, mut rules) = (base, walk(base));
    for _ in 0..VISITS_MAX {
        let Some(at) = rules.next() else {
            match stack.pop() {
                Some((c, r)) => {
                    (chain, rules) = (c, r);
                    continue;
                }
                None => return policy(table, number, base),
            }
        };
        let rule = &table.chains[chain.0 as usize].rules[at as usize];
        let place = RuleRef {
            table: number,
            chain,
            rule: at,
        };
        if !hits(eng, ns, skb, links, place, hook) {
            continue;
        }
        eng.hit(ns, place);
        eng.used("target", rule.target.name(), "");
        match apply(eng, ns, hook, table, place, &rule.target, skb, links) {
            Go::Next => {}
            Go::Accept => return TableVerdict::Accept,
            Go::Drop => return TableVerdict::Drop(place),
            Go::Return => match stack.pop() {
                Some((c, r)) => (chain, rules) = (c, r),
                None => return policy(table, number, base),
            },
            Go::Jump(to) => {
                if stack.len() >= STACK_MAX {
                    return TableVerdict::Accept;
                }
                stack.push((chain, rules));
                (chain, rules) = (to, walk(to));
            }
            Go::Goto(to) => (chain, rules) = (to, walk(to)),
        }
    }
    TableVerdict::Accept
}

fn policy(table: &Table, number: u32, base: ChainId) -> TableVerdict {
    match table.chains[base.0 as usize].policy {
        Some(false) => TableVerdict::Drop(RuleRef {
            table: number,
            chain: base,
            rule: u32::MAX,
        }),
        _ => TableVerdict::Accept,
    }
}

fn hits<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb, links: Links, place: RuleRef, hook: Hook) -> bool {
    let table = &ns.netfilter.tables[place.table as usize];
    let rule = &table.chains[place.chain.0 as usize].rules[place.rule as usize];
    match rule_hits(eng, ns, rule, table.backend, skb, links) {
        Hit::Yes => true,
        Hit::No => false,
        Hit::Unknown(gap) => {
            if !skb.matters() && eng.watch.is_none() {
                return false;
            }
            eng.oracle.gap(
                Question {
                    gap,
                    about: question(ns, place, hook, skb),
                },
                2,
            ) == 1
        }
    }
}

/// The same rule may answer otherwise for the reply, in another hook or namespace.
fn question(ns: &Netns, place: RuleRef, hook: Hook, skb: &Skb) -> u32 {
    let mix = place.rule ^ place.chain.0 << 12 ^ place.table << 28 ^ ns.id.0 << 20;
    mix << 5 ^ (hook as u32) << 2 ^ u32::from(skb.main) << 1 ^ u32::from(skb.reply)
}

#[expect(clippy::too_many_arguments, reason = "the context of one rule")]
fn apply<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    table: &Table,
    place: RuleRef,
    target: &'a Target,
    skb: &mut Skb,
    links: Links,
) -> Go {
    let note = |eng: &mut Engine<'a>, skb: &Skb| eng.note(ns, skb, Detail::Rule { hook, rule: place });
    match target {
        Target::None | Target::Continue => Go::Next,
        Target::Accept => {
            note(eng, skb);
            Go::Accept
        }
        Target::Drop => {
            note(eng, skb);
            Go::Drop
        }
        Target::Return => Go::Return,
        Target::Jump(to) => {
            note(eng, skb);
            Go::Jump(*to)
        }
        Target::Goto(to) => {
            note(eng, skb);
            Go::Goto(*to)
        }
        Target::Mark { value, mask } => {
            skb.mark = skb.mark & !mask ^ value;
            note(eng, skb);
            Go::Next
        }
        Target::ConnmarkSet { .. } | Target::ConnmarkSave { .. } | Target::ConnmarkRestore { .. } => {
            connmark(eng, target, skb);
            Go::Next
        }
        Target::NoTrack => {
            if is_unattached(skb) {
                skb.untracked = true;
                note(eng, skb);
            }
            Go::Next
        }
        Target::Ct(zone) => {
            if is_unattached(skb) {
                skb.template = Some(*zone);
                note(eng, skb);
            }
            Go::Next
        }
        Target::Reject(with) => {
            note(eng, skb);
            reject(eng, ns, *with, skb);
            Go::Drop
        }
        // xt_DSCP.c: dscp_tg(), tos_tg()
        Target::Tos { value, mask } => {
            skb.tos = skb.tos & !mask ^ value;
            Go::Next
        }
        Target::Ttl { op, value } => {
            xt::ttl(skb, *op, *value);
            Go::Next
        }
        Target::TcpMss(mss) => {
            if xt::tcpmss(eng, ns, *mss, skb) {
                Go::Next
            } else {
                Go::Drop
            }
        }
        Target::Set { add, del } => {
            xt::set_elements(eng, ns, [add.as_ref(), del.as_ref()], skb, links);
            Go::Next
        }
        Target::Unmodelled(_) => Go::Next,
        Target::Unsupported(gap) => {
            let about = question(ns, place, hook, skb);
            if !skb.matters() && eng.watch.is_none() || eng.oracle.gap(Question { gap: *gap, about }, 2) == 0 {
                Go::Accept
            } else {
                Go::Drop
            }
        }
        Target::Dnat(_) | Target::Snat(_) | Target::Masquerade { .. } | Target::Redirect { .. } | Target::Netmap(_) => {
            if table.name != TableName::Nat {
                return Go::Next;
            }
            note(eng, skb);
            if super::nat::nat_target(eng, ns, hook, target, skb, links) {
                Go::Accept
            } else {
                Go::Drop
            }
        }
    }
}

/// `xt_ct_target()`: what has a connection keeps it, and so does what an earlier rule said.
fn is_unattached(skb: &Skb) -> bool {
    skb.ct.is_none() && !skb.attached && !skb.untracked && skb.template.is_none()
}

/// `connmark_tg()` (`net/netfilter/xt_connmark.c`).
fn connmark(eng: &mut Engine<'_>, target: &Target, skb: &mut Skb) {
    let Some(ct) = skb.ct else { return };
    let entry = &mut eng.conns[ct.entry];
    match target {
        Target::ConnmarkSet { value, mask } => entry.mark = entry.mark & !mask ^ value,
        Target::ConnmarkSave { ctmask, nfmask } => entry.mark = entry.mark & !ctmask ^ (skb.mark & nfmask),
        Target::ConnmarkRestore { ctmask, nfmask } => skb.mark = skb.mark & !nfmask ^ (entry.mark & ctmask),
        _ => {}
    }
}
