//! Sets, maps and verdict maps, with an index.
//!
//! Kernel: `nft_set_hash.c`, `nft_set_rbtree.c`, `nft_set_pipapo.c` (`net/netfilter`, 6.18).

use super::bytes::hex;
use super::{Bytes, Verdict};
use crate::fact::GapId;
use rustc_hash::{FxHashMap, FxHasher};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// A set with its elements.
#[derive(Clone, PartialEq, Eq)]
pub struct NftSet {
    /// Name; empty for what stands in a rule.
    pub name: Box<str>,
    fields: Vec<Range<usize>>,
    /// In their order; that of `*` is the last.
    elems: Vec<NftElem>,
    rest: Option<u32>,
    index: Index,
    /// Something of it could not be read.
    pub unknown: Option<GapId>,
    /// Hash of the elements.
    hash: u64,
}

/// An element: all keys from `low` to `high`, field by field.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NftElem {
    /// Lowest key, fields one behind the other.
    pub low: Box<[u8]>,
    /// Highest key, if there is more than one.
    pub high: Option<Box<[u8]>>,
    /// What a map has.
    pub data: NftData,
    /// A limit or a quota belongs to it, and may say no.
    pub limited: bool,
}

/// What an element of a map leads to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum NftData {
    /// Nothing: it is a set.
    Nothing,
    /// A verdict.
    Verdict(Verdict),
    /// A value.
    Value(Box<[u8]>),
    /// Any value of these.
    Range(Box<[u8]>, Box<[u8]>),
}

#[derive(Clone, PartialEq, Eq)]
enum Index {
    /// Every element is one key.
    Exact(FxHashMap<Box<[u8]>, u32>),
    /// Ranges of one field that do not overlap, by their lowest key.
    Sorted(Vec<u32>),
    /// Ranges of several fields, by which fields are one value.
    Groups(Vec<Group>),
}

/// Elements of which the same fields are one value, by these values.
#[derive(Clone, PartialEq, Eq)]
struct Group {
    exact: Vec<Range<usize>>,
    elems: FxHashMap<Vec<u8>, Vec<u32>>,
}

impl NftSet {
    /// A set of these elements; `lens` are the lengths of the fields of a key (bytes), `rest` is what `*` has.
    #[must_use]
    pub fn new(name: &str, lens: &[usize], mut elems: Vec<NftElem>, rest: Option<NftData>) -> NftSet {
        let mut hasher = FxHasher::default();
        (&elems, &rest).hash(&mut hasher);
        let fields = fields(lens);
        let index = index(&fields, &elems);
        let rest = rest.map(|data| {
            elems.push(NftElem {
                low: Box::default(),
                high: None,
                data,
                limited: false,
            });
            elems.len() as u32 - 1
        });
        NftSet {
            name: name.into(),
            fields,
            elems,
            rest,
            index,
            unknown: None,
            hash: hasher.finish(),
        }
    }

    /// The element that has a key, `*` included.
    #[must_use]
    pub fn find(&self, key: &[u8]) -> Option<&NftElem> {
        let has = |at: &u32| self.elems.get(*at as usize).is_some_and(|e| self.has(e, key));
        let found = match &self.index {
            Index::Exact(map) => map.get(key).copied(),
            Index::Sorted(order) => {
                let low = |at: &u32| self.elems.get(*at as usize).is_some_and(|e| *e.low <= *key);
                let after = order.partition_point(low);
                let last = after.checked_sub(1).and_then(|at| order.get(at)).copied();
                last.filter(has)
            }
            Index::Groups(groups) => {
                let first = |group: &Group| {
                    let elems = group.elems.get(&values(&group.exact, key))?;
                    elems.iter().copied().find(has)
                };
                groups.iter().filter_map(first).min()
            }
        };
        self.elems.get(found.or(self.rest)? as usize)
    }

    /// Whether a key lies in the ranges of an element, field by field.
    #[must_use]
    pub fn has(&self, elem: &NftElem, key: &[u8]) -> bool {
        let Some(high) = &elem.high else {
            return *elem.low == *key;
        };
        self.fields.iter().all(|field| {
            let ends = elem.low.get(field.clone()).zip(high.get(field.clone()));
            ends.zip(key.get(field.clone()))
                .is_some_and(|((low, high), key)| low <= key && key <= high)
        })
    }

    /// All elements, but for that of `*`.
    pub fn elems(&self) -> impl Iterator<Item = &NftElem> {
        let count = self.elems.len() - usize::from(self.rest.is_some());
        self.elems.iter().take(count)
    }

    /// The element of `*`.
    #[must_use]
    pub fn rest(&self) -> Option<&NftElem> {
        self.elems.get(self.rest? as usize)
    }

    /// Whether a key has the length of those of the set.
    #[must_use]
    pub fn fits(&self, key: &Bytes) -> bool {
        self.unknown.is_some() || self.fields.last().map_or(0, |last| last.end) == key.len()
    }

    /// Where each field of a key stands.
    #[must_use]
    pub fn fields(&self) -> &[Range<usize>] {
        &self.fields
    }

    /// The same set with other data.
    #[must_use]
    pub fn mapped(&self, change: impl Fn(&NftData) -> NftData) -> NftSet {
        let lens: Vec<usize> = self.fields.iter().map(ExactSizeIterator::len).collect();
        let elems = self.elems().map(|e| NftElem {
            data: change(&e.data),
            ..e.clone()
        });
        let rest = self.rest().map(|e| change(&e.data));
        NftSet {
            unknown: self.unknown,
            ..NftSet::new(&self.name, &lens, elems.collect(), rest)
        }
    }
}

fn fields(lens: &[usize]) -> Vec<Range<usize>> {
    let mut at = 0;
    let mut next = |len: &usize| {
        at += len;
        at - len..at
    };
    lens.iter().map(&mut next).collect()
}

/// The bytes of some fields, one behind the other.
fn values(fields: &[Range<usize>], key: &[u8]) -> Vec<u8> {
    let parts = fields.iter().filter_map(|field| key.get(field.clone()));
    parts.flatten().copied().collect()
}

fn index(fields: &[Range<usize>], elems: &[NftElem]) -> Index {
    if elems.iter().all(|e| e.high.is_none()) {
        let mut map = FxHashMap::default();
        for (at, elem) in elems.iter().enumerate() {
            map.entry(elem.low.clone()).or_insert(at as u32);
        }
        return Index::Exact(map);
    }
    if fields.len() == 1
        && let Some(order) = sorted(elems)
    {
        return Index::Sorted(order);
    }
    let mut groups: Vec<Group> = Vec::new();
    for (at, elem) in elems.iter().enumerate() {
        let one = |field: &&Range<usize>| elem.low.get((*field).clone()) == elem.high().get((*field).clone());
        let exact: Vec<Range<usize>> = fields.iter().filter(one).cloned().collect();
        let key = values(&exact, &elem.low);
        let known = groups.iter().position(|group| group.exact == exact);
        let place = known.unwrap_or_else(|| {
            groups.push(Group {
                exact,
                elems: FxHashMap::default(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(place) {
            group.elems.entry(key).or_default().push(at as u32);
        }
    }
    Index::Groups(groups)
}

/// Numbers of the elements by their lowest keys, unless some overlap.
fn sorted(elems: &[NftElem]) -> Option<Vec<u32>> {
    let mut order: Vec<(u32, &NftElem)> = (0..).zip(elems).collect();
    order.sort_by_key(|(_, e)| &e.low);
    let apart = order.windows(2).all(|pair| match pair {
        [(_, a), (_, b)] => *a.high() < *b.low,
        _ => true,
    });
    apart.then(|| order.into_iter().map(|(at, _)| at).collect())
}

impl NftElem {
    /// Highest key.
    #[must_use]
    pub fn high(&self) -> &[u8] {
        self.high.as_deref().unwrap_or(&self.low)
    }
}

/// Without the elements, which may be very many: their hash stands for them.
impl fmt::Debug for NftSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NftSet")
            .field("name", &self.name)
            .field("elems", &self.elems.len())
            .field("unknown", &self.unknown)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for NftElem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(f, &self.low)?;
        if let Some(high) = &self.high {
            f.write_str("-")?;
            hex(f, high)?;
        }
        write!(f, " : {:?}", self.data)
    }
}

impl fmt::Debug for NftData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NftData::Nothing => Ok(()),
            NftData::Verdict(verdict) => write!(f, "{verdict:?}"),
            NftData::Value(value) => hex(f, value),
            NftData::Range(low, high) => {
                hex(f, low)?;
                f.write_str("-")?;
                hex(f, high)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elem(low: &[u8], high: Option<&[u8]>, data: u8) -> NftElem {
        NftElem {
            low: low.into(),
            high: high.map(Into::into),
            data: NftData::Value([data].into()),
            limited: false,
        }
    }

    fn found(set: &NftSet, key: &[u8]) -> Option<u8> {
        match &set.find(key)?.data {
            NftData::Value(value) => value.first().copied(),
            _ => None,
        }
    }

    #[test]
    fn one_key_each() {
        let set = NftSet::new("m", &[1, 1], vec![elem(&[1, 2], None, 7), elem(&[3, 4], None, 8)], None);
        assert_eq!(
            [[1, 2], [3, 4], [1, 4]].map(|key| found(&set, &key)),
            [Some(7), Some(8), None]
        );
    }

    #[test]
    fn ranges_of_one_field_and_the_rest() {
        let elems = vec![
            elem(&[9], Some(&[12]), 1),
            elem(&[1], Some(&[3]), 2),
            elem(&[5], None, 3),
        ];
        let set = NftSet::new("m", &[1], elems, Some(NftData::Value([9].into())));
        let keys = [0, 1, 3, 4, 5, 9, 12, 13];
        let want = [9, 2, 2, 9, 3, 1, 1, 9].map(Some);
        assert_eq!(keys.map(|key| found(&set, &[key])), want);
        assert_eq!(set.elems().count(), 3);
    }

    #[test]
    fn ranges_of_several_fields_are_compared_one_by_one() {
        let elems = vec![
            elem(&[1, 5], Some(&[3, 6]), 1),
            elem(&[2, 9], Some(&[2, 10]), 2),
            elem(&[2, 5], None, 3),
            elem(&[0, 0], Some(&[255, 0]), 4),
        ];
        let set = NftSet::new("m", &[1, 1], elems, None);
        assert_eq!(found(&set, &[2, 5]), Some(1), "the first of those that have it");
        assert_eq!(
            found(&set, &[2, 7]),
            None,
            "between the ends of the first, byte for byte"
        );
        assert_eq!(
            [[2, 10], [3, 6], [77, 0]].map(|k| found(&set, &k)),
            [Some(2), Some(1), Some(4)]
        );
    }
}
