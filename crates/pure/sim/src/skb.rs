//! The packet, with what the kernel keeps beside it.

use crate::opts::TcpOpts;
pub(crate) use netwhy_model::conn::Tuple;
use netwhy_model::netfilter::{CtZone, Ports};
use netwhy_model::{Family, NetnsId};
use netwhy_wire::{Mac, icmpv6};
use std::net::IpAddr;

/// IPv4 header, and TCP, UDP and ICMP header, without options (bytes).
pub(crate) const IP_LEN: u32 = 20;
const IP_LEN6: u32 = 40;
const TCP_LEN: u32 = 20;
const UDP_LEN: u32 = 8;
const ICMP_LEN: u32 = 8;

/// IP header without options or extension headers (bytes).
pub(crate) fn ip_len(family: Family) -> u32 {
    match family {
        Family::Inet => IP_LEN,
        Family::Inet6 => IP_LEN6,
    }
}

/// Lowest and highest port that kernels choose by default (`ip_local_port_range`).
pub(crate) const EPHEMERAL: Ports = (32768, 60999);

/// ICMP or ICMPv6: the number of an echo stands for both ports of a tuple.
pub(crate) fn is_icmp(proto: u8) -> bool {
    matches!(proto, 1 | icmpv6::PROTO)
}

/// `struct sk_buff`, as far as it decides.
#[derive(Clone, Debug)]
pub(crate) struct Skb {
    pub eth_src: Mac,
    pub eth_dst: Mac,
    pub pkt_type: PktType,
    pub src: IpAddr,
    pub dst: IpAddr,
    pub ttl: u8,
    pub df: bool,
    /// DSCP and ECN bits.
    pub tos: u8,
    /// Offset in bytes, and whether more follow, of a fragment.
    pub frag: Option<(u16, bool)>,
    /// IP identification.
    pub id: u16,
    /// Sent by the socket of ICMP, which holds its lock until the packet has left the host: no error is sent about it.
    pub icmp_locked: bool,
    /// Data of the fragments that it was put together from (bytes): it leaves in fragments again.
    pub parts: Vec<u32>,
    /// Connection tracking put it together: it may be too long for a link although it must not be cut.
    pub ignore_df: bool,
    /// It does not leave in the fragments that came: another copy shares its data, or it was made one piece.
    pub one_piece: bool,
    /// What a receiver finds wrong with it.
    pub flaw: Option<Flaw>,
    /// IP total length in bytes.
    pub len: u32,
    /// A program chose the payload, so the length is not known.
    pub len_any: bool,
    /// Options of a TCP header.
    pub opts: TcpOpts,
    /// The bytes that arrived, from the IP header on, where a packet was given as bytes.
    pub raw: Option<std::sync::Arc<[u8]>>,
    /// `skb->sk`: namespace of the socket, and whether a process holds it (the kernel has sockets for its own answers).
    pub sk: Option<(NetnsId, bool)>,
    pub l4: L4,
    /// What an ICMP error says besides (`icmphdr.un`): the gateway of a redirect, the MTU of "fragmentation needed".
    pub icmp_says: u32,
    pub mark: u32,
    /// `skb->dev` as ifindex of the current namespace.
    pub dev: u32,
    /// `nf_bridge->physindev`, and physoutdev, where br_netfilter saw the frame.
    pub physin: Option<u32>,
    pub physout: Option<u32>,
    /// br_netfilter ran PRE_ROUTING for it already.
    pub sabotage: bool,
    pub ct: Option<CtRef>,
    pub untracked: bool,
    /// What a CT target attached (`nf_ct_tmpl_alloc()`): the zone of the connection that it will belong to.
    pub template: Option<CtZone>,
    /// An error about a packet that is not tracked: it cannot be made untracked itself (`nf_ct_attach()` of nothing).
    pub attached: bool,
    pub route: Option<Dst>,
    /// The source port was chosen by a kernel: any of these.
    pub sport_any: Option<Ports>,
    /// It answers a packet whose source port is any.
    pub dport_any: Option<Ports>,
    /// Number of the packet in the conversation.
    pub packet: u16,
    /// Its loss ends the conversation (not an ICMP error or a reset).
    pub main: bool,
    /// Travels towards the client.
    pub reply: bool,
    /// One of several copies of a flooded frame.
    pub copy: bool,
    /// ARP for which a bridge has answered, or knows the answer (`BR_INPUT_SKB_CB(skb)->proxyarp_replied`).
    pub arp_replied: bool,
}

/// Checksums that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    IpChecksum,
    /// Of TCP, UDP or ICMP.
    Checksum,
    /// Of SCTP, which only connection tracking looks at.
    Crc,
    /// A protocol without a checksum that REJECT knows.
    Unverified,
}

/// `PACKET_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PktType {
    Host,
    Broadcast,
    Multicast,
    OtherHost,
    /// `PACKET_LOOPBACK`: a copy of what the host sends to many.
    Loopback,
}

/// Transport header.
#[derive(Clone, Debug)]
pub(crate) enum L4 {
    Tcp {
        sport: u16,
        dport: u16,
        flags: u8,
    },
    Udp {
        sport: u16,
        dport: u16,
    },
    Icmp {
        kind: u8,
        code: u8,
        id: u16,
        inner: Option<Tuple>,
    },
    Vxlan {
        sport: u16,
        dport: u16,
        vni: u32,
        inner: Box<Skb>,
    },
    Other(u8),
    /// No IP packet at all: ARP, with the addresses where those of IP would be.
    Arp(Arp),
}

/// An ARP packet of Ethernet and IPv4 (`struct arphdr` and what follows).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    /// 1 request, 2 reply.
    pub op: u16,
    /// Who speaks.
    pub sha: Mac,
    /// Who is spoken to.
    pub tha: Mac,
}

/// A packet's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CtRef {
    /// Index into the engine's entries.
    pub entry: usize,
    /// Direction is reply.
    pub reply: bool,
    pub info: CtInfo,
}

/// `enum ip_conntrack_info` without the direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CtInfo {
    New,
    Established,
    Related,
}

/// A routing decision (`struct rtable`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dst {
    pub kind: DstKind,
    /// Out link.
    pub dev: u32,
    pub gateway: Option<IpAddr>,
    pub mtu: Option<u32>,
    pub advmss: Option<u32>,
    /// `IPSKB_DOREDIRECT`: the sender could reach the next hop by itself.
    pub redirects: bool,
}

impl Dst {
    /// No gateway, no metrics: the packet is taken, refused, or stays on the host.
    pub fn host(kind: DstKind, dev: u32) -> Dst {
        Dst {
            kind,
            dev,
            gateway: None,
            mtu: None,
            advmss: None,
            redirects: false,
        }
    }
}

/// What the decision says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DstKind {
    Local,
    /// `RTCF_BROADCAST`, `RTCF_MULTICAST`: received, but nobody is told of errors.
    Broadcast,
    Forward,
    Output,
    /// `dst.error`.
    Error(Errno),
}

/// Errors of routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    Inval,
    HostUnreach,
    NetUnreach,
    Acces,
    AddrNotAvail,
}

impl Skb {
    /// A packet of the host itself.
    pub fn new(src: IpAddr, dst: IpAddr, l4: L4) -> Skb {
        Skb {
            eth_src: Mac([0; 6]),
            eth_dst: Mac([0; 6]),
            pkt_type: PktType::Host,
            src,
            dst,
            ttl: 64,
            df: true,
            tos: 0,
            frag: None,
            id: 0,
            icmp_locked: false,
            parts: Vec::new(),
            ignore_df: false,
            one_piece: false,
            flaw: None,
            len: ip_len(Family::of(src))
                + match l4 {
                    L4::Tcp { .. } => TCP_LEN,
                    L4::Udp { .. } => UDP_LEN,
                    L4::Icmp { .. } => ICMP_LEN,
                    L4::Vxlan { .. } | L4::Other(_) => 0,
                    L4::Arp(_) => 8,
                },
            len_any: false,
            opts: TcpOpts::default(),
            raw: None,
            sk: None,
            l4,
            icmp_says: 0,
            mark: 0,
            dev: 0,
            physin: None,
            physout: None,
            sabotage: false,
            ct: None,
            untracked: false,
            template: None,
            attached: false,
            route: None,
            sport_any: None,
            dport_any: None,
            packet: 0,
            main: true,
            reply: false,
            copy: false,
            arp_replied: false,
        }
    }

    /// With the options of its TCP header, which make it longer.
    pub fn with_opts(mut self, opts: TcpOpts) -> Skb {
        if let L4::Tcp { flags, .. } = self.l4 {
            self.len = ip_len(self.family()) + TCP_LEN + opts.len(flags);
            self.opts = opts;
        }
        self
    }

    /// `skb->protocol`.
    pub fn family(&self) -> Family {
        Family::of(self.src)
    }

    pub fn proto(&self) -> u8 {
        match &self.l4 {
            L4::Tcp { .. } => 6,
            L4::Udp { .. } | L4::Vxlan { .. } => 17,
            L4::Icmp { .. } => match self.family() {
                Family::Inet => 1,
                Family::Inet6 => icmpv6::PROTO,
            },
            L4::Other(p) => *p,
            L4::Arp(_) => 0,
        }
    }

    pub fn ports(&self) -> Option<(u16, u16)> {
        match &self.l4 {
            L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } | L4::Vxlan { sport, dport, .. } => {
                Some((*sport, *dport))
            }
            L4::Icmp { .. } | L4::Other(_) | L4::Arp(_) => None,
        }
    }

    /// The ports that `__skb_flow_dissect()` (`net/core/flow_dissector.c`) reads: none of a fragment, not even of the first.
    pub fn dissected_ports(&self) -> Option<(u16, u16)> {
        self.ports().filter(|_| self.frag.is_none())
    }

    pub fn set_ports(&mut self, s: Option<u16>, d: Option<u16>) {
        if let L4::Tcp { sport, dport, .. } | L4::Udp { sport, dport } | L4::Vxlan { sport, dport, .. } = &mut self.l4 {
            *sport = s.unwrap_or(*sport);
            *dport = d.unwrap_or(*dport);
        }
    }

    /// `nf_ct_get_tuple()`: for echo the id stands for both ports.
    pub fn tuple(&self) -> Tuple {
        let (sport, dport) = match &self.l4 {
            L4::Icmp { id, .. } => (*id, *id),
            _ => self.ports().unwrap_or((0, 0)),
        };
        Tuple {
            proto: self.proto(),
            src: self.src,
            dst: self.dst,
            sport,
            dport,
        }
    }

    pub fn icmp_error(&self) -> Option<&Tuple> {
        match &self.l4 {
            L4::Icmp { inner, .. } => inner.as_ref(),
            _ => None,
        }
    }

    /// Names of what connection tracking says.
    pub const CT_NAMES: &'static [&'static str] = &[
        "NEW",
        "ESTABLISHED",
        "ESTABLISHED reply",
        "RELATED",
        "RELATED reply",
        "INVALID",
        "UNTRACKED",
        Self::CT_RECORDED,
        Self::CT_TAKEN,
        Self::CT_CLASH,
        Self::CT_FULL,
    ];
    /// A connection of the snapshot is met.
    pub const CT_RECORDED: &'static str = "recorded before";
    /// Another connection has the port.
    pub const CT_TAKEN: &'static str = "another port, as one is taken";
    /// Another connection looks the same when this one is confirmed.
    pub const CT_CLASH: &'static str = "a clash with another";
    /// No room.
    pub const CT_FULL: &'static str = "a full table";

    /// What connection tracking says of it.
    pub fn ct_name(&self) -> &'static str {
        let at = match self.ct.map(|ct| (ct.info, ct.reply)) {
            Some((CtInfo::New, _)) => 0,
            Some((CtInfo::Established, reply)) => 1 + usize::from(reply),
            Some((CtInfo::Related, reply)) => 3 + usize::from(reply),
            None => 5 + usize::from(self.untracked),
        };
        Self::CT_NAMES[at]
    }

    /// A fragment without the transport header.
    pub fn is_later_fragment(&self) -> bool {
        self.frag.is_some_and(|(offset, _)| offset > 0)
    }

    /// Received for a broadcast address.
    pub fn is_broadcast(&self) -> bool {
        self.route.is_some_and(|r| r.kind == DstKind::Broadcast)
    }

    /// Whether the client may see what becomes of it: not so for a reset that it sends itself.
    pub fn matters(&self) -> bool {
        self.main || self.reply
    }

    /// `skb_scrub_packet()` between namespaces (`net/core/skbuff.c`).
    pub fn scrub(&mut self, same_netns: bool) {
        self.pkt_type = PktType::Host;
        self.icmp_locked = false;
        self.route = None;
        self.ct = None;
        self.ignore_df = false;
        self.untracked = false;
        self.template = None;
        self.attached = false;
        self.physin = None;
        self.physout = None;
        self.sabotage = false;
        if !same_netns {
            self.mark = 0;
        }
    }

    /// One word for the packet.
    pub fn what(&self) -> &'static str {
        match &self.l4 {
            L4::Tcp { flags, .. } => match flags & 0x17 {
                0x02 => "SYN",
                0x12 => "SYN-ACK",
                f if f & 0x04 != 0 => "RST",
                _ => "ACK",
            },
            L4::Udp { .. } => "UDP",
            L4::Vxlan { .. } => "VXLAN",
            L4::Icmp { kind, code, .. } if self.family() == Family::Inet6 => what6(*kind, *code),
            L4::Icmp { kind: 0, .. } => "ICMP echo reply",
            L4::Icmp { kind: 8, .. } => "ICMP echo",
            L4::Icmp { kind: 3, code, .. } => match code {
                0 => "ICMP net unreachable",
                1 => "ICMP host unreachable",
                2 => "ICMP protocol unreachable",
                3 => "ICMP port unreachable",
                4 => "ICMP fragmentation needed",
                9 => "ICMP net prohibited",
                10 => "ICMP host prohibited",
                13 => "ICMP administratively prohibited",
                _ => "ICMP destination unreachable",
            },
            L4::Icmp { kind: 5, .. } => "ICMP redirect",
            L4::Icmp { kind: 11, .. } => "ICMP time exceeded",
            L4::Icmp { .. } => "ICMP",
            L4::Other(_) => "IP",
            L4::Arp(_) => "ARP",
        }
    }
}

/// One word for a message of ICMPv6.
fn what6(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (icmpv6::DEST_UNREACH, icmpv6::NOROUTE) => "ICMPv6 no route",
        (icmpv6::DEST_UNREACH, icmpv6::ADM_PROHIBITED) => "ICMPv6 administratively prohibited",
        (icmpv6::DEST_UNREACH, icmpv6::ADDR_UNREACH) => "ICMPv6 address unreachable",
        (icmpv6::DEST_UNREACH, icmpv6::PORT_UNREACH) => "ICMPv6 port unreachable",
        (icmpv6::DEST_UNREACH, icmpv6::POLICY_FAIL) => "ICMPv6 policy fail",
        (icmpv6::DEST_UNREACH, icmpv6::REJECT_ROUTE) => "ICMPv6 reject route",
        (icmpv6::DEST_UNREACH, _) => "ICMPv6 destination unreachable",
        (icmpv6::PKT_TOOBIG, _) => "ICMPv6 packet too big",
        (icmpv6::TIME_EXCEED, _) => "ICMPv6 time exceeded",
        (icmpv6::PARAMPROB, _) => "ICMPv6 parameter problem",
        (icmpv6::ECHO_REQUEST, _) => "ICMPv6 echo",
        (icmpv6::ECHO_REPLY, _) => "ICMPv6 echo reply",
        _ => "ICMPv6",
    }
}
