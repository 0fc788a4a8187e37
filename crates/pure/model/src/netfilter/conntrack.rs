//! What `conntrack` asks for.

use super::rule::{Not, Ports};

/// `-m conntrack` (`struct xt_conntrack_mtinfo3`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conntrack {
    /// `--ctstate` as [`ct_state`] bits.
    pub states: Option<Not<u8>>,
    /// `--ctstatus` as [`ct_status`] bits.
    pub status: Option<Not<u8>>,
    /// `--ctdir`: true is ORIGINAL.
    pub dir: Option<bool>,
    /// `--ctproto`.
    pub proto: Option<Not<u8>>,
    /// `--ctorigsrc`.
    pub orig_src: Option<Not<ipnet::IpNet>>,
    /// `--ctorigdst`.
    pub orig_dst: Option<Not<ipnet::IpNet>>,
    /// `--ctorigsrcport`.
    pub orig_sport: Option<Not<Ports>>,
    /// `--ctorigdstport`.
    pub orig_dport: Option<Not<Ports>>,
    /// `--ctreplsrc`.
    pub reply_src: Option<Not<ipnet::IpNet>>,
    /// `--ctrepldst`.
    pub reply_dst: Option<Not<ipnet::IpNet>>,
    /// `--ctreplsrcport`.
    pub reply_sport: Option<Not<Ports>>,
    /// `--ctrepldstport`.
    pub reply_dport: Option<Not<Ports>>,
    /// `--ctexpire`: the time that is left is in no snapshot.
    pub expire: Option<Not<(u32, u32)>>,
}

/// Bits of `--ctstate` (`include/uapi/linux/netfilter/xt_conntrack.h`, freely numbered).
pub mod ct_state {
    /// INVALID.
    pub const INVALID: u8 = 1;
    /// NEW.
    pub const NEW: u8 = 2;
    /// ESTABLISHED.
    pub const ESTABLISHED: u8 = 4;
    /// RELATED.
    pub const RELATED: u8 = 8;
    /// UNTRACKED.
    pub const UNTRACKED: u8 = 16;
    /// SNAT.
    pub const SNAT: u8 = 32;
    /// DNAT.
    pub const DNAT: u8 = 64;
}

/// Bits of `--ctstatus` (`IPS_*`, `include/uapi/linux/netfilter/nf_conntrack_common.h`).
pub mod ct_status {
    /// EXPECTED.
    pub const EXPECTED: u8 = 1;
    /// SEEN_REPLY.
    pub const SEEN_REPLY: u8 = 2;
    /// ASSURED.
    pub const ASSURED: u8 = 4;
    /// CONFIRMED.
    pub const CONFIRMED: u8 = 8;
}
