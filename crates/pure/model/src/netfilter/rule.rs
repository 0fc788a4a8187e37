//! Rules, their matches and targets.

use super::ChainId;
use crate::fact::GapId;
use netwhy_wire::Mac;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Line in the member (1-based).
    pub line: u32,
    /// Packet counter, if the save has counters.
    pub packets: u64,
    /// `-s`, with inversion.
    pub src: Option<(ipnet::Ipv4Net, bool)>,
    /// `-d`, with inversion.
    pub dst: Option<(ipnet::Ipv4Net, bool)>,
    /// `-i`, with inversion.
    pub iif: Option<(IfPattern, bool)>,
    /// `-o`, with inversion.
    pub oif: Option<(IfPattern, bool)>,
    /// `-p` as a number, with inversion.
    pub proto: Option<(u8, bool)>,
    /// `-f` or `! -f`.
    pub fragment: Option<bool>,
    /// Extensions in order.
    pub matches: Vec<Match>,
    /// What it does.
    pub target: Target,
}

/// Interface name or prefix (`cali+`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfPattern {
    /// Name without the plus.
    pub name: Box<str>,
    /// Ends in a plus.
    pub prefix: bool,
}

/// A value or set with the `!` of the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Not<T> {
    /// The value.
    pub value: T,
    /// Inverted.
    pub not: bool,
}

/// Inclusive port range.
pub type Ports = (u16, u16);

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
    },
    /// `-m udp`.
    Udp {
        /// `--sport`.
        sport: Option<Not<Ports>>,
        /// `--dport`.
        dport: Option<Not<Ports>>,
    },
    /// `-m sctp` without chunk types.
    Sctp {
        /// `--sport`.
        sport: Option<Not<Ports>>,
        /// `--dport`.
        dport: Option<Not<Ports>>,
    },
    /// `-m icmp --icmp-type TYPE[/CODE]`; type 255 is any.
    Icmp(Not<(u8, Option<u8>)>),
    /// `-m multiport`.
    Multiport {
        /// Ports and ranges.
        ports: Not<Vec<Ports>>,
        /// Which ports.
        side: PortSide,
    },
    /// `-m conntrack`, and `-m state` as its `--ctstate`.
    Conntrack {
        /// `--ctstate` as [`ct_state`] bits.
        states: Option<Not<u8>>,
        /// `--ctdir`: true is ORIGINAL.
        dir: Option<bool>,
        /// `--ctproto`.
        proto: Option<Not<u8>>,
        /// `--ctorigsrc`.
        orig_src: Option<Not<ipnet::Ipv4Net>>,
        /// `--ctorigdst`.
        orig_dst: Option<Not<ipnet::Ipv4Net>>,
        /// `--ctorigdstport`.
        orig_dport: Option<Not<Ports>>,
        /// `--ctorigsrcport`.
        orig_sport: Option<Not<Ports>>,
        /// `--ctreplsrc`.
        reply_src: Option<Not<ipnet::Ipv4Net>>,
        /// `--ctrepldst`.
        reply_dst: Option<Not<ipnet::Ipv4Net>>,
    },
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
        src: Option<Not<(Ipv4Addr, Ipv4Addr)>>,
        /// `--dst-range`.
        dst: Option<Not<(Ipv4Addr, Ipv4Addr)>>,
    },
    /// `-m pkttype`: `PACKET_HOST` 0, `PACKET_BROADCAST` 1, `PACKET_MULTICAST` 2.
    PktType(Not<u8>),
    /// `-m length`.
    Length(Not<(u16, u16)>),
    /// `-m ttl`: comparison and value.
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
    /// `-m set` on a set whose members were read and whose type is an address or network.
    Set {
        /// Networks of the set.
        members: Arc<Vec<ipnet::Ipv4Net>>,
        /// Matches the source address, else the destination's.
        source: bool,
        /// `!`.
        not: bool,
    },
    /// Anything else.
    Unsupported(GapId),
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

/// Targets of iptables. What is not here is [`Target::Unsupported`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// No `-j`: only counts.
    None,
    /// ACCEPT.
    Accept,
    /// DROP.
    Drop,
    /// RETURN.
    Return,
    /// `-j` of a user chain.
    Jump(ChainId),
    /// `-g` of a user chain.
    Goto(ChainId),
    /// REJECT.
    Reject(RejectWith),
    /// DNAT.
    Dnat(NatRange),
    /// SNAT.
    Snat(NatRange),
    /// MASQUERADE, with `--to-ports`; `--random` or `--random-fully` make the port unknown.
    Masquerade {
        /// `--to-ports`.
        ports: Option<Ports>,
        /// Port is drawn.
        random: bool,
    },
    /// REDIRECT to ports.
    Redirect(Option<Ports>),
    /// NETMAP to a network.
    Netmap(ipnet::Ipv4Net),
    /// MARK: `mark = (mark & !mask) ^ value`.
    Mark {
        /// Value.
        value: u32,
        /// Mask.
        mask: u32,
    },
    /// CONNMARK `--set-xmark`.
    ConnmarkSet {
        /// Value.
        value: u32,
        /// Mask.
        mask: u32,
    },
    /// CONNMARK `--save-mark` with ctmask and nfmask.
    ConnmarkSave {
        /// Mask of the ct mark.
        ctmask: u32,
        /// Mask of the packet mark.
        nfmask: u32,
    },
    /// CONNMARK `--restore-mark`.
    ConnmarkRestore {
        /// Mask of the ct mark.
        ctmask: u32,
        /// Mask of the packet mark.
        nfmask: u32,
    },
    /// NOTRACK, `CT --notrack`.
    NoTrack,
    /// LOG, NFLOG, TRACE, CLASSIFY and others that only look: the next rule follows.
    Continue,
    /// TCPMSS and others that change what is not modelled, and go on.
    Unmodelled(GapId),
    /// Anything else.
    Unsupported(GapId),
}

/// `--reject-with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectWith {
    /// ICMP destination unreachable with this code (port 3, net 0, host 1, proto 2, net-prohibited 9, host-prohibited 10, admin-prohibited 13).
    Icmp(u8),
    /// `tcp-reset`.
    TcpReset,
}

/// Range of a NAT target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRange {
    /// First and last address, if the address changes.
    pub addrs: Option<(Ipv4Addr, Ipv4Addr)>,
    /// First and last port, if the port changes.
    pub ports: Option<Ports>,
    /// `--random`, `--random-fully`.
    pub random: bool,
}

impl Rule {
    /// Protocol and port, if the rule demands exactly one destination port.
    pub(super) fn one_dport(&self) -> Option<(u8, u16)> {
        let (proto, false) = self.proto? else { return None };
        self.matches.iter().find_map(|m| match m {
            Match::Tcp { dport: Some(p), .. }
            | Match::Udp { dport: Some(p), .. }
            | Match::Sctp { dport: Some(p), .. }
                if !p.not && p.value.0 == p.value.1 =>
            {
                Some((proto, p.value.0))
            }
            _ => None,
        })
    }
}

impl IfPattern {
    /// Whether a name fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        if self.prefix {
            name.starts_with(&*self.name)
        } else {
            name == &*self.name
        }
    }
}
