//! `set`: whether a packet is in a set of ipset.
//!
//! Kernel: `ip_set_test()` (`ip_set_core.c`), `*_kadt()` of each type, `mtype_test_cidrs()` (`ip_set_hash_gen.h`), 6.18.

use super::Hit;
use super::header::has_ethernet;
use super::u32::byte;
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::skb::{IP_LEN, L4, Skb};
use netwhy_model::Netns;
use netwhy_model::family::{bits, mask};
use netwhy_model::netfilter::{Dim, IpSet, SetDirs, SetElem, SetType};

/// What stands in a set under a key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Member,
    /// `-ENOTEMPTY`: an exception (`nomatch`).
    Exception,
}

/// `ip_set_test()`, with `--return-nomatch`.
pub(super) fn ip_set_test(
    eng: &mut Engine<'_>,
    ns: &Netns,
    set: &IpSet,
    dirs: SetDirs,
    return_nomatch: bool,
    skb: &Skb,
    links: Links,
) -> Hit {
    if set.kind == SetType::ListSet {
        return list(eng, ns, set, dirs, return_nomatch, skb, links);
    }
    let Some(key) = key(ns, set, dirs, skb, links) else {
        return Hit::No;
    };
    if may_be_any_port(set, dirs, skb) {
        return eng.oracle.state().into();
    }
    let found = changed(eng, ns, set, &key).unwrap_or_else(|| find(set, &key));
    let inverted = return_nomatch && set.kind.has_nomatch();
    (found == if inverted { Found::Exception } else { Found::Member }).into()
}

/// `list_set_ktest()`: the first set that has it.
fn list(
    eng: &mut Engine<'_>,
    ns: &Netns,
    set: &IpSet,
    dirs: SetDirs,
    return_nomatch: bool,
    skb: &Skb,
    links: Links,
) -> Hit {
    let mut answer = Hit::No;
    for inner in &set.sets {
        let hit = match inner {
            Ok(inner) => ip_set_test(eng, ns, inner, dirs, return_nomatch, skb, links),
            Err(gap) => Hit::Unknown(*gap),
        };
        match hit {
            Hit::Yes => return Hit::Yes,
            Hit::No => {}
            unknown => answer = unknown,
        }
    }
    answer
}

/// The packet as an element of the set; `None` where it cannot be one.
pub(super) fn key(ns: &Netns, set: &IpSet, dirs: SetDirs, skb: &Skb, links: Links) -> Option<SetElem> {
    let dims = set.kind.dims();
    if set.family != skb.family() || usize::from(dirs.dim) < dims.len() {
        return None;
    }
    let mut key = SetElem::default();
    let mut second = false;
    for (i, dim) in dims.iter().enumerate() {
        let src = dirs.is_src(i);
        match dim {
            Dim::Ip | Dim::Net => {
                let ip = bits(if src { skb.src } else { skb.dst });
                if set.kind.is_bitmap() && !(set.range.0..=set.range.1).contains(&ip) {
                    return None;
                }
                let cidr = if *dim == Dim::Ip {
                    set.ip_cidr()
                } else {
                    set.family.addr_len()
                };
                if second {
                    (key.ip2, key.cidr2) = (ip & set.mask, cidr);
                } else {
                    (key.ip, key.cidr) = (ip & set.mask, cidr);
                }
                second = true;
            }
            Dim::Port => (key.proto, key.port) = (skb.proto(), port(skb, src)),
            // ip_set_get_ip_port()
            Dim::AnyPort if matches!(skb.proto(), 6 | 17) => {
                key.port = port(skb, src);
                if !(set.range.0..=set.range.1).contains(&u128::from(key.port)) {
                    return None;
                }
            }
            Dim::AnyPort | Dim::Set => return None,
            Dim::Mac => {
                key.mac = if src { skb.eth_src.0 } else { skb.eth_dst.0 };
                // The header that it came with is still there after routing.
                if key.mac == [0; 6] || links.iif != 0 && !has_ethernet(ns, links) {
                    return None;
                }
            }
            Dim::Mark => key.mark = skb.mark & set.markmask,
            Dim::Iface => {
                let index = if src { links.iif } else { links.oif };
                key.iface
                    .clone_from(&ns.links.as_ref().ok()?.get(index)?.name.as_ref().into());
            }
        }
    }
    // hash_ip4_kadt(): no element is 0.
    (set.kind != SetType::HashIp || key.ip != 0).then_some(key)
}

/// Protocols with ports where TCP has them.
const SCTP: u8 = 132;
const UDPLITE: u8 = 136;

/// `get_port()`: for ICMP the type and code, for other protocols 0.
fn port(skb: &Skb, src: bool) -> u16 {
    match (&skb.l4, skb.ports()) {
        (L4::Other(SCTP | UDPLITE), _) => {
            let at = if src { IP_LEN } else { IP_LEN + 2 };
            let bytes = [at, at + 1].map(|at| byte(skb, at).unwrap_or(0));
            u16::from_be_bytes(bytes)
        }
        (_, Some((sport, dport))) => {
            if src {
                sport
            } else {
                dport
            }
        }
        (L4::Icmp { kind, code, .. }, None) => u16::from_be_bytes([*kind, *code]),
        _ => 0,
    }
}

/// The source port is one of a kernel's choice, and the set holds such ports.
fn may_be_any_port(set: &IpSet, dirs: SetDirs, skb: &Skb) -> bool {
    let dims = set.kind.dims().iter().enumerate();
    let mut ports = dims.filter(|(i, d)| matches!(d, Dim::Port | Dim::AnyPort) && dirs.is_src(*i));
    let asked = ports.next().is_some();
    let any = skb.sport_any.filter(|_| asked);
    any.is_some_and(|any| set.members.iter().any(|(e, _)| (any.0..=any.1).contains(&e.port)))
}

/// What rules of this conversation did to the set.
fn changed(eng: &Engine<'_>, ns: &Netns, set: &IpSet, key: &SetElem) -> Option<Found> {
    let covers = |e: &SetElem| {
        let (ip, ip2) = (masked(key.ip, e.cidr), masked(key.ip2, e.cidr2));
        SetElem {
            ip,
            cidr: e.cidr,
            ip2,
            cidr2: e.cidr2,
            ..key.clone()
        } == *e
    };
    let change = eng
        .set_changes
        .iter()
        .rev()
        .find(|c| c.netns == ns.id && c.set == &*set.name && covers(&c.elem))?;
    Some(if change.present { Found::Member } else { Found::Nothing })
}

pub(super) fn masked(ip: u128, cidr: u8) -> u128 {
    ip & mask(cidr)
}

/// `mtype_test_cidrs()`: the longest prefixes first.
fn find(set: &IpSet, key: &SetElem) -> Found {
    let mut key = key.clone();
    for cidr in lengths(&set.cidrs[0], key.cidr) {
        (key.ip, key.cidr) = (masked(key.ip, cidr), cidr);
        if set.kind == SetType::HashNetIface {
            match of_link(set, &key) {
                // An element of any link ends the search: `multi` is not zero then.
                Some(found) => return found,
                None => continue,
            }
        }
        let (ip2, cidr2) = (key.ip2, key.cidr2);
        for cidr in lengths(&set.cidrs[1], cidr2) {
            (key.ip2, key.cidr2) = (masked(key.ip2, cidr), cidr);
            let found = exact(set, &key);
            if found != Found::Nothing {
                return found;
            }
        }
        (key.ip2, key.cidr2) = (ip2, cidr2);
    }
    Found::Nothing
}

/// Prefix lengths to try; an address has one.
fn lengths(list: &[u8], own: u8) -> impl Iterator<Item = u8> + '_ {
    let alone = list.is_empty().then_some(own);
    alone.into_iter().chain(list.iter().copied())
}

fn said(nomatch: bool) -> Found {
    if nomatch { Found::Exception } else { Found::Member }
}

/// `hash_netiface4_data_equal()`; `None` where no element has this network. A rule never asks for a `physdev:` element.
fn of_link(set: &IpSet, key: &SetElem) -> Option<Found> {
    let start = SetElem {
        ip: key.ip,
        cidr: key.cidr,
        ..SetElem::default()
    };
    let from = set.members.partition_point(|(e, _)| *e < start);
    let same = set.members.iter().skip(from);
    let mut same = same
        .take_while(|(e, _)| (e.ip, e.cidr) == (key.ip, key.cidr))
        .filter(|(e, _)| !e.physdev)
        .peekable();
    same.peek()?;
    let found = same.find(|(e, _)| iface_fits(e, &key.iface));
    Some(found.map_or(Found::Nothing, |(_, nomatch)| said(*nomatch)))
}

fn exact(set: &IpSet, key: &SetElem) -> Found {
    let at = |key: &SetElem| {
        let place = set.members.partition_point(|(e, _)| e < key);
        set.members.get(place).filter(|(e, _)| e == key)
    };
    let found = at(key).or_else(|| {
        // bitmap_ipmac_do_test(): an address without a MAC takes that of the first packet.
        let open = SetElem {
            mac: [0; 6],
            ..key.clone()
        };
        at(&open).filter(|_| set.kind == SetType::BitmapIpMac)
    });
    found.map_or(Found::Nothing, |(_, nomatch)| said(*nomatch))
}

fn iface_fits(elem: &SetElem, name: &str) -> bool {
    if elem.wildcard {
        name.starts_with(&*elem.iface)
    } else {
        *elem.iface == *name
    }
}
