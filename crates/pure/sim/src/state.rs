//! What a conversation adds to a namespace: connections, sockets, learned entries.

use crate::nf::conntrack_tcp::{Index, TcpState};
use crate::skb::{Skb, Tuple};
use crate::trace::ClientSees;
use netwhy_model::NetnsId;
use netwhy_model::conn::Zones;
use netwhy_model::netfilter::{Ports, SetElem};
use netwhy_wire::Mac;
use std::net::IpAddr;

/// A conntrack entry (`struct nf_conn`).
#[derive(Clone, Debug)]
pub(crate) struct Conn {
    pub netns: NetnsId,
    pub orig: Tuple,
    pub reply: Tuple,
    pub zones: Zones,
    /// Place in the list of those that were recorded.
    pub recorded: Option<u32>,
    pub confirmed: bool,
    pub seen_reply: bool,
    /// `IPS_SRC_NAT_DONE`, `IPS_DST_NAT_DONE`.
    pub src_done: bool,
    pub dst_done: bool,
    /// `IPS_SRC_NAT`, `IPS_DST_NAT`.
    pub snat: bool,
    pub dnat: bool,
    pub mark: u32,
    /// Type and code of the ICMP request that made it.
    pub icmp: (u8, u8),
    /// Of TCP.
    pub tcp: TcpState,
    /// The last packet: what it was, and whether it was a reply.
    pub last: (Index, bool),
    /// `IPS_ASSURED`.
    pub assured: bool,
    /// One of UDP becomes assured with time, and how old it is stands in no snapshot.
    pub assured_any: bool,
    /// A reset killed it.
    pub dead: bool,
    /// SNAT, or the sender's kernel, chose the source port, or a translation the number of an echo: any of these.
    pub snat_port_any: Option<Ports>,
    /// ifindex of the link by which it left when MASQUERADE chose its source (`nf_conn_nat.masq_index`).
    pub masqueraded: Option<u32>,
    /// Ports that SNAT may choose.
    pub ports: Option<Ports>,
    /// The nat chains changed the mark of its first packet: later ones do not get it.
    pub marked: bool,
    /// Random choices made before and after its creation decide its translation.
    pub drew: bool,
}

/// The client's socket.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub netns: NetnsId,
    pub proto: u8,
    pub local: (IpAddr, u16),
    pub remote: (IpAddr, u16),
    pub result: Option<(ClientSees, u64)>,
    /// The SYN-ACK or answer was accepted.
    pub answered: bool,
    /// What the server says arrived.
    pub heard: bool,
    /// Random choices that were made until the connection stood.
    pub choices: usize,
    /// The SYN, to be sent again.
    pub syn: Option<Skb>,
}

/// A server's socket of this conversation.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub netns: NetnsId,
    pub local: (IpAddr, u16),
    pub peer: (IpAddr, u16),
    pub proto: u8,
    /// The handshake's ACK arrived: the server speaks.
    pub accepted: bool,
}

/// A neighbour that asked for this host's address, and is known by that (`neigh_event_ns()`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Namespace of the host that was asked.
    pub netns: NetnsId,
    /// ifindex of its link.
    pub link: u32,
    /// The neighbour's address.
    pub addr: IpAddr,
    /// Its MAC.
    pub mac: Mac,
}

/// The remote host behind which a VXLAN device saw a MAC (`vxlan_snoop()`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vtep {
    pub netns: NetnsId,
    pub link: u32,
    pub mac: Mac,
    pub remote: IpAddr,
}

/// What the choice among the next hops of a route depends on (`fib_multipath_hash()`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HopKey {
    pub netns: NetnsId,
    pub table: u32,
    pub route: ipnet::IpNet,
    pub src: IpAddr,
    pub dst: IpAddr,
    /// Protocol and ports, with `fib_multipath_hash_policy` 1.
    pub l4: Option<(u8, Option<(u16, u16)>)>,
}

/// What is known of an address in a list of `recent`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub netns: NetnsId,
    pub list: &'a str,
    pub addr: IpAddr,
    pub present: bool,
    /// It was put there a moment ago.
    pub now: bool,
}

/// What a SET target did.
#[derive(Clone, Debug)]
pub(crate) struct SetChange<'a> {
    pub netns: NetnsId,
    pub set: &'a str,
    pub elem: SetElem,
    pub present: bool,
}

/// A learned forwarding entry of a bridge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learned {
    /// Namespace.
    pub netns: NetnsId,
    /// ifindex of the bridge.
    pub bridge: u32,
    /// Whose.
    pub mac: Mac,
    /// ifindex of the port.
    pub port: u32,
}
