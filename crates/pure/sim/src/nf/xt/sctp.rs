//! `sctp`: ports and chunks.
//!
//! Kernel: `sctp_mt()`, `match_packet()`, `match_flags()` (`net/netfilter/xt_sctp.c`, 6.18). It reads bytes, as no packet
//! here has such a header of its own.

use super::all;
use crate::skb::IP_LEN;
use netwhy_model::netfilter::{ChunkMode, Chunks, Not, Ports};

/// SCTP's common header (bytes).
const SCTP_LEN: u32 = 12;
/// A chunk has at least four bytes, so no packet has more of them.
const CHUNKS_MAX: u32 = 1 << 14;

/// Whether a packet of this length fits; `None` where a byte that decides is not known.
pub(super) fn sctp_mt(
    byte: &dyn Fn(u32) -> Option<u8>,
    len: u32,
    [sport, dport]: [Option<&Not<Ports>>; 2],
    chunks: Option<&Not<Chunks>>,
) -> Option<bool> {
    let word = |at: u32| Some(u16::from_be_bytes([byte(at)?, byte(at + 1)?]));
    for (want, at) in [(sport, IP_LEN), (dport, IP_LEN + 2)] {
        if want.is_some() {
            let port = word(at)?;
            if !all(want, |r| (r.0..=r.1).contains(&port)) {
                return Some(false);
            }
        }
    }
    match chunks {
        Some(want) => Some(match_packet(byte, len, &want.value)? != want.not),
        None => Some(true),
    }
}

fn match_packet(byte: &dyn Fn(u32) -> Option<u8>, len: u32, want: &Chunks) -> Option<bool> {
    let mut missing: Vec<u8> = want.list.iter().map(|(kind, _)| *kind).collect();
    let mut at = IP_LEN + SCTP_LEN;
    for _ in 0..CHUNKS_MAX {
        let (kind, flags) = (byte(at)?, byte(at + 1)?);
        let size = u32::from(u16::from_be_bytes([byte(at + 2)?, byte(at + 3)?]));
        if size == 0 {
            // The kernel drops it (`hotdrop`).
            return Some(false);
        }
        at += (size + 3) & !3;
        let listed = want.list.iter().find(|(k, _)| *k == kind);
        let fits = listed.is_some_and(|(_, wanted)| wanted.is_none_or(|(mask, value)| flags & mask == value));
        match want.mode {
            ChunkMode::Any if fits => return Some(true),
            ChunkMode::All if fits => missing.retain(|k| *k != kind),
            ChunkMode::Only if !fits => return Some(false),
            _ => {}
        }
        if at >= len {
            break;
        }
    }
    Some(match want.mode {
        ChunkMode::Any => false,
        ChunkMode::All => missing.is_empty(),
        ChunkMode::Only => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From port 5 to 80: DATA with B and E, then SACK. What the kernel says of it was counted with a raw socket.
    const PACKET: [u8; 56] = {
        let mut p = [0; 56];
        p[21] = 5;
        p[23] = 80;
        p[33] = 3;
        p[35] = 17;
        p[52] = 3;
        p[55] = 4;
        p
    };

    fn says(mode: ChunkMode, list: &[(u8, Option<(u8, u8)>)], not: bool) -> bool {
        let want = Not {
            value: Chunks {
                mode,
                list: list.to_vec(),
            },
            not,
        };
        let byte = |at: u32| PACKET.get(at as usize).copied();
        sctp_mt(&byte, 56, [None, None], Some(&want)).unwrap()
    }

    #[test]
    fn chunks() {
        use ChunkMode::{All, Any, Only};
        let (data, sack, init) = ((0, None), (3, None), (1, None));
        let with = |value| (0, Some((3, value)));
        for (mode, list, want) in [
            (Any, vec![sack], true),
            (Any, vec![init], false),
            (Any, vec![with(3)], true),
            (Any, vec![with(1)], false),
            (All, vec![data, sack], true),
            (All, vec![data, init], false),
            (All, vec![data], true),
            (Only, vec![data], false),
            (Only, vec![data, sack, init], true),
            (Only, vec![with(1), sack], false),
        ] {
            assert_eq!(says(mode, &list, false), want, "{mode:?} {list:?}");
            assert_eq!(says(mode, &list, true), !want, "! {mode:?} {list:?}");
        }
    }

    #[test]
    fn ports_and_what_is_not_known() {
        let byte = |at: u32| PACKET.get(at as usize).copied();
        let port = |value: Ports, not| Not { value, not };
        let mt = |s: &Not<Ports>, d: &Not<Ports>| sctp_mt(&byte, 56, [Some(s), Some(d)], None);
        assert_eq!(mt(&port((5, 5), false), &port((1, 99), false)), Some(true));
        assert_eq!(mt(&port((5, 5), true), &port((80, 80), false)), Some(false));
        assert_eq!(sctp_mt(&|_| None, 56, [None, None], None), Some(true));
        assert_eq!(sctp_mt(&|_| None, 56, [Some(&port((5, 5), false)), None], None), None);
    }
}
