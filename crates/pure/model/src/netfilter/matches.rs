//! Matches of rules.

use super::conntrack::Conntrack;
use super::rule::{IfPattern, Not, Ports};
use super::set::{IpSet, SetDirs};
use crate::fact::GapId;
use netwhy_wire::Mac;
use std::net::IpAddr;
use std::sync::Arc;

/// Matches of iptables. What is not here is [`Match::Unsupported`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// `-m tcp`.
    Tcp {
        /// `--sport`.
        sport: Option<Not<Ports>>,
        /// `--dport`.
        dport: Option<Not<Ports>>,
        /// `--tcp-flags MASK COMP`; `--syn` is `SYN,RST,ACK,FIN SYN`.
        flags: Option<Not<(u8, u8)>>,
        /// `--tcp-option`: a kind of option.
        option: Option<Not<u8>>,
    },
    /// `-m udp`.
    Udp {
        /// `--sport`.
        sport: Option<Not<Ports>>,
        /// `--dport`.
        dport: Option<Not<Ports>>,
    },
    /// `-m sctp`.
    Sctp {
        /// `--sport`.
        sport: Option<Not<Ports>>,
        /// `--dport`.
        dport: Option<Not<Ports>>,
        /// `--chunk-types`.
        chunks: Option<Not<Chunks>>,
    },
    /// `-m icmp --icmp-type TYPE[/CODE]`, `-m icmp6 --icmpv6-type`; type 255 is any.
    Icmp(Not<(u8, Option<u8>)>),
    /// `-m multiport`.
    Multiport {
        /// Ports and ranges.
        ports: Not<Vec<Ports>>,
        /// Which ports.
        side: PortSide,
    },
    /// `-m conntrack`, and `-m state` as its `--ctstate`.
    Conntrack(Box<Conntrack>),
    /// `-m mark`.
    Mark(Not<(u32, u32)>),
    /// `-m connmark`.
    Connmark(Not<(u32, u32)>),
    /// `-m addrtype` with [`addr_type`] bits.
    AddrType {
        /// `--src-type`.
        src: Option<Not<u16>>,
        /// `--dst-type`.
        dst: Option<Not<u16>>,
        /// `--limit-iface-in`.
        limit_in: bool,
        /// `--limit-iface-out`.
        limit_out: bool,
    },
    /// `-m statistic --mode random`: probability in units of 2^-31.
    Random(Not<u32>),
    /// `-m statistic --mode nth`: every, packet; the counter's state is in no snapshot.
    Nth(Not<(u32, u32)>),
    /// `-m recent`.
    Recent {
        /// List.
        name: Box<str>,
        /// What is done.
        op: RecentOp,
        /// `--seconds`.
        seconds: Option<u32>,
        /// `--hitcount`.
        hitcount: Option<u32>,
        /// `--rttl`: only packets that came with the same TTL.
        rttl: bool,
        /// `--mask`, as [`bits()`](crate::family::bits).
        mask: u128,
        /// `--rsource` (else `--rdest`).
        source: bool,
        /// `!`.
        not: bool,
    },
    /// `-m nfacct`: counts, always matches.
    Nfacct,
    /// `-m comment`: always matches.
    Comment(Box<str>),
    /// `-m limit`, `-m hashlimit`: its state is in no snapshot.
    Limit,
    /// `-m physdev`.
    Physdev {
        /// `--physdev-in`.
        iif: Option<Not<IfPattern>>,
        /// `--physdev-out`.
        oif: Option<Not<IfPattern>>,
        /// `--physdev-is-in`.
        is_in: Option<bool>,
        /// `--physdev-is-out`.
        is_out: Option<bool>,
        /// `--physdev-is-bridged`.
        is_bridged: Option<bool>,
    },
    /// `-m mac --mac-source`.
    MacSource(Not<Mac>),
    /// `-m iprange`.
    IpRange {
        /// `--src-range`.
        src: Option<Not<(IpAddr, IpAddr)>>,
        /// `--dst-range`.
        dst: Option<Not<(IpAddr, IpAddr)>>,
    },
    /// `-m pkttype`: `PACKET_HOST` 0, `PACKET_BROADCAST` 1, `PACKET_MULTICAST` 2.
    PktType(Not<u8>),
    /// `-m length`.
    Length(Not<(u16, u16)>),
    /// `-m ttl`, `-m hl`: comparison and value.
    Ttl {
        /// -1 `--ttl-lt`, 0 `--ttl-eq`, 1 `--ttl-gt`.
        cmp: i8,
        /// Value.
        value: u8,
        /// `!`.
        not: bool,
    },
    /// `-m rpfilter`.
    RpFilter {
        /// `--loose`.
        loose: bool,
        /// `--validmark`.
        validmark: bool,
        /// `--accept-local`.
        accept_local: bool,
        /// `--invert`.
        invert: bool,
    },
    /// `-m set`.
    Set {
        /// The set with its members.
        set: Arc<IpSet>,
        /// `src,dst`: where each part of an element comes from.
        dirs: SetDirs,
        /// `!`.
        not: bool,
        /// `--return-nomatch`: exceptions match, and nothing else.
        return_nomatch: bool,
        /// `--packets-gt` and others: a counter of the element, whose state is in no snapshot, decides too.
        counters: bool,
    },
    /// `-m dscp`: the six upper bits of the TOS byte.
    Dscp(Not<u8>),
    /// `-m tos`: value and mask.
    Tos(Not<(u8, u8)>),
    /// `-m tcpmss`: the MSS option of a TCP packet.
    TcpMss(Not<(u16, u16)>),
    /// `-m owner`.
    Owner {
        /// `--uid-owner`.
        uid: Option<Not<(u32, u32)>>,
        /// `--gid-owner`.
        gid: Option<Not<(u32, u32)>>,
        /// `--socket-exists`: false with `!`.
        exists: Option<bool>,
        /// Whose a socket is stands in no snapshot.
        unknown: GapId,
    },
    /// `-m socket`.
    Socket {
        /// `--transparent`.
        transparent: bool,
        /// `--nowildcard`: sockets of any address count too.
        nowildcard: bool,
        /// Whether a socket is transparent stands in no snapshot.
        unknown: GapId,
    },
    /// `-m u32`.
    U32 {
        /// All must hold.
        tests: Vec<U32Test>,
        /// `!`.
        not: bool,
        /// Bytes that no snapshot shows.
        unknown: GapId,
    },
    /// `-m frag`, `rt`, `hbh`, `dst`, `mh`: a packet without such a header never fits; the gap is for fragments.
    ExtensionHeader(GapId),
    /// Anything else.
    Unsupported(GapId),
}

impl Match {
    /// Whether asking it changes nothing that another rule or packet could see, and has one answer.
    pub(super) fn is_pure(&self) -> bool {
        !matches!(
            self,
            Match::Random(_)
                | Match::Nth(_)
                | Match::Recent { .. }
                | Match::Limit
                | Match::Set { counters: true, .. }
                | Match::Unsupported(_)
        )
    }
}

/// `--chunk-types` of `sctp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunks {
    /// Which chunks of a packet must fit.
    pub mode: ChunkMode,
    /// Type, and mask and value of its flags.
    pub list: Vec<(u8, Option<(u8, u8)>)>,
}

/// `SCTP_CHUNK_MATCH_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkMode {
    /// One of those listed.
    Any,
    /// Each that is listed.
    All,
    /// No other.
    Only,
}

/// One test of `u32`: `6&0xff=1:3,7` (`struct xt_u32_test`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct U32Test {
    /// First offset.
    pub start: u32,
    /// What is done with the word that stands there.
    pub steps: Vec<(U32Op, u32)>,
    /// Ranges of the result, ends included.
    pub values: Vec<(u32, u32)>,
}

/// `XT_U32_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum U32Op {
    /// `&`.
    And,
    /// `<<`.
    Left,
    /// `>>`.
    Right,
    /// `@`: reads again, that much after the result.
    At,
}

/// Ports that `multiport` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortSide {
    /// `--sports`.
    Source,
    /// `--dports`.
    Destination,
    /// `--ports`.
    Either,
}

/// Operation of `recent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecentOp {
    /// `--set`: adds, always matches.
    Set,
    /// `--rcheck`.
    Check,
    /// `--update`.
    Update,
    /// `--remove`.
    Remove,
}

/// Bits of `addrtype` (1 << `RTN_*`).
pub mod addr_type {
    /// UNSPEC.
    pub const UNSPEC: u16 = 1;
    /// UNICAST.
    pub const UNICAST: u16 = 2;
    /// LOCAL.
    pub const LOCAL: u16 = 4;
    /// BROADCAST.
    pub const BROADCAST: u16 = 8;
    /// ANYCAST.
    pub const ANYCAST: u16 = 16;
    /// MULTICAST.
    pub const MULTICAST: u16 = 32;
    /// BLACKHOLE.
    pub const BLACKHOLE: u16 = 64;
    /// UNREACHABLE.
    pub const UNREACHABLE: u16 = 128;
    /// PROHIBIT.
    pub const PROHIBIT: u16 = 256;
    /// THROW.
    pub const THROW: u16 = 512;
}
