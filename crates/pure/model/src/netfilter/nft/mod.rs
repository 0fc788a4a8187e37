//! Native nftables: tables, chains, rules, sets.
//!
//! Kernel: `net/netfilter/nf_tables_api.c`, `nft_*.c` (6.18). Values are bytes in network order, as in the kernel's
//! registers, so that both families share all of it.

mod bytes;
mod ends;
mod expr;
mod place;
mod set;

pub use bytes::Bytes;
pub use expr::{
    BitOp, CtDir, CtKey, Expr, Fib, FibResult, Header, MetaKey, Nat, NatKind, NatValue, Need, NftMatch, NftReject,
    OptionField, Payload, RtKey, Settable, Stmt, Test, Update, Verdict,
};
pub use set::{NftData, NftElem, NftSet};

use super::Hook;
use crate::family::Family;
use std::sync::Arc;

/// A table with its chains.
#[derive(Clone, Debug)]
pub struct NftTable {
    /// Family.
    pub family: NftFamily,
    /// Name.
    pub name: Arc<str>,
    /// Chains, in the order of the text.
    pub chains: Vec<NftChain>,
    /// Member of the bundle that it was read from.
    pub path: Arc<str>,
}

/// `NFPROTO_*`.
#[expect(missing_docs, reason = "the names say what they are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NftFamily {
    Ip,
    Ip6,
    Inet,
    Arp,
    Bridge,
    Netdev,
}

/// A chain.
#[derive(Clone, Debug)]
pub struct NftChain {
    /// Name.
    pub name: Arc<str>,
    /// Where a base chain is hooked in.
    pub base: Option<NftBase>,
    /// Rules in order.
    pub rules: Vec<NftRule>,
}

/// `struct nft_base_chain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NftBase {
    /// Type.
    pub kind: NftChainType,
    /// Hook.
    pub hook: Hook,
    /// Priority.
    pub priority: i32,
    /// The policy accepts.
    pub accept: bool,
}

/// `struct nft_chain_type`.
#[expect(missing_docs, reason = "the names say what they are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NftChainType {
    Filter,
    Nat,
    Route,
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct NftRule {
    /// Its handle.
    pub handle: u64,
    /// Number of the object in the list of the member, from 0.
    pub number: u32,
    /// Packets of its counter, if it has one.
    pub packets: Option<u64>,
    /// What it does.
    pub stmts: Vec<Stmt>,
    /// It needs connection tracking.
    pub conntrack: bool,
}

impl NftFamily {
    /// As nft spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            NftFamily::Ip => "ip",
            NftFamily::Ip6 => "ip6",
            NftFamily::Inet => "inet",
            NftFamily::Arp => "arp",
            NftFamily::Bridge => "bridge",
            NftFamily::Netdev => "netdev",
        }
    }

    /// By its name.
    #[must_use]
    pub fn named(name: &str) -> Option<NftFamily> {
        let all = [
            NftFamily::Ip,
            NftFamily::Ip6,
            NftFamily::Inet,
            NftFamily::Arp,
            NftFamily::Bridge,
            NftFamily::Netdev,
        ];
        all.into_iter().find(|family| family.as_str() == name)
    }

    /// Whether packets of a family come to its chains of IP.
    #[must_use]
    pub fn has(self, family: Family) -> bool {
        match family {
            Family::Inet => matches!(self, NftFamily::Ip | NftFamily::Inet),
            Family::Inet6 => matches!(self, NftFamily::Ip6 | NftFamily::Inet),
        }
    }
}

impl NftChain {
    /// It lets everything pass as it came.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.rules.is_empty() && self.base.is_none_or(|base| base.accept)
    }
}
