//! Links, addresses and what the sysctls make of them.

use crate::cluster::{NetnsId, SegmentId};
use crate::fact::{Fact, GapId};
use crate::family::Family;
use netwhy_wire::Mac;
use std::net::IpAddr;

/// The links of a namespace, by ifindex.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// By rising ifindex.
    list: Vec<Link>,
    /// The ifindexes of `list`: what a look-up walks.
    index: Vec<u32>,
    /// Configuration under `net.ipv4.conf.all`.
    pub all: IfConf,
    /// Configuration under `net.ipv6.conf.all`.
    pub all6: IfConf6,
}

/// One link.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// ifindex.
    pub index: u32,
    /// Name.
    pub name: Box<str>,
    /// `IFF_UP`.
    pub up: bool,
    /// Carrier (`IFF_LOWER_UP`).
    pub carrier: bool,
    /// Takes what is for others (`IFF_PROMISC`, or somebody listens).
    pub promisc: bool,
    /// `IFF_NOARP`: no neighbour is resolved.
    pub noarp: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Own MAC; zero for links without one.
    pub mac: Mac,
    /// What it is.
    pub kind: LinkKind,
    /// ifindex of the bridge (or other master) that it belongs to.
    pub master: Option<u32>,
    /// Settings as a bridge port.
    pub port: Option<BridgePort>,
    /// IPv4 addresses in the kernel's order.
    pub addrs: Vec<Ifaddr>,
    /// IPv6 addresses in the kernel's order.
    pub addrs6: Vec<Ifaddr>,
    /// `net.ipv4.conf.<link>` together with `all`, as the kernel combines them.
    pub conf: IfConf,
    /// `net.ipv6.conf.<link>`.
    pub conf6: IfConf6,
    /// A tc or XDP program, or a qdisc that can filter, was seen here: what it does is not known.
    pub program: Option<GapId>,
}

/// An address of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ifaddr {
    /// The address (`ifa_local`).
    pub addr: IpAddr,
    /// The other end's, of a point-to-point address (`ifa_address`): the subnet is the other end's.
    pub peer: Option<IpAddr>,
    /// Prefix length.
    pub prefix: u8,
    /// `IFA_F_SECONDARY`.
    pub secondary: bool,
    /// Scope: 0 global, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_TENTATIVE`, `IFA_F_DADFAILED`: an IPv6 address that is not used (yet).
    pub tentative: bool,
    /// `IFA_F_DEPRECATED`.
    pub deprecated: bool,
}

/// Kind of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `lo`.
    Loopback,
    /// One end of a pair.
    Veth {
        /// The other end, where the bundle has it.
        peer: Option<(NetnsId, u32)>,
        /// Assumed segment, where it has not.
        segment: Option<SegmentId>,
    },
    /// Linux bridge.
    Bridge {
        /// `info_data.nf_call_iptables` of this bridge.
        nf_call_iptables: bool,
        /// `info_data.nf_call_ip6tables` of this bridge.
        nf_call_ip6tables: bool,
        /// VLAN filtering is on: not modelled.
        vlan_filtering: bool,
    },
    /// VXLAN device.
    Vxlan(Vxlan),
    /// A network card, or anything that reaches hosts of its subnet directly.
    Device {
        /// Assumed segment.
        segment: Option<SegmentId>,
    },
    /// Not modelled: what enters it is not known further.
    Other(GapId),
}

/// Settings of a VXLAN device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// VXLAN network identifier.
    pub vni: u32,
    /// UDP port, both as destination and as the socket's own.
    pub port: u16,
    /// Source address of the outer header.
    pub local: Option<IpAddr>,
    /// Default destination (`remote`).
    pub remote: Option<IpAddr>,
    /// ifindex of the lower device (`dev`).
    pub lower: Option<u32>,
    /// Learns addresses from what it receives.
    pub learning: bool,
    /// `external` (collect metadata): not modelled.
    pub external: bool,
    /// Its socket and outer header are IPv6 (`VXLAN_F_IPV6`), else IPv4.
    pub ipv6: bool,
}

/// Settings of a bridge port (`bridge -j -d link`, or `info_slave_data`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgePort {
    /// State of the spanning tree.
    pub state: PortState,
    /// Hairpin mode.
    pub hairpin: bool,
    /// Isolated from other isolated ports.
    pub isolated: bool,
    /// Learns source addresses.
    pub learning: bool,
    /// Unknown unicast is flooded to it.
    pub flood: bool,
    /// So is multicast of others.
    pub mcast_flood: bool,
    /// So are broadcasts of others.
    pub bcast_flood: bool,
    /// ARP is answered for what lies behind it, and nothing at all is flooded to it (`BR_PROXYARP`).
    pub proxy_arp: bool,
    /// ARP is answered for it from the bridge's neighbours (`BR_NEIGH_SUPPRESS`).
    pub neigh_suppress: bool,
}

/// State of the spanning tree (`enum` of `linux/if_bridge.h`). Whoever sets it to blocking by hand gets forwarding, unless
/// the bridge runs a spanning tree (measured).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Frames pass.
    Forwarding,
    /// Addresses are learned, and no frame passes.
    Learning,
    /// Disabled, listening, blocking.
    Closed,
}

/// `net.ipv4.conf.*` of one link, already combined with `all` where the kernel does.
/// Source: `include/linux/inetdevice.h` (`IN_DEV_ANDCONF`, `IN_DEV_ORCONF`, `IN_DEV_MAXCONF`).
#[derive(Clone, Debug, PartialEq)]
pub struct IfConf {
    /// `forwarding`: this link's own value.
    pub forwarding: Fact<bool>,
    /// `rp_filter`: max(all, link).
    pub rp_filter: Fact<u8>,
    /// `accept_local`: all or link.
    pub accept_local: Fact<bool>,
    /// `route_localnet`: all or link.
    pub route_localnet: Fact<bool>,
    /// `src_valid_mark`: all or link.
    pub src_valid_mark: Fact<bool>,
    /// `send_redirects`: all or link.
    pub send_redirects: Fact<bool>,
    /// `shared_media`: all or link.
    pub shared_media: Fact<bool>,
    /// `proxy_arp`: all or link.
    pub proxy_arp: Fact<bool>,
    /// `proxy_arp_pvlan`: all or link.
    pub proxy_arp_pvlan: Fact<bool>,
    /// `medium_id`: this link's own value.
    pub medium_id: Fact<i64>,
    /// `arp_announce`: max(all, link).
    pub arp_announce: Fact<u8>,
    /// `arp_ignore`: max(all, link).
    pub arp_ignore: Fact<u8>,
    /// `arp_filter`: all or link.
    pub arp_filter: Fact<bool>,
}

/// `net.ipv6.conf.*` of one link, or of `all` (`struct ipv6_devconf`): each place looks at the values that it wants.
#[derive(Clone, Debug, PartialEq)]
pub struct IfConf6 {
    /// `disable_ipv6`.
    pub disable_ipv6: Fact<bool>,
    /// `forwarding`: that of `all` decides whether the host forwards.
    pub forwarding: Fact<bool>,
    /// `force_forwarding` (since 6.17): forwards what came by this link all the same.
    pub force_forwarding: Fact<bool>,
    /// `proxy_ndp`.
    pub proxy_ndp: Fact<bool>,
    /// `use_oif_addrs_only`.
    pub use_oif_addrs_only: Fact<bool>,
    /// `drop_unicast_in_l2_multicast`.
    pub drop_unicast_in_l2_multicast: Fact<bool>,
}

impl Default for IfConf6 {
    /// Every value is the gap number 0; a builder replaces it.
    fn default() -> Self {
        let g = GapId(0);
        IfConf6 {
            disable_ipv6: Err(g),
            forwarding: Err(g),
            force_forwarding: Err(g),
            proxy_ndp: Err(g),
            use_oif_addrs_only: Err(g),
            drop_unicast_in_l2_multicast: Err(g),
        }
    }
}

impl Default for IfConf {
    /// Every value is the gap number 0; a builder replaces it.
    fn default() -> Self {
        let g = GapId(0);
        IfConf {
            forwarding: Err(g),
            rp_filter: Err(g),
            accept_local: Err(g),
            route_localnet: Err(g),
            src_valid_mark: Err(g),
            send_redirects: Err(g),
            shared_media: Err(g),
            proxy_arp: Err(g),
            proxy_arp_pvlan: Err(g),
            medium_id: Err(g),
            arp_announce: Err(g),
            arp_ignore: Err(g),
            arp_filter: Err(g),
        }
    }
}

impl Link {
    /// Its addresses of a family.
    #[must_use]
    pub fn addrs_of(&self, family: Family) -> &[Ifaddr] {
        match family {
            Family::Inet => &self.addrs,
            Family::Inet6 => &self.addrs6,
        }
    }
}

impl Links {
    /// From a list; a repeated ifindex keeps the first.
    #[must_use]
    pub fn new(links: Vec<Link>, all: IfConf, all6: IfConf6) -> Self {
        let mut list = links;
        list.sort_by_key(|l| l.index);
        list.dedup_by_key(|l| l.index);
        let index = list.iter().map(|l| l.index).collect();
        Links { list, index, all, all6 }
    }

    /// By ifindex.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.list.get(self.index.binary_search(&index).ok()?)
    }

    /// For builders and patches.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut Link> {
        self.list.get_mut(self.index.binary_search(&index).ok()?)
    }

    /// By name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Link> {
        self.list.iter().find(|l| &*l.name == name)
    }

    /// All, by ifindex.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.list.iter()
    }

    /// For builders and patches.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.list.iter_mut()
    }

    /// The link that holds an address.
    #[must_use]
    pub fn holding(&self, addr: IpAddr) -> Option<&Link> {
        self.iter()
            .find(|l| l.addrs_of(Family::of(addr)).iter().any(|a| a.addr == addr))
    }
}
