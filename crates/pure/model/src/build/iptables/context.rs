//! Matches that look at more than the packet: connection tracking, marks, routes, sets, chance.

use super::Env;
use super::cursor::{Cursor, Odd, Opt};
use super::matches::{needed, network, ports, under};
use super::rule::pattern;
use crate::build::sets;
use crate::netfilter::{Match, Not, RecentOp, addr_type, ct_state};

/// A `Match::Conntrack` that asks for nothing yet.
struct Conntrack {
    states: Option<Not<u8>>,
    dir: Option<bool>,
    proto: Option<Not<u8>>,
    orig_src: Option<Not<ipnet::Ipv4Net>>,
    orig_dst: Option<Not<ipnet::Ipv4Net>>,
    orig_sport: Option<Not<(u16, u16)>>,
    orig_dport: Option<Not<(u16, u16)>>,
    reply_src: Option<Not<ipnet::Ipv4Net>>,
    reply_dst: Option<Not<ipnet::Ipv4Net>>,
}

impl Conntrack {
    fn new() -> Self {
        Conntrack {
            states: None,
            dir: None,
            proto: None,
            orig_src: None,
            orig_dst: None,
            orig_sport: None,
            orig_dport: None,
            reply_src: None,
            reply_dst: None,
        }
    }

    fn finish(self) -> Match {
        let Conntrack {
            states,
            dir,
            proto,
            orig_src,
            orig_dst,
            orig_sport,
            orig_dport,
            reply_src,
            reply_dst,
        } = self;
        Match::Conntrack {
            states,
            dir,
            proto,
            orig_src,
            orig_dst,
            orig_dport,
            orig_sport,
            reply_src,
            reply_dst,
        }
    }
}

pub(super) fn conntrack(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut ct = Conntrack::new();
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
            _ => return Err(opt.odd()),
        }
    }
    Ok(ct.finish())
}

pub(super) fn state(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut ct = Conntrack::new();
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--state" => ct.states = Some(under(opt, cursor.read(opt, states)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(ct.states.as_ref(), "--state")?;
    Ok(ct.finish())
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

/// `0x4000/0x4000`, `0x1`, `5`.
pub(super) fn mark_and_mask(text: &str) -> Option<(u32, u32)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// A number as `strtoul` with base 0 reads it.
pub(super) fn number(text: &str) -> Option<u32> {
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

pub(super) fn recent(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut name, mut seconds, mut hitcount, mut source) = ("DEFAULT", None, None, true);
    let mut op = None;
    let mut not = false;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--set" | "--rcheck" | "--update" | "--remove" => {
                not = opt.not;
                op = Some(match opt.name {
                    "--set" => RecentOp::Set,
                    "--rcheck" => RecentOp::Check,
                    "--update" => RecentOp::Update,
                    _ => RecentOp::Remove,
                });
            }
            "--name" => name = cursor.value(opt)?,
            "--seconds" => seconds = Some(cursor.parse(opt)?),
            "--hitcount" => hitcount = Some(cursor.parse(opt)?),
            "--mask" => drop(cursor.value(opt)?),
            "--rsource" => source = true,
            "--rdest" => source = false,
            "--reap" | "--rttl" => {}
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Recent {
        name: name.into(),
        op: needed(op, "--set")?,
        seconds,
        hitcount,
        source,
        not,
    })
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

pub(super) fn set(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found: Option<(Opt<'_>, &str, bool)> = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--match-set" => {
                let name = cursor.value(opt)?;
                let source = match cursor.value(opt)? {
                    "src" => true,
                    "dst" => false,
                    several => return Err(Odd::Why(format!("{several:?} of set {name:?} is not modelled"))),
                };
                found = Some((opt, name, source));
            }
            // Exceptions are not modelled, so there are none to return.
            "--return-nomatch" => {}
            _ => return Err(opt.odd()),
        }
    }
    let (opt, name, source) = needed(found, "--match-set")?;
    if env.sets.is_none() {
        env.sets = Some(sets::build(env.ctx, env.dir));
    }
    let members = match &env.sets {
        Some(Ok(sets)) => sets
            .get(name)
            .cloned()
            .ok_or_else(|| Odd::Why(format!("set {name:?} does not exist")))?,
        Some(Err(gap)) => return Err(Odd::Gap(*gap)),
        None => return Err(Odd::Why("sets were not read".into())),
    };
    Ok(Match::Set {
        members: members.map_err(Odd::Gap)?,
        source,
        not: opt.not,
    })
}
