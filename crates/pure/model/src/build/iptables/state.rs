//! Matches whose answer stands outside the packet and its connection: sets, lists, sockets.

use super::Env;
use super::cursor::{Cursor, Odd, Opt};
use super::matches::{needed, under};
use crate::build::sets;
use crate::fact::Fact;
use crate::family;
use crate::netfilter::{IpSet, Match, RecentOp, SetDirs};
use std::sync::Arc;

pub(super) fn recent(env: &Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut name, mut seconds, mut hitcount, mut source) = ("DEFAULT", None, None, true);
    let (mut rttl, mut mask) = (false, family::mask(env.family.addr_len()));
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
            "--mask" => mask = family::bits(cursor.parse(opt)?),
            "--rsource" => source = true,
            "--rdest" => source = false,
            "--rttl" => rttl = true,
            "--reap" => {}
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Recent {
        name: name.into(),
        op: needed(op, "--set")?,
        seconds,
        hitcount,
        rttl,
        mask,
        source,
        not,
    })
}

/// `src,dst` (`IPSET_DIM_MAX` is 6).
const DIMS_MAX: usize = 6;

pub(super) fn set_dirs(text: &str) -> Option<SetDirs> {
    let mut dirs = SetDirs { dim: 0, src: 0 };
    for word in text.split(',') {
        match word {
            "src" => dirs.src |= 1 << dirs.dim,
            "dst" => {}
            _ => return None,
        }
        dirs.dim += 1;
        if usize::from(dirs.dim) > DIMS_MAX {
            return None;
        }
    }
    Some(dirs)
}

pub(super) fn set(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found: Option<(Opt<'_>, &str, SetDirs)> = None;
    let (mut return_nomatch, mut counters) = (false, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--match-set" => {
                let name = cursor.value(opt)?;
                found = Some((opt, name, cursor.read(opt, set_dirs)?));
            }
            "--return-nomatch" => return_nomatch = true,
            "--update-counters" | "--update-subcounters" => {}
            "--packets-eq" | "--packets-lt" | "--packets-gt" | "--bytes-eq" | "--bytes-lt" | "--bytes-gt" => {
                cursor.value(opt)?;
                counters = true;
            }
            _ => return Err(opt.odd()),
        }
    }
    let (opt, name, dirs) = needed(found, "--match-set")?;
    Ok(Match::Set {
        set: set_named(env, name)?,
        dirs,
        not: opt.not,
        return_nomatch,
        counters,
    })
}

/// A set of this namespace.
pub(super) fn set_named(env: &mut Env<'_, '_>, name: &str) -> Result<Arc<IpSet>, Odd> {
    if env.sets.is_none() {
        env.sets = Some(sets::build(env.ctx, env.dir));
    }
    let found: Fact<Arc<IpSet>> = match &env.sets {
        Some(Ok(sets)) => sets
            .get(name)
            .cloned()
            .ok_or_else(|| Odd::Why(format!("set {name:?} does not exist")))?,
        Some(Err(gap)) => return Err(Odd::Gap(*gap)),
        None => return Err(Odd::Why("sets were not read".into())),
    };
    found.map_err(Odd::Gap)
}

pub(super) fn owner(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut uid, mut gid, mut exists) = (None, None, None);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--uid-owner" => uid = Some(under(opt, cursor.read(opt, ids)?)),
            "--gid-owner" => gid = Some(under(opt, cursor.read(opt, ids)?)),
            "--socket-exists" => exists = Some(!opt.not),
            // Where a group is asked for, what else the owner belongs to is not known either.
            "--suppl-groups" => {}
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Owner {
        uid,
        gid,
        exists,
        unknown: env.gap(env.line, "whose process sends is not known"),
    })
}

/// `0`, `0-99`.
fn ids(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    Some((low.parse().ok()?, high.parse().ok()?))
}

pub(super) fn socket(env: &mut Env<'_, '_>, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut transparent, mut nowildcard) = (false, false);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--transparent" => transparent = true,
            "--nowildcard" => nowildcard = true,
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Socket {
        transparent,
        nowildcard,
        unknown: env.gap(env.line, "whether sockets are transparent is not known"),
    })
}
