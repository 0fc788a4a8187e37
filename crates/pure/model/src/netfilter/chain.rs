//! Chains, and the index that makes long ones quick.

use super::rule::Rule;
use crate::family::bits;
use rustc_hash::FxHashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Name.
    pub name: Arc<str>,
    /// Policy of a base chain: `true` accepts. `None` for user chains, which return.
    pub policy: Option<bool>,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Index of long chains; see [`Chain::candidates`].
    pub index: ChainIndex,
}

/// Rules of a chain by what they demand of the packet, so that most need not be looked at.
#[derive(Clone, Debug, Default)]
pub struct ChainIndex {
    /// Whether the chain is long enough for the index to exist.
    pub on: bool,
    /// Rules that demand one destination address, by its [`bits()`].
    pub by_daddr: FxHashMap<u128, Vec<u32>>,
    /// Rules that demand one destination port (and no single address).
    pub by_dport: FxHashMap<(u8, u16), Vec<u32>>,
    /// All others.
    pub rest: Vec<u32>,
}

/// Chains shorter than this are walked without an index.
pub const INDEX_MIN: usize = 8;

impl Chain {
    /// A chain with its index.
    #[must_use]
    pub fn new(name: Arc<str>, policy: Option<bool>, rules: Vec<Rule>) -> Self {
        let mut index = ChainIndex::default();
        if rules.len() >= INDEX_MIN {
            index.on = true;
            for (i, rule) in rules.iter().enumerate() {
                let i = i as u32;
                if let Some((net, false)) = rule.dst.filter(|(n, _)| n.prefix_len() == n.max_prefix_len()) {
                    index.by_daddr.entry(bits(net.addr())).or_default().push(i);
                } else if let Some(key) = rule.one_dport() {
                    index.by_dport.entry(key).or_default().push(i);
                } else {
                    index.rest.push(i);
                }
            }
        }
        Chain {
            name,
            policy,
            rules,
            index,
        }
    }

    /// Numbers of all rules.
    pub fn every(&self) -> Candidates<'_> {
        Candidates {
            lists: [&[], &[], &[]],
            all: 0..self.rules.len() as u32,
        }
    }

    /// Numbers of the rules that may match a packet to this address and port, in order. A superset of those that do.
    pub fn candidates(&self, daddr: IpAddr, proto: u8, dport: u16) -> Candidates<'_> {
        if !self.index.on {
            return self.every();
        }
        let a = self.index.by_daddr.get(&bits(daddr)).map_or(&[][..], |v| v);
        let p = self.index.by_dport.get(&(proto, dport)).map_or(&[][..], |v| v);
        Candidates {
            lists: [a, p, &self.index.rest],
            all: 0..0,
        }
    }
}

/// Iterator of [`Chain::candidates`]: a merge of three ascending lists, or a plain count.
#[derive(Clone, Debug)]
pub struct Candidates<'a> {
    lists: [&'a [u32]; 3],
    all: std::ops::Range<u32>,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let Some(i) = self.all.next() {
            return Some(i);
        }
        let which = (0..3)
            .filter(|w| !self.lists[*w].is_empty())
            .min_by_key(|w| self.lists[*w][0])?;
        let (first, rest) = self.lists[which].split_first()?;
        self.lists[which] = rest;
        Some(*first)
    }
}
