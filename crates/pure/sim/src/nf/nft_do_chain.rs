//! Walking the chains of native nftables.
//!
//! Kernel: `nft_do_chain()` (`net/netfilter/nf_tables_core.c`, 6.18).

use super::ipt_do_table::TableVerdict;
use super::nf_hook::{Hooked, Links, unknown_rules};
use super::nft::{At, Load, compare, look_up, nat, set, update};
use super::reject::reject;
use super::xt::Hit;
use crate::engine::Engine;
use crate::oracle::Question;
use crate::skb::Skb;
use crate::trace::{Detail, RuleRef};
use netwhy_model::netfilter::nft::{Expr, NftChain, NftData, NftReject, NftRule, NftSet, NftTable, Stmt, Verdict};
use netwhy_model::netfilter::{ChainId, Hook, RejectWith};
use netwhy_model::{Family, GapId, Netns};

/// `NFT_JUMP_STACK_SIZE`: the kernel refuses deeper rules when they are loaded.
const STACK_MAX: usize = 16;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// Rules that one base chain may visit.
const VISITS_MAX: usize = 1_000_000;

/// What a statement or a rule comes to.
enum Go {
    /// The next statement, and in the end the next rule.
    Next,
    /// `NFT_BREAK`: the next rule.
    Break,
    Verdict(Verdict),
    /// The packet is gone already.
    Lost,
}

pub(super) fn nft_do_chain<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    (table, base): (u32, ChainId),
    skb: &mut Skb,
    links: Links,
) -> TableVerdict {
    let Some(rules) = ns.netfilter.native.get(table as usize) else {
        return TableVerdict::Accept;
    };
    let number = ns.netfilter.native_number(table);
    let rules: &'a NftTable = rules;
    let mut stack: Vec<(ChainId, usize)> = Vec::new();
    let (mut chain, mut next) = (base, 0);
    for _ in 0..VISITS_MAX {
        let Some(rule) = get(rules, chain).and_then(|c| c.rules.get(next)) else {
            match stack.pop() {
                Some(place) => (chain, next) = place,
                None => return policy(rules, number, base),
            }
            continue;
        };
        let place = RuleRef {
            table: number,
            chain,
            rule: next as u32,
        };
        next += 1;
        let at = At {
            ns,
            hook,
            links,
            rule: place,
        };
        let verdict = match run(eng, at, rule, skb) {
            Go::Next | Go::Break => continue,
            Go::Lost => return TableVerdict::Lost,
            Go::Verdict(verdict) => verdict,
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Accept => {
                note(eng, at, skb);
                return TableVerdict::Accept;
            }
            Verdict::Drop => {
                note(eng, at, skb);
                return TableVerdict::Drop(place);
            }
            Verdict::Return => match stack.pop() {
                Some(place) => (chain, next) = place,
                None => return policy(rules, number, base),
            },
            Verdict::Jump(to) => {
                note(eng, at, skb);
                if stack.len() >= STACK_MAX {
                    return TableVerdict::Accept;
                }
                stack.push((chain, next));
                (chain, next) = (to, 0);
            }
            Verdict::Goto(to) => {
                note(eng, at, skb);
                (chain, next) = (to, 0);
            }
            Verdict::Unsupported(gap) => {
                if anything(eng, at, skb, gap) {
                    return TableVerdict::Lost;
                }
            }
        }
    }
    TableVerdict::Accept
}

fn get(table: &NftTable, chain: ChainId) -> Option<&NftChain> {
    table.chains.get(chain.0 as usize)
}

fn policy(table: &NftTable, number: u32, base: ChainId) -> TableVerdict {
    match get(table, base).and_then(|c| c.base) {
        Some(base_of) if !base_of.accept => TableVerdict::Drop(RuleRef {
            table: number,
            chain: base,
            rule: u32::MAX,
        }),
        _ => TableVerdict::Accept,
    }
}

fn note<'a>(eng: &mut Engine<'a>, at: At<'a>, skb: &Skb) {
    let detail = Detail::Rule {
        hook: at.hook,
        rule: at.rule,
    };
    eng.note(at.ns, skb, detail);
}

/// Something that is not modelled happens. `true`: nothing can be said from here on.
fn anything<'a>(eng: &mut Engine<'a>, at: At<'a>, skb: &Skb, gap: GapId) -> bool {
    unknown_rules(eng, at.ns, at.hook, skb, gap, true) == Hooked::Drop
}

fn run<'a>(eng: &mut Engine<'a>, at: At<'a>, rule: &'a NftRule, skb: &mut Skb) -> Go {
    for stmt in &rule.stmts {
        match one(eng, at, stmt, skb) {
            Go::Next => {}
            end => return end,
        }
    }
    Go::Next
}

fn one<'a>(eng: &mut Engine<'a>, at: At<'a>, stmt: &'a Stmt, skb: &mut Skb) -> Go {
    let go = |hit: bool| if hit { Go::Next } else { Go::Break };
    match stmt {
        Stmt::Match(want) => {
            let hit = compare(eng, at, want, skb);
            if eng.watch.is_some() {
                let outcome = match hit {
                    Hit::Yes => "hit",
                    Hit::No => "miss",
                    Hit::Unknown(_) => "unknown",
                };
                eng.used("expr", want.left.name(), outcome);
            }
            match hit {
                Hit::Yes => Go::Next,
                Hit::No => Go::Break,
                Hit::Unknown(_) if !skb.matters() && eng.watch.is_none() => Go::Break,
                Hit::Unknown(gap) => {
                    let about = question(at, skb);
                    go(eng.oracle.gap(Question { gap, about }, 2) == 1)
                }
            }
        }
        other => {
            eng.used("stmt", other.name(), "");
            act(eng, at, other, skb)
        }
    }
}

/// The same rule may answer otherwise for the reply, in another hook or namespace.
fn question(at: At<'_>, skb: &Skb) -> u32 {
    let mix = at.rule.rule ^ at.rule.chain.0 << 12 ^ at.rule.table << 28 ^ at.ns.id.0 << 20;
    mix << 5 ^ (at.hook as u32) << 2 ^ u32::from(skb.main) << 1 ^ u32::from(skb.reply)
}

fn act<'a>(eng: &mut Engine<'a>, at: At<'a>, stmt: &'a Stmt, skb: &mut Skb) -> Go {
    match stmt {
        Stmt::Match(_) | Stmt::Look => Go::Next,
        Stmt::Counter => {
            eng.hit(at.ns, at.rule);
            Go::Next
        }
        // nft_limit.c, nft_quota.c, nft_connlimit.c
        Stmt::State => match eng.oracle.state() {
            true => Go::Next,
            false => Go::Break,
        },
        Stmt::Verdict(verdict) => Go::Verdict(*verdict),
        Stmt::Vmap(key, set) => vmap(eng, at, key, set, skb),
        Stmt::Nat(statement) => {
            note(eng, at, skb);
            match nat(eng, at, statement, skb) {
                Ok(None) => Go::Next,
                Ok(Some(true)) => Go::Verdict(Verdict::Accept),
                Ok(Some(false)) => Go::Verdict(Verdict::Drop),
                Err(load) => failed(eng, at, load, skb),
            }
        }
        Stmt::Reject(with) => match reject_with(*with, skb) {
            Some(with) => {
                note(eng, at, skb);
                reject(eng, at.ns, with, skb);
                Go::Verdict(Verdict::Drop)
            }
            None => Go::Break,
        },
        // nft_notrack.c
        Stmt::Notrack => {
            if skb.ct.is_none() && skb.template.is_none() && !skb.attached {
                skb.untracked = true;
            }
            Go::Next
        }
        Stmt::Set(what, value) => match set(eng, at, *what, value, skb) {
            Ok(()) => Go::Next,
            Err(load) => failed(eng, at, load, skb),
        },
        Stmt::Update(change) => match update(eng, at, change, skb) {
            Ok(()) => Go::Next,
            Err(load) => failed(eng, at, load, skb),
        },
        Stmt::Unsupported(gap) => match anything(eng, at, skb, *gap) {
            true => Go::Lost,
            false => Go::Next,
        },
    }
}

/// A statement without the value that it needs.
fn failed<'a>(eng: &mut Engine<'a>, at: At<'a>, load: Load, skb: &Skb) -> Go {
    match load {
        Load::Unknown(gap) if anything(eng, at, skb, gap) => Go::Lost,
        // One of the values may be one without an element.
        Load::Any => {
            eng.oracle.state();
            Go::Break
        }
        _ => Go::Break,
    }
}

/// `nft_lookup_eval()` with a verdict; where there is no element, the rule ends.
fn vmap<'a>(eng: &mut Engine<'a>, at: At<'a>, key: &'a Expr, set: &'a NftSet, skb: &Skb) -> Go {
    match look_up(eng, at, key, set, skb) {
        Err(load) => failed(eng, at, load, skb),
        Ok(elem) => match elem.data {
            NftData::Verdict(verdict) => Go::Verdict(verdict),
            NftData::Nothing | NftData::Value(_) | NftData::Range(..) => Go::Break,
        },
    }
}

/// What a packet is answered with; `None` if that is for other packets.
fn reject_with(with: NftReject, skb: &Skb) -> Option<RejectWith> {
    match (with, skb.family()) {
        // nft compares the protocol before, and does not list that.
        (NftReject::TcpReset, _) => (skb.proto() == TCP).then_some(RejectWith::TcpReset),
        (other, Family::Inet) => other.icmp_code().map(RejectWith::Icmp),
        (other, Family::Inet6) => other.icmpv6_code().map(RejectWith::Icmp),
    }
}
