//! Targets other than chains.

use super::context::{mark_and_mask, number};
use super::cursor::{Cursor, Odd, Opt};
use super::rule::network;
use super::{Env, change};
use crate::family::Family;
use crate::netfilter::{CtZone, NatRange, Ports, RejectWith, Target, ZoneId};
use std::net::IpAddr;

/// Targets that register with NAT, and so with connection tracking.
pub(super) const NAT: [&str; 5] = ["DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"];

/// What a target is.
pub(super) enum Kind {
    Target(Target),
    /// Changes something that is not modelled, and goes on.
    Unmodelled,
}

/// The target `name` with the options that follow.
pub(super) fn build(env: &mut Env<'_, '_>, name: &str, cursor: &mut Cursor<'_>) -> Result<Kind, Odd> {
    let target = match name {
        "ACCEPT" => Target::Accept,
        "DROP" => Target::Drop,
        "RETURN" => Target::Return,
        "REJECT" => reject(env.family, cursor)?,
        "DNAT" => Target::Dnat(nat(cursor, "--to-destination")?),
        "SNAT" => Target::Snat(nat(cursor, "--to-source")?),
        "MASQUERADE" => masquerade(cursor)?,
        "REDIRECT" => redirect(cursor)?,
        "NETMAP" => netmap(cursor)?,
        "MARK" => mark(cursor)?,
        "CONNMARK" => connmark(cursor)?,
        "NOTRACK" => Target::NoTrack,
        "CT" => ct(cursor)?,
        "DSCP" => change::dscp(cursor)?,
        "SET" => return change::set(env, cursor),
        "TCPMSS" => change::tcpmss(cursor)?,
        "TOS" => change::tos(cursor)?,
        "TTL" | "HL" => change::ttl(cursor)?,
        "AUDIT" | "CHECKSUM" | "CLASSIFY" | "CONNSECMARK" | "LED" | "LOG" | "NFLOG" | "RATEEST" | "SECMARK" | "TEE"
        | "TRACE" | "ULOG" => {
            skip(cursor);
            Target::Continue
        }
        "ECN" | "TCPOPTSTRIP" => {
            skip(cursor);
            return Ok(Kind::Unmodelled);
        }
        _ => return Err(Odd::Why("not modelled".into())),
    };
    Ok(Kind::Target(target))
}

pub(super) fn skip(cursor: &mut Cursor<'_>) {
    while cursor.next().is_some() {}
}

fn reject(family: Family, cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let (port, codes): (u8, fn(&str) -> Option<RejectWith>) = match family {
        Family::Inet => (3, reject_with),
        Family::Inet6 => (4, reject_with6),
    };
    let mut with = RejectWith::Icmp(port);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--reject-with" => with = cursor.read(opt, codes)?,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Target::Reject(with))
}

fn reject_with(text: &str) -> Option<RejectWith> {
    Some(match text {
        "icmp-net-unreachable" | "net-unreach" => RejectWith::Icmp(0),
        "icmp-host-unreachable" | "host-unreach" => RejectWith::Icmp(1),
        "icmp-proto-unreachable" | "proto-unreach" => RejectWith::Icmp(2),
        "icmp-port-unreachable" | "port-unreach" => RejectWith::Icmp(3),
        "icmp-net-prohibited" | "net-prohib" => RejectWith::Icmp(9),
        "icmp-host-prohibited" | "host-prohib" => RejectWith::Icmp(10),
        "icmp-admin-prohibited" | "admin-prohib" => RejectWith::Icmp(13),
        "tcp-reset" | "tcp-rst" => RejectWith::TcpReset,
        _ => return None,
    })
}

/// `extensions/libip6t_REJECT.c`.
fn reject_with6(text: &str) -> Option<RejectWith> {
    Some(match text {
        "icmp6-no-route" | "no-route" => RejectWith::Icmp(0),
        "icmp6-adm-prohibited" | "adm-prohibited" => RejectWith::Icmp(1),
        "icmp6-addr-unreachable" | "addr-unreach" => RejectWith::Icmp(3),
        "icmp6-port-unreachable" | "port-unreach" => RejectWith::Icmp(4),
        "icmp6-policy-fail" | "policy-fail" => RejectWith::Icmp(5),
        "icmp6-reject-route" | "reject-route" => RejectWith::Icmp(6),
        "tcp-reset" => RejectWith::TcpReset,
        _ => return None,
    })
}

/// DNAT and SNAT.
fn nat(cursor: &mut Cursor<'_>, to: &str) -> Result<NatRange, Odd> {
    let mut range: Option<NatRange> = None;
    let mut random = false;
    while let Some(opt) = cursor.option() {
        match opt.name {
            // Several ranges existed until Linux 2.6.11 only.
            name if name == to && range.is_none() => range = Some(cursor.read(opt, nat_range)?),
            "--random" | "--random-fully" => random = true,
            "--persistent" => {}
            _ => return Err(opt.odd()),
        }
    }
    let range = range.ok_or_else(|| Odd::Why(format!("{to} is missing")))?;
    Ok(NatRange { random, ..range })
}

/// Addresses and ports of `10.0.0.1-10.0.0.5:80-90`, `:80`, `fd00::1`, `[fd00::1-fd00::5]:80`.
fn addrs_and_ports(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (addrs, ports) = rest.split_once(']')?;
        return Some((addrs, ports.strip_prefix(':')));
    }
    let colons = text.matches(':').count();
    Some(match text.split_once(':') {
        Some((addrs, ports)) if colons == 1 => (addrs, Some(ports)),
        _ => (text, None),
    })
}

/// `10.0.0.1`, `10.0.0.1-10.0.0.5:80-90`, `:80`, `:80-90/100`, `[fd00::1]:80`.
fn nat_range(text: &str) -> Option<NatRange> {
    let (addrs, ports) = addrs_and_ports(text)?;
    let (ports, base) = match ports.map(|p| p.split_once('/').ok_or(p)) {
        Some(Ok((ports, base))) => (Some(nat_ports(ports)?), Some(base.parse().ok()?)),
        Some(Err(ports)) => (Some(nat_ports(ports)?), None),
        None => (None, None),
    };
    let addrs = match (addrs, addrs.split_once('-')) {
        ("", _) => None,
        (_, Some((low, high))) => Some((low.parse::<IpAddr>().ok()?, high.parse().ok()?)),
        (one, None) => {
            let addr = one.parse().ok()?;
            Some((addr, addr))
        }
    };
    Some(NatRange {
        addrs,
        ports,
        base,
        random: false,
    })
}

fn nat_ports(text: &str) -> Option<Ports> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

fn masquerade(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let (mut ports, mut random) = (None, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--to-ports" => ports = Some(cursor.read(opt, nat_ports)?),
            "--random" | "--random-fully" => random = true,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Target::Masquerade { ports, random })
}

fn redirect(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let (mut ports, mut random) = (None, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--to-ports" => ports = Some(cursor.read(opt, nat_ports)?),
            "--random" | "--random-fully" => random = true,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Target::Redirect { ports, random })
}

fn netmap(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut net = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--to" => net = Some(cursor.read(opt, network)?),
            _ => return Err(opt.odd()),
        }
    }
    net.map(Target::Netmap)
        .ok_or_else(|| Odd::Why("--to is missing".into()))
}

/// The five spellings of one operation, as value and mask of `(mark & !mask) ^ value`
/// (`extensions/libxt_MARK.c: MARK_parse()`).
fn set_mark(cursor: &mut Cursor<'_>, opt: Opt<'_>) -> Result<Option<(u32, u32)>, Odd> {
    Ok(Some(match opt.name {
        "--set-xmark" => cursor.read(opt, mark_and_mask)?,
        "--set-mark" => {
            let (value, mask) = cursor.read(opt, mark_and_mask)?;
            (value, value | mask)
        }
        "--or-mark" => {
            let bits = cursor.read(opt, number)?;
            (bits, bits)
        }
        "--and-mark" => (0, !cursor.read(opt, number)?),
        "--xor-mark" => (cursor.read(opt, number)?, 0),
        _ => return Ok(None),
    }))
}

fn mark(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        found = Some(set_mark(cursor, opt)?.ok_or_else(|| opt.odd())?);
    }
    let (value, mask) = found.ok_or_else(|| Odd::Why("--set-xmark is missing".into()))?;
    Ok(Target::Mark { value, mask })
}

fn connmark(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let (mut save, mut restore, mut set) = (false, false, None);
    let (mut ctmask, mut nfmask) = (u32::MAX, u32::MAX);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--save-mark" => save = true,
            "--restore-mark" => restore = true,
            "--ctmask" => ctmask = cursor.read(opt, number)?,
            "--nfmask" => nfmask = cursor.read(opt, number)?,
            "--mask" => {
                ctmask = cursor.read(opt, number)?;
                nfmask = ctmask;
            }
            _ => set = Some(set_mark(cursor, opt)?.ok_or_else(|| opt.odd())?),
        }
    }
    match (set, save, restore) {
        (Some((value, mask)), false, false) => Ok(Target::ConnmarkSet { value, mask }),
        (None, true, false) => Ok(Target::ConnmarkSave { ctmask, nfmask }),
        (None, false, true) => Ok(Target::ConnmarkRestore { ctmask, nfmask }),
        _ => Err(Odd::Why("no operation".into())),
    }
}

/// `CT` (`extensions/libxt_CT.c: ct_parse()`): a helper or time-outs change nothing that a first packet meets. Of several
/// zones the last one counts, for all the directions that were named.
fn ct(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let (mut notrack, mut id, mut orig, mut reply) = (false, ZoneId::Number(0), false, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--notrack" => notrack = true,
            "--zone" => id = cursor.read(opt, zone)?,
            "--zone-orig" => (id, orig) = (cursor.read(opt, zone)?, true),
            "--zone-reply" => (id, reply) = (cursor.read(opt, zone)?, true),
            "--helper" | "--timeout" | "--ctevents" | "--expevents" => drop(cursor.value(opt)?),
            _ => return Err(opt.odd()),
        }
    }
    if notrack {
        return Ok(Target::NoTrack);
    }
    // xt_ct_tg_check(): without a direction both.
    let both = !orig && !reply;
    Ok(Target::Ct(CtZone {
        id,
        orig: orig || both,
        reply: reply || both,
    }))
}

fn zone(text: &str) -> Option<ZoneId> {
    match text {
        "mark" => Some(ZoneId::Mark),
        _ => number(text).and_then(|id| u16::try_from(id).ok()).map(ZoneId::Number),
    }
}
