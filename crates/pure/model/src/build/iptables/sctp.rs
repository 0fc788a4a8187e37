//! `sctp`.

use super::cursor::{Cursor, Odd};
use super::matches::{ports, under};
use crate::netfilter::{ChunkMode, Chunks, Match};

pub(super) fn build(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut sport, mut dport, mut chunks) = (None, None, None);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--sport" => sport = Some(under(opt, cursor.read(opt, ports)?)),
            "--dport" => dport = Some(under(opt, cursor.read(opt, ports)?)),
            "--chunk-types" => {
                let mode = cursor.read(opt, |text| match text {
                    "any" => Some(ChunkMode::Any),
                    "all" => Some(ChunkMode::All),
                    "only" => Some(ChunkMode::Only),
                    _ => None,
                })?;
                let list = cursor.read(opt, |text| text.split(',').map(chunk).collect())?;
                chunks = Some(under(opt, Chunks { mode, list }));
            }
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Sctp { sport, dport, chunks })
}

/// Chunk types, with the names of their lowest flags, the highest first (`extensions/libxt_sctp.c`).
const CHUNKS: [(&str, u8, &str); 18] = [
    ("DATA", 0, "IUBE"),
    ("INIT", 1, ""),
    ("INIT_ACK", 2, ""),
    ("SACK", 3, ""),
    ("HEARTBEAT", 4, ""),
    ("HEARTBEAT_ACK", 5, ""),
    ("ABORT", 6, "T"),
    ("SHUTDOWN", 7, ""),
    ("SHUTDOWN_ACK", 8, ""),
    ("ERROR", 9, ""),
    ("COOKIE_ECHO", 10, ""),
    ("COOKIE_ACK", 11, ""),
    ("ECN_ECNE", 12, ""),
    ("ECN_CWR", 13, ""),
    ("SHUTDOWN_COMPLETE", 14, "T"),
    ("ASCONF", 193, ""),
    ("ASCONF_ACK", 128, ""),
    ("FORWARD_TSN", 192, ""),
];

/// `INIT`, `DATA:UBe`: a flag is demanded by a capital, and forbidden by a small letter.
fn chunk(text: &str) -> Option<(u8, Option<(u8, u8)>)> {
    let (name, flags) = match text.split_once(':') {
        Some((name, flags)) => (name, Some(flags)),
        None => (text, None),
    };
    let (_, number, known) = CHUNKS.iter().find(|(n, ..)| n.eq_ignore_ascii_case(name))?;
    let read = |flags: &str| {
        flags.chars().try_fold((0u8, 0u8), |(mask, value), flag| {
            let at = known.chars().rev().position(|k| k == flag.to_ascii_uppercase())?;
            let bit = 1 << at;
            Some((mask | bit, if flag.is_ascii_uppercase() { value | bit } else { value }))
        })
    };
    match flags {
        Some(flags) => Some((*number, Some(read(flags)?))),
        None => Some((*number, None)),
    }
}
