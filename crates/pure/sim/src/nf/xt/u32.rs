//! `u32`: any word of the packet.
//!
//! Kernel: `u32_match_it()` (`net/netfilter/xt_u32.c`, 6.18). Bytes that nobody can know (checksums, sequence numbers,
//! payload) are carried along bit by bit: often they are masked out.

use super::Hit;
use crate::skb::{L4, Skb, ip_len};
use netwhy_model::family::bits;
use netwhy_model::netfilter::{U32Op, U32Test};
use netwhy_model::{Family, GapId};
use netwhy_wire::tcp;
use std::net::IpAddr;

/// A value of which some bits are known.
#[derive(Clone, Copy)]
struct Bits {
    value: u32,
    known: u32,
}

/// What a test says.
enum Said {
    Is(bool),
    Maybe,
}

pub(super) fn u32_match(skb: &Skb, tests: &[U32Test], unknown: GapId) -> Hit {
    let mut hit = Hit::Yes;
    for test in tests {
        match one(skb, test) {
            Said::Is(true) => {}
            Said::Is(false) => return Hit::No,
            Said::Maybe => hit = Hit::Unknown(unknown),
        }
    }
    hit
}

fn one(skb: &Skb, test: &U32Test) -> Said {
    let mut at = 0u32;
    let mut bits = match word(skb, test.start) {
        Ok(bits) => bits,
        Err(said) => return said,
    };
    for (op, number) in &test.steps {
        match op {
            U32Op::And => {
                bits.value &= number;
                bits.known |= !number;
            }
            // As the processor shifts: by five bits of the number.
            U32Op::Left => {
                bits.value = bits.value.wrapping_shl(*number);
                bits.known = !(!bits.known).wrapping_shl(*number);
            }
            U32Op::Right => {
                bits.value = bits.value.wrapping_shr(*number);
                bits.known = !(!bits.known).wrapping_shr(*number);
            }
            U32Op::At => {
                if bits.known != u32::MAX {
                    return Said::Maybe;
                }
                let Some(place) = at.checked_add(bits.value) else {
                    return Said::Is(false);
                };
                at = place;
                let Some(place) = at.checked_add(*number) else {
                    return Said::Is(false);
                };
                bits = match word(skb, place) {
                    Ok(bits) => bits,
                    Err(said) => return said,
                };
            }
        }
    }
    compare(bits, &test.values)
}

fn compare(bits: Bits, ranges: &[(u32, u32)]) -> Said {
    let (low, high) = (bits.value & bits.known, bits.value & bits.known | !bits.known);
    let mut possible = false;
    for (min, max) in ranges {
        if *min <= low && high <= *max {
            return Said::Is(true);
        }
        possible |= match min == max {
            true => (min ^ bits.value) & bits.known == 0,
            false => *min <= high && low <= *max,
        };
    }
    if possible { Said::Maybe } else { Said::Is(false) }
}

/// Four bytes, which must lie inside the packet.
fn word(skb: &Skb, offset: u32) -> Result<Bits, Said> {
    let end = offset.checked_add(4).ok_or(Said::Is(false))?;
    if end > skb.len {
        return Err(if len_is_open(skb) { Said::Maybe } else { Said::Is(false) });
    }
    let mut bits = Bits { value: 0, known: 0 };
    for at in offset..end {
        let (byte, known) = byte(skb, at).map_or((0, 0), |b| (b, u8::MAX));
        bits.value = bits.value << 8 | u32::from(byte);
        bits.known = bits.known << 8 | u32::from(known);
    }
    Ok(bits)
}

/// A byte of the packet, from its IP header on, if it can be known. What stands where in IPv6 is not modelled.
pub(in crate::nf) fn byte(skb: &Skb, offset: u32) -> Option<u8> {
    if skb.family() == Family::Inet6 {
        return None;
    }
    let i = offset as usize;
    match i {
        0 => Some(0x45),
        6 | 7 if skb.frag.is_some() => as_it_came(skb, i),
        1 => Some(skb.tos),
        2 | 3 => length(skb).and_then(|len| be16(len, i - 2)),
        6 => Some(if skb.df { 0x40 } else { 0 }),
        7 => Some(0),
        8 => Some(skb.ttl),
        9 => Some(skb.proto()),
        12..16 => octet(skb.src, i - 12),
        16..20 => octet(skb.dst, i - 16),
        20.. => transport(skb, i - 20).or_else(|| as_it_came(skb, i)),
        4 | 5 => as_it_came(skb, i),
        _ => None,
    }
}

fn octet(addr: IpAddr, i: usize) -> Option<u8> {
    bits(addr).to_be_bytes().get(i).copied()
}

/// A byte that nothing rewrites, but for checksums.
fn as_it_came(skb: &Skb, i: usize) -> Option<u8> {
    let checksum = match &skb.l4 {
        L4::Tcp { .. } => 36..38,
        L4::Udp { .. } => 26..28,
        L4::Icmp { inner: None, .. } => 22..24,
        L4::Icmp { .. } | L4::Vxlan { .. } => return None,
        L4::Other(_) | L4::Arp(_) => 0..0,
    };
    skb.raw.as_ref()?.get(i).copied().filter(|_| !checksum.contains(&i))
}

fn len_is_open(skb: &Skb) -> bool {
    skb.len_any || skb.opts.unknown.is_some() && matches!(skb.l4, L4::Tcp { .. })
}

fn length(skb: &Skb) -> Option<u16> {
    u16::try_from(skb.len).ok().filter(|_| !len_is_open(skb))
}

fn be16(value: u16, i: usize) -> Option<u8> {
    value.to_be_bytes().get(i).copied()
}

/// The same from the transport header on, of either family.
pub(in crate::nf) fn transport(skb: &Skb, i: usize) -> Option<u8> {
    if let (L4::Tcp { .. } | L4::Udp { .. } | L4::Vxlan { .. }, 0..4) = (&skb.l4, i) {
        let (sport, dport) = skb.ports()?;
        return match i {
            0 | 1 if skb.sport_any.is_some() => None,
            0 | 1 => be16(sport, i),
            _ => be16(dport, i - 2),
        };
    }
    match &skb.l4 {
        L4::Tcp { flags, .. } => match i {
            // Nothing is acknowledged yet.
            8..12 if flags & tcp::ACK == 0 => Some(0),
            12 if skb.opts.unknown.is_none() => u8::try_from(skb.len.saturating_sub(ip_len(skb.family())) / 4)
                .ok()
                .map(|words| words << 4),
            13 => Some(*flags),
            18 | 19 => Some(0),
            // The MSS comes first.
            20 if skb.opts.mss.is_some() => Some(2),
            21 if skb.opts.mss.is_some() => Some(4),
            22 | 23 => be16(skb.opts.mss?, i - 22),
            _ => None,
        },
        L4::Udp { .. } | L4::Vxlan { .. } => match i {
            4 | 5 => be16(length(skb)?.checked_sub(ip_len(skb.family()) as u16)?, i - 4),
            _ => None,
        },
        L4::Icmp { kind, code, inner, .. } => match (i, inner) {
            (0, _) => Some(*kind),
            (1, _) => Some(*code),
            (8, Some(_)) => Some(0x45),
            (17, Some(inner)) => Some(inner.proto),
            (20..24, Some(inner)) => octet(inner.src, i - 20),
            (24..28, Some(inner)) => octet(inner.dst, i - 24),
            _ => None,
        },
        L4::Other(_) | L4::Arp(_) => None,
    }
}
