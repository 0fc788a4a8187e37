//! Where nat statements lead to.

use super::{Bytes, Expr, Nat, NatKind, NatValue, NftData};
use std::net::IpAddr;
use std::sync::Arc;

/// Address and port.
type End = (IpAddr, u16);

impl Nat {
    /// Destinations that it names, in itself or in a map: with a port, if it names one.
    #[must_use]
    pub fn ends(&self) -> Vec<(IpAddr, Option<u16>)> {
        if self.kind != NatKind::Dnat {
            return Vec::new();
        }
        match &self.addr {
            Some(NatValue::One(Expr::Value(addr))) => {
                let port = match &self.port {
                    Some(NatValue::One(Expr::Value(port))) => port_at(port.as_slice(), 0),
                    _ => None,
                };
                addr_of(addr.as_slice())
                    .map(|(addr, _)| (addr, port))
                    .into_iter()
                    .collect()
            }
            Some(NatValue::One(Expr::Map(_, set))) => {
                let value = |data: &NftData| match data {
                    NftData::Value(value) => addr_of(value).map(|(addr, len)| (addr, port_at(value, len))),
                    NftData::Nothing | NftData::Verdict(_) | NftData::Range(..) => None,
                };
                set.elems().filter_map(|elem| value(&elem.data)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Leads to another end wherever it led to this one. Whether it did.
    pub fn retarget(&mut self, from: End, to: End) -> bool {
        if !self.ends().contains(&(from.0, Some(from.1))) {
            return false;
        }
        match &mut self.addr {
            Some(NatValue::One(Expr::Value(addr))) => {
                *addr = bytes(to.0, None);
                self.port = Some(NatValue::One(Expr::Value(Bytes::number(to.1.into(), 2))));
            }
            Some(NatValue::One(Expr::Map(_, set))) => {
                let old = bytes(from.0, Some(from.1));
                let new = bytes(to.0, Some(to.1));
                let change = |data: &NftData| match data {
                    NftData::Value(value) if **value == *old.as_slice() => NftData::Value(new.as_slice().into()),
                    other => other.clone(),
                };
                *set = Arc::new(set.mapped(change));
            }
            _ => {}
        }
        true
    }
}

/// The address with which bytes begin, and its length. A port may follow.
fn addr_of(value: &[u8]) -> Option<(IpAddr, usize)> {
    match value.len() {
        4 | 6 => Some((<[u8; 4]>::try_from(value.get(..4)?).ok()?.into(), 4)),
        16 | 18 => Some((<[u8; 16]>::try_from(value.get(..16)?).ok()?.into(), 16)),
        _ => None,
    }
}

fn port_at(value: &[u8], at: usize) -> Option<u16> {
    let bytes = value.get(at..at + 2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

fn bytes(addr: IpAddr, port: Option<u16>) -> Bytes {
    let mut bytes = Bytes::empty();
    match addr {
        IpAddr::V4(v4) => bytes.push(&v4.octets()),
        IpAddr::V6(v6) => bytes.push(&v6.octets()),
    };
    if let Some(port) = port {
        bytes.push(&port.to_be_bytes());
    }
    bytes
}
