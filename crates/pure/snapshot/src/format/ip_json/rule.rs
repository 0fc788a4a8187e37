//! `rule.json`, `rule6.json`.

use super::is_default;
use crate::format::de;
use serde::{Deserialize, Serialize};

/// An element of `rule.json` (`ip -j -d rule show`): a policy routing rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Lower is asked first.
    #[serde(deserialize_with = "de::num")]
    pub priority: u32,
    /// The match is inverted.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub not: bool,
    /// `all`, or an address.
    #[serde(deserialize_with = "de::or_default")]
    pub src: String,
    /// Bits of `src`; absent for a host.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub srclen: Option<u8>,
    /// An address; absent = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// Bits of `dst`; absent for a host.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub dstlen: Option<u8>,
    /// Type of service, a name or a hex number.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub tos: Option<String>,
    /// Mark.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub fwmark: Option<u32>,
    /// Mask of the mark; absent = all bits.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub fwmask: Option<u32>,
    /// Input interface; `lo` = what this namespace sends itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iif: Option<String>,
    /// The input interface does not exist now.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub iif_detached: bool,
    /// Output interface: of sockets that are bound to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oif: Option<String>,
    /// The output interface does not exist now.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub oif_detached: bool,
    /// Packets of a VRF go to its table.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub l3mdev: bool,
    /// First user id of the sender.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub uid_start: Option<u32>,
    /// Last user id of the sender.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub uid_end: Option<u32>,
    /// IP protocol, a name or a number as text.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub ipproto: Option<String>,
    /// Source port.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub sport: Option<u16>,
    /// First source port of a range.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub sport_start: Option<u16>,
    /// Last source port of a range.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub sport_end: Option<u16>,
    /// Destination port.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub dport: Option<u16>,
    /// First destination port of a range.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub dport_start: Option<u16>,
    /// Last destination port of a range.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub dport_end: Option<u16>,
    /// Tunnel id.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub tun_id: Option<u64>,
    /// Table to look in, a name or a number as text; absent if another action stands here.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// A route with a prefix of this many bits or fewer counts as none.
    #[serde(
        rename = "suppress_prefixlen",
        deserialize_with = "de::opt_num",
        skip_serializing_if = "Option::is_none"
    )]
    pub suppress_prefixlen: Option<i32>,
    /// A route over an interface of this group counts as none.
    #[serde(
        rename = "suppress_ifgroup",
        deserialize_with = "de::opt_text",
        skip_serializing_if = "Option::is_none"
    )]
    pub suppress_ifgroup: Option<String>,
    /// Continue at the rule with this priority: a number as text, or `none`.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub goto: Option<String>,
    /// `goto` names no rule that exists.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub unresolved: bool,
    /// Does nothing.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub nop: bool,
    /// `blackhole`, `unreachable`, `prohibit`; older tools call the key `to_tbl`.
    #[serde(alias = "to_tbl", skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Who made it: `kernel`, `unspec`, ...
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
}
