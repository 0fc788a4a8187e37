//! ICMPv6 types and codes, named as in `linux/icmpv6.h` and `net/ndisc.h`.

/// Protocol number.
pub const PROTO: u8 = 58;

/// Destination unreachable; the code says what: `NOROUTE` to `REJECT_ROUTE`.
pub const DEST_UNREACH: u8 = 1;
/// The packet is larger than the next MTU.
pub const PKT_TOOBIG: u8 = 2;
/// The hop limit reached 0.
pub const TIME_EXCEED: u8 = 3;
/// Bad header.
pub const PARAMPROB: u8 = 4;
/// Echo request.
pub const ECHO_REQUEST: u8 = 128;
/// Answer to an echo request.
pub const ECHO_REPLY: u8 = 129;
/// First of the types that only speak to the link: multicast listeners, routers, neighbours.
pub const MGM_QUERY: u8 = 130;
/// Neighbour solicitation.
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Neighbour advertisement.
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Node information query.
pub const NI_QUERY: u8 = 139;
/// Answer to it.
pub const NI_REPLY: u8 = 140;
/// Report of multicast listeners, version 2.
pub const MLD2_REPORT: u8 = 143;

/// Code of [`DEST_UNREACH`]: no route.
pub const NOROUTE: u8 = 0;
/// Code of [`DEST_UNREACH`]: what a route of type prohibit gives.
pub const ADM_PROHIBITED: u8 = 1;
/// Code of [`DEST_UNREACH`]: a link-local source would have to leave its link.
pub const NOT_NEIGHBOUR: u8 = 2;
/// Code of [`DEST_UNREACH`]: the neighbour did not answer.
pub const ADDR_UNREACH: u8 = 3;
/// Code of [`DEST_UNREACH`]: no such UDP socket; also what ip6tables' REJECT sends by default.
pub const PORT_UNREACH: u8 = 4;
/// Code of [`DEST_UNREACH`]: the source address failed a policy.
pub const POLICY_FAIL: u8 = 5;
/// Code of [`DEST_UNREACH`]: rejected.
pub const REJECT_ROUTE: u8 = 6;

/// Code of [`TIME_EXCEED`]: the hop limit reached 0 on the way.
pub const EXC_HOPLIMIT: u8 = 0;
/// Code of [`PARAMPROB`]: the next header is not known here.
pub const UNK_NEXTHDR: u8 = 1;

/// The message is an error: it quotes the packet that caused it.
pub fn is_error(kind: u8) -> bool {
    kind < ECHO_REQUEST
}
