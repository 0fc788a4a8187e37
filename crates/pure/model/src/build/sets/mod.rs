//! `ipset.save`: sets, with what their elements mean.

mod element;

use super::Ctx;
use crate::fact::{Fact, GapId};
use crate::family::{Family, bits, mask};
use crate::netfilter::{Dim, IpSet, SetElem, SetType};
use netwhy_snapshot::format::ipset_save;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Sets by name; a set that is not modelled is a gap.
pub(super) type Sets = FxHashMap<String, Fact<Arc<IpSet>>>;

/// Elements beyond one for each line: ipset itself prints no ranges of addresses or ports.
const EXTRA_MAX: usize = 1 << 17;

/// Options of a set that change nothing of what is in it, and whether a value follows.
const IGNORED: [(&str, bool); 14] = [
    ("hashsize", true),
    ("maxelem", true),
    ("timeout", true),
    ("bucketsize", true),
    ("initval", true),
    ("size", true),
    ("probes", true),
    ("resize", true),
    ("gc", true),
    ("counters", false),
    ("comment", false),
    ("skbinfo", false),
    ("forceadd", false),
    ("noloadbalance", false),
];

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Sets> {
    let path = format!("{dir}/ipset.save");
    let parsed = ipset_save::parse(ctx.text(&path)?);
    if let Some(problem) = parsed.problems.first() {
        // The line may have been a member of any set.
        return Err(ctx.problem(&path, problem));
    }
    let mut sets = Sets::default();
    let is_list = |s: &&ipset_save::Set| s.kind == "list:set";
    // Sets of sets come last: what they hold must be known.
    let order = parsed
        .sets
        .iter()
        .filter(|s| !is_list(s))
        .chain(parsed.sets.iter().filter(is_list));
    let mut extra = EXTRA_MAX;
    for raw in order {
        let fact = set(raw, &sets, &mut extra).map(Arc::new);
        let fact = fact.map_err(|why| gap(ctx, &path, raw, &why));
        sets.insert(raw.name.clone(), fact);
    }
    Ok(sets)
}

fn gap(ctx: &mut Ctx<'_>, path: &str, raw: &ipset_save::Set, why: &str) -> GapId {
    ctx.gaps
        .add(format!("{path}:{}", raw.line), format!("set {:?}: {why}", raw.name))
}

fn set(raw: &ipset_save::Set, known: &Sets, extra: &mut usize) -> Result<IpSet, String> {
    let kind = SetType::named(&raw.kind).ok_or_else(|| format!("type {} is not modelled", raw.kind))?;
    let mut set = IpSet {
        name: raw.name.as_str().into(),
        kind,
        family: Family::Inet,
        range: (0, u128::MAX),
        mask: u128::MAX,
        markmask: u32::MAX,
        members: Vec::new(),
        cidrs: [Vec::new(), Vec::new()],
        sets: Vec::new(),
        hash: 0,
    };
    options(&mut set, &raw.options)?;
    if kind == SetType::ListSet {
        for member in &raw.members {
            let inner = known.get(&member.element);
            let inner = inner.ok_or_else(|| format!("set {:?} does not exist", member.element))?;
            if inner.as_ref().is_ok_and(|inner| inner.kind == SetType::ListSet) {
                return Err(format!("set {:?} is a list itself", member.element));
            }
            set.sets.push(inner.clone());
        }
    } else {
        for member in &raw.members {
            elements(&mut set, member, extra)?;
        }
    }
    set.members.sort_unstable();
    set.members.dedup();
    set.cidrs = [
        lengths(&set, Dim::Net, 0, |e| e.cidr),
        lengths(&set, Dim::Net, 1, |e| e.cidr2),
    ];
    let mut hasher = FxHasher::default();
    set.members.hash(&mut hasher);
    set.hash = hasher.finish();
    Ok(set)
}

/// Prefix lengths of the first or second network, longest first; a single one for a type without such a network.
fn lengths(set: &IpSet, dim: Dim, which: usize, of: impl Fn(&SetElem) -> u8) -> Vec<u8> {
    let mut addrs = set.kind.dims().iter().filter(|d| matches!(d, Dim::Ip | Dim::Net));
    if addrs.nth(which) != Some(&dim) {
        return Vec::new();
    }
    let mut all: Vec<u8> = set.members.iter().map(|(e, _)| of(e)).collect();
    all.sort_unstable_by_key(|len| std::cmp::Reverse(*len));
    all.dedup();
    all
}

fn options(set: &mut IpSet, words: &[String]) -> Result<(), String> {
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if let Some((_, value)) = IGNORED.iter().find(|(name, _)| *name == word) {
            if *value {
                words.next();
            }
            continue;
        }
        let value = words.next().unwrap_or_default();
        let bad = || format!("option {word} {value:?} is not modelled");
        match word {
            "family" => {
                set.family = if value == "inet6" { Family::Inet6 } else { Family::Inet };
            }
            "netmask" => {
                let longest = set.family.addr_len();
                let len = value.parse().ok().filter(|len| *len <= longest).ok_or_else(bad)?;
                set.mask = mask(len);
            }
            "bitmask" => set.mask = bits(value.parse().map_err(|_| bad())?),
            "markmask" => set.markmask = super::iptables::number(value).ok_or_else(bad)?,
            "range" if set.kind == SetType::BitmapPort => {
                let (low, high) = element::ports(value).ok_or_else(bad)?;
                set.range = (low.into(), high.into());
            }
            "range" => set.range = element::addresses(value, set.family).ok_or_else(bad)?,
            _ => return Err(format!("option {word} is not modelled")),
        }
    }
    Ok(())
}

/// What one line adds.
fn elements(set: &mut IpSet, member: &ipset_save::Member, extra: &mut usize) -> Result<(), String> {
    let list =
        element::read(set, &member.element).ok_or_else(|| format!("member {:?} is not understood", member.element))?;
    *extra = extra
        .checked_sub(list.len().saturating_sub(1))
        .ok_or_else(|| format!("ranges with more than {EXTRA_MAX} elements"))?;
    let wildcard = member.options.iter().any(|o| o == "wildcard");
    let nomatch = member.nomatch() && set.kind.has_nomatch();
    set.members
        .extend(list.into_iter().map(|e| (SetElem { wildcard, ..e }, nomatch)));
    Ok(())
}
