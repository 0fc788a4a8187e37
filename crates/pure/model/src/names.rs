//! Names of variants, each with the list of all: what is counted or listed by name cannot forget one.

use crate::fib::{RouteKind, RuleAction};
use crate::link::{BridgePort, LinkKind, PortState};
use crate::netfilter::nft::{BitOp, Expr, Nat, NatKind, Settable, Stmt, Verdict};
use crate::netfilter::{Match, RejectWith, SetType, Target};
use crate::socket::Socket;

macro_rules! names {
    ($kind:ident { $($pattern:pat => $name:literal,)+ }) => {
        impl $kind {
            /// Names of all variants.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name that users know it by.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $($pattern => $name,)+
                }
            }
        }
    };
}

names!(Match {
    Match::Tcp { .. } => "tcp",
    Match::Udp { .. } => "udp",
    Match::Sctp { .. } => "sctp",
    Match::Icmp(_) => "icmp",
    Match::Multiport { .. } => "multiport",
    Match::Conntrack(_) => "conntrack",
    Match::Mark(_) => "mark",
    Match::Connmark(_) => "connmark",
    Match::AddrType { .. } => "addrtype",
    Match::Random(_) => "statistic random",
    Match::Nth(_) => "statistic nth",
    Match::Recent { .. } => "recent",
    Match::Nfacct => "nfacct",
    Match::Comment(_) => "comment",
    Match::Limit => "limit",
    Match::Physdev { .. } => "physdev",
    Match::MacSource(_) => "mac",
    Match::IpRange { .. } => "iprange",
    Match::PktType(_) => "pkttype",
    Match::Length(_) => "length",
    Match::Ttl { .. } => "ttl",
    Match::RpFilter { .. } => "rpfilter",
    Match::Set { .. } => "set",
    Match::Dscp(_) => "dscp",
    Match::Tos(_) => "tos",
    Match::TcpMss(_) => "tcpmss",
    Match::Owner { .. } => "owner",
    Match::Socket { .. } => "socket",
    Match::U32 { .. } => "u32",
    Match::ExtensionHeader(_) => "frag, rt, hbh, dst, mh",
    Match::Unsupported(_) => "any other",
});

names!(Target {
    Target::None => "none",
    Target::Accept => "ACCEPT",
    Target::Drop => "DROP",
    Target::Return => "RETURN",
    Target::Jump(_) => "jump",
    Target::Goto(_) => "goto",
    Target::Reject(RejectWith::Icmp(_)) => "REJECT icmp",
    Target::Reject(RejectWith::TcpReset) => "REJECT tcp-reset",
    Target::Dnat(_) => "DNAT",
    Target::Snat(_) => "SNAT",
    Target::Masquerade { .. } => "MASQUERADE",
    Target::Redirect { .. } => "REDIRECT",
    Target::Netmap(_) => "NETMAP",
    Target::Mark { .. } => "MARK",
    Target::ConnmarkSet { .. } => "CONNMARK set",
    Target::ConnmarkSave { .. } => "CONNMARK save",
    Target::ConnmarkRestore { .. } => "CONNMARK restore",
    Target::NoTrack => "CT notrack",
    Target::Ct(_) => "CT zone",
    Target::Tos { .. } => "TOS, DSCP",
    Target::Ttl { .. } => "TTL",
    Target::TcpMss(_) => "TCPMSS",
    Target::Set { .. } => "SET",
    Target::Continue => "LOG and others that look",
    Target::Unmodelled(_) => "ECN, TCPOPTSTRIP",
    Target::Unsupported(_) => "any other",
});

names!(SetType {
    SetType::BitmapIp => "bitmap:ip",
    SetType::BitmapIpMac => "bitmap:ip,mac",
    SetType::BitmapPort => "bitmap:port",
    SetType::HashIp => "hash:ip",
    SetType::HashIpMac => "hash:ip,mac",
    SetType::HashIpMark => "hash:ip,mark",
    SetType::HashIpPort => "hash:ip,port",
    SetType::HashIpPortIp => "hash:ip,port,ip",
    SetType::HashIpPortNet => "hash:ip,port,net",
    SetType::HashMac => "hash:mac",
    SetType::HashNet => "hash:net",
    SetType::HashNetIface => "hash:net,iface",
    SetType::HashNetNet => "hash:net,net",
    SetType::HashNetPort => "hash:net,port",
    SetType::HashNetPortNet => "hash:net,port,net",
    SetType::ListSet => "list:set",
});

names!(Expr {
    Expr::Value(_) => "constant",
    Expr::Payload(_) => "payload",
    Expr::Meta(_) => "meta",
    Expr::Ct(..) => "ct",
    Expr::Fib(_) => "fib",
    Expr::Rt(_) => "rt",
    Expr::TcpOption(..) => "tcp option",
    Expr::Numgen { .. } => "numgen",
    Expr::Hash { .. } => "jhash, symhash",
    Expr::Bits(BitOp::And | BitOp::Or | BitOp::Xor, _) => "bitwise",
    Expr::Bits(BitOp::Left | BitOp::Right, _) => "shift",
    Expr::Concat(_) => "concatenation",
    Expr::Map(..) => "map",
    Expr::Unsupported(_) => "any other",
});

names!(Stmt {
    Stmt::Match(_) => "match",
    Stmt::Counter => "counter",
    Stmt::Look => "log and others that look",
    Stmt::State => "limit, quota, ct count",
    Stmt::Verdict(Verdict::Accept) => "accept",
    Stmt::Verdict(Verdict::Drop) => "drop",
    Stmt::Verdict(Verdict::Continue) => "continue",
    Stmt::Verdict(Verdict::Return) => "return",
    Stmt::Verdict(Verdict::Jump(_)) => "jump",
    Stmt::Verdict(Verdict::Goto(_)) => "goto",
    Stmt::Verdict(Verdict::Unsupported(_)) => "queue",
    Stmt::Vmap(..) => "vmap",
    Stmt::Nat(Nat { kind: NatKind::Snat, .. }) => "snat",
    Stmt::Nat(Nat { kind: NatKind::Dnat, .. }) => "dnat",
    Stmt::Nat(Nat { kind: NatKind::Masquerade, .. }) => "masquerade",
    Stmt::Nat(Nat { kind: NatKind::Redirect, .. }) => "redirect",
    Stmt::Reject(_) => "reject",
    Stmt::Notrack => "notrack",
    Stmt::Set(Settable::Mark, _) => "meta mark set",
    Stmt::Set(Settable::Pkttype, _) => "meta pkttype set",
    Stmt::Set(Settable::CtMark, _) => "ct mark set",
    Stmt::Set(Settable::CtZone { .. }, _) => "ct zone set",
    Stmt::Set(Settable::Payload(_), _) => "payload set",
    Stmt::Set(Settable::Mss, _) => "tcp option maxseg size set",
    Stmt::Update(_) => "add, update, delete",
    Stmt::Unsupported(_) => "any other",
});

names!(RouteKind {
    RouteKind::Unicast => "unicast",
    RouteKind::Local => "local",
    RouteKind::Broadcast => "broadcast",
    RouteKind::Multicast => "multicast",
    RouteKind::Anycast => "anycast",
    RouteKind::Blackhole => "blackhole",
    RouteKind::Unreachable => "unreachable",
    RouteKind::Prohibit => "prohibit",
    RouteKind::Throw => "throw",
});

names!(RuleAction {
    RuleAction::Table(_) => "lookup",
    RuleAction::Goto(_) => "goto",
    RuleAction::Nop => "nop",
    RuleAction::Blackhole => "blackhole",
    RuleAction::Unreachable => "unreachable",
    RuleAction::Prohibit => "prohibit",
});

names!(LinkKind {
    LinkKind::Loopback => "lo",
    LinkKind::Veth { .. } => "veth",
    LinkKind::Bridge { .. } => "bridge",
    LinkKind::Vxlan(_) => "vxlan",
    LinkKind::Device { .. } => "device",
    LinkKind::Other(_) => "any other",
});

impl BridgePort {
    /// Names of all settings, where they are not as usual.
    pub const NAMES: &'static [&'static str] = &[
        "state not forwarding",
        "hairpin on",
        "isolated on",
        "learning off",
        "flood off",
        "mcast_flood off",
        "bcast_flood off",
        "proxy_arp on",
        "neigh_suppress on",
    ];

    /// The settings that are not as usual.
    pub fn unusual(&self) -> impl Iterator<Item = &'static str> {
        let BridgePort {
            state,
            hairpin,
            isolated,
            learning,
            flood,
            mcast_flood,
            bcast_flood,
            proxy_arp,
            neigh_suppress,
        } = *self;
        let unusual = [
            state != PortState::Forwarding,
            hairpin,
            isolated,
            !learning,
            !flood,
            !mcast_flood,
            !bcast_flood,
            proxy_arp,
            neigh_suppress,
        ];
        Self::NAMES
            .iter()
            .zip(unusual)
            .filter(|(_, is)| *is)
            .map(|(name, _)| *name)
    }
}

impl Socket {
    /// Names of all features.
    pub const NAMES: &'static [&'static str] = &["TCP", "UDP", "one address", "bound to a device", "connected"];

    /// Its features.
    pub fn features(&self) -> impl Iterator<Item = &'static str> {
        let Socket {
            protocol,
            addr,
            family: _,
            port: _,
            device,
            peer,
            process: _,
            line: _,
        } = self;
        let has = [
            *protocol == 6,
            *protocol == 17,
            addr.is_some(),
            device.is_some(),
            peer.is_some(),
        ];
        Self::NAMES.iter().zip(has).filter(|(_, is)| *is).map(|(name, _)| *name)
    }
}
