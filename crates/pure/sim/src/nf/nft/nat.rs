//! Address translation by native rules.
//!
//! Kernel: `nft_nat_eval()`, `nft_nat_setup_netmap()` (`nft_nat.c`), `nft_masq_eval()` (`nft_masq.c`), `nft_redir_eval()`
//! (`nft_redir.c`).

use super::{At, Load, load, look_up};
use crate::engine::Engine;
use crate::nf::nat::nat_target;
use crate::skb::Skb;
use netwhy_model::Family;
use netwhy_model::family::bits;
use netwhy_model::netfilter::nft::{Bytes, Expr, Nat, NatKind, NatValue, NftData};
use netwhy_model::netfilter::{NatRange, Ports, Target};
use std::net::IpAddr;

/// Whether the packet is accepted or dropped; the load that failed; `None` if the statement is not for this family.
pub(in crate::nf) fn nat<'a>(eng: &mut Engine<'a>, at: At<'a>, nat: &'a Nat, skb: &Skb) -> Result<Option<bool>, Load> {
    let family = skb.family();
    if nat.family.is_some_and(|wanted| wanted != family) {
        return Ok(None);
    }
    let (mut addrs, mut ports) = (None, None);
    if let Some(value) = &nat.addr {
        let (low, high) = range(eng, at, value, skb)?;
        let len = usize::from(family.addr_len()) / 8;
        addrs = addr(&low, family).zip(addr(&high, family));
        ports = port(&low, len).zip(port(&high, len));
    }
    if let Some(value) = &nat.port {
        let (low, high) = range(eng, at, value, skb)?;
        ports = port(&low, 0).zip(port(&high, 0));
    }
    if nat.netmap {
        addrs = addrs.map(|ends| netmap(nat.kind, ends, skb));
    }
    let target = target(nat, addrs, ports);
    Ok(Some(nat_target(eng, at.ns, at.hook, &target, skb, at.links)))
}

fn target(nat: &Nat, addrs: Option<(IpAddr, IpAddr)>, ports: Option<Ports>) -> Target {
    let random = nat.random;
    let range = NatRange {
        addrs,
        ports,
        base: None,
        random,
    };
    match nat.kind {
        NatKind::Snat => Target::Snat(range),
        NatKind::Dnat => Target::Dnat(range),
        NatKind::Masquerade => Target::Masquerade { ports, random },
        NatKind::Redirect => Target::Redirect { ports, random },
    }
}

/// Lowest and highest value.
fn range<'a>(eng: &mut Engine<'a>, at: At<'a>, value: &'a NatValue, skb: &Skb) -> Result<(Bytes, Bytes), Load> {
    let expr = match value {
        NatValue::Range(low, high) => return Ok((*low, *high)),
        NatValue::One(expr) => expr,
    };
    // A map may lead to ranges.
    if let Expr::Map(key, set) = expr
        && set.elems().any(|elem| matches!(elem.data, NftData::Range(..)))
    {
        let ends = match &look_up(eng, at, key, set, skb)?.data {
            NftData::Range(low, high) => Bytes::new(low).zip(Bytes::new(high)),
            NftData::Value(value) => Bytes::new(value).zip(Bytes::new(value)),
            NftData::Nothing | NftData::Verdict(_) => None,
        };
        return ends.ok_or(Load::Break);
    }
    match load(eng, at, expr, skb) {
        Load::Value(reg) if reg.any.is_none() => Ok((reg.bytes, reg.bytes)),
        Load::Value(_) => Err(Load::Any),
        other => Err(other),
    }
}

/// The address with which a value begins.
pub(super) fn addr(value: &Bytes, family: Family) -> Option<IpAddr> {
    let bytes = value.as_slice();
    Some(match family {
        Family::Inet => <[u8; 4]>::try_from(bytes.get(..4)?).ok()?.into(),
        Family::Inet6 => <[u8; 16]>::try_from(bytes.get(..16)?).ok()?.into(),
    })
}

fn port(value: &Bytes, at: usize) -> Option<u16> {
    let bytes: [u8; 2] = value.as_slice().get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}

/// The bits in which both ends agree are those of the network.
fn netmap(kind: NatKind, (low, high): (IpAddr, IpAddr), skb: &Skb) -> (IpAddr, IpAddr) {
    let old = if kind == NatKind::Snat { skb.src } else { skb.dst };
    let net = !(bits(low) ^ bits(high));
    let new = skb.family().addr(bits(old) & !net | bits(low) & net);
    (new, new)
}
