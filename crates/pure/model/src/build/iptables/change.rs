//! Targets that change a header or a set, and go on.

use super::Env;
use super::cursor::{Cursor, Odd};
use super::header::{byte, tos_and_mask};
use super::state::{set_dirs, set_named};
use super::targets::{Kind, skip};
use crate::netfilter::{Target, TtlOp};

fn missing(option: &str) -> Odd {
    Odd::Why(format!("{option} is missing"))
}

pub(super) fn dscp(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--set-dscp" => found = Some(cursor.read(opt, |text| byte(text).filter(|d| *d < 64))?),
            _ => return Err(opt.odd()),
        }
    }
    let value = found.ok_or_else(|| missing("--set-dscp"))? << 2;
    Ok(Target::Tos { value, mask: 0xfc })
}

pub(super) fn tos(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--set-tos" => found = Some(cursor.read(opt, tos_and_mask)?),
            "--and-tos" => found = Some((0, !cursor.read(opt, byte)?)),
            "--or-tos" => found = Some(cursor.read(opt, byte).map(|bits| (bits, bits))?),
            "--xor-tos" => found = Some((cursor.read(opt, byte)?, 0)),
            _ => return Err(opt.odd()),
        }
    }
    let (value, mask) = found.ok_or_else(|| missing("--set-tos"))?;
    Ok(Target::Tos { value, mask })
}

pub(super) fn ttl(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        let op = match opt.name {
            "--ttl-set" | "--hl-set" => TtlOp::Set,
            "--ttl-inc" | "--hl-inc" => TtlOp::Inc,
            "--ttl-dec" | "--hl-dec" => TtlOp::Dec,
            _ => return Err(opt.odd()),
        };
        found = Some((op, cursor.parse(opt)?));
    }
    let (op, value) = found.ok_or_else(|| missing("--ttl-set"))?;
    Ok(Target::Ttl { op, value })
}

pub(super) fn tcpmss(cursor: &mut Cursor<'_>) -> Result<Target, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--set-mss" => found = Some(Some(cursor.parse(opt)?)),
            "--clamp-mss-to-pmtu" => found = Some(None),
            _ => return Err(opt.odd()),
        }
    }
    found.map(Target::TcpMss).ok_or_else(|| missing("--set-mss"))
}

/// `--map-set` gives the packet the mark of an element, which is not modelled.
pub(super) fn set(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Kind, Odd> {
    let (mut add, mut del) = (None, None);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--add-set" | "--del-set" => {
                let set = set_named(env, cursor.value(opt)?)?;
                let dirs = cursor.read(opt, set_dirs)?;
                *(if opt.name == "--add-set" { &mut add } else { &mut del }) = Some((set, dirs));
            }
            "--exist" => {}
            "--timeout" => drop(cursor.value(opt)?),
            "--map-set" => {
                skip(cursor);
                return Ok(Kind::Unmodelled);
            }
            _ => return Err(opt.odd()),
        }
    }
    Ok(Kind::Target(Target::Set { add, del }))
}
