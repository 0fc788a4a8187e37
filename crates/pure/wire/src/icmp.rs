//! ICMP (IPv4) types and codes, named as in `linux/icmp.h`.

/// Answer to an echo request.
pub const ECHO_REPLY: u8 = 0;
/// Destination unreachable; the code says what: `NET_UNREACH` to `PREC_CUTOFF`.
pub const DEST_UNREACH: u8 = 3;
/// Source quench, obsolete.
pub const SOURCE_QUENCH: u8 = 4;
/// A better gateway exists.
pub const REDIRECT: u8 = 5;
/// Echo request.
pub const ECHO: u8 = 8;
/// TTL reached 0 (code 0) or fragments were missing (code 1).
pub const TIME_EXCEEDED: u8 = 11;
/// Bad header.
pub const PARAMETER_PROBLEM: u8 = 12;
/// Timestamp request.
pub const TIMESTAMP: u8 = 13;
/// Timestamp answer.
pub const TIMESTAMP_REPLY: u8 = 14;

/// Code of [`DEST_UNREACH`]: no route.
pub const NET_UNREACH: u8 = 0;
/// Code of [`DEST_UNREACH`]: the neighbour did not answer, or a route of type unreachable.
pub const HOST_UNREACH: u8 = 1;
/// Code of [`DEST_UNREACH`]: no such protocol.
pub const PROT_UNREACH: u8 = 2;
/// Code of [`DEST_UNREACH`]: no such UDP socket; also what iptables' REJECT sends by default.
pub const PORT_UNREACH: u8 = 3;
/// Code of [`DEST_UNREACH`]: the packet is larger than the next MTU and has DF.
pub const FRAG_NEEDED: u8 = 4;
/// Code of [`DEST_UNREACH`]: source route failed.
pub const SR_FAILED: u8 = 5;
/// Code of [`DEST_UNREACH`]: network prohibited by an administrator.
pub const NET_ANO: u8 = 9;
/// Code of [`DEST_UNREACH`]: host prohibited by an administrator.
pub const HOST_ANO: u8 = 10;
/// Code of [`DEST_UNREACH`]: packet filtered, what a route of type prohibit gives.
pub const PKT_FILTERED: u8 = 13;
/// Code of [`DEST_UNREACH`]: precedence cut off, the last code.
pub const PREC_CUTOFF: u8 = 15;

/// Code of [`TIME_EXCEEDED`]: TTL reached 0 on the way.
pub const EXC_TTL: u8 = 0;
/// Code of [`TIME_EXCEEDED`]: fragments did not arrive in time.
pub const EXC_FRAGTIME: u8 = 1;

/// The message is an error: it quotes the packet that caused it.
pub fn is_error(kind: u8) -> bool {
    matches!(
        kind,
        DEST_UNREACH | SOURCE_QUENCH | REDIRECT | TIME_EXCEEDED | PARAMETER_PROBLEM
    )
}
