//! `neigh.json`, `fdb.json`.

use super::is_default;
use crate::format::de;
use serde::{Deserialize, Serialize};

/// An element of `neigh.json` (`ip -j -d neigh show`), both families in one list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Neigh {
    /// The neighbour's address.
    pub dst: String,
    /// Interface.
    #[serde(deserialize_with = "de::or_default")]
    pub dev: String,
    /// Its hardware address; absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lladdr: Option<String>,
    /// It said that it is a router.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub router: bool,
    /// We answer for it.
    #[serde(
        deserialize_with = "de::present",
        serialize_with = "de::null",
        skip_serializing_if = "is_default"
    )]
    pub proxy: bool,
    /// `REACHABLE`, `STALE`, `PERMANENT`, `FAILED`, `INCOMPLETE`, `DELAY`, `PROBE`, `NOARP`, `NONE`.
    #[serde(deserialize_with = "de::or_default")]
    pub state: Vec<String>,
}

/// An element of `fdb.json` (`bridge -j -d fdb show`). A MAC may appear twice, with and without `master`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fdb {
    /// Address.
    pub mac: String,
    /// Port, or the device itself (`self`).
    #[serde(deserialize_with = "de::or_default")]
    pub ifname: String,
    /// VXLAN: where frames for it are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// VXLAN: UDP port, where it is not the device's.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// VXLAN: network identifier, where it is not the device's.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
    /// VXLAN: interface to send on.
    #[serde(rename = "viaIf", alias = "via", skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
    /// VLAN of a bridge that filters VLANs.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// `self`, `master`, `extern_learn`, `offload`, `sticky`, `router`.
    #[serde(deserialize_with = "de::or_default")]
    pub flags: Vec<String>,
    /// The bridge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master: Option<String>,
    /// `permanent` (own address), `static`, `stale`; empty = learned.
    #[serde(deserialize_with = "de::or_default")]
    pub state: String,
}
