//! Tracked connections that were recorded.

use crate::cluster::Netns;
use crate::fact::GapId;
use std::net::IpAddr;

/// Connections of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Conns {
    /// As listed.
    list: Vec<Conn>,
    /// Both tuples of each, sorted: place in `list`, and whether the tuple is that of the answers.
    by_tuple: Vec<(Tuple, u32, bool)>,
    /// Lines were not understood: connections exist that are not in the list.
    pub incomplete: Option<GapId>,
    /// Some connection travels through a flow table, past all hooks, which is not modelled.
    pub offloaded: Option<GapId>,
    /// `early_drop()` or the collector of garbage may free one, of IPv4 or of IPv6, where the table is full.
    pub evictable: bool,
}

/// A connection (`struct nf_conn`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conn {
    /// The packets that began it.
    pub orig: Tuple,
    /// The packets that answer.
    pub reply: Tuple,
    /// Zones of the two.
    pub zones: Zones,
    /// Type and code of the ICMP request that made it.
    pub icmp: (u8, u8),
    /// Of TCP.
    pub tcp: TcpState,
    /// `IPS_SEEN_REPLY`.
    pub seen_reply: bool,
    /// `IPS_ASSURED`.
    pub assured: bool,
    /// `IPS_OFFLOAD`, `IPS_HW_OFFLOAD`.
    pub offloaded: bool,
    /// Mark.
    pub mark: u32,
    /// Line in `conntrack.txt`.
    pub line: u32,
}

/// `struct nf_conntrack_tuple`; the number of an echo stands for both ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tuple {
    /// Protocol.
    pub proto: u8,
    /// Source.
    pub src: IpAddr,
    /// Source port.
    pub sport: u16,
    /// Destination.
    pub dst: IpAddr,
    /// Destination port.
    pub dport: u16,
}

impl Tuple {
    /// That of the packets that answer, where nothing is translated.
    #[must_use]
    pub fn inverted(self) -> Tuple {
        Tuple {
            proto: self.proto,
            src: self.dst,
            dst: self.src,
            sport: self.dport,
            dport: self.sport,
        }
    }
}

/// `struct nf_conntrack_zone`, resolved: the zone in which each direction is looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zones {
    /// Of the packets that begin a connection.
    pub orig: u16,
    /// Of the packets that answer.
    pub reply: u16,
}

/// `enum tcp_conntrack`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TcpState {
    /// `TCP_CONNTRACK_NONE`, and that of other protocols.
    #[default]
    None,
    /// `TCP_CONNTRACK_SYN_SENT`.
    SynSent,
    /// `TCP_CONNTRACK_SYN_RECV`.
    SynRecv,
    /// `TCP_CONNTRACK_ESTABLISHED`.
    Established,
    /// `TCP_CONNTRACK_FIN_WAIT`.
    FinWait,
    /// `TCP_CONNTRACK_CLOSE_WAIT`.
    CloseWait,
    /// `TCP_CONNTRACK_LAST_ACK`.
    LastAck,
    /// `TCP_CONNTRACK_TIME_WAIT`.
    TimeWait,
    /// `TCP_CONNTRACK_CLOSE`.
    Close,
    /// `TCP_CONNTRACK_SYN_SENT2`.
    SynSent2,
}

impl Conns {
    pub(crate) fn new(list: Vec<Conn>) -> Conns {
        let both = |(at, conn): (usize, &Conn)| [(conn.orig, at as u32, false), (conn.reply, at as u32, true)];
        let mut by_tuple: Vec<_> = list.iter().enumerate().flat_map(both).collect();
        by_tuple.sort_unstable();
        Conns {
            list,
            by_tuple,
            ..Conns::default()
        }
    }

    /// One of the list.
    #[must_use]
    pub fn get(&self, at: u32) -> Option<&Conn> {
        self.list.get(at as usize)
    }

    /// All, as listed.
    #[must_use]
    pub fn list(&self) -> &[Conn] {
        &self.list
    }

    /// Those with this tuple, in any zone: place in the list, and whether it is the tuple of the answers.
    pub fn with_tuple(&self, tuple: Tuple) -> impl Iterator<Item = (u32, bool)> + '_ {
        let from = self.by_tuple.partition_point(|(t, ..)| *t < tuple);
        let same = self.by_tuple[from..].iter().take_while(move |(t, ..)| *t == tuple);
        same.map(|(_, at, reply)| (*at, *reply))
    }
}

impl Netns {
    /// How many connections there are beside how many there may be, where both were read (`nf_conntrack_count`,
    /// `nf_conntrack_max`; without a limit that is 0).
    #[must_use]
    pub fn conntrack_room(&self) -> Option<(u64, u64)> {
        let sysctls = self.sysctl.as_ref().ok()?;
        let number = |key: &str| u64::try_from(sysctls.number(key)?).ok();
        number("net.netfilter.nf_conntrack_count").zip(number("net.netfilter.nf_conntrack_max"))
    }
}
