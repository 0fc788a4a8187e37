//! Expressions, statements and verdicts of nf_tables.

use super::{Bytes, NftSet};
use crate::fact::GapId;
use crate::family::Family;
use crate::netfilter::ChainId;
use std::sync::Arc;

/// What gives a value. Loading it may fail, which ends the rule (`NFT_BREAK`).
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Value(Bytes),
    /// Bytes of the packet.
    Payload(Payload),
    /// `meta`.
    Meta(MetaKey),
    /// `ct`, of the packet's connection: of its answers, or of what began it, where a key asks for a direction.
    Ct(CtKey, Option<CtDir>),
    /// `fib`.
    Fib(Fib),
    /// `rt`.
    Rt(RtKey),
    /// `tcp option`: kind, and the field, or whether it is there.
    TcpOption(u8, OptionField),
    /// `numgen`: below `modulus`, drawn or counted, and `offset` on top.
    Numgen {
        /// Drawn.
        random: bool,
        /// Below this.
        modulus: u32,
        /// On top.
        offset: u32,
    },
    /// `jhash`, `symhash`: a hash whose secret is in no snapshot.
    Hash {
        /// Below this.
        modulus: u32,
        /// On top.
        offset: u32,
    },
    /// Two values, bit by bit.
    Bits(BitOp, Box<[Expr; 2]>),
    /// One behind the other.
    Concat(Vec<Expr>),
    /// What a map has under a key.
    Map(Box<Expr>, Arc<NftSet>),
    /// Anything else.
    Unsupported(GapId),
}

/// `struct nft_bitwise`, and shifts.
#[expect(missing_docs, reason = "the names say what they are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitOp {
    And,
    Or,
    Xor,
    Left,
    Right,
}

/// `struct nft_payload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Where it begins.
    pub base: Header,
    /// What the packet must be to have it: nft does not list the comparison that it writes for it.
    pub need: Need,
    /// First bit behind the beginning.
    pub offset: u32,
    /// How many bits.
    pub bits: u32,
    /// What to say where no one can know the bytes; `None` if every packet shows them.
    pub unknown: Option<GapId>,
}

/// `enum nft_payload_bases`.
#[expect(missing_docs, reason = "the names say what they are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    Link,
    Network,
    Transport,
}

/// What a packet must be to have a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Anything.
    Nothing,
    /// Of Ethernet.
    Ether,
    /// ARP.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// Of this protocol above IP.
    Proto(u8),
}

/// `enum nft_meta_keys`.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetaKey {
    Length,
    Protocol,
    Nfproto,
    L4proto,
    Mark,
    Iif,
    Oif,
    Iifname,
    Oifname,
    Iiftype,
    Oiftype,
    Pkttype,
    /// Whose process a socket is stands in no snapshot.
    Skuid(GapId),
    /// The same of its group.
    Skgid(GapId),
}

/// `enum nft_ct_keys`.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtKey {
    State,
    Direction,
    Status,
    Mark,
    Zone,
    Protocol,
    L3proto,
    Saddr,
    Daddr,
    Sport,
    Dport,
}

/// `enum ip_conntrack_dir`.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CtDir {
    Original,
    Reply,
}

/// `struct nft_fib`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fib {
    /// What is asked for.
    pub result: FibResult,
    /// Of the source; else of the destination.
    pub saddr: bool,
    /// With the packet's mark.
    pub mark: bool,
    /// `iif`.
    pub iif: bool,
    /// `oif`.
    pub oif: bool,
}

/// `enum nft_fib_result`.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FibResult {
    Oif,
    Oifname,
    Type,
    /// Whether there is a device.
    Exists,
}

/// `enum nft_rt_keys`.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtKey {
    Nexthop4,
    Nexthop6,
    /// The largest segment that fits both ways.
    Mtu,
}

/// What of a TCP option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionField {
    /// Whether it is there.
    Exists,
    /// The size of `maxseg`.
    Size,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct NftMatch {
    /// What is compared.
    pub left: Expr,
    /// `!=`.
    pub not: bool,
    /// With what.
    pub test: Test,
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// From this to that, both included: one value, a prefix, `<` and `>` as well.
    Range(Bytes, Bytes),
    /// Any of these bits is set.
    Bits(Bytes),
    /// It is in a set.
    Set(Arc<NftSet>),
    /// No value is.
    Never,
}

/// What a rule does; one after the other until one ends the rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Stmt {
    /// Goes on where it is true.
    Match(NftMatch),
    /// Counts, and goes on.
    Counter,
    /// LOG and others that only look, or that change what no other rule and no host looks at.
    Look,
    /// `limit`, `quota`, `ct count`: goes on or not, by what is in no snapshot.
    State,
    /// Ends the rule.
    Verdict(Verdict),
    /// Does what a map has under a key.
    Vmap(Expr, Arc<NftSet>),
    /// Address translation.
    Nat(Nat),
    /// Answers and drops.
    Reject(NftReject),
    /// No connection.
    Notrack,
    /// `... set ...`.
    Set(Settable, Expr),
    /// `add`, `update` or `delete` of an element of a set.
    Update(Box<Update>),
    /// Anything else.
    Unsupported(GapId),
}

/// `struct nft_verdict`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The packet leaves this base chain.
    Accept,
    /// It ends.
    Drop,
    /// The next rule follows.
    Continue,
    /// Back to where the chain was called from; the policy, where it was not.
    Return,
    /// A chain, and back.
    Jump(ChainId),
    /// A chain.
    Goto(ChainId),
    /// Not modelled.
    Unsupported(GapId),
}

/// `struct nft_nat`, `struct nft_masq`, `struct nft_redir`.
#[derive(Clone, Debug, PartialEq)]
pub struct Nat {
    /// Which.
    pub kind: NatKind,
    /// Packets of this family only.
    pub family: Option<Family>,
    /// Address, and behind it a port if the same map has both.
    pub addr: Option<NatValue>,
    /// Port, where the address has none.
    pub port: Option<NatValue>,
    /// `prefix to`: only the network changes.
    pub netmap: bool,
    /// `random`, `fully-random`.
    pub random: bool,
}

/// What a nat statement translates to.
#[derive(Clone, Debug, PartialEq)]
pub enum NatValue {
    /// One, or what a map has.
    One(Expr),
    /// Any of a range.
    Range(Bytes, Bytes),
}

/// Kinds of translation.
#[expect(missing_docs, reason = "the names are those of nft")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NatKind {
    Snat,
    Dnat,
    Masquerade,
    Redirect,
}

/// `struct nft_reject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NftReject {
    /// ICMP destination unreachable, with this code.
    Icmp(u8),
    /// The same of ICMPv6.
    Icmpv6(u8),
    /// `icmpx`, by its number (`enum nft_reject_inet_code`).
    Icmpx(u8),
    /// A reset.
    TcpReset,
}

/// What a statement can set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settable {
    /// `meta mark`.
    Mark,
    /// `meta pkttype`.
    Pkttype,
    /// `ct mark`.
    CtMark,
    /// `ct zone`: of what begins a connection, and of its answers.
    CtZone {
        /// Of the packets that begin it.
        orig: bool,
        /// Of the packets that answer.
        reply: bool,
    },
    /// A field of the packet.
    Payload(Payload),
    /// `tcp option maxseg size`: it only gets smaller.
    Mss,
}

/// `struct nft_dynset`.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// It is taken out; else put in.
    pub delete: bool,
    /// Which set.
    pub set: Arc<NftSet>,
    /// The element.
    pub key: Expr,
    /// A limit or a quota belongs to the element, and may end the rule.
    pub limited: bool,
}

impl NftReject {
    /// Code of ICMP destination unreachable for IPv4 (`nft_reject_icmp_code()`, `net/netfilter/nft_reject.c`).
    #[must_use]
    pub fn icmp_code(self) -> Option<u8> {
        match self {
            NftReject::Icmp(code) => Some(code),
            NftReject::Icmpx(code) => [0, 3, 1, 13].get(usize::from(code)).copied(),
            NftReject::Icmpv6(_) | NftReject::TcpReset => None,
        }
    }

    /// Code of ICMPv6 destination unreachable (`nft_reject_icmpv6_code()`).
    #[must_use]
    pub fn icmpv6_code(self) -> Option<u8> {
        match self {
            NftReject::Icmpv6(code) => Some(code),
            NftReject::Icmpx(code) => [0, 4, 3, 1].get(usize::from(code)).copied(),
            NftReject::Icmp(_) | NftReject::TcpReset => None,
        }
    }
}
