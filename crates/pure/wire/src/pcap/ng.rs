//! pcapng: blocks, each with its length at both ends.

use super::{Capture, Order, Packet, cut};

/// Type of a section header block, the same in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// What an interface block says about the packets that follow.
struct Interface {
    link_type: u32,
    snap_len: u32,
    /// Ticks in a second: `10^n` or `2^n`.
    ticks: Option<u64>,
    /// Seconds to add.
    offset_s: i64,
}

pub(super) fn packets(file: &[u8]) -> Capture<'_> {
    let mut capture = Capture::default();
    let mut interfaces: Vec<Interface> = Vec::new();
    let mut order = Order::Little;
    let mut rest = file;
    while !rest.is_empty() {
        let Some((kind, body, after)) = block(rest, &mut order) else {
            capture.warning = Some(cut(capture.packets.len()));
            break;
        };
        let read = match kind {
            SECTION => {
                interfaces.clear();
                Some(())
            }
            1 => interface(body, order).map(|found| interfaces.push(found)),
            3 => simple(body, order, &interfaces).map(|packet| capture.packets.push(packet)),
            6 => enhanced(body, order, &interfaces).map(|packet| capture.packets.push(packet)),
            // Names, statistics, secrets and what others may add.
            _ => Some(()),
        };
        if read.is_none() && capture.warning.is_none() {
            capture.warning = Some(format!(
                "a damaged block after {} packets was left out",
                capture.packets.len()
            ));
        }
        rest = after;
    }
    capture
}

const SECTION: u32 = 0x0a0d_0d0a;

/// Takes a block off: type, body, what follows. A section header sets the byte order.
fn block<'a>(bytes: &'a [u8], order: &mut Order) -> Option<(u32, &'a [u8], &'a [u8])> {
    if bytes.starts_with(&MAGIC) {
        *order = match bytes.get(8..12)? {
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return None,
        };
    }
    let kind = order.u32(bytes, 0)?;
    let len = order.u32(bytes, 4)? as usize;
    let (block, after) = bytes.split_at_checked(len)?;
    // Type and length before the body, length after it.
    let body = block.get(8..len.checked_sub(4)?)?;
    len.is_multiple_of(4).then_some((kind, body, after))
}

fn interface(body: &[u8], order: Order) -> Option<Interface> {
    let mut found = Interface {
        link_type: u32::from(order.u16(body, 0)?),
        snap_len: order.u32(body, 4)?,
        ticks: Some(1_000_000),
        offset_s: 0,
    };
    let mut options = body.get(8..)?;
    while let (Some(code), Some(len)) = (order.u16(options, 0), order.u16(options, 2)) {
        let value = options.get(4..4 + usize::from(len))?;
        match (code, value) {
            (0, _) => break,
            (9, [power]) if power & 0x80 == 0 => found.ticks = 10u64.checked_pow(u32::from(*power)),
            (9, [power]) => found.ticks = 1u64.checked_shl(u32::from(*power & 0x7f)),
            (14, value) => {
                let seconds = *value.first_chunk::<8>()?;
                found.offset_s = match order {
                    Order::Little => i64::from_le_bytes(seconds),
                    Order::Big => i64::from_be_bytes(seconds),
                };
            }
            _ => {}
        }
        options = options
            .get(4 + usize::from(len).next_multiple_of(4)..)
            .unwrap_or_default();
    }
    Some(found)
}

fn enhanced<'a>(body: &'a [u8], order: Order, interfaces: &[Interface]) -> Option<Packet<'a>> {
    let interface = interfaces.get(order.u32(body, 0)? as usize)?;
    let (high, low) = (order.u32(body, 4)?, order.u32(body, 8)?);
    let captured = order.u32(body, 12)? as usize;
    let stamp = u128::from(high) << 32 | u128::from(low);
    let us = stamp * 1_000_000 / u128::from(interface.ticks.filter(|ticks| *ticks > 0)?);
    let us = i128::try_from(us).ok()? + i128::from(interface.offset_s) * 1_000_000;
    Some(Packet {
        ts_us: u64::try_from(us).ok()?,
        link_type: interface.link_type,
        wire_len: order.u32(body, 16)?,
        bytes: body.get(20..)?.get(..captured)?,
    })
}

/// A packet without a time, of the first interface; its captured length follows from the snap length.
fn simple<'a>(body: &'a [u8], order: Order, interfaces: &[Interface]) -> Option<Packet<'a>> {
    let interface = interfaces.first()?;
    let wire_len = order.u32(body, 0)?;
    let captured = if interface.snap_len == 0 {
        wire_len
    } else {
        wire_len.min(interface.snap_len)
    };
    let bytes = body.get(4..)?.get(..captured as usize)?;
    Some(Packet {
        ts_us: 0,
        link_type: interface.link_type,
        wire_len,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: u32, body: &[u8], big: bool) -> Vec<u8> {
        let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = word(u32::try_from(body.len()).unwrap() + 12);
        [&word(kind), &len, body.as_slice(), &len].concat()
    }

    fn file(big: bool) -> Vec<u8> {
        let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
        let half = |half: u16| if big { half.to_be_bytes() } else { half.to_le_bytes() };
        let version = [half(1), half(0)].concat();
        let header = [&word(0x1a2b_3c4d)[..], &version, &[0xff; 8]].concat();
        // Link type 1, snap length 4, nanoseconds.
        let resolution = [&half(9)[..], &half(1), &[9, 0, 0, 0], &half(0), &half(0)].concat();
        let interface = [&half(1)[..], &half(0), &word(4), &resolution].concat();
        let ns = 1_764_000_000_123_456_789u64;
        #[expect(clippy::cast_possible_truncation)]
        let (high, low) = ((ns >> 32) as u32, ns as u32);
        let enhanced = [&word(0)[..], &word(high), &word(low), &word(3), &word(60), b"abc"].concat();
        let simple = [&word(9)[..], b"wxyz"].concat();
        [
            block(SECTION, &header, big),
            block(1, &interface, big),
            block(5, &[0; 12], big),
            block(6, &enhanced, big),
            block(3, &simple, big),
        ]
        .concat()
    }

    #[test]
    fn both_orders() {
        for big in [false, true] {
            let file = file(big);
            let capture = packets(&file);
            assert_eq!(capture.warning, None);
            let first = Packet {
                ts_us: 1_764_000_000_123_456,
                link_type: 1,
                wire_len: 60,
                bytes: b"abc",
            };
            assert_eq!(
                capture.packets,
                [
                    first,
                    Packet {
                        ts_us: 0,
                        link_type: 1,
                        wire_len: 9,
                        bytes: b"wxyz"
                    }
                ]
            );
            assert_eq!(super::super::packets(&file).unwrap(), capture);
        }
    }

    #[test]
    fn cuts_and_damage() {
        let file = file(false);
        for cut in 0..file.len() {
            let capture = packets(&file[..cut]);
            assert!(capture.packets.len() < 2, "cut at {cut}");
        }
        for at in 0..file.len() {
            for value in [0, 1, 4, 0x7f, 0x80, 0xff] {
                let mut file = file.clone();
                file[at] = value;
                packets(&file);
            }
        }
        // A packet of an interface that nobody described.
        let stray = [&file[..28], &block(6, &[7; 24], false)].concat();
        assert!(packets(&stray).warning.is_some());
    }
}
