//! Elements of sets and maps.
//!
//! Kernel: `nft_lookup_eval()` (`nft_lookup.c`).

use super::change::Changed;
use super::reg::{ANY_PORT, Reg};
use super::{At, Load, load};
use crate::engine::Engine;
use crate::skb::Skb;
use netwhy_model::GapId;
use netwhy_model::netfilter::Ports;
use netwhy_model::netfilter::nft::{Bytes, Expr, NftElem, NftSet};

/// What stands under a key.
pub(super) enum Found<'s> {
    Nothing,
    Elem(&'s NftElem),
    /// An element that a rule has put in during this conversation.
    Changed,
    Unknown(GapId),
}

impl<'s> From<Option<&'s NftElem>> for Found<'s> {
    fn from(elem: Option<&'s NftElem>) -> Found<'s> {
        elem.map_or(Found::Nothing, Found::Elem)
    }
}

/// What a map has under the value of an expression, which may be one that is drawn; else how loading it failed.
pub(in crate::nf) fn look_up<'a>(
    eng: &mut Engine<'a>,
    at: At<'a>,
    key: &'a Expr,
    set: &'a NftSet,
    skb: &Skb,
) -> Result<&'a NftElem, Load> {
    let found = match key {
        Expr::Numgen { modulus, offset, .. } => find_numgen(eng, set, *modulus, *offset),
        key => match load(eng, at, key, skb) {
            Load::Value(reg) => find(eng, at, set, &reg),
            Load::Any => find_one(eng, set),
            other => return Err(other),
        },
    };
    match found {
        Found::Unknown(gap) => Err(Load::Unknown(gap)),
        Found::Nothing | Found::Changed => Err(Load::Break),
        Found::Elem(elem) if elem.limited && !eng.oracle.state() => Err(Load::Break),
        Found::Elem(elem) => Ok(elem),
    }
}

pub(super) fn find<'s>(eng: &mut Engine<'_>, at: At<'_>, set: &'s NftSet, key: &Reg) -> Found<'s> {
    if let Some(gap) = set.unknown {
        return Found::Unknown(gap);
    }
    if let Some((place, ports)) = key.any {
        return find_any(eng, set, key, place, ports);
    }
    let changed = |c: &&Changed| {
        !set.name.is_empty()
            && c.netns == at.ns.id
            && c.table == at.rule.table
            && c.set == set.name
            && c.key == key.bytes
    };
    match eng.nft_changes.iter().rev().find(changed).map(|c| c.present) {
        Some(true) => Found::Changed,
        Some(false) => set.rest().into(),
        None => set.find(key.bytes.as_slice()).into(),
    }
}

/// One of the elements that have a port of the kernel's choice.
fn find_any<'s>(eng: &mut Engine<'_>, set: &'s NftSet, key: &Reg, place: usize, any: Ports) -> Found<'s> {
    let mut some: Vec<&NftElem> = Vec::new();
    for elem in set.elems() {
        let port = |bytes: &[u8]| match bytes.get(place..place + 2) {
            Some(&[a, b]) => u16::from_be_bytes([a, b]),
            _ => 0,
        };
        let (low, high) = (port(&elem.low).max(any.0), port(elem.high()).min(any.1));
        if low > high || !set.has(elem, key.with(low).as_slice()) {
            continue;
        }
        if (low, high) == any {
            return Found::Elem(elem);
        }
        some.push(elem);
    }
    // One value of 65,536: an observer has to know, a diagnosis must not tell.
    if some.is_empty() || any == ANY_PORT && eng.watch.is_none() {
        return set.rest().into();
    }
    match some.get(eng.oracle.one_of(some.len() as u32 + 1)) {
        Some(elem) => Found::Elem(elem),
        None => set.rest().into(),
    }
}

/// Elements of which one is taken by what nobody knows; of more no answer could be used.
const BRANCHES_MAX: usize = 64;

/// Any element, or none.
fn find_one<'s>(eng: &mut Engine<'_>, set: &'s NftSet) -> Found<'s> {
    if let Some(gap) = set.unknown {
        return Found::Unknown(gap);
    }
    let some: Vec<&NftElem> = set.elems().take(BRANCHES_MAX).collect();
    match some.get(eng.oracle.one_of(some.len() as u32 + 1)) {
        Some(elem) => Found::Elem(elem),
        None => set.rest().into(),
    }
}

/// Under a number that is drawn: each element by how many numbers it has.
fn find_numgen<'s>(eng: &mut Engine<'_>, set: &'s NftSet, modulus: u32, offset: u32) -> Found<'s> {
    if let Some(gap) = set.unknown {
        return Found::Unknown(gap);
    }
    let mut weights = Vec::new();
    let mut left = modulus;
    for elem in set.elems() {
        let count = drawn(&elem.low, elem.high(), modulus, offset).min(left);
        left -= count;
        weights.push(count);
    }
    weights.push(left);
    let with = |(at, weight): (usize, &u32)| (*weight > 0).then_some(at);
    let possible: Vec<usize> = weights.iter().enumerate().filter_map(with).collect();
    let shares: Vec<u32> = possible.iter().map(|at| weights[*at]).collect();
    let taken = possible.get(eng.oracle.weighted(&shares)).copied();
    match taken.and_then(|at| set.elems().nth(at)) {
        Some(elem) => Found::Elem(elem),
        None => set.rest().into(),
    }
}

/// How many of the numbers lie in a range.
pub(super) fn drawn(low: &[u8], high: &[u8], modulus: u32, offset: u32) -> u32 {
    let number = |bytes: &[u8]| Bytes::new(bytes).and_then(|b| b.as_number());
    let (Some(low), Some(high)) = (number(low), number(high)) else {
        return 0;
    };
    let (first, last) = (u128::from(offset), u128::from(offset) + u128::from(modulus) - 1);
    let (low, high) = (low.max(first), high.min(last));
    if low > high { 0 } else { (high - low + 1) as u32 }
}
