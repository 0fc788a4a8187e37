//! The expressions and statements of nf_tables.
//!
//! Kernel: `net/netfilter/nft_*.c` (6.18), named at each file.

mod change;
mod compare;
mod ct;
mod fib;
mod lookup;
mod meta;
mod nat;
mod payload;
mod reg;
mod rt;

pub(crate) use change::Changed;
pub(super) use change::{set, update};
pub(super) use compare::compare;
pub(super) use lookup::look_up;
pub(super) use nat::nat;

use super::nf_hook::Links;
use crate::engine::Engine;
use crate::skb::Skb;
use crate::trace::RuleRef;
use netwhy_model::netfilter::Hook;
use netwhy_model::netfilter::nft::{Bytes, Expr, NftData};
use netwhy_model::{GapId, Netns};
use reg::Reg;
use std::net::IpAddr;

/// Where an expression stands.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub ns: &'a Netns,
    pub hook: Hook,
    pub links: Links,
    pub rule: RuleRef,
}

/// What loading an expression gives.
#[derive(Clone, Copy, Debug)]
pub(super) enum Load {
    Value(Reg),
    /// `NFT_BREAK`: the rule ends.
    Break,
    /// Any value; which one stands in no snapshot.
    Any,
    Unknown(GapId),
}

impl Load {
    fn number(value: u128, len: usize) -> Load {
        Load::Value(Bytes::number(value, len).into())
    }

    fn addr(addr: IpAddr) -> Load {
        match addr {
            IpAddr::V4(v4) => Load::bytes(&v4.octets()),
            IpAddr::V6(v6) => Load::bytes(&v6.octets()),
        }
    }

    fn bytes(bytes: &[u8]) -> Load {
        Bytes::new(bytes).map_or(Load::Break, |bytes| Load::Value(bytes.into()))
    }
}

/// Random numbers of which each is a branch of its own; of more only what is made of them.
const BRANCHES_MAX: u32 = 64;

/// `expr->ops->eval()` of what stores a register.
pub(super) fn load<'a>(eng: &mut Engine<'a>, at: At<'a>, expr: &'a Expr, skb: &Skb) -> Load {
    match expr {
        Expr::Value(value) => Load::Value((*value).into()),
        Expr::Payload(payload) => payload::load(at, payload, skb),
        Expr::Meta(key) => meta::load(at, *key, skb),
        Expr::Ct(key, dir) => ct::load(eng, *key, *dir, skb),
        Expr::Fib(fib) => fib::load(eng, at, *fib, skb),
        Expr::Rt(key) => rt::load(eng, at, *key, skb),
        Expr::TcpOption(kind, field) => payload::tcp_option(*kind, *field, skb),
        Expr::Numgen { modulus, .. } | Expr::Hash { modulus, .. } if *modulus > BRANCHES_MAX => Load::Any,
        // nft_numgen.c: where the counter stands is in no snapshot, and no number comes more often than another.
        Expr::Numgen { modulus, offset, .. } => {
            let drawn = eng.oracle.weighted(&vec![1; *modulus as usize]) as u32;
            Load::number(drawn.wrapping_add(*offset).into(), 4)
        }
        Expr::Hash { modulus, offset } => {
            let taken = eng.oracle.one_of(*modulus) as u32;
            Load::number(taken.wrapping_add(*offset).into(), 4)
        }
        Expr::Bits(op, sides) => {
            let [left, right] = &**sides;
            let (left, right) = (load(eng, at, left, skb), load(eng, at, right, skb));
            both(left, right, |a, b| a.bits(*op, &b))
        }
        Expr::Concat(parts) => {
            let mut all = Load::bytes(&[]);
            for part in parts {
                let next = load(eng, at, part, skb);
                all = both(all, next, |a, b| a.concat(&b));
            }
            all
        }
        Expr::Map(key, set) => match look_up(eng, at, key, set, skb) {
            Ok(elem) => match &elem.data {
                NftData::Value(value) => Load::bytes(value),
                NftData::Nothing | NftData::Verdict(_) | NftData::Range(..) => Load::Break,
            },
            Err(load) => load,
        },
        Expr::Unsupported(gap) => Load::Unknown(*gap),
    }
}

/// The first that is no value decides.
fn both(left: Load, right: Load, value: impl Fn(Reg, Reg) -> Option<Reg>) -> Load {
    match (left, right) {
        (Load::Value(a), Load::Value(b)) => value(a, b).map_or(Load::Any, Load::Value),
        (Load::Break, _) | (_, Load::Break) => Load::Break,
        (Load::Unknown(gap), _) | (_, Load::Unknown(gap)) => Load::Unknown(gap),
        (Load::Any, _) | (_, Load::Any) => Load::Any,
    }
}
