//! A captured frame as the few values that a diagnosis needs.

mod read;

pub use read::decode;

use crate::{Mac, Proto};
use std::net::{IpAddr, Ipv4Addr};

/// The link layer of a capture, as pcap numbers it.
pub mod link_type {
    /// BSD loopback: a 4-byte family, then IP. Read, never written.
    pub const NULL: u32 = 0;
    /// Ethernet.
    pub const EN10MB: u32 = 1;
    /// Raw IP as some systems write it.
    pub const RAW_BSD: u32 = 12;
    /// Raw IP, v4 or v6.
    pub const RAW: u32 = 101;
    /// Linux "cooked" v1: what `tcpdump -i any` wrote for years.
    pub const LINUX_SLL: u32 = 113;
    /// Raw IPv4.
    pub const IPV4: u32 = 228;
    /// Raw IPv6.
    pub const IPV6: u32 = 229;
    /// Linux "cooked" v2: what `tcpdump -i any` writes today.
    pub const LINUX_SLL2: u32 = 276;
}

/// What a frame says, as far as it could be read. A layer that is cut off or damaged is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Source address of the link layer; `None` without one (raw IP).
    pub eth_src: Option<Mac>,
    /// Destination address of the link layer; `None` without one (raw IP, Linux cooked).
    pub eth_dst: Option<Mac>,
    /// Outermost VLAN id, if tagged.
    pub vlan: Option<u16>,
    /// Interface index of the capture; only Linux cooked v2 has it.
    pub ifindex: Option<u32>,
    /// ARP for IPv4 over Ethernet.
    pub arp: Option<Arp>,
    /// The IP packet.
    pub ip: Option<Ip>,
}

/// ARP for IPv4 over Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// 1 = request, 2 = reply.
    pub operation: u16,
    /// Who speaks.
    pub sender_mac: Mac,
    /// Who speaks.
    pub sender_ip: Ipv4Addr,
    /// Zero in a request.
    pub target_mac: Mac,
    /// Who is asked for.
    pub target_ip: Ipv4Addr,
}

/// An IP packet, version 4 or 6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol after the extension headers.
    pub proto: Proto,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Identification; 0 for IPv6.
    pub id: u16,
    /// Don't fragment; always true for IPv6.
    pub df: bool,
    /// Length of the packet by its header, in bytes, IP header included.
    pub len: u32,
    /// `(offset in bytes, more follow)` if the packet is a fragment.
    pub fragment: Option<(u16, bool)>,
    /// What it carries.
    pub l4: L4,
}

/// What an IP packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum L4 {
    /// A TCP segment.
    Tcp(Tcp),
    /// A UDP datagram.
    Udp(Udp),
    /// An ICMP or ICMPv6 message.
    Icmp(Icmp),
    /// A fragment that is not the first, a cut header, or a protocol that is not read.
    Unread,
}

/// A TCP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number, meaningful with `ACK`.
    pub ack: u32,
    /// Flags, see [`crate::tcp`].
    pub flags: u8,
    /// Window, unscaled.
    pub window: u16,
    /// MSS option, bytes.
    pub mss: Option<u16>,
    /// Payload length by the IP header, bytes.
    pub payload_len: u32,
}

/// A UDP header, and what is in the datagram if it is VXLAN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Payload length by the UDP header, bytes.
    pub payload_len: u16,
    /// The inner frame, if the destination port is 8472 or 4789 and the header fits.
    pub vxlan: Option<Box<Vxlan>>,
}

/// A VXLAN header and the frame in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// VXLAN network identifier, 24 bits.
    pub vni: u32,
    /// The inner Ethernet frame.
    pub inner: Decoded,
}

/// An ICMP or ICMPv6 message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icmp {
    /// Type, see [`crate::icmp`] for IPv4.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// ICMPv6, whose types are numbered differently.
    pub v6: bool,
    /// Identifier of an echo message.
    pub id: Option<u16>,
    /// Sequence number of an echo message.
    pub seq: Option<u16>,
    /// MTU of the next hop: in "fragmentation needed" and "packet too big".
    pub mtu: Option<u32>,
    /// Gateway of an IPv4 redirect.
    pub gateway: Option<Ipv4Addr>,
    /// The packet that an error message quotes.
    pub inner: Option<Tuple>,
}

/// What a firewall or a connection tracker keys on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Protocol.
    pub proto: Proto,
    /// Source port; 0 for a protocol without ports, the identifier for an ICMP echo.
    pub sport: u16,
    /// Destination port; 0 for a protocol without ports, the identifier for an ICMP echo.
    pub dport: u16,
}

impl Decoded {
    /// What the IP packet is keyed by: ports, or the identifier of an ICMP echo; 0 where neither was read.
    pub fn tuple(&self) -> Option<Tuple> {
        let ip = self.ip.as_ref()?;
        let (sport, dport) = match &ip.l4 {
            L4::Tcp(tcp) => (tcp.sport, tcp.dport),
            L4::Udp(udp) => (udp.sport, udp.dport),
            L4::Icmp(icmp) => (icmp.id.unwrap_or(0), icmp.id.unwrap_or(0)),
            L4::Unread => (0, 0),
        };
        Some(Tuple {
            src: ip.src,
            dst: ip.dst,
            proto: ip.proto,
            sport,
            dport,
        })
    }

    /// The frame inside, if this one is VXLAN.
    pub fn vxlan(&self) -> Option<&Vxlan> {
        match &self.ip.as_ref()?.l4 {
            L4::Udp(udp) => udp.vxlan.as_deref(),
            _ => None,
        }
    }
}

impl Ip {
    /// A fragment that is not the first: it has no transport header.
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|(offset, _)| offset > 0)
    }
}

impl Tuple {
    /// The packets that answer.
    #[must_use]
    pub fn reversed(self) -> Tuple {
        Tuple {
            src: self.dst,
            dst: self.src,
            proto: self.proto,
            sport: self.dport,
            dport: self.sport,
        }
    }
}
