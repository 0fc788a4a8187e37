//! Statements: what a rule does.

use super::datatype::{ICMP_CODE, ICMPV6_CODE, ICMPX_CODE, IPV4, IPV6, MARK, PKTTYPE, PORT, number};
use super::expr::{existence, only, text};
use super::{Read, Reader};
use crate::family::Family;
use crate::netfilter::nft::{
    Bytes, Expr, Nat, NatKind, NatValue, NftFamily, NftMatch, NftReject, OptionField, Settable, Stmt, Test, Update,
};
use serde_json::Value;

impl Reader<'_, '_> {
    /// A statement. What is not modelled is [`Stmt::Unsupported`], or a comparison that may be true.
    pub(super) fn stmt(&mut self, value: &Value) -> Stmt {
        let Some((name, inner)) = only(value) else {
            return Stmt::Unsupported(self.unsupported("a statement"));
        };
        if let Some(verdict) = self.verdict(value) {
            return Stmt::Verdict(verdict);
        }
        let read = match name {
            "match" => self.comparison(inner),
            "counter" => Ok(Stmt::Counter),
            "log" | "last" | "dup" | "ct helper" | "ct timeout" | "comment" => Ok(Stmt::Look),
            "limit" | "quota" | "ct count" | "meter" => Ok(Stmt::State),
            "vmap" => self.lookup(inner, None).map(|(key, set)| Stmt::Vmap(key, set)),
            "snat" => self.nat(NatKind::Snat, inner),
            "dnat" => self.nat(NatKind::Dnat, inner),
            "masquerade" => self.nat(NatKind::Masquerade, inner),
            "redirect" => self.nat(NatKind::Redirect, inner),
            "reject" => self.reject(inner).map(Stmt::Reject),
            "notrack" => Ok(Stmt::Notrack),
            "mangle" => self.mangle(inner),
            "set" => self.update(inner),
            "xt" => {
                let extension = text(inner, "name").unwrap_or_default();
                let gap = self.unsupported(&format!("xt {extension}"));
                // A match of iptables lets the packet alone.
                Ok(match text(inner, "type") {
                    Some("match") => unknown_match(gap),
                    _ => Stmt::Unsupported(gap),
                })
            }
            other => Err(other.to_owned()),
        };
        read.unwrap_or_else(|what| {
            let gap = self.unsupported(&what);
            match name {
                "match" => unknown_match(gap),
                _ => Stmt::Unsupported(gap),
            }
        })
    }

    fn comparison(&mut self, value: &Value) -> Read<Stmt> {
        let (Some(left), Some(right)) = (value.get("left"), value.get("right")) else {
            return Err("match".to_owned());
        };
        let op = text(value, "op").unwrap_or("==");
        let mut left = self.expr(left)?;
        if right.is_boolean() {
            left = existence(left);
        }
        let test = match op {
            "==" | "!=" => match is_set(right) {
                true => Test::Set(self.set(right, &left.types)?),
                false => {
                    let (low, high) = self.constant(right, &left.types).ok_or("what it is compared with")?;
                    Test::Range(low, high)
                }
            },
            "in" | "!" => match self.constant(right, &left.types) {
                Some((low, high)) if low == high => Test::Bits(low),
                _ => return Err("what it is compared with".to_owned()),
            },
            "<" | ">" | "<=" | ">=" => {
                let (low, high) = self.constant(right, &left.types).ok_or("what it is compared with")?;
                ordered(op, low, high)
            }
            other => return Err(other.to_owned()),
        };
        Ok(Stmt::Match(NftMatch {
            left: left.expr,
            not: matches!(op, "!=" | "!"),
            test,
        }))
    }

    fn nat(&mut self, kind: NatKind, value: &Value) -> Read<Stmt> {
        let flags: Vec<&str> = ["flags", "type_flags"]
            .iter()
            .filter_map(|key| value.get(key))
            .flat_map(|flags| match flags {
                Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
                other => other.as_str().into_iter().collect::<Vec<_>>(),
            })
            .collect();
        let family = match text(value, "family") {
            Some("ip") => Some(Family::Inet),
            Some("ip6") => Some(Family::Inet6),
            _ => match self.family {
                NftFamily::Ip => Some(Family::Inet),
                NftFamily::Ip6 => Some(Family::Inet6),
                _ => None,
            },
        };
        let address = if family == Some(Family::Inet6) { IPV6 } else { IPV4 };
        let addr = value.get("addr").map(|addr| {
            let alone = self.nat_value(addr, &[address]);
            alone.or_else(|_| self.nat_value(addr, &[address, PORT]))
        });
        let port = value.get("port").map(|port| self.nat_value(port, &[PORT]));
        Ok(Stmt::Nat(Nat {
            kind,
            family,
            addr: addr.transpose()?,
            port: port.transpose()?,
            netmap: flags.contains(&"netmap") || flags.contains(&"prefix"),
            random: flags.contains(&"random") || flags.contains(&"fully-random"),
        }))
    }

    fn nat_value(&mut self, value: &Value, types: &[super::datatype::Dtype]) -> Read<NatValue> {
        match self.constant(value, types) {
            Some((low, high)) if low != high => Ok(NatValue::Range(low, high)),
            _ => self.value(value, types).map(NatValue::One),
        }
    }

    fn reject(&mut self, value: &Value) -> Read<NftReject> {
        let code = value.get("expr");
        let one = |dtype: super::datatype::Dtype| {
            let code = code.and_then(|code| dtype.one(code, None)).and_then(|b| b.as_number());
            code.and_then(|code| u8::try_from(code).ok()).ok_or("reject")
        };
        Ok(match (text(value, "type"), self.family) {
            (Some("tcp reset"), _) => NftReject::TcpReset,
            (Some("icmp"), _) => NftReject::Icmp(one(ICMP_CODE)?),
            (Some("icmpv6"), _) => NftReject::Icmpv6(one(ICMPV6_CODE)?),
            (Some("icmpx"), _) => NftReject::Icmpx(one(ICMPX_CODE)?),
            // Port unreachable.
            (None, NftFamily::Ip) => NftReject::Icmp(3),
            (None, NftFamily::Ip6) => NftReject::Icmpv6(4),
            (None, _) => NftReject::Icmpx(1),
            (Some(other), _) => return Err(format!("reject with {other}")),
        })
    }

    fn mangle(&mut self, value: &Value) -> Read<Stmt> {
        let (Some((kind, key)), Some(new)) = (value.get("key").and_then(only), value.get("value")) else {
            return Err("mangle".to_owned());
        };
        let name = text(key, "key").unwrap_or_default();
        let (what, types) = match (kind, name) {
            ("meta", "mark") => (Settable::Mark, MARK),
            ("meta", "pkttype") => (Settable::Pkttype, PKTTYPE),
            ("meta", "nftrace" | "priority" | "secmark") | ("ct", "label" | "event" | "secmark") => {
                return Ok(Stmt::Look);
            }
            ("ct", "mark") => (Settable::CtMark, MARK),
            ("ct", "zone") => {
                let dir = text(key, "dir");
                let zone = Settable::CtZone {
                    orig: dir != Some("reply"),
                    reply: dir != Some("original"),
                };
                (zone, number(2))
            }
            ("payload", _) if !is_settable(key) => return Err("payload set".to_owned()),
            ("payload", _) => {
                let (payload, dtype) = self.field(key)?;
                (Settable::Payload(payload), dtype)
            }
            ("tcp option", _) => match self.expr(value.get("key").unwrap_or(&Value::Null))?.expr {
                Expr::TcpOption(2, OptionField::Size) => (Settable::Mss, number(2)),
                _ => return Err("tcp option set".to_owned()),
            },
            _ => return Err(format!("{kind} {name} set")),
        };
        Ok(Stmt::Set(what, self.value(new, &[types])?))
    }

    fn update(&mut self, value: &Value) -> Read<Stmt> {
        let (Some(op), Some(elem), Some(name)) = (text(value, "op"), value.get("elem"), text(value, "set")) else {
            return Err("set".to_owned());
        };
        let name = name.strip_prefix('@').unwrap_or(name);
        let key = match only(elem) {
            Some(("elem", inner)) => inner.get("val").unwrap_or(elem),
            _ => elem,
        };
        let key = self.expr(key)?;
        let named = self.set_named(name)?;
        let stmts = value.get("stmt").and_then(Value::as_array).into_iter().flatten();
        let says_no = |stmt: &Value| !matches!(only(stmt), Some(("counter" | "last", _)));
        Ok(Stmt::Update(Box::new(Update {
            delete: op == "delete",
            set: std::sync::Arc::clone(&named.set),
            key: key.expr,
            limited: stmts.into_iter().any(says_no),
        })))
    }
}

/// What else is changed no stage looks at, or nobody knows.
fn is_settable(field: &Value) -> bool {
    let names = text(field, "protocol").zip(text(field, "field"));
    names.is_some_and(|(protocol, field)| match protocol {
        "ip" => matches!(field, "saddr" | "daddr" | "dscp" | "ecn" | "ttl"),
        "tcp" | "udp" | "th" => matches!(field, "sport" | "dport"),
        _ => false,
    })
}

fn unknown_match(gap: crate::fact::GapId) -> Stmt {
    Stmt::Match(NftMatch {
        left: Expr::Unsupported(gap),
        not: false,
        test: Test::Never,
    })
}

fn is_set(right: &Value) -> bool {
    right.as_str().is_some_and(|text| text.starts_with('@')) || right.get("set").is_some()
}

/// All values on one side of this one.
fn ordered(op: &str, low: Bytes, high: Bytes) -> Test {
    let fill = |byte: u8| Bytes::new(&vec![byte; low.len()]).unwrap_or_else(Bytes::empty);
    let step = |from: Bytes, up: bool| {
        let n = from.as_number()?;
        let next = if up { n.checked_add(1) } else { n.checked_sub(1) };
        next.filter(|n| low.len() == 16 || *n < 1 << (low.len() * 8))
            .map(|n| Bytes::number(n, low.len()))
    };
    match op {
        "<=" => Test::Range(fill(0), high),
        ">=" => Test::Range(low, fill(u8::MAX)),
        "<" => step(low, false).map_or(Test::Never, |high| Test::Range(fill(0), high)),
        _ => step(high, true).map_or(Test::Never, |low| Test::Range(low, fill(u8::MAX))),
    }
}
