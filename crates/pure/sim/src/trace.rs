//! The answer: outcomes with their steps.

use crate::flow::Flow;
use crate::reason::{DropReason, Stage};
use netwhy_model::netfilter::{ChainId, Hook};
use netwhy_model::{GapId, NetnsId};
use std::net::IpAddr;

/// Probability in units of 2^-62; the outcomes of a trace sum to [`ONE`].
pub type Weight = u64;

/// Probability 1.
pub const ONE: Weight = 1 << 62;

/// What happens to a flow.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What was asked.
    pub flow: Flow,
    /// All that can happen, most probable first; weights sum to [`ONE`].
    pub outcomes: Vec<Outcome>,
    /// Gaps that were met and decide the answer: it is unknown because of these.
    pub deciding: Vec<GapId>,
    /// Gaps that were met and do not matter: every way ends the same.
    pub footnotes: Vec<GapId>,
}

/// One way that a conversation can go.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Probability.
    pub weight: Weight,
    /// `false` where the weights are not in the snapshot (session affinity, limits).
    pub weight_known: bool,
    /// What the client's `connect()` or `recv()` says.
    pub client: ClientSees,
    /// When it says so, in ms; `None` if never or unknown.
    pub after_ms: Option<u64>,
    /// Where the packet, or its answer, ended.
    pub end: End,
    /// The connection is made, but what follows on it does not arrive: where that is lost.
    pub silence: Option<End>,
    /// Namespace of the socket that received the client's packet, and its port.
    pub delivered_to: Option<(NetnsId, u16)>,
    /// Client address that the server sees.
    pub seen_client: Option<IpAddr>,
    /// The way there and back.
    pub steps: Vec<Step>,
    /// Facts that this outcome rests on and that are assumptions.
    pub assumed: Vec<Assumption>,
    /// The random choice was made for a packet that left no conntrack entry: a retransmission draws again.
    pub redraws: bool,
}

/// Assumptions about what no node shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// Two hosts of a subnet share a segment.
    SharedSegment(NetnsId, NetnsId),
    /// Outer packets of a VXLAN pass between two hosts.
    UnderlayPasses(NetnsId, NetnsId, u16),
}

/// What a client sees that connects, sends a few bytes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientSees {
    /// Connected, or answered.
    Ok,
    /// Nothing: ETIMEDOUT, or silence for UDP.
    Timeout,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH.
    NoRoute,
    /// ENETUNREACH.
    NetUnreachable,
    /// EACCES.
    Prohibited,
    /// EINVAL.
    InvalidArgument,
    /// ECONNRESET.
    Reset,
    /// EADDRNOTAVAIL: no own address of the family.
    AddressNotAvailable,
    /// EPERM: `sendto()` of a packet that a local rule drops.
    NotPermitted,
    /// Not known.
    Unknown,
}

impl ClientSees {
    /// As the contract spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ClientSees::Ok => "ok",
            ClientSees::Timeout => "timeout",
            ClientSees::Refused => "refused",
            ClientSees::NoRoute => "no-route",
            ClientSees::NetUnreachable => "net-unreachable",
            ClientSees::Prohibited => "prohibited",
            ClientSees::InvalidArgument => "invalid-argument",
            ClientSees::Reset => "reset",
            ClientSees::AddressNotAvailable => "address-not-available",
            ClientSees::NotPermitted => "not-permitted",
            ClientSees::Unknown => "unknown",
        }
    }

    /// The words of `strerror()`, which a client's error message repeats.
    #[must_use]
    pub fn strerror(self) -> &'static str {
        match self {
            ClientSees::Ok => "Success",
            ClientSees::Timeout => "Connection timed out",
            ClientSees::Refused => "Connection refused",
            ClientSees::NoRoute => "No route to host",
            ClientSees::NetUnreachable => "Network is unreachable",
            ClientSees::Prohibited => "Permission denied",
            ClientSees::InvalidArgument => "Invalid argument",
            ClientSees::Reset => "Connection reset by peer",
            ClientSees::AddressNotAvailable => "Cannot assign requested address",
            ClientSees::NotPermitted => "Operation not permitted",
            ClientSees::Unknown => "unknown",
        }
    }
}

/// Closed set of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Disposition {
    /// Received, and the answer accepted.
    Delivered,
    /// Gone without a word to the client.
    Dropped,
    /// The client is told: RST, ICMP, or an error of its own kernel.
    Rejected,
    /// To a host that is not in the model.
    LeftModel,
    /// Not known.
    Unknown,
}

impl Disposition {
    /// As the contract spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Disposition::Delivered => "delivered",
            Disposition::Dropped => "dropped",
            Disposition::Rejected => "rejected",
            Disposition::LeftModel => "left-model",
            Disposition::Unknown => "unknown",
        }
    }
}

/// Where and why a conversation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What became of it.
    pub disposition: Disposition,
    /// Namespace in which it ended.
    pub netns: NetnsId,
    /// Kernel function.
    pub stage: Stage,
    /// Drop reason, if a packet was dropped.
    pub reason: Option<DropReason>,
    /// The rule that dropped or rejected it.
    pub rule: Option<RuleRef>,
    /// It was an answer that ended here, not the client's packet.
    pub reply: bool,
    /// The gap, for `Unknown`.
    pub gap: Option<GapId>,
    /// Address that is not in the model, for `LeftModel`.
    pub left_to: Option<IpAddr>,
}

/// A rule of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// Index into the namespace's tables.
    pub table: u32,
    /// Chain.
    pub chain: ChainId,
    /// Number from 0; `u32::MAX` is the chain's policy.
    pub rule: u32,
}

/// One stage on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Namespace.
    pub netns: NetnsId,
    /// Number of the packet of the conversation (0 is the client's first).
    pub packet: u16,
    /// What happened.
    pub detail: Detail,
}

/// What happens at a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A packet of the conversation begins.
    Packet {
        /// Source.
        src: (IpAddr, u16),
        /// Destination.
        dst: (IpAddr, u16),
        /// `SYN`, `SYN-ACK`, `UDP`, `RST`, `ICMP ...`.
        what: &'static str,
        /// Travels back to the client.
        reply: bool,
    },
    /// Received on a link.
    Receive {
        /// ifindex.
        link: u32,
    },
    /// Forwarded by a bridge from port to port (0: up to the bridge itself).
    Bridge {
        /// Bridge.
        bridge: u32,
        /// Out port.
        port: u32,
    },
    /// A rule matched and did something.
    Rule {
        /// Hook.
        hook: Hook,
        /// The rule.
        rule: RuleRef,
    },
    /// Destination rewritten.
    Dnat {
        /// To.
        to: (IpAddr, u16),
    },
    /// Source rewritten.
    Snat {
        /// To.
        to: (IpAddr, u16),
    },
    /// An answer or error is translated back by its conntrack entry.
    Untranslate {
        /// Source after it.
        src: (IpAddr, u16),
        /// Destination after it.
        dst: (IpAddr, u16),
    },
    /// Routed.
    Route {
        /// Destination prefix.
        dst: ipnet::IpNet,
        /// Gateway.
        gateway: Option<IpAddr>,
        /// Out link, 0 if local.
        link: u32,
        /// Table number.
        table: u32,
    },
    /// Neighbour found.
    Neigh {
        /// Address asked for.
        addr: IpAddr,
        /// It had to be asked by ARP.
        arp: bool,
    },
    /// Put into a VXLAN.
    VxlanXmit {
        /// Device.
        link: u32,
        /// Remote host.
        remote: IpAddr,
    },
    /// Taken out of a VXLAN.
    VxlanRcv {
        /// Device.
        link: u32,
    },
    /// Sent to a link.
    Transmit {
        /// ifindex.
        link: u32,
    },
    /// Received by a socket, or by the client.
    Socket {
        /// Port.
        port: u16,
    },
    /// Dropped.
    Drop {
        /// Where.
        stage: Stage,
        /// Why.
        reason: DropReason,
    },
    /// An error or reset goes back.
    Reject {
        /// Type and code of ICMP, or of ICMPv6 where the packet is one of IPv6; `None` for RST.
        icmp: Option<(u8, u8)>,
    },
    /// Leaves the model.
    Left {
        /// To.
        to: IpAddr,
    },
    /// The client's kernel refuses without a packet.
    LocalError {
        /// What it says.
        client: ClientSees,
    },
}

impl Trace {
    /// The most probable outcome.
    ///
    /// # Panics
    /// Never: a trace has at least one outcome.
    #[must_use]
    pub fn first(&self) -> &Outcome {
        &self.outcomes[0]
    }

    /// Whether every outcome is delivered.
    #[must_use]
    pub fn all_delivered(&self) -> bool {
        self.outcomes
            .iter()
            .all(|o| o.end.disposition == Disposition::Delivered)
    }
}
