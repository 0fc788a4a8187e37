//! Sets of ipset.
//!
//! Kernel: `net/netfilter/ipset/ip_set_*.c` (6.18). An element has up to three parts; a rule says for each whether the
//! packet's source or destination gives it.

use crate::fact::Fact;
use crate::family::Family;
#[cfg(doc)]
use crate::family::bits;
use ipnet::IpNet;
use std::fmt;
use std::sync::Arc;

/// `struct ip_set`.
#[derive(Clone, PartialEq, Eq)]
pub struct IpSet {
    /// Name.
    pub name: Box<str>,
    /// Type.
    pub kind: SetType,
    /// `family`: no packet of the other one is in it.
    pub family: Family,
    /// `range` of a bitmap: addresses as [`bits()`], or ports, ends included.
    pub range: (u128, u128),
    /// `netmask` or `bitmask`, as [`bits()`].
    pub mask: u128,
    /// `markmask`.
    pub markmask: u32,
    /// Elements in order, with `nomatch`.
    pub members: Vec<(SetElem, bool)>,
    /// Prefix lengths of the first and the second network that occur, longest first.
    pub cidrs: [Vec<u8>; 2],
    /// Sets of a `list:set`.
    pub sets: Vec<Fact<Arc<IpSet>>>,
    /// Hash of the members.
    pub hash: u64,
}

/// One element; parts that the type does not have are zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetElem {
    /// First address or network, as [`bits()`].
    pub ip: u128,
    /// Its prefix length.
    pub cidr: u8,
    /// Protocol of the port.
    pub proto: u8,
    /// Port, or ICMP type and code.
    pub port: u16,
    /// Second address or network, as [`bits()`].
    pub ip2: u128,
    /// Its prefix length.
    pub cidr2: u8,
    /// Mark.
    pub mark: u32,
    /// MAC; zero is none.
    pub mac: [u8; 6],
    /// Interface.
    pub iface: Box<str>,
    /// `physdev:`.
    pub physdev: bool,
    /// `wildcard`: the interface is a prefix.
    pub wildcard: bool,
}

/// Types (`struct ip_set_type`).
#[expect(missing_docs, reason = "the names say what the parts are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetType {
    BitmapIp,
    BitmapIpMac,
    BitmapPort,
    HashIp,
    HashIpMac,
    HashIpMark,
    HashIpPort,
    HashIpPortIp,
    HashIpPortNet,
    HashMac,
    HashNet,
    HashNetIface,
    HashNetNet,
    HashNetPort,
    HashNetPortNet,
    ListSet,
}

/// A part of an element.
#[expect(missing_docs, reason = "the names say what the parts are")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    Ip,
    Net,
    /// A port with its protocol.
    Port,
    /// A TCP or UDP port.
    AnyPort,
    Mac,
    Mark,
    Iface,
    Set,
}

/// `src,dst,...` of a rule (`struct xt_set_info`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetDirs {
    /// How many are named.
    pub dim: u8,
    /// Bit `i` is set where the part `i`, from 0, is of the source.
    pub src: u8,
}

impl SetDirs {
    /// Whether a part, counted from 0, is of the source.
    #[must_use]
    pub fn is_src(self, part: usize) -> bool {
        part < 8 && self.src & 1 << part != 0
    }
}

const TYPES: [(&str, SetType, &[Dim]); 16] = [
    ("bitmap:ip", SetType::BitmapIp, &[Dim::Ip]),
    ("bitmap:ip,mac", SetType::BitmapIpMac, &[Dim::Ip, Dim::Mac]),
    ("bitmap:port", SetType::BitmapPort, &[Dim::AnyPort]),
    ("hash:ip", SetType::HashIp, &[Dim::Ip]),
    ("hash:ip,mac", SetType::HashIpMac, &[Dim::Ip, Dim::Mac]),
    ("hash:ip,mark", SetType::HashIpMark, &[Dim::Ip, Dim::Mark]),
    ("hash:ip,port", SetType::HashIpPort, &[Dim::Ip, Dim::Port]),
    ("hash:ip,port,ip", SetType::HashIpPortIp, &[Dim::Ip, Dim::Port, Dim::Ip]),
    (
        "hash:ip,port,net",
        SetType::HashIpPortNet,
        &[Dim::Ip, Dim::Port, Dim::Net],
    ),
    ("hash:mac", SetType::HashMac, &[Dim::Mac]),
    ("hash:net", SetType::HashNet, &[Dim::Net]),
    ("hash:net,iface", SetType::HashNetIface, &[Dim::Net, Dim::Iface]),
    ("hash:net,net", SetType::HashNetNet, &[Dim::Net, Dim::Net]),
    ("hash:net,port", SetType::HashNetPort, &[Dim::Net, Dim::Port]),
    (
        "hash:net,port,net",
        SetType::HashNetPortNet,
        &[Dim::Net, Dim::Port, Dim::Net],
    ),
    ("list:set", SetType::ListSet, &[Dim::Set]),
];

impl SetType {
    /// By its name in `ipset save`.
    #[must_use]
    pub fn named(name: &str) -> Option<SetType> {
        TYPES.iter().find(|(n, ..)| *n == name).map(|(_, kind, _)| *kind)
    }

    /// Parts of an element.
    #[must_use]
    pub fn dims(self) -> &'static [Dim] {
        TYPES.iter().find(|(_, kind, _)| *kind == self).map_or(&[], |t| t.2)
    }

    /// Has an address range (`bitmap:*`).
    #[must_use]
    pub fn is_bitmap(self) -> bool {
        matches!(self, SetType::BitmapIp | SetType::BitmapIpMac | SetType::BitmapPort)
    }

    /// `IPSET_TYPE_NOMATCH`: elements may be exceptions.
    #[must_use]
    pub fn has_nomatch(self) -> bool {
        self.dims().contains(&Dim::Net)
    }
}

impl SetElem {
    /// First network, if the type has one.
    #[must_use]
    pub fn net(&self, set: &IpSet) -> Option<IpNet> {
        let first = set.kind.dims().first()?;
        matches!(first, Dim::Ip | Dim::Net).then(|| IpNet::new(set.family.addr(self.ip), self.cidr).ok())?
    }

    /// Second network, if the type has one.
    #[must_use]
    pub fn net2(&self, set: &IpSet) -> Option<IpNet> {
        let mut nets = set.kind.dims().iter().filter(|d| matches!(d, Dim::Ip | Dim::Net));
        nets.nth(1)
            .and_then(|_| IpNet::new(set.family.addr(self.ip2), self.cidr2).ok())
    }
}

impl IpSet {
    /// Prefix length of an address in an element: that of the netmask.
    #[must_use]
    pub fn ip_cidr(&self) -> u8 {
        (self.mask.leading_ones() as u8).min(self.family.addr_len())
    }
}

/// Without the members, which may be very many: their hash stands for them.
impl fmt::Debug for IpSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IpSet")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("family", &self.family)
            .field("range", &self.range)
            .field("mask", &self.mask)
            .field("members", &self.members.len())
            .field("hash", &self.hash)
            .field("sets", &self.sets)
            .finish_non_exhaustive()
    }
}
