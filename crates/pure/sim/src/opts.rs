//! Options of a TCP header.
//!
//! Kernel: `tcp_syn_options()`, `tcp_synack_options()`, `tcp_established_options()`, `tcp_options_write()`
//! (`net/ipv4/tcp_output.c`, 6.18).

use netwhy_model::{GapId, Netns};
use netwhy_wire::tcp;

/// Kinds of options (`TCPOPT_*`).
const NOP: u8 = 1;
const MSS: u8 = 2;
const WINDOW: u8 = 3;
const SACK_PERM: u8 = 4;
const TIMESTAMP: u8 = 8;

/// Which options a TCP header has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TcpOpts {
    pub mss: Option<u16>,
    pub sack: bool,
    pub timestamp: bool,
    pub wscale: bool,
    /// A sysctl that decides was not read.
    pub unknown: Option<GapId>,
}

impl TcpOpts {
    /// What a host offers in a SYN, but for the MSS.
    pub fn offered(ns: &Netns) -> TcpOpts {
        let mut unknown = None;
        let mut on = |key: &str| match ns.sysctl_flag(key) {
            Ok(on) => on,
            Err(gap) => {
                unknown = Some(gap);
                true
            }
        };
        let (sack, timestamp, wscale) = (
            on("net.ipv4.tcp_sack"),
            on("net.ipv4.tcp_timestamps"),
            on("net.ipv4.tcp_window_scaling"),
        );
        TcpOpts {
            mss: None,
            sack,
            timestamp,
            wscale,
            unknown,
        }
    }

    /// What both sides offer.
    pub fn agreed(self, other: TcpOpts) -> TcpOpts {
        TcpOpts {
            mss: None,
            sack: self.sack && other.sack,
            timestamp: self.timestamp && other.timestamp,
            wscale: self.wscale && other.wscale,
            unknown: self.unknown.or(other.unknown),
        }
    }

    /// Their length in bytes.
    pub fn len(self, flags: u8) -> u32 {
        if flags & tcp::RST != 0 {
            return 0;
        }
        if flags & tcp::SYN == 0 {
            return if self.timestamp { 12 } else { 0 };
        }
        let sack = match (self.timestamp, self.sack) {
            (true, _) => 12,
            (false, true) => 4,
            (false, false) => 0,
        };
        4 + sack + if self.wscale { 4 } else { 0 }
    }

    /// Whether a header with these flags has an option of this kind.
    pub fn has(self, flags: u8, kind: u8) -> Result<bool, GapId> {
        let (syn, rst) = (flags & tcp::SYN != 0, flags & tcp::RST != 0);
        if kind == MSS {
            return Ok(self.mss.is_some());
        }
        let known = rst || !matches!(kind, NOP | WINDOW | SACK_PERM | TIMESTAMP);
        if let (Some(gap), false) = (self.unknown, known) {
            return Err(gap);
        }
        Ok(match kind {
            _ if rst => false,
            // Alone, a timestamp or a permission is filled up to words.
            NOP if syn => self.wscale || self.timestamp != self.sack,
            NOP | TIMESTAMP => self.timestamp,
            WINDOW => syn && self.wscale,
            SACK_PERM => syn && self.sack,
            _ => false,
        })
    }
}
