//! Matches that look at more than the packet: connection tracking, marks, routes, sets, chance.

use super::cursor::{Cursor, Odd};
use super::matches::{needed, network, ports, under};
use super::rule::pattern;
use crate::netfilter::{Conntrack, Match, Not, addr_type, ct_state, ct_status};

pub(super) fn conntrack(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut ct = Conntrack::default();
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--ctstate" => ct.states = Some(under(opt, cursor.read(opt, states)?)),
            "--ctdir" => {
                let original = cursor.read(opt, |text| match text {
                    "ORIGINAL" => Some(true),
                    "REPLY" => Some(false),
                    _ => None,
                })?;
                // There are two directions, so the other one is what is left.
                ct.dir = Some(original != opt.not);
            }
            "--ctproto" => ct.proto = Some(under(opt, cursor.read(opt, super::protocol)?)),
            "--ctorigsrc" => ct.orig_src = Some(network(cursor, opt)?),
            "--ctorigdst" => ct.orig_dst = Some(network(cursor, opt)?),
            "--ctreplsrc" => ct.reply_src = Some(network(cursor, opt)?),
            "--ctrepldst" => ct.reply_dst = Some(network(cursor, opt)?),
            "--ctorigsrcport" => ct.orig_sport = Some(under(opt, cursor.read(opt, ports)?)),
            "--ctorigdstport" => ct.orig_dport = Some(under(opt, cursor.read(opt, ports)?)),
            "--ctreplsrcport" => ct.reply_sport = Some(under(opt, cursor.read(opt, ports)?)),
            "--ctrepldstport" => ct.reply_dport = Some(under(opt, cursor.read(opt, ports)?)),
            "--ctstatus" => ct.status = Some(under(opt, cursor.read(opt, statuses)?)),
            "--ctexpire" => ct.expire = Some(under(opt, cursor.read(opt, seconds)?)),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Conntrack(Box::new(ct)))
}

pub(super) fn state(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut ct = Conntrack::default();
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--state" => ct.states = Some(under(opt, cursor.read(opt, states)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(ct.states.as_ref(), "--state")?;
    Ok(Match::Conntrack(Box::new(ct)))
}

fn states(text: &str) -> Option<u8> {
    text.split(',').try_fold(0, |bits, name| {
        let bit = match name {
            "INVALID" => ct_state::INVALID,
            "NEW" => ct_state::NEW,
            "ESTABLISHED" => ct_state::ESTABLISHED,
            "RELATED" => ct_state::RELATED,
            "UNTRACKED" => ct_state::UNTRACKED,
            "SNAT" => ct_state::SNAT,
            "DNAT" => ct_state::DNAT,
            _ => return None,
        };
        Some(bits | bit)
    })
}

fn statuses(text: &str) -> Option<u8> {
    text.split(',').try_fold(0, |bits, name| {
        let bit = match name {
            "NONE" => 0,
            "EXPECTED" => ct_status::EXPECTED,
            "SEEN_REPLY" => ct_status::SEEN_REPLY,
            "ASSURED" => ct_status::ASSURED,
            "CONFIRMED" => ct_status::CONFIRMED,
            _ => return None,
        };
        Some(bits | bit)
    })
}

/// `5`, `5:10`.
fn seconds(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

/// `0x4000/0x4000`, `0x1`, `5`.
pub(super) fn mark_and_mask(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// A number as `strtoul` with base 0 reads it.
pub(in crate::build) fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

pub(super) fn mark(cursor: &mut Cursor<'_>) -> Result<Not<(u32, u32)>, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--mark" => found = Some(under(opt, cursor.read(opt, mark_and_mask)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--mark")
}

pub(super) fn addrtype(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut src, mut dst, mut limit_in, mut limit_out) = (None, None, false, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--src-type" => src = Some(under(opt, cursor.read(opt, addr_types)?)),
            "--dst-type" => dst = Some(under(opt, cursor.read(opt, addr_types)?)),
            "--limit-iface-in" => limit_in = true,
            "--limit-iface-out" => limit_out = true,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::AddrType {
        src,
        dst,
        limit_in,
        limit_out,
    })
}

fn addr_types(text: &str) -> Option<u16> {
    text.split(',').try_fold(0, |bits, name| {
        let bit = match name {
            "UNSPEC" => addr_type::UNSPEC,
            "UNICAST" => addr_type::UNICAST,
            "LOCAL" => addr_type::LOCAL,
            "BROADCAST" => addr_type::BROADCAST,
            "ANYCAST" => addr_type::ANYCAST,
            "MULTICAST" => addr_type::MULTICAST,
            "BLACKHOLE" => addr_type::BLACKHOLE,
            "UNREACHABLE" => addr_type::UNREACHABLE,
            "PROHIBIT" => addr_type::PROHIBIT,
            "THROW" => addr_type::THROW,
            _ => return None,
        };
        Some(bits | bit)
    })
}

pub(super) fn statistic(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut mode, mut probability, mut every, mut packet) = ("", None, None, 0);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--mode" => mode = cursor.value(opt)?,
            "--probability" => probability = Some(under(opt, cursor.read(opt, probability_bits)?)),
            "--every" => every = Some(under(opt, cursor.parse::<u32>(opt)?)),
            "--packet" => packet = cursor.parse(opt)?,
            _ => return Err(opt.odd()),
        }
    }
    match mode {
        "random" => needed(probability, "--probability").map(Match::Random),
        "nth" => needed(every, "--every").map(|e| {
            Match::Nth(Not {
                value: (e.value, packet),
                not: e.not,
            })
        }),
        _ => Err(Odd::Why(format!("mode {mode:?} is not modelled"))),
    }
}

/// The kernel holds `lround(0x80000000 * p)`, and eleven digits are enough to find it again
/// (`extensions/libxt_statistic.c`).
fn probability_bits(text: &str) -> Option<u32> {
    let p: f64 = text.parse().ok()?;
    let bits = (p * f64::from(1u32 << 31)).round();
    (0.0..=f64::from(1u32 << 31)).contains(&bits).then_some(bits as u32)
}

pub(super) fn physdev(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut iif, mut oif, mut is_in, mut is_out, mut is_bridged) = (None, None, None, None, None);
    let name = |text: &str| Some(pattern(text));
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--physdev-in" => iif = Some(under(opt, cursor.read(opt, name)?)),
            "--physdev-out" => oif = Some(under(opt, cursor.read(opt, name)?)),
            "--physdev-is-in" => is_in = Some(!opt.not),
            "--physdev-is-out" => is_out = Some(!opt.not),
            "--physdev-is-bridged" => is_bridged = Some(!opt.not),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Physdev {
        iif,
        oif,
        is_in,
        is_out,
        is_bridged,
    })
}

pub(super) fn rpfilter(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut loose, mut validmark, mut accept_local, mut invert) = (false, false, false, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--loose" => loose = true,
            "--validmark" => validmark = true,
            "--accept-local" => accept_local = true,
            "--invert" => invert = true,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::RpFilter {
        loose,
        validmark,
        accept_local,
        invert,
    })
}
