//! Rules and their targets.

use super::ChainId;
use super::matches::Match;
use super::set::{IpSet, SetDirs};
use crate::fact::GapId;
use std::net::IpAddr;
use std::sync::Arc;

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Line in the member (1-based).
    pub line: u32,
    /// Packet counter, if the save has counters.
    pub packets: u64,
    /// `-s`, with inversion.
    pub src: Option<(ipnet::IpNet, bool)>,
    /// `-d`, with inversion.
    pub dst: Option<(ipnet::IpNet, bool)>,
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
    /// REDIRECT.
    Redirect {
        /// `--to-ports`.
        ports: Option<Ports>,
        /// Which port of the range is drawn.
        random: bool,
    },
    /// NETMAP to a network.
    Netmap(ipnet::IpNet),
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
    /// CT with anything else: what is tracked belongs to this zone.
    Ct(CtZone),
    /// TOS and DSCP: `tos = (tos & !mask) ^ value`.
    Tos {
        /// Value.
        value: u8,
        /// Mask.
        mask: u8,
    },
    /// TTL, HL.
    Ttl {
        /// How.
        op: TtlOp,
        /// By how much, or to what.
        value: u8,
    },
    /// TCPMSS: `--set-mss`, or `--clamp-mss-to-pmtu`.
    TcpMss(Option<u16>),
    /// SET: adds what comes first and removes what comes second, and goes on.
    Set {
        /// `--add-set`.
        add: Option<(Arc<IpSet>, SetDirs)>,
        /// `--del-set`.
        del: Option<(Arc<IpSet>, SetDirs)>,
    },
    /// LOG, NFLOG, TRACE, CLASSIFY and others that only look: the next rule follows.
    Continue,
    /// ECN, TCPOPTSTRIP and others that change what is not modelled, and go on.
    Unmodelled(GapId),
    /// Anything else.
    Unsupported(GapId),
}

/// `struct nf_conntrack_zone` of a CT target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CtZone {
    /// `--zone`, `--zone-orig`, `--zone-reply`.
    pub id: ZoneId,
    /// It holds for packets that begin connections (`NF_CT_ZONE_DIR_ORIG`).
    pub orig: bool,
    /// It holds for their answers (`NF_CT_ZONE_DIR_REPL`).
    pub reply: bool,
}

/// Number of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZoneId {
    /// This; 0 is the usual one.
    Number(u16),
    /// `mark`: that of the packet.
    Mark,
}

/// `IPT_TTL_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlOp {
    /// `--ttl-set`.
    Set,
    /// `--ttl-inc`.
    Inc,
    /// `--ttl-dec`.
    Dec,
}

/// `--reject-with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectWith {
    /// ICMP destination unreachable with this code (port 3, net 0, host 1, proto 2, net-prohibited 9, host-prohibited 10,
    /// admin-prohibited 13), of ICMPv6 in ip6tables (no-route 0, adm-prohibited 1, addr 3, port 4, policy-fail 5, reject-route 6).
    Icmp(u8),
    /// `tcp-reset`.
    TcpReset,
}

/// Range of a NAT target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatRange {
    /// First and last address, if the address changes.
    pub addrs: Option<(IpAddr, IpAddr)>,
    /// First and last port, if the port changes.
    pub ports: Option<Ports>,
    /// `80-90/100`: port 100 becomes 80, 101 becomes 81, and so on.
    pub base: Option<u16>,
    /// `--random`, `--random-fully`.
    pub random: bool,
}

impl Rule {
    /// Protocol and port, if the rule demands exactly one destination port before it asks for anything that leaves a trace.
    pub(super) fn one_dport(&self) -> Option<(u8, u16)> {
        let (proto, false) = self.proto? else { return None };
        let first = self.matches.iter().take_while(|m| m.is_pure());
        first.into_iter().find_map(|m| match m {
            Match::Tcp { dport: Some(p), .. } | Match::Udp { dport: Some(p), .. }
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
