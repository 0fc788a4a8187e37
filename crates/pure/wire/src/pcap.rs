//! Capture files: pcap and pcapng in, pcap out.

mod ng;

pub use crate::decode::link_type;

/// One captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When, microseconds since 1970.
    pub ts_us: u64,
    /// Link layer, see [`link_type`].
    pub link_type: u32,
    /// Length on the wire, bytes; more than `bytes.len()` if the capture was cut (snap length).
    pub wire_len: u32,
    /// What was captured, link header first.
    pub bytes: &'a [u8],
}

/// A capture, as far as it could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture<'a> {
    /// In the order of the file.
    pub packets: Vec<Packet<'a>>,
    /// What is wrong with the rest: the file is cut, or a block is damaged. The packets above are good.
    pub warning: Option<String>,
}

/// The bytes are no capture at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PcapError {
    /// The first bytes are those of neither format.
    #[error("neither pcap nor pcapng: it begins with the bytes {0:02x?}")]
    Magic([u8; 4]),
    /// Shorter than a file header.
    #[error("too short for a capture: {0} bytes")]
    Short(usize),
}

/// Reads a whole pcap or pcapng file. A file that is cut or damaged gives what stands before the damage, and a warning.
///
/// # Errors
/// [`PcapError`] if this is no capture file.
pub fn packets(file: &[u8]) -> Result<Capture<'_>, PcapError> {
    let magic: [u8; 4] = *file.first_chunk().ok_or(PcapError::Short(file.len()))?;
    let (order, nanoseconds) = match magic {
        [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, false),
        [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, false),
        [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, true),
        [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, true),
        ng::MAGIC => return Ok(ng::packets(file)),
        _ => return Err(PcapError::Magic(magic)),
    };
    let header = file.get(..24).ok_or(PcapError::Short(file.len()))?;
    // The upper bits say how long a frame check sequence is.
    let link_type = order.u32(header, 20).unwrap_or(0) & 0x0fff_ffff;
    let mut capture = Capture::default();
    let mut rest = file.get(24..).unwrap_or_default();
    while !rest.is_empty() {
        let Some((packet, after)) = packet(rest, order, nanoseconds, link_type) else {
            capture.warning = Some(cut(capture.packets.len()));
            break;
        };
        capture.packets.push(packet);
        rest = after;
    }
    Ok(capture)
}

fn packet(bytes: &[u8], order: Order, nanoseconds: bool, link_type: u32) -> Option<(Packet<'_>, &[u8])> {
    let (seconds, fraction) = (order.u32(bytes, 0)?, order.u32(bytes, 4)?);
    let (captured, wire_len) = (order.u32(bytes, 8)?, order.u32(bytes, 12)?);
    let body = bytes.get(16..)?;
    let (frame, after) = body.split_at_checked(captured as usize)?;
    let fraction = if nanoseconds { fraction / 1000 } else { fraction };
    let ts_us = u64::from(seconds) * 1_000_000 + u64::from(fraction);
    Some((
        Packet {
            ts_us,
            link_type,
            wire_len,
            bytes: frame,
        },
        after,
    ))
}

/// The warning of a file that ends, or stops making sense.
fn cut(packets: usize) -> String {
    format!("the capture is cut or damaged after {packets} packets; these are used")
}

/// Byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Little => u32::from_le_bytes(bytes),
            Order::Big => u32::from_be_bytes(bytes),
        })
    }

    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Order::Little => u16::from_le_bytes(bytes),
            Order::Big => u16::from_be_bytes(bytes),
        })
    }
}

/// Writes a pcap file (microseconds, little endian) into memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    out: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Writer {
        Writer::new()
    }
}

impl Writer {
    /// Most bytes of a frame that are written.
    pub const SNAP_LEN: usize = 262_144;

    /// A file of Ethernet frames.
    pub fn new() -> Writer {
        Writer::with_link_type(link_type::EN10MB)
    }

    /// A file of frames of another link layer, see [`link_type`].
    pub fn with_link_type(link_type: u32) -> Writer {
        let mut out = Vec::new();
        out.extend([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(0x0004_0000u32.to_le_bytes());
        out.extend(link_type.to_le_bytes());
        Writer { out }
    }

    /// Adds a frame, seen at a time in microseconds since 1970. Times after 2106 do not fit the format: they wrap.
    pub fn packet(&mut self, ts_us: u64, frame: &[u8]) {
        let kept = frame.get(..Writer::SNAP_LEN).unwrap_or(frame);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the format has 32 bits, documented above"
        )]
        let header = [
            (ts_us / 1_000_000) as u32,
            (ts_us % 1_000_000) as u32,
            kept.len() as u32,
            frame.len() as u32,
        ];
        self.out.extend(header.iter().flat_map(|number| number.to_le_bytes()));
        self.out.extend_from_slice(kept);
    }

    /// The file so far.
    pub fn bytes(&self) -> &[u8] {
        &self.out
    }

    /// The file.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<u8> {
        let mut writer = Writer::new();
        writer.packet(1_764_000_000_123_456, b"first frame");
        writer.packet(1_764_000_001_000_000, b"second");
        writer.finish()
    }

    #[test]
    fn there_and_back() {
        let file = two();
        let capture = packets(&file).unwrap();
        assert_eq!(capture.warning, None);
        let first = Packet {
            ts_us: 1_764_000_000_123_456,
            link_type: link_type::EN10MB,
            wire_len: 11,
            bytes: b"first frame",
        };
        assert_eq!((capture.packets.len(), capture.packets[0]), (2, first));
        let raw = Writer::with_link_type(link_type::RAW).finish();
        assert_eq!(packets(&raw), Ok(Capture::default()));
    }

    #[test]
    fn big_endian_and_nanoseconds() {
        let words: [u32; 10] = [0xa1b2_3c4d, 0x0002_0004, 0, 0, 65535, 101, 7, 9_000, 2, 60];
        let mut file: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        file.extend(b"ab");
        let capture = packets(&file).unwrap();
        assert_eq!(
            capture.packets,
            [Packet {
                ts_us: 7_000_009,
                link_type: 101,
                wire_len: 60,
                bytes: b"ab"
            }]
        );
    }

    #[test]
    fn every_cut_keeps_what_is_whole() {
        let file = two();
        for cut in 0..file.len() {
            match packets(&file[..cut]) {
                Ok(capture) => {
                    let whole = usize::from(cut >= 24 + 16 + 11);
                    assert_eq!(capture.packets.len(), whole, "cut at {cut}");
                    let border = cut == 24 || cut == 24 + 16 + 11;
                    assert_eq!(capture.warning.is_none(), border, "cut at {cut}");
                }
                Err(error) => assert!(cut < 24, "{error}"),
            }
        }
        assert!(matches!(packets(b"GIF89a"), Err(PcapError::Magic(_))));
    }
}
