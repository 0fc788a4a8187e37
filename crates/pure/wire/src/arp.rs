//! Operations of ARP (RFC 826, RFC 903), as `ARPOP_*` (`include/uapi/linux/if_arp.h`).

/// Who has this address?
pub const REQUEST: u16 = 1;
/// The answer.
pub const REPLY: u16 = 2;
/// Reverse ARP: which address has this host?
pub const RREQUEST: u16 = 3;
/// Its answer.
pub const RREPLY: u16 = 4;
