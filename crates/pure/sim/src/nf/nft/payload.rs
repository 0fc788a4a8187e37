//! Bytes of the packet, and options of TCP.
//!
//! Kernel: `nft_payload_eval()` (`nft_payload.c`), `nft_payload_fast_eval()` (`nf_tables_core.c`), `nft_exthdr_tcp_eval()`
//! (`nft_exthdr.c`).

use super::reg::Reg;
use super::{At, Load};
use crate::nf::xt::{byte, has_ethernet, transport};
use crate::skb::{IP_LEN, L4, PktType, Skb};
use netwhy_model::Family;
use netwhy_model::netfilter::nft::{Bytes, Header, Need, OptionField, Payload};
use std::net::IpAddr;

const TCP: u8 = 6;

pub(super) fn load(at: At<'_>, want: &Payload, skb: &Skb) -> Load {
    if !is_there(at, want.need, skb) {
        return Load::Break;
    }
    let aligned = want.offset.is_multiple_of(8) && want.bits.is_multiple_of(8);
    if aligned && let Some(quick) = quick(want, skb) {
        return Load::Value(quick);
    }
    let (first, last) = (want.offset / 8, (want.offset + want.bits - 1) / 8);
    let mut value = Bytes::empty();
    for i in first..=last {
        let read = match want.base {
            Header::Link => link_byte(at, skb, i),
            Header::Network if skb.family() == Family::Inet6 => ip6_byte(skb, i),
            Header::Network => ip_byte(skb, i),
            Header::Transport if skb.is_later_fragment() && !is_fast(first, last) => Byte::Outside,
            Header::Transport if skb.family() == Family::Inet6 => transport6_byte(skb, i),
            Header::Transport => ip_byte(skb, IP_LEN + i),
        };
        match read {
            Byte::Is(byte) => {
                value.push(&[byte]);
            }
            Byte::Outside => return Load::Break,
            // As the checksum of ICMP, where others have a port.
            Byte::Hidden if aligned && last - first == 1 => return Load::Value(Reg::any_port()),
            Byte::Hidden => return want.unknown.map_or(Load::Any, Load::Unknown),
        }
    }
    if aligned {
        return Load::Value(value.into());
    }
    // nft reads whole bytes, masks and shifts.
    let behind = 7 - (want.offset + want.bits - 1) % 8;
    let number = value.as_number().unwrap_or(0) >> behind & ((1 << want.bits) - 1);
    Load::number(number, want.bits.div_ceil(8) as usize)
}

/// What the packet must be.
fn is_there(at: At<'_>, need: Need, skb: &Skb) -> bool {
    match need {
        Need::Nothing => !matches!(skb.l4, L4::Arp(_)),
        Need::Ipv4 => skb.family() == Family::Inet && !matches!(skb.l4, L4::Arp(_)),
        Need::Ipv6 => skb.family() == Family::Inet6,
        Need::Arp => false,
        Need::Ether => has_ethernet(at.ns, at.links),
        Need::Proto(proto) => skb.proto() == proto,
    }
}

/// `nft_payload_fast_eval()`, which does not ask whether a later fragment has a transport header.
fn is_fast(first: u32, last: u32) -> bool {
    let len = last - first + 1;
    matches!(len, 1 | 2 | 4) && first.is_multiple_of(len)
}

/// What is asked for most.
fn quick(want: &Payload, skb: &Skb) -> Option<Reg> {
    let plain = |bytes: &[u8]| Bytes::new(bytes).map(Reg::from);
    match (want.base, want.offset, want.bits) {
        (Header::Network, at, bits) => match (skb.src, skb.dst, at, bits) {
            (IpAddr::V4(src), _, 96, 32) => plain(&src.octets()),
            (_, IpAddr::V4(dst), 128, 32) => plain(&dst.octets()),
            (IpAddr::V4(_), _, 72, 8) | (IpAddr::V6(_), _, 48, 8) => plain(&[skb.proto()]),
            (IpAddr::V6(src), _, 64, 128) => plain(&src.octets()),
            (_, IpAddr::V6(dst), 192, 128) => plain(&dst.octets()),
            _ => None,
        },
        (Header::Transport, 0 | 16, 16) => {
            let (sport, dport) = skb.ports()?;
            let (port, any) = match want.offset {
                0 => (sport, skb.sport_any),
                _ => (dport, skb.dport_any),
            };
            Some(Reg {
                bytes: Bytes::number(port.into(), 2),
                any: any.map(|ports| (0, ports)),
            })
        }
        _ => None,
    }
}

enum Byte {
    Is(u8),
    /// The packet is shorter.
    Outside,
    /// Nobody can know it.
    Hidden,
}

/// `struct ipv6hdr`, as far as packets show it.
fn ip6_byte(skb: &Skb, i: u32) -> Byte {
    let IpAddr::V6(src) = skb.src else { return Byte::Outside };
    let IpAddr::V6(dst) = skb.dst else { return Byte::Outside };
    let at = i as usize;
    let byte = match at {
        0 => Some(0x60 | skb.tos >> 4),
        6 => Some(skb.proto()),
        7 => Some(skb.ttl),
        8..24 => src.octets().get(at - 8).copied(),
        24..40 => dst.octets().get(at - 24).copied(),
        _ => None,
    };
    byte.map_or(Byte::Hidden, Byte::Is)
}

fn transport6_byte(skb: &Skb, i: u32) -> Byte {
    if i < 2 && skb.sport_any.is_some() || (2..4).contains(&i) && skb.dport_any.is_some() {
        return Byte::Hidden;
    }
    transport(skb, i as usize).map_or(Byte::Hidden, Byte::Is)
}

fn ip_byte(skb: &Skb, i: u32) -> Byte {
    let port = i.wrapping_sub(IP_LEN);
    if port < 2 && skb.sport_any.is_some() || (2..4).contains(&port) && skb.dport_any.is_some() {
        return Byte::Hidden;
    }
    match byte(skb, i) {
        _ if i >= skb.len && skb.len_any => Byte::Hidden,
        _ if i >= skb.len => Byte::Outside,
        Some(byte) => Byte::Is(byte),
        None => Byte::Hidden,
    }
}

/// Only what came in by a link has a header of it.
fn link_byte(at: At<'_>, skb: &Skb, i: u32) -> Byte {
    if !has_ethernet(at.ns, at.links) || skb.pkt_type == PktType::Loopback {
        return Byte::Outside;
    }
    let byte = match i {
        0..6 => skb.eth_dst.0.get(i as usize),
        6..12 => skb.eth_src.0.get(i as usize - 6),
        12 if skb.family() == Family::Inet6 => Some(&0x86),
        13 if skb.family() == Family::Inet6 => Some(&0xdd),
        12 => Some(&0x08),
        13 => Some(&0x00),
        _ => None,
    };
    byte.map_or(Byte::Outside, |byte| Byte::Is(*byte))
}

/// `nft_exthdr_tcp_eval()`.
pub(super) fn tcp_option(kind: u8, field: OptionField, skb: &Skb) -> Load {
    let L4::Tcp { flags, .. } = skb.l4 else {
        return match field {
            OptionField::Exists if skb.proto() == TCP => Load::number(0, 1),
            OptionField::Exists | OptionField::Size => Load::Break,
        };
    };
    match field {
        OptionField::Exists => match skb.opts.has(flags, kind) {
            Ok(has) => Load::number(has.into(), 1),
            Err(gap) => Load::Unknown(gap),
        },
        OptionField::Size => skb.opts.mss.map_or(Load::Break, |mss| Load::number(mss.into(), 2)),
    }
}
