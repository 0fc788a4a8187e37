//! Matches of single fields of the headers.

use super::context::number;
use super::cursor::{Cursor, Odd};
use super::matches::{needed, ports, under};
use crate::netfilter::Match;
use std::net::IpAddr;

pub(super) fn mac(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--mac-source" => found = Some(Match::MacSource(under(opt, cursor.parse(opt)?))),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--mac-source")
}

pub(super) fn iprange(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut src, mut dst) = (None, None);
    let range = |text: &str| {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let (low, high): (IpAddr, IpAddr) = (low.parse().ok()?, high.parse().ok()?);
        (low.is_ipv4() == high.is_ipv4()).then_some((low, high))
    };
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--src-range" => src = Some(under(opt, cursor.read(opt, range)?)),
            "--dst-range" => dst = Some(under(opt, cursor.read(opt, range)?)),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::IpRange { src, dst })
}

pub(super) fn pkttype(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    let number = |text: &str| match text {
        "unicast" | "host" => Some(0),
        "broadcast" => Some(1),
        "multicast" => Some(2),
        other => other.parse().ok(),
    };
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--pkt-type" => found = Some(Match::PktType(under(opt, cursor.read(opt, number)?))),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--pkt-type")
}

pub(super) fn length(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--length" => found = Some(Match::Length(under(opt, cursor.read(opt, ports)?))),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--length")
}

pub(super) fn ttl(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        let cmp = match opt.name {
            "--ttl-lt" | "--hl-lt" => -1,
            "--ttl-eq" | "--hl-eq" => 0,
            "--ttl-gt" | "--hl-gt" => 1,
            _ => return Err(opt.odd()),
        };
        found = Some(Match::Ttl {
            cmp,
            value: cursor.parse(opt)?,
            not: opt.not,
        });
    }
    needed(found, "--ttl-eq")
}

pub(super) fn dscp(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--dscp" => found = Some(under(opt, cursor.read(opt, byte)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--dscp").map(Match::Dscp)
}

/// A number below 256, decimal or hexadecimal.
pub(super) fn byte(text: &str) -> Option<u8> {
    u8::try_from(number(text)?).ok()
}

pub(super) fn tos(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--tos" => found = Some(under(opt, cursor.read(opt, tos_and_mask)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--tos").map(Match::Tos)
}

/// `0x10/0x3f`, `0x10`.
pub(super) fn tos_and_mask(text: &str) -> Option<(u8, u8)> {
    match text.split_once('/') {
        Some((value, mask)) => Some((byte(value)?, byte(mask)?)),
        None => Some((byte(text)?, u8::MAX)),
    }
}

pub(super) fn tcpmss(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--mss" => found = Some(under(opt, cursor.read(opt, ports)?)),
            _ => return Err(opt.odd()),
        }
    }
    needed(found, "--mss").map(Match::TcpMss)
}
