//! Expressions: what a rule reads.

use super::datatype::{
    ADDR_TYPE, BOOL, CT_DIR, CT_STATE, CT_STATUS, Dtype, ETHER_TYPE, IFINDEX, IFNAME, IFTYPE, IPV4, IPV6, MARK,
    NFPROTO, PKTTYPE, PORT, PROTO, number,
};
use super::payload::{self, Field};
use super::{Read, Reader};
use crate::netfilter::nft::{BitOp, Bytes, CtDir, CtKey, Expr, Fib, FibResult, MetaKey, OptionField, Payload, RtKey};
use serde_json::Value;

/// An expression with the types of its fields.
pub(super) struct Typed {
    pub expr: Expr,
    pub types: Vec<Dtype>,
}

fn typed(expr: Expr, dtype: Dtype) -> Read<Typed> {
    Ok(Typed {
        expr,
        types: vec![dtype],
    })
}

/// The one key of an object, and what stands under it.
pub(super) fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|o| o.len() == 1)?;
    object.iter().next().map(|(key, value)| (key.as_str(), value))
}

pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

fn numeric(value: &Value, key: &str) -> Option<u32> {
    value.get(key).and_then(Value::as_u64).and_then(|n| n.try_into().ok())
}

impl Reader<'_, '_> {
    /// An expression that says by itself what it is.
    pub(super) fn expr(&mut self, value: &Value) -> Read<Typed> {
        let Some((kind, inner)) = only(value) else {
            return Err("a value without a type".to_owned());
        };
        match kind {
            "payload" => self.payload(inner),
            "meta" => self.meta(inner),
            "ct" => ct(inner, self.family.ct_address()),
            "fib" => fib(inner),
            "rt" => rt(inner),
            "tcp option" => tcp_option(inner),
            "numgen" => {
                let (Some(modulus), Some(mode)) = (numeric(inner, "mod"), text(inner, "mode")) else {
                    return Err("numgen".to_owned());
                };
                let expr = Expr::Numgen {
                    random: mode == "random",
                    modulus: modulus.max(1),
                    offset: numeric(inner, "offset").unwrap_or(0),
                };
                typed(expr, number(4))
            }
            "jhash" | "symhash" => {
                let expr = Expr::Hash {
                    modulus: numeric(inner, "mod").ok_or(kind)?.max(1),
                    offset: numeric(inner, "offset").unwrap_or(0),
                };
                typed(expr, number(4))
            }
            "concat" => {
                let mut all = Typed {
                    expr: Expr::Concat(Vec::new()),
                    types: Vec::new(),
                };
                let mut parts = Vec::new();
                for part in inner.as_array().into_iter().flatten() {
                    let part = self.expr(part)?;
                    parts.push(part.expr);
                    all.types.extend(part.types);
                }
                all.expr = Expr::Concat(parts);
                Ok(all)
            }
            "&" | "|" | "^" | "<<" | ">>" => self.bits(kind, inner),
            other => Err(other.to_owned()),
        }
    }

    /// A value of these types: a constant, or an expression.
    pub(super) fn value(&mut self, value: &Value, types: &[Dtype]) -> Read<Expr> {
        if let Some((low, high)) = self.constant(value, types) {
            return match low == high {
                true => Ok(Expr::Value(low)),
                false => Err("a range where one value belongs".to_owned()),
            };
        }
        match only(value) {
            Some(("map", map)) => self.map(map, types),
            _ => self.expr(value).map(|typed| typed.expr),
        }
    }

    /// A constant of these types: lowest and highest value.
    pub(super) fn constant(&self, value: &Value, types: &[Dtype]) -> Option<(Bytes, Bytes)> {
        let parts = match (only(value), types) {
            (Some(("concat", parts)), _) => parts.as_array()?.as_slice(),
            (_, [one]) => return one.span(value, self.links),
            _ => return None,
        };
        if parts.len() != types.len() {
            return None;
        }
        let (mut low, mut high) = (Bytes::empty(), Bytes::empty());
        for (part, dtype) in parts.iter().zip(types) {
            let (from, to) = dtype.span(part, self.links)?;
            if !low.push(from.as_slice()) || !high.push(to.as_slice()) {
                return None;
            }
        }
        Some((low, high))
    }

    /// `key map { ... }` or `key map @name`, where values of these types are wanted.
    pub(super) fn map(&mut self, map: &Value, types: &[Dtype]) -> Read<Expr> {
        let (key, set) = self.lookup(map, Some(types))?;
        Ok(Expr::Map(Box::new(key), set))
    }

    fn bits(&mut self, op: &str, operands: &Value) -> Read<Typed> {
        let Some([first, rest @ ..]) = operands.as_array().map(Vec::as_slice) else {
            return Err(op.to_owned());
        };
        let op = match op {
            "&" => BitOp::And,
            "|" => BitOp::Or,
            "^" => BitOp::Xor,
            "<<" => BitOp::Left,
            _ => BitOp::Right,
        };
        let mut all = self.expr(first)?;
        for operand in rest {
            let right = self.value(operand, &all.types)?;
            all.expr = Expr::Bits(op, Box::new([all.expr, right]));
        }
        Ok(all)
    }

    pub(super) fn payload(&mut self, value: &Value) -> Read<Typed> {
        let (payload, dtype) = self.field(value)?;
        typed(Expr::Payload(payload), dtype)
    }

    /// A field of the packet, with its type.
    pub(super) fn field(&mut self, value: &Value) -> Read<(Payload, Dtype)> {
        let place = |key: &str| value.get(key).and_then(Value::as_u64);
        let names = text(value, "protocol").zip(text(value, "field"));
        let found = match (names, text(value, "base")) {
            (Some((protocol, field)), _) => payload::field(protocol, field),
            (None, Some(base)) => place("offset")
                .zip(place("len"))
                .and_then(|(o, l)| payload::raw(base, o, l)),
            (None, None) => None,
        };
        let Some(field) = found else {
            return Err(match names {
                Some((protocol, field)) => format!("{protocol} {field}"),
                None => "payload".to_owned(),
            });
        };
        let Field {
            base,
            need,
            offset,
            bits,
            dtype,
            shown,
        } = field;
        let unknown = (!shown).then(|| self.gap("looks at bytes that no snapshot shows"));
        let payload = Payload {
            base,
            need,
            offset,
            bits,
            unknown,
        };
        Ok((payload, dtype))
    }

    fn meta(&mut self, value: &Value) -> Read<Typed> {
        let key = text(value, "key").unwrap_or_default();
        let (meta, dtype) = match key {
            "length" => (MetaKey::Length, number(4)),
            "protocol" => (MetaKey::Protocol, ETHER_TYPE),
            "nfproto" => (MetaKey::Nfproto, NFPROTO),
            "l4proto" => (MetaKey::L4proto, PROTO),
            "mark" => (MetaKey::Mark, MARK),
            "iif" => (MetaKey::Iif, IFINDEX),
            "oif" => (MetaKey::Oif, IFINDEX),
            "iifname" => (MetaKey::Iifname, IFNAME),
            "oifname" => (MetaKey::Oifname, IFNAME),
            "iiftype" => (MetaKey::Iiftype, IFTYPE),
            "oiftype" => (MetaKey::Oiftype, IFTYPE),
            "pkttype" => (MetaKey::Pkttype, PKTTYPE),
            "skuid" => (MetaKey::Skuid(self.gap("asks whose process a socket is")), number(4)),
            "skgid" => (MetaKey::Skgid(self.gap("asks whose process a socket is")), number(4)),
            _ => return Err(format!("meta {key}")),
        };
        typed(Expr::Meta(meta), dtype)
    }
}

fn ct(value: &Value, address: Dtype) -> Read<Typed> {
    let name = text(value, "key").unwrap_or_default();
    let dir = match text(value, "dir") {
        Some("original") => Some(CtDir::Original),
        Some("reply") => Some(CtDir::Reply),
        _ => None,
    };
    let (key, dtype) = match name {
        "state" => (CtKey::State, CT_STATE),
        "direction" => (CtKey::Direction, CT_DIR),
        "status" => (CtKey::Status, CT_STATUS),
        "mark" => (CtKey::Mark, MARK),
        "zone" => (CtKey::Zone, number(2)),
        "protocol" => (CtKey::Protocol, PROTO),
        "l3proto" => (CtKey::L3proto, NFPROTO),
        "saddr" => (CtKey::Saddr, address),
        "daddr" => (CtKey::Daddr, address),
        "ip saddr" => (CtKey::Saddr, IPV4),
        "ip daddr" => (CtKey::Daddr, IPV4),
        "ip6 saddr" => (CtKey::Saddr, IPV6),
        "ip6 daddr" => (CtKey::Daddr, IPV6),
        "proto-src" => (CtKey::Sport, PORT),
        "proto-dst" => (CtKey::Dport, PORT),
        _ => return Err(format!("ct {name}")),
    };
    typed(Expr::Ct(key, dir), dtype)
}

fn fib(value: &Value) -> Read<Typed> {
    let flags: Vec<&str> = match value.get("flags") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(one)) => vec![one.as_str()],
        _ => Vec::new(),
    };
    let result = text(value, "result").unwrap_or_default();
    let (result, dtype) = match result {
        "oif" => (FibResult::Oif, IFINDEX),
        "oifname" => (FibResult::Oifname, IFNAME),
        "type" => (FibResult::Type, ADDR_TYPE),
        "check" => (FibResult::Exists, BOOL),
        _ => return Err(format!("fib {result}")),
    };
    let has = |flag: &str| flags.contains(&flag);
    let fib = Fib {
        result,
        saddr: has("saddr"),
        mark: has("mark"),
        iif: has("iif"),
        oif: has("oif"),
    };
    if fib.saddr == has("daddr") {
        return Err("fib".to_owned());
    }
    typed(Expr::Fib(fib), dtype)
}

fn rt(value: &Value) -> Read<Typed> {
    let key = text(value, "key").unwrap_or_default();
    let (key, dtype) = match (key, text(value, "family")) {
        ("nexthop", Some("ip")) => (RtKey::Nexthop4, IPV4),
        ("nexthop", Some("ip6")) => (RtKey::Nexthop6, IPV6),
        ("mtu", _) => (RtKey::Mtu, number(2)),
        _ => return Err(format!("rt {key}")),
    };
    typed(Expr::Rt(key), dtype)
}

/// Kinds of TCP options (`src/tcpopt.c` of nft).
const OPTIONS: [(&str, u8); 8] = [
    ("eol", 0),
    ("nop", 1),
    ("maxseg", 2),
    ("window", 3),
    ("sack-permitted", 4),
    ("sack-perm", 4),
    ("sack", 5),
    ("timestamp", 8),
];

fn tcp_option(value: &Value) -> Read<Typed> {
    let name = text(value, "name").unwrap_or_default();
    let kind = OPTIONS.iter().find(|(n, _)| *n == name).map(|(_, kind)| *kind);
    match (kind, text(value, "field")) {
        (Some(kind), None) if value.get("field").is_none() => typed(Expr::TcpOption(kind, OptionField::Exists), BOOL),
        (Some(2), Some("size")) => typed(Expr::TcpOption(2, OptionField::Size), number(2)),
        _ => Err(format!("tcp option {name}")),
    }
}

/// The same question, asked for whether there is an answer at all (`exists`, `missing`).
pub(super) fn existence(expr: Typed) -> Typed {
    match expr.expr {
        Expr::Fib(fib) => Typed {
            expr: Expr::Fib(Fib {
                result: FibResult::Exists,
                ..fib
            }),
            types: vec![BOOL],
        },
        expr_ => Typed {
            expr: expr_,
            types: expr.types,
        },
    }
}
