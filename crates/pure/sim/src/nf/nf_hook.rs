//! One hook: its entries by priority, with connection tracking and translation at their places.
//!
//! Kernel: `nf_hook_slow()` (`net/netfilter/core.c`), priorities in `linux/netfilter_ipv4.h`. Kernel-facts traps 1 and 2.

use super::conntrack::{confirm, nf_conntrack_in};
use super::ipt_do_table::{TableVerdict, ipt_do_table};
use super::nat::nf_nat_inet_fn;
use super::nft_do_chain::nft_do_chain;
use crate::engine::Engine;
use crate::ip::{DefragUser, ip_defrag, ip_route_me_harder};
use crate::oracle::Question;
use crate::reason::{DropReason, Stage};
use crate::skb::{PktType, Skb, Tuple};

use netwhy_model::netfilter::nft::NftChainType;
use netwhy_model::netfilter::{Backend, ChainId, CtZone, Hook, HookEntry, HookFn, TableName};
use netwhy_model::{Family, GapId, Netns};
use std::net::IpAddr;

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

const NF_IP_PRI_CONNTRACK_DEFRAG: i32 = -400;
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
    let early = entries.partition_point(|e| e.priority < NF_IP_PRI_CONNTRACK_DEFRAG);
    let (first, entries) = entries.split_at(early);
    if run(eng, ns, hook, skb, links, first) == Hooked::Drop {
        return Hooked::Drop;
    }
    // nf_defrag_ipv4.c: ipv4_conntrack_defrag()
    let whole = tracks_here || nf.defrag && matches!(hook, Hook::PreRouting | Hook::LocalOut);
    if whole && skb.frag.is_some() && (nf.defrag || is_tracked(eng, ns, nf.conntrack)) {
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

/// Rules that were not read may be the only ones that ask for connection tracking. Of a whole packet nobody sees that.
fn is_tracked(eng: &mut Engine<'_>, ns: &Netns, conntrack: Option<Result<(), GapId>>) -> bool {
    match conntrack {
        None => false,
        Some(Ok(())) => true,
        Some(Err(gap)) => {
            let about = CONNTRACK | ns.id.0;
            eng.oracle.gap(Question { gap, about }, 2) == 0
        }
    }
}

/// [`Question::about`] of [`is_tracked()`].
const CONNTRACK: u32 = 0xff << 24;

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
        if let [entry] = group {
            if entry.nat.is_some() {
                if translate(eng, ns, hook, skb, links, group) == Hooked::Drop {
                    return Hooked::Drop;
                }
            } else if !is_idle(ns, hook, entry) && one(eng, ns, hook, skb, links, entry) == Hooked::Drop {
                return Hooked::Drop;
            }
            continue;
        }
        if several(eng, ns, hook, skb, links, group) == Hooked::Drop {
            return Hooked::Drop;
        }
    }
    Hooked::Accept
}

/// Entries of one priority, of which those of nat are one function.
fn several<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    links: Links,
    group: &[HookEntry],
) -> Hooked {
    let busy = |e: &&HookEntry| !is_idle(ns, hook, e);
    let (nat, others): (Vec<&HookEntry>, Vec<&HookEntry>) = group.iter().partition(|e| e.nat.is_some());
    let others: Vec<&HookEntry> = others.into_iter().filter(busy).collect();
    let mut units: Vec<Option<&HookEntry>> = others.into_iter().map(Some).collect();
    if !nat.is_empty() {
        units.push(None);
    }
    let known = units.iter().all(|unit| unit.is_none_or(is_known));
    let order = Order::new(eng, ns, hook, group.first().map(|e| e.priority), units.len());
    order.arrange(&mut units);
    for (at, unit) in units.iter().enumerate() {
        let before = Seen::of(eng, skb);
        let end = match unit {
            Some(entry) => one(eng, ns, hook, skb, links, entry),
            None => {
                let chains: Vec<HookEntry> = nat.iter().map(|e| (*e).clone()).collect();
                translate(eng, ns, hook, skb, links, &chains)
            }
        };
        if known && units.len() > 1 {
            order.ran(
                eng,
                at + 1 == units.len(),
                end == Hooked::Drop,
                before != Seen::of(eng, skb),
            );
        }
        if end == Hooked::Drop {
            return Hooked::Drop;
        }
    }
    Hooked::Accept
}

/// The order of entries of one priority: the last registered runs first, and which that is no snapshot shows. It is asked
/// for as soon as it may matter, which it does not where only the last one does anything, and ends the walk with that.
pub(super) struct Order {
    question: Question,
    orders: u8,
    /// Number of the order in which they run.
    answer: u8,
}

/// Entries of which all orders are tried; of more, their order and its reverse.
const ARRANGED_MAX: usize = 4;

impl Order {
    pub fn new(eng: &Engine<'_>, ns: &Netns, hook: Hook, priority: Option<i32>, entries: usize) -> Order {
        let priority = priority.unwrap_or(0) as u32 & 0xfff;
        let question = Question {
            gap: HOOK_ORDER,
            about: ns.id.0 << 16 | (hook as u32) << 12 | priority,
        };
        Order {
            question,
            orders: match entries {
                0..=ARRANGED_MAX => (1..=entries as u8).product(),
                _ => 2,
            },
            answer: eng.oracle.other_answer(question).unwrap_or(0),
        }
    }

    /// Puts them into the order of this world.
    pub fn arrange<T>(&self, list: &mut Vec<T>) {
        if list.len() > ARRANGED_MAX {
            if self.answer > 0 {
                list.reverse();
            }
            return;
        }
        let mut code = usize::from(self.answer);
        let mut left = std::mem::take(list);
        while !left.is_empty() {
            let at = code % left.len();
            code /= left.len();
            list.push(left.remove(at));
        }
    }

    /// One of them has run: whether it was the last, ended the walk, and did anything to what another one sees.
    pub fn ran(&self, eng: &mut Engine<'_>, last: bool, ended: bool, changed: bool) {
        let matters = if last { changed && !ended } else { changed || ended };
        // An observer sees by the counters which of them ran.
        if self.answer > 0 || matters || eng.watch.is_some() {
            eng.oracle.gap(self.question, self.orders);
        }
    }
}

/// What rules can change for the rules that follow.
#[derive(PartialEq)]
pub(super) struct Seen {
    skb: (Tuple, u32, u8, u8, PktType, u32, bool, Option<CtZone>, Option<u16>),
    conn: Option<(u32, Tuple, bool, bool)>,
    noted: [usize; 5],
}

impl Seen {
    pub fn of(eng: &Engine<'_>, skb: &Skb) -> Seen {
        Seen {
            skb: (
                skb.tuple(),
                skb.mark,
                skb.tos,
                skb.ttl,
                skb.pkt_type,
                skb.len,
                skb.untracked,
                skb.template,
                skb.opts.mss,
            ),
            conn: skb
                .ct
                .and_then(|ct| eng.conns.get(ct.entry))
                .map(|c| (c.mark, c.reply, c.src_done, c.dst_done)),
            noted: [
                eng.set_changes.len(),
                eng.nft_changes.len(),
                eng.recent.len(),
                eng.oracle.choices(),
                eng.oracle.asked().len(),
            ],
        }
    }
}

pub(super) fn is_known(entry: &HookEntry) -> bool {
    matches!(entry.run, HookFn::Table(_) | HookFn::Native { .. } | HookFn::Nat)
}

/// Address translation at its place in the hook.
fn translate<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    links: Links,
    chains: &[HookEntry],
) -> Hooked {
    let daddr = skb.dst;
    if !nf_nat_inet_fn(eng, ns, hook, skb, links, chains) {
        return Hooked::Drop;
    }
    // nf_nat_ipv4_pre_routing(): what comes over lo has a route, which then is another one.
    if hook == Hook::PreRouting && skb.dst != daddr {
        skb.route = None;
    }
    if hook == Hook::LocalOut && moves_destination(eng, skb) && !ip_route_me_harder(eng, ns, skb) {
        return Hooked::Drop;
    }
    Hooked::Accept
}

/// The gap that stands for the order of hooks of equal priority.
pub const HOOK_ORDER: GapId = GapId(u32::MAX);

pub(super) fn is_idle(ns: &Netns, hook: Hook, entry: &HookEntry) -> bool {
    let t = match entry.run {
        HookFn::Table(t) => t,
        HookFn::Native { table, chain } => {
            let table = ns.netfilter.native.get(table as usize);
            let chain = table.and_then(|t| t.chains.get(chain.0 as usize));
            return chain.is_none_or(|c| c.is_idle());
        }
        HookFn::Nat => return true,
        HookFn::Unknown(_) | HookFn::MayDrop(_) => return false,
    };
    let table = &ns.netfilter.tables[t as usize];
    let Some(chain) = table.base[hook as usize].and_then(|c| table.chains.get(c.0 as usize)) else {
        return true;
    };
    chain.rules.is_empty() && chain.policy != Some(false)
}

fn one<'a>(eng: &mut Engine<'a>, ns: &'a Netns, hook: Hook, skb: &mut Skb, links: Links, entry: &HookEntry) -> Hooked {
    let before = looked_at(skb);
    let (verdict, routes, stage) = match entry.run {
        HookFn::Table(t) => {
            let mangle = ns.netfilter.tables[t as usize].name == TableName::Mangle;
            (ipt_do_table(eng, ns, hook, t, skb, links), mangle, drop_stage(ns, t))
        }
        HookFn::Native { table, chain } => {
            let verdict = nft_do_chain(eng, ns, hook, (table, chain), skb, links);
            (verdict, is_route(ns, table, chain), Stage::NftDoChain)
        }
        HookFn::Nat => return Hooked::Accept,
        HookFn::Unknown(gap) => return unknown_rules(eng, ns, hook, skb, gap, true),
        HookFn::MayDrop(gap) => return unknown_rules(eng, ns, hook, skb, gap, false),
    };
    // ipt_mangle_out(), nf_route_table_hook4(): only these chains route anew what the host sends.
    let changed = routes && hook == Hook::LocalOut && before != looked_at(skb);
    match verdict {
        TableVerdict::Accept if changed && !ip_route_me_harder(eng, ns, skb) => Hooked::Drop,
        TableVerdict::Accept => Hooked::Accept,
        TableVerdict::Lost => Hooked::Drop,
        TableVerdict::Drop(rule) => {
            eng.drop_by(ns, skb, stage, DropReason::NetfilterDrop, Some(rule));
            Hooked::Drop
        }
    }
}

/// `ip6t_mangle_out()` looks at the hop limit in place of the type of service.
fn looked_at(skb: &Skb) -> (IpAddr, IpAddr, u32, u8) {
    let last = match skb.family() {
        Family::Inet => skb.tos,
        Family::Inet6 => skb.ttl,
    };
    (skb.src, skb.dst, skb.mark, last)
}

fn is_route(ns: &Netns, table: u32, chain: ChainId) -> bool {
    let table = ns.netfilter.native.get(table as usize);
    let chain = table.and_then(|t| t.chains.get(chain.0 as usize));
    chain
        .and_then(|c| c.base)
        .is_some_and(|base| base.kind == NftChainType::Route)
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
