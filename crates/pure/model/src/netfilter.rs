//! Netfilter (IPv4): base chains by hook, iptables tables of both backends, native nftables as far as they are known.

use crate::fact::GapId;
use netwhy_wire::Mac;
use rustc_hash::FxHashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// The five hooks of `NF_INET_*` (`include/uapi/linux/netfilter.h`), in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// `NF_INET_PRE_ROUTING`.
    PreRouting,
    /// `NF_INET_LOCAL_IN`.
    LocalIn,
    /// `NF_INET_FORWARD`.
    Forward,
    /// `NF_INET_LOCAL_OUT`.
    LocalOut,
    /// `NF_INET_POST_ROUTING`.
    PostRouting,
}

/// Which tool's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// iptables-legacy (`ip_tables`).
    Legacy,
    /// iptables-nft (`nf_tables`).
    Nft,
}

/// Everything that netfilter does in a namespace.
#[derive(Clone, Debug, Default)]
pub struct Netfilter {
    /// iptables tables of both backends.
    pub tables: Vec<Arc<Table>>,
    /// Entries of each hook by rising priority; equal priorities keep the order legacy, nft, native.
    pub hooks: [Vec<HookEntry>; 5],
    /// Some rule uses connection tracking, so it is on here, and with it defragmentation (kernel-facts, trap 3).
    /// The gap says why it may be on unseen.
    pub conntrack: Option<Result<(), GapId>>,
    /// The same without the rules of `tables`: what native tables, extensions that are not modelled, and members that
    /// are missing say.
    pub conntrack_otherwise: Option<Result<(), GapId>>,
}

/// One registered function of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEntry {
    /// Priority, as in `linux/netfilter_ipv4.h`: raw -300, conntrack -200, mangle -150, dnat -100, filter 0, security 50, snat 100.
    pub priority: i32,
    /// What runs.
    pub run: HookFn,
}

/// What a hook entry runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookFn {
    /// A base chain of an iptables table: index into [`Netfilter::tables`].
    Table(u32),
    /// Rules that exist, or may exist, and cannot be evaluated: anything is possible.
    Unknown(GapId),
    /// Rules that cannot be evaluated, but at worst drop silently.
    MayDrop(GapId),
}

/// Tables of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Before conntrack.
    Raw,
    /// Marks.
    Mangle,
    /// Address translation.
    Nat,
    /// Filtering.
    Filter,
    /// SELinux marks.
    Security,
}

/// A table with its chains.
#[derive(Clone, Debug)]
pub struct Table {
    /// Backend.
    pub backend: Backend,
    /// Name.
    pub name: TableName,
    /// Chains; base chains first.
    pub chains: Vec<Chain>,
    /// Base chain of each hook, as index into `chains`.
    pub base: [Option<ChainId>; 5],
    /// Member of the bundle that it was read from. Namespaces whose text is the same share the table: see
    /// [`Netns::member_of`](crate::Netns::member_of).
    pub path: Arc<str>,
}

/// Index into [`Table::chains`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

/// A chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Name.
    pub name: Arc<str>,
    /// Policy of a base chain: `true` accepts. `None` for user chains, which return.
    pub policy: Option<bool>,
    /// Rules in order.
    pub rules: Vec<Rule>,
    /// Index of long chains; see [`Chain::candidates`].
    pub index: ChainIndex,
}

/// Rules of a chain by what they demand of the packet, so that most need not be looked at.
#[derive(Clone, Debug, Default)]
pub struct ChainIndex {
    /// Whether the chain is long enough for the index to exist.
    pub on: bool,
    /// Rules that demand one destination address.
    pub by_daddr: FxHashMap<Ipv4Addr, Vec<u32>>,
    /// Rules that demand one destination port (and no single address).
    pub by_dport: FxHashMap<(u8, u16), Vec<u32>>,
    /// All others.
    pub rest: Vec<u32>,
}

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

/// Chains shorter than this are walked without an index.
pub const INDEX_MIN: usize = 8;

impl Chain {
    /// A chain with its index.
    #[must_use]
    pub fn new(name: Arc<str>, policy: Option<bool>, rules: Vec<Rule>) -> Self {
        let mut index = ChainIndex::default();
        if rules.len() >= INDEX_MIN {
            index.on = true;
            for (i, rule) in rules.iter().enumerate() {
                let i = i as u32;
                if let Some((net, false)) = rule.dst.filter(|(n, _)| n.prefix_len() == 32) {
                    index.by_daddr.entry(net.addr()).or_default().push(i);
                } else if let Some(key) = rule.one_dport() {
                    index.by_dport.entry(key).or_default().push(i);
                } else {
                    index.rest.push(i);
                }
            }
        }
        Chain {
            name,
            policy,
            rules,
            index,
        }
    }

    /// Numbers of the rules that may match a packet to this address and port, in order. A superset of those that do.
    pub fn candidates(&self, daddr: Ipv4Addr, proto: u8, dport: u16) -> Candidates<'_> {
        if !self.index.on {
            return Candidates {
                lists: [&[], &[], &[]],
                all: 0..self.rules.len() as u32,
            };
        }
        let a = self.index.by_daddr.get(&daddr).map_or(&[][..], |v| v);
        let p = self.index.by_dport.get(&(proto, dport)).map_or(&[][..], |v| v);
        Candidates {
            lists: [a, p, &self.index.rest],
            all: 0..0,
        }
    }
}

/// Iterator of [`Chain::candidates`]: a merge of three ascending lists, or a plain count.
#[derive(Clone, Debug)]
pub struct Candidates<'a> {
    lists: [&'a [u32]; 3],
    all: std::ops::Range<u32>,
}

impl Iterator for Candidates<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if let Some(i) = self.all.next() {
            return Some(i);
        }
        let which = (0..3)
            .filter(|w| !self.lists[*w].is_empty())
            .min_by_key(|w| self.lists[*w][0])?;
        let (first, rest) = self.lists[which].split_first()?;
        self.lists[which] = rest;
        Some(*first)
    }
}

impl Rule {
    /// Protocol and port, if the rule demands exactly one destination port.
    fn one_dport(&self) -> Option<(u8, u16)> {
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

impl TableName {
    /// As iptables spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TableName::Raw => "raw",
            TableName::Mangle => "mangle",
            TableName::Nat => "nat",
            TableName::Filter => "filter",
            TableName::Security => "security",
        }
    }

    /// Hooks and priorities at which the table has base chains.
    #[must_use]
    pub fn bases(self) -> &'static [(Hook, i32)] {
        use Hook::{Forward, LocalIn, LocalOut, PostRouting, PreRouting};
        match self {
            TableName::Raw => &[(PreRouting, -300), (LocalOut, -300)],
            TableName::Mangle => &[
                (PreRouting, -150),
                (LocalIn, -150),
                (Forward, -150),
                (LocalOut, -150),
                (PostRouting, -150),
            ],
            TableName::Nat => &[(PreRouting, -100), (LocalIn, 100), (LocalOut, -100), (PostRouting, 100)],
            TableName::Filter => &[(LocalIn, 0), (Forward, 0), (LocalOut, 0)],
            TableName::Security => &[(LocalIn, 50), (Forward, 50), (LocalOut, 50)],
        }
    }
}

impl Hook {
    /// Name of the iptables base chain.
    #[must_use]
    pub fn chain(self) -> &'static str {
        match self {
            Hook::PreRouting => "PREROUTING",
            Hook::LocalIn => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::LocalOut => "OUTPUT",
            Hook::PostRouting => "POSTROUTING",
        }
    }
}
