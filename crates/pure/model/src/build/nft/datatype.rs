//! Data types of nft, and constants of them.
//!
//! Names as nft 1.0.6 prints them (`src/datatype.c`, `src/ct.c`, `src/meta.c`, `src/fib.c`, `src/proto.c`).

use crate::build::iptables::protocol;
use crate::link::Links;
use crate::netfilter::nft::Bytes;
use netwhy_wire::Mac;
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A data type: how its values are written, and their length (bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtype {
    kind: Kind,
    pub len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ipv4,
    Ipv6,
    Mac,
    Proto,
    Ifname,
    /// A device, written by its name.
    Ifindex,
    /// A number, or one of these.
    Named(&'static [(&'static str, u64)]),
}

const fn of(kind: Kind, len: usize) -> Dtype {
    Dtype { kind, len }
}

pub(super) const IPV4: Dtype = of(Kind::Ipv4, 4);
pub(super) const IPV6: Dtype = of(Kind::Ipv6, 16);
pub(super) const MAC: Dtype = of(Kind::Mac, 6);
pub(super) const PROTO: Dtype = of(Kind::Proto, 1);
pub(super) const PORT: Dtype = number(2);
pub(super) const MARK: Dtype = number(4);
pub(super) const BOOL: Dtype = number(1);
pub(super) const IFNAME: Dtype = of(Kind::Ifname, 16);
pub(super) const IFINDEX: Dtype = of(Kind::Ifindex, 4);
pub(super) const CT_STATE: Dtype = of(
    Kind::Named(&[
        ("invalid", 1),
        ("established", 2),
        ("related", 4),
        ("new", 8),
        ("untracked", 64),
    ]),
    4,
);
pub(super) const CT_DIR: Dtype = of(Kind::Named(&[("original", 0), ("reply", 1)]), 1);
/// `enum ip_conntrack_status`.
pub(super) const CT_STATUS: Dtype = of(
    Kind::Named(&[
        ("expected", 1),
        ("seen-reply", 2),
        ("assured", 4),
        ("confirmed", 8),
        ("snat", 16),
        ("dnat", 32),
        ("dying", 512),
    ]),
    4,
);
pub(super) const NFPROTO: Dtype = of(Kind::Named(&[("ipv4", 2), ("ipv6", 10)]), 1);
pub(super) const ETHER_TYPE: Dtype = of(
    Kind::Named(&[
        ("ip", 0x0800),
        ("arp", 0x0806),
        ("ip6", 0x86dd),
        ("8021q", 0x8100),
        ("vlan", 0x8100),
        ("8021ad", 0x88a8),
    ]),
    2,
);
pub(super) const PKTTYPE: Dtype = of(
    Kind::Named(&[
        ("host", 0),
        ("unicast", 0),
        ("broadcast", 1),
        ("multicast", 2),
        ("other", 3),
    ]),
    1,
);
/// `ARPHRD_*`.
pub(super) const IFTYPE: Dtype = of(
    Kind::Named(&[
        ("ether", 1),
        ("ppp", 512),
        ("ipip", 768),
        ("ipip6", 769),
        ("loopback", 772),
        ("sit", 776),
        ("ipgre", 778),
    ]),
    2,
);
/// `RTN_*`.
pub(super) const ADDR_TYPE: Dtype = of(
    Kind::Named(&[
        ("unspec", 0),
        ("unicast", 1),
        ("local", 2),
        ("broadcast", 3),
        ("anycast", 4),
        ("multicast", 5),
        ("blackhole", 6),
        ("unreachable", 7),
        ("prohibit", 8),
    ]),
    4,
);
pub(super) const TCP_FLAGS: Dtype = of(
    Kind::Named(&[
        ("fin", 1),
        ("syn", 2),
        ("rst", 4),
        ("psh", 8),
        ("ack", 16),
        ("urg", 32),
        ("ecn", 64),
        ("cwr", 128),
    ]),
    1,
);
pub(super) const ARP_OP: Dtype = of(
    Kind::Named(&[
        ("request", 1),
        ("reply", 2),
        ("rrequest", 3),
        ("rreply", 4),
        ("inrequest", 8),
        ("inreply", 9),
        ("nak", 10),
    ]),
    2,
);
pub(super) const ECN: Dtype = of(Kind::Named(&[("not-ect", 0), ("ect1", 1), ("ect0", 2), ("ce", 3)]), 1);
pub(super) const DSCP: Dtype = of(
    Kind::Named(&[
        ("cs0", 0),
        ("cs1", 8),
        ("cs2", 16),
        ("cs3", 24),
        ("cs4", 32),
        ("cs5", 40),
        ("cs6", 48),
        ("cs7", 56),
        ("df", 0),
        ("be", 0),
        ("lephb", 1),
        ("af11", 10),
        ("af12", 12),
        ("af13", 14),
        ("af21", 18),
        ("af22", 20),
        ("af23", 22),
        ("af31", 26),
        ("af32", 28),
        ("af33", 30),
        ("af41", 34),
        ("af42", 36),
        ("af43", 38),
        ("va", 44),
        ("ef", 46),
    ]),
    1,
);
pub(super) const ICMP_TYPE: Dtype = of(
    Kind::Named(&[
        ("echo-reply", 0),
        ("destination-unreachable", 3),
        ("source-quench", 4),
        ("redirect", 5),
        ("echo-request", 8),
        ("router-advertisement", 9),
        ("router-solicitation", 10),
        ("time-exceeded", 11),
        ("parameter-problem", 12),
        ("timestamp-request", 13),
        ("timestamp-reply", 14),
        ("info-request", 15),
        ("info-reply", 16),
        ("address-mask-request", 17),
        ("address-mask-reply", 18),
    ]),
    1,
);
pub(super) const ICMP_CODE: Dtype = of(
    Kind::Named(&[
        ("net-unreachable", 0),
        ("host-unreachable", 1),
        ("prot-unreachable", 2),
        ("port-unreachable", 3),
        ("frag-needed", 4),
        ("net-prohibited", 9),
        ("host-prohibited", 10),
        ("admin-prohibited", 13),
    ]),
    1,
);
pub(super) const ICMPV6_TYPE: Dtype = of(
    Kind::Named(&[
        ("destination-unreachable", 1),
        ("packet-too-big", 2),
        ("time-exceeded", 3),
        ("parameter-problem", 4),
        ("echo-request", 128),
        ("echo-reply", 129),
        ("mld-listener-query", 130),
        ("mld-listener-report", 131),
        ("mld-listener-done", 132),
        ("mld-listener-reduction", 132),
        ("nd-router-solicit", 133),
        ("nd-router-advert", 134),
        ("nd-neighbor-solicit", 135),
        ("nd-neighbor-advert", 136),
        ("nd-redirect", 137),
        ("router-renumbering", 138),
        ("ind-neighbor-solicit", 141),
        ("ind-neighbor-advert", 142),
        ("mld2-listener-report", 143),
    ]),
    1,
);
pub(super) const ICMPV6_CODE: Dtype = of(
    Kind::Named(&[
        ("no-route", 0),
        ("admin-prohibited", 1),
        ("addr-unreachable", 3),
        ("port-unreachable", 4),
        ("policy-fail", 5),
        ("reject-route", 6),
    ]),
    1,
);
/// `enum nft_reject_inet_code`.
pub(super) const ICMPX_CODE: Dtype = of(
    Kind::Named(&[
        ("no-route", 0),
        ("port-unreachable", 1),
        ("host-unreachable", 2),
        ("admin-prohibited", 3),
    ]),
    1,
);

/// Types by the names that sets have.
const NAMES: [(&str, Dtype); 27] = [
    ("ipv4_addr", IPV4),
    ("ipv6_addr", IPV6),
    ("ether_addr", MAC),
    ("inet_proto", PROTO),
    ("inet_service", PORT),
    ("mark", MARK),
    ("ifname", IFNAME),
    ("iface_index", IFINDEX),
    ("iface_type", IFTYPE),
    ("ct_state", CT_STATE),
    ("ct_dir", CT_DIR),
    ("ct_status", CT_STATUS),
    ("nf_proto", NFPROTO),
    ("ether_type", ETHER_TYPE),
    ("pkt_type", PKTTYPE),
    ("fib_addrtype", ADDR_TYPE),
    ("tcp_flag", TCP_FLAGS),
    ("arp_op", ARP_OP),
    ("ecn", ECN),
    ("dscp", DSCP),
    ("icmp_type", ICMP_TYPE),
    ("icmp_code", ICMP_CODE),
    ("icmpv6_type", ICMPV6_TYPE),
    ("icmpv6_code", ICMPV6_CODE),
    ("uid", number(4)),
    ("gid", number(4)),
    ("boolean", BOOL),
];

/// A number of this length (bytes).
pub(super) const fn number(len: usize) -> Dtype {
    of(Kind::Named(&[]), len)
}

/// The types of a key: `"ipv4_addr"`, `["ipv4_addr", "inet_service"]`, `"ipv4_addr . inet_service"`.
pub(super) fn types(value: &Value) -> Option<Vec<Dtype>> {
    let one = |name: &str| NAMES.iter().find(|(n, _)| *n == name).map(|(_, dtype)| *dtype);
    match value {
        Value::String(text) => text.split(" . ").map(one).collect(),
        Value::Array(list) => list.iter().map(|name| one(name.as_str()?)).collect(),
        _ => None,
    }
}

impl Dtype {
    /// A value, or the lowest and the highest of those that it stands for.
    pub(super) fn span(self, value: &Value, links: Option<&Links>) -> Option<(Bytes, Bytes)> {
        if let Some((addr, len)) = prefix(value) {
            let low = self.one(addr, links)?;
            return Some((masked(low, len, 0), masked(low, len, u8::MAX)));
        }
        if let Some([from, to]) = value.get("range").and_then(Value::as_array).map(Vec::as_slice) {
            return Some((self.one(from, links)?, self.one(to, links)?));
        }
        if let (Kind::Ifname, Some(start)) = (self.kind, value.as_str().and_then(|name| name.strip_suffix('*'))) {
            // `\*` is the character.
            return match start.strip_suffix('\\') {
                Some(start) => ifname(&format!("{start}*")).map(|name| (name, name)),
                None => {
                    let low = ifname(start)?;
                    Some((low, masked(low, start.len() as u32 * 8, u8::MAX)))
                }
            };
        }
        self.one(value, links).map(|one| (one, one))
    }

    /// One value.
    pub(super) fn one(self, value: &Value, links: Option<&Links>) -> Option<Bytes> {
        let number = |n: u64| (self.len >= 8 || n < 1 << (self.len * 8)).then(|| Bytes::number(n.into(), self.len));
        match (value, self.kind) {
            (Value::Array(list), _) => self.any(list, links),
            (Value::Object(object), _) => match object.get("|") {
                Some(Value::Array(list)) if object.len() == 1 => self.any(list, links),
                _ => None,
            },
            (Value::Bool(yes), _) => number(u64::from(*yes)),
            (Value::Number(n), _) => n.as_u64().and_then(number),
            (Value::String(text), Kind::Ipv4) => Bytes::new(&text.parse::<Ipv4Addr>().ok()?.octets()),
            (Value::String(text), Kind::Ipv6) => Bytes::new(&text.parse::<Ipv6Addr>().ok()?.octets()),
            (Value::String(text), Kind::Mac) => Bytes::new(&text.parse::<Mac>().ok()?.0),
            (Value::String(text), Kind::Proto) => number(protocol(text)?.into()),
            (Value::String(text), Kind::Ifname) => ifname(text),
            (Value::String(text), Kind::Ifindex) => match text.parse() {
                Ok(index) => number(index),
                Err(_) => number(links?.named(text)?.index.into()),
            },
            (Value::String(text), Kind::Named(names)) => {
                let named = names.iter().find(|(name, _)| name == text).map(|(_, n)| *n);
                number(named.or_else(|| any_number(text))?)
            }
            (Value::Null, _) => None,
        }
    }

    /// Several flags at once.
    fn any(self, list: &[Value], links: Option<&Links>) -> Option<Bytes> {
        let mut all = 0;
        for flag in list {
            all |= self.one(flag, links)?.as_number()?;
        }
        Some(Bytes::number(all, self.len))
    }
}

/// `5`, `0x5`.
fn any_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// `{"prefix": {"addr": ..., "len": 24}}`.
fn prefix(value: &Value) -> Option<(&Value, u32)> {
    let prefix = value.get("prefix")?;
    Some((prefix.get("addr")?, prefix.get("len")?.as_u64()?.try_into().ok()?))
}

/// Names are filled up with zeros (`IFNAMSIZ`).
fn ifname(name: &str) -> Option<Bytes> {
    let mut bytes = Bytes::new(name.as_bytes()).filter(|b| b.len() <= 16)?;
    bytes.push(&[0; 16][bytes.len()..]);
    Some(bytes)
}

/// All bits behind the first ones are those of a byte.
fn masked(mut value: Bytes, bits: u32, fill: u8) -> Bytes {
    for (byte, at) in value.as_mut_slice().iter_mut().zip(0u32..) {
        let mask = u8::MAX.checked_shr(bits.saturating_sub(at * 8)).unwrap_or(0);
        *byte = *byte & !mask | fill & mask;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn span(dtype: Dtype, value: Value) -> Option<(Vec<u8>, Vec<u8>)> {
        let (low, high) = dtype.span(&value, None)?;
        Some((low.as_slice().to_vec(), high.as_slice().to_vec()))
    }

    #[test]
    fn values_and_what_stands_for_several() {
        let one = |bytes: &[u8]| Some((bytes.to_vec(), bytes.to_vec()));
        assert_eq!(span(IPV4, json!("10.0.0.1")), one(&[10, 0, 0, 1]));
        assert_eq!(
            span(IPV4, json!({"prefix": {"addr": "10.1.2.0", "len": 23}})),
            Some((vec![10, 1, 2, 0], vec![10, 1, 3, 255]))
        );
        assert_eq!(span(PORT, json!({"range": [1, 257]})), Some((vec![0, 1], vec![1, 1])));
        assert_eq!(span(PROTO, json!("udp")), one(&[17]));
        assert_eq!(span(CT_STATE, json!(["established", "related"])), one(&[0, 0, 0, 6]));
        assert_eq!(span(TCP_FLAGS, json!({"|": ["syn", "ack"]})), one(&[18]));
        assert_eq!(
            span(MAC, json!("00:11:22:33:44:55")),
            one(&[0, 0x11, 0x22, 0x33, 0x44, 0x55])
        );
        let name = |start: &[u8], fill: u8| {
            let mut all = start.to_vec();
            all.resize(16, fill);
            all
        };
        assert_eq!(span(IFNAME, json!("eth0")), one(&name(b"eth0", 0)));
        assert_eq!(span(IFNAME, json!("ca*")), Some((name(b"ca", 0), name(b"ca", 255))));
        assert_eq!(span(IFNAME, json!("ca\\*")), one(&name(b"ca*", 0)));
        for (dtype, wrong) in [
            (PORT, json!(65536)),
            (PORT, json!("http")),
            (IPV4, json!("::1")),
            (IFINDEX, json!("eth0")),
            (IFNAME, json!("a name that is too long")),
            (MARK, json!(null)),
        ] {
            assert_eq!(span(dtype, wrong), None);
        }
    }

    #[test]
    fn types_of_keys() {
        let ports = vec![IPV4, PORT];
        assert_eq!(types(&json!(["ipv4_addr", "inet_service"])), Some(ports.clone()));
        assert_eq!(types(&json!("ipv4_addr . inet_service")), Some(ports));
        assert_eq!(types(&json!("integer")), None);
    }
}
