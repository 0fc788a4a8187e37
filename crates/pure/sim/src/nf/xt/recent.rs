//! `recent`: lists of addresses that were seen.
//!
//! Kernel: `recent_mt()` (`net/netfilter/xt_recent.c`, 6.18). What a list held before is in no snapshot; what this
//! conversation does to it is known.

use super::Hit;
use crate::engine::Engine;
use crate::skb::Skb;
use crate::state::Seen;
use netwhy_model::Netns;
use netwhy_model::family::bits;
use netwhy_model::netfilter::{Match, RecentOp};

pub(super) fn recent<'a>(eng: &mut Engine<'a>, ns: &Netns, m: &'a Match, skb: &Skb) -> Hit {
    let Match::Recent {
        name,
        op,
        seconds,
        hitcount,
        rttl,
        mask,
        source,
        not,
    } = m
    else {
        return Hit::No;
    };
    let addr = skb.family().addr(bits(if *source { skb.src } else { skb.dst }) & mask);
    let at = eng
        .recent
        .iter()
        .position(|s| s.netns == ns.id && s.list == &**name && s.addr == addr);
    let known = at.map(|i| (eng.recent[i].present, eng.recent[i].now));
    let plain = seconds.is_none() && hitcount.is_none_or(|n| n <= 1) && !rttl;
    let hit = match (op, known) {
        (RecentOp::Set, _) => true,
        (_, Some((false, _))) => false,
        (RecentOp::Remove, Some((true, _))) => true,
        (RecentOp::Check | RecentOp::Update, Some((true, now)))
            if plain || now && hitcount.is_none_or(|n| n <= 1) && !rttl =>
        {
            true
        }
        _ => eng.oracle.state(),
    };
    let (present, now) = match op {
        RecentOp::Set => (Some(true), true),
        RecentOp::Remove => (Some(false), false),
        RecentOp::Update if hit => (Some(true), true),
        RecentOp::Check if hit => (Some(true), known.is_some_and(|k| k.1)),
        // Too few or too old packets are no proof of absence.
        RecentOp::Check | RecentOp::Update => (plain.then_some(false), false),
    };
    if let Some(present) = present {
        let seen = Seen {
            netns: ns.id,
            list: name,
            addr,
            present,
            now,
        };
        match at {
            Some(i) => eng.recent[i] = seen,
            None => eng.recent.push(seen),
        }
    }
    Hit::from(hit).not(*not)
}
