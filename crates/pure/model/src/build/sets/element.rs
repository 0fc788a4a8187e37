//! The elements that a line of `ipset save` means: `10.0.0.0/24,tcp:80-81,10.0.0.1`.

use crate::build::iptables::{network, number, protocol};
use crate::family::{Family, bits};
use crate::netfilter::{Dim, IpSet, SetElem};
use ipnet::{IpNet, IpSubnets, Ipv4Subnets, Ipv6Subnets};
use netwhy_wire::Mac;
use std::net::IpAddr;

/// Elements that one line may say.
const LINE_MAX: usize = 1 << 16;

/// Names of ICMP types and codes (`lib/icmp.c` of ipset).
const ICMP: [(&str, u8, u8); 28] = [
    ("echo-reply", 0, 0),
    ("pong", 0, 0),
    ("network-unreachable", 3, 0),
    ("host-unreachable", 3, 1),
    ("protocol-unreachable", 3, 2),
    ("port-unreachable", 3, 3),
    ("fragmentation-needed", 3, 4),
    ("source-route-failed", 3, 5),
    ("network-unknown", 3, 6),
    ("host-unknown", 3, 7),
    ("network-prohibited", 3, 9),
    ("host-prohibited", 3, 10),
    ("TOS-network-unreachable", 3, 11),
    ("TOS-host-unreachable", 3, 12),
    ("communication-prohibited", 3, 13),
    ("host-precedence-violation", 3, 14),
    ("precedence-cutoff", 3, 15),
    ("source-quench", 4, 0),
    ("network-redirect", 5, 0),
    ("host-redirect", 5, 1),
    ("echo-request", 8, 0),
    ("ping", 8, 0),
    ("router-advertisement", 9, 0),
    ("router-solicitation", 10, 0),
    ("ttl-zero-during-transit", 11, 0),
    ("ttl-zero-during-reassembly", 11, 1),
    ("timestamp-request", 13, 0),
    ("timestamp-reply", 14, 0),
];

/// Names of ICMPv6 types and codes (`lib/icmpv6.c` of ipset).
const ICMPV6: [(&str, u8, u8); 20] = [
    ("no-route", 1, 0),
    ("communication-prohibited", 1, 1),
    ("address-unreachable", 1, 3),
    ("port-unreachable", 1, 4),
    ("packet-too-big", 2, 0),
    ("ttl-zero-during-transit", 3, 0),
    ("ttl-zero-during-reassembly", 3, 1),
    ("bad-header", 4, 0),
    ("unknown-header-type", 4, 1),
    ("unknown-option", 4, 2),
    ("echo-request", 128, 0),
    ("ping", 128, 0),
    ("echo-reply", 129, 0),
    ("pong", 129, 0),
    ("router-solicitation", 133, 0),
    ("router-advertisement", 134, 0),
    ("neighbour-solicitation", 135, 0),
    ("neighbour-advertisement", 136, 0),
    ("neigbour-solicitation", 135, 0),
    ("redirect", 137, 0),
];

/// Elements of one member; `None` if it is not understood, or says too many.
pub(super) fn read(set: &IpSet, text: &str) -> Option<Vec<SetElem>> {
    let dims = set.kind.dims();
    let words: Vec<&str> = text.split(',').collect();
    // `bitmap:ip,mac` has elements without a MAC.
    if words.len() > dims.len() || words.is_empty() || words.len() < dims.len() && !dims.contains(&Dim::Mac) {
        return None;
    }
    let mut all = vec![SetElem::default()];
    // Whether an address was read already.
    let mut second = false;
    for (dim, word) in dims.iter().zip(words) {
        let parts = part(set, *dim, word, second)?;
        if all.len().saturating_mul(parts.len()) > LINE_MAX {
            return None;
        }
        all = all
            .iter()
            .flat_map(|e| parts.iter().map(|p| joined(e, p, *dim, second)))
            .collect();
        second |= matches!(dim, Dim::Ip | Dim::Net);
    }
    Some(all)
}

/// One part of an element, alone.
fn part(set: &IpSet, dim: Dim, word: &str, second: bool) -> Option<Vec<SetElem>> {
    let at = |ip: u128, cidr: u8| {
        if second {
            SetElem {
                ip2: ip,
                cidr2: cidr,
                ..SetElem::default()
            }
        } else {
            SetElem {
                ip,
                cidr,
                ..SetElem::default()
            }
        }
    };
    Some(match dim {
        Dim::Ip => {
            let (low, high) = addresses(word, set.family)?;
            let step = set.family.step();
            let more = (high - low) / step;
            if more >= LINE_MAX as u128 {
                return None;
            }
            let mut ips: Vec<u128> = (0..=more).map(|i| (low + i * step) & set.mask).collect();
            ips.dedup();
            ips.into_iter().map(|ip| at(ip, set.ip_cidr())).collect()
        }
        Dim::Net => nets(word, set.family)?
            .into_iter()
            .map(|(ip, cidr)| at(ip & set.mask, cidr))
            .collect(),
        Dim::Port => {
            let (proto, (low, high)) = port(word)?;
            let one = |port| SetElem {
                proto,
                port,
                ..SetElem::default()
            };
            (low..=high).map(one).collect()
        }
        Dim::AnyPort => {
            let (low, high) = ports(word)?;
            let one = |port| SetElem {
                port,
                ..SetElem::default()
            };
            (low..=high).map(one).collect()
        }
        Dim::Mac => vec![SetElem {
            mac: word.parse::<Mac>().ok()?.0,
            ..SetElem::default()
        }],
        Dim::Mark => vec![SetElem {
            mark: number(word)? & set.markmask,
            ..SetElem::default()
        }],
        Dim::Iface => {
            let name = word.strip_prefix("physdev:");
            vec![SetElem {
                iface: name.unwrap_or(word).into(),
                physdev: name.is_some(),
                ..SetElem::default()
            }]
        }
        Dim::Set => return None,
    })
}

fn joined(e: &SetElem, part: &SetElem, dim: Dim, second: bool) -> SetElem {
    let mut e = e.clone();
    match dim {
        Dim::Ip | Dim::Net if second => (e.ip2, e.cidr2) = (part.ip2, part.cidr2),
        Dim::Ip | Dim::Net => (e.ip, e.cidr) = (part.ip, part.cidr),
        Dim::Port | Dim::AnyPort => (e.proto, e.port) = (part.proto, part.port),
        Dim::Mac => e.mac = part.mac,
        Dim::Mark => e.mark = part.mark,
        Dim::Iface => {
            e.iface.clone_from(&part.iface);
            e.physdev = part.physdev;
        }
        Dim::Set => {}
    }
    e
}

/// `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1-10.0.0.9`: first and last address.
pub(super) fn addresses(word: &str, family: Family) -> Option<(u128, u128)> {
    if let Some((low, high)) = word.split_once('-') {
        let ours = |text: &str| text.parse().ok().filter(|addr| Family::of(*addr) == family);
        let (low, high): (IpAddr, IpAddr) = (ours(low)?, ours(high)?);
        return (low <= high).then_some((bits(low), bits(high)));
    }
    let net = net_of(word, family)?;
    Some((bits(net.network()), bits(net.broadcast())))
}

fn net_of(word: &str, family: Family) -> Option<IpNet> {
    network(word).filter(|net| Family::of(net.addr()) == family)
}

/// Networks that cover a word exactly, as `ip_set_range_to_cidr()` cuts them.
fn nets(word: &str, family: Family) -> Option<Vec<(u128, u8)>> {
    if !word.contains('-') {
        let net = net_of(word, family)?;
        return Some(vec![(bits(net.network()), net.prefix_len())]);
    }
    let (low, high) = word.split_once('-')?;
    let subnets = match (low.parse().ok()?, high.parse().ok()?) {
        (IpAddr::V4(low), IpAddr::V4(high)) => IpSubnets::from(Ipv4Subnets::new(low, high, 0)),
        (IpAddr::V6(low), IpAddr::V6(high)) => IpSubnets::from(Ipv6Subnets::new(low, high, 0)),
        _ => return None,
    };
    Some(subnets.map(|n| (bits(n.network()), n.prefix_len())).collect())
}

/// `80`, `80-90`.
pub(super) fn ports(word: &str) -> Option<(u16, u16)> {
    let (low, high) = word.split_once('-').unwrap_or((word, word));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

/// `tcp:80-90`, `80`, `icmp:8/0`, `icmp:echo-request`, `gre:0`.
fn port(word: &str) -> Option<(u8, (u16, u16))> {
    let (proto, text) = match word.split_once(':') {
        Some((proto, text)) => (protocol(proto)?, text),
        None => (6, word),
    };
    let names: &[(&str, u8, u8)] = match proto {
        1 => &ICMP,
        58 => &ICMPV6,
        _ => return Some((proto, ports(text)?)),
    };
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind.parse().ok()?, code.parse().ok()?),
        None => names.iter().find(|(n, ..)| *n == text).map(|(_, k, c)| (*k, *c))?,
    };
    let port = u16::from_be_bytes([kind, code]);
    Some((proto, (port, port)))
}
