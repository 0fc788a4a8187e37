//! `link.json`, `addr.json`, `bridge-link.json`, `bridge-vlan.json`.

use super::is_default;
use crate::format::de;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An element of `link.json` (`ip -j -d link show`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// Interface index in its own namespace, from 1.
    #[serde(deserialize_with = "de::num")]
    pub ifindex: u32,
    /// Index of the interface below or of the veth peer, in *its* namespace; printed where that is another one.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub link_index: Option<u32>,
    /// Name of the interface below or of the veth peer in the same namespace. `None` besides `link_index`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Name.
    #[serde(deserialize_with = "de::text")]
    pub ifname: String,
    /// `UP`, `LOWER_UP`, `NO-CARRIER`, `PROMISC`, `BROADCAST`, ...
    #[serde(deserialize_with = "de::or_default")]
    pub flags: Vec<String>,
    /// MTU in bytes.
    #[serde(deserialize_with = "de::num")]
    pub mtu: u32,
    /// Number or id of an attached XDP program, as the tool prints it; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xdp: Option<Value>,
    /// Root queueing discipline.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "String::is_empty")]
    pub qdisc: String,
    /// Bridge, bond or VRF that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// `UP`, `DOWN`, `UNKNOWN`, `LOWERLAYERDOWN`, ...
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "String::is_empty")]
    pub operstate: String,
    /// `ether`, `loopback`, `none`, `ipip`, ...
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "String::is_empty")]
    pub link_type: String,
    /// Hardware address; absent for a tun, an IPv4 address for an ipip tunnel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Hardware broadcast address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// Number in this namespace of the namespace that `link_index` counts in. Not comparable across namespaces.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub link_netnsid: Option<i32>,
    /// How many users want promiscuous mode.
    #[serde(deserialize_with = "de::num", skip_serializing_if = "is_default")]
    pub promiscuity: u32,
    /// Kind and its data.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "is_default")]
    pub linkinfo: LinkInfo,
    /// How IPv6 link-local addresses are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inet6_addr_gen_mode: Option<String>,
    /// Largest GSO packet in bytes.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub gso_max_size: Option<u32>,
    /// Alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ifalias: Option<String>,
}

impl Link {
    /// A flag of `flags` is set.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|name| name == flag)
    }
}

/// `linkinfo` of a [`Link`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkInfo {
    /// `veth`, `bridge`, `vxlan`, `tun`, `ipip`, ...; empty for hardware.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "String::is_empty")]
    pub info_kind: String,
    /// What the kind prints with `-d`: an object, or null. Of a bridge `nf_call_iptables`, `vlan_filtering`, `stp_state`;
    /// of a vxlan `id`, `local` or `local6`, `group`, `port`, `link`, `learning`, `udp_csum`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub info_data: Value,
    /// `bridge` for a bridge's port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info_slave_kind: Option<String>,
    /// What the master's kind prints about its port: of a bridge `state`, `hairpin`, `isolated`, `learning`, `flood`.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub info_slave_data: Value,
}

/// An element of `addr.json` (`ip -j -d addr show`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddrLink {
    /// Interface index.
    #[serde(deserialize_with = "de::num")]
    pub ifindex: u32,
    /// Interface name.
    #[serde(deserialize_with = "de::text")]
    pub ifname: String,
    /// The addresses. Missing and empty are the same.
    #[serde(deserialize_with = "de::or_default")]
    pub addr_info: Vec<AddrInfo>,
}

/// An address of an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AddrInfo {
    /// `inet` or `inet6`.
    pub family: String,
    /// The address.
    #[serde(deserialize_with = "de::or_default")]
    pub local: String,
    /// The peer's address, of a point-to-point interface.
    #[serde(rename = "address", skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Bits of the prefix.
    #[serde(deserialize_with = "de::num")]
    pub prefixlen: u8,
    /// Broadcast address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<String>,
    /// `global`, `link`, `host`, `nowhere`.
    #[serde(deserialize_with = "de::text", skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Not the first of its subnet on this interface.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub secondary: bool,
    /// Duplicate address detection has not ended.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub tentative: bool,
    /// Duplicate address detection found another owner.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub dadfailed: bool,
    /// No longer used for new connections.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub deprecated: bool,
    /// The kernel adds no route for the prefix.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub noprefixroute: bool,
    /// Made from router advertisements.
    #[serde(deserialize_with = "de::present", skip_serializing_if = "is_default")]
    pub dynamic: bool,
    /// IPv4 only: the interface name, or an alias of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Seconds; 4294967295 = forever.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub valid_life_time: Option<u32>,
    /// Seconds; 4294967295 = forever.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub preferred_life_time: Option<u32>,
}

/// An element of `bridge-link.json` (`bridge -j -d link show`): a port. Absent settings are `None`: an old tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BridgeLink {
    /// Interface index of the port.
    #[serde(deserialize_with = "de::num")]
    pub ifindex: u32,
    /// Interface name of the port.
    #[serde(deserialize_with = "de::text")]
    pub ifname: String,
    /// The bridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// `forwarding`, `disabled`, `blocking`, `listening`, `learning`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// May send a frame back to where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hairpin: Option<bool>,
    /// BPDU guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<bool>,
    /// Learns source addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning: Option<bool>,
    /// Takes unknown unicast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood: Option<bool>,
    /// Takes unknown multicast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mcast_flood: Option<bool>,
    /// Takes broadcast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bcast_flood: Option<bool>,
    /// ARP and ND are answered from the neighbour table of the bridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub neigh_suppress: Option<bool>,
    /// May not speak to other isolated ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isolated: Option<bool>,
    /// Takes frames only from addresses that the fdb already knows on this port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
}

/// An element of `bridge-vlan.json` (`bridge -j vlan show`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BridgeVlan {
    /// Interface name of the port, or of the bridge itself.
    #[serde(deserialize_with = "de::text")]
    pub ifname: String,
    /// Its VLANs.
    #[serde(deserialize_with = "de::or_default")]
    pub vlans: Vec<VlanRange>,
}

/// VLANs of a bridge's port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VlanRange {
    /// The first, or the only one.
    #[serde(deserialize_with = "de::num")]
    pub vlan: u16,
    /// The last of a range.
    #[serde(
        rename = "vlanEnd",
        deserialize_with = "de::opt_num",
        skip_serializing_if = "Option::is_none"
    )]
    pub vlan_end: Option<u16>,
    /// `PVID`, `Egress Untagged`.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}
