//! `route.json`, `route6.json`, `route-cache.json`.

use super::is_default;
use crate::format::de;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An element of `route.json` (`ip -4 -j -d route show table all`).
///
/// Addresses are text: `default`, or an address without `/32`, or a prefix. The recordings' `route.json` lists IPv6 routes
/// too: see [`Route::is_v6`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Route {
    /// `unicast`, `local`, `broadcast`, `blackhole`, `unreachable`, `prohibit`, `throw`, ...; empty without `-d`: unicast.
    #[serde(
        rename = "type",
        deserialize_with = "de::or_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub kind: String,
    /// Destination.
    #[serde(deserialize_with = "de::or_default")]
    pub dst: String,
    /// Source prefix: IPv6 subtrees.
    #[serde(rename = "from", skip_serializing_if = "Option::is_none")]
    pub src: Option<String>,
    /// Type of service, a name or a hex number.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub tos: Option<String>,
    /// Id of the nexthop object that it uses.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub nhid: Option<u32>,
    /// Encapsulation (`ip`, `mpls`, `bpf`, ...), whose fields stand beside it: see `nexthop.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encap: Option<Value>,
    /// Next hop of the same family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Next hop of the other family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Output interface; absent for blackhole, unreachable, prohibit, and where `nexthops` has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// `main`, `local`, `default`, or a number as text; absent = main.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Who made it: `kernel`, `boot`, `static`, `bird`, a number as text.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// `global`, `link`, `host`, `nowhere`.
    #[serde(deserialize_with = "de::opt_text", skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Preferred source address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefsrc: Option<String>,
    /// Priority, lower wins; absent = 0.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// `onlink`, `linkdown`, `dead`, `offload`, `cache`, ...
    #[serde(deserialize_with = "de::or_default")]
    pub flags: Vec<String>,
    /// `mtu`, `advmss` and others: a list of one object.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<Metrics>,
    /// Several next hops.
    #[serde(deserialize_with = "de::or_default", skip_serializing_if = "Vec::is_empty")]
    pub nexthops: Vec<NextHop>,
    /// Only IPv6 routes have it: `medium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pref: Option<String>,
    /// Seconds until it ends: route cache.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub expires: Option<u32>,
}

/// Next hop of another family than the destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Via {
    /// `inet` or `inet6`.
    pub family: String,
    /// Its address.
    pub host: String,
}

/// Metrics of a route. Others than these are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metrics {
    /// MTU in bytes.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Advertised MSS in bytes.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub advmss: Option<u32>,
    /// Initial congestion window in segments.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub initcwnd: Option<u32>,
    /// Hop limit.
    #[serde(deserialize_with = "de::opt_num", skip_serializing_if = "Option::is_none")]
    pub hoplimit: Option<u32>,
}

/// One of several next hops.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NextHop {
    /// Encapsulation, as in [`Route`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encap: Option<Value>,
    /// Next hop of the same family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Next hop of the other family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    /// Output interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// Share, from 1.
    #[serde(deserialize_with = "de::num", skip_serializing_if = "is_default")]
    pub weight: u32,
    /// As in [`Route`].
    #[serde(deserialize_with = "de::or_default")]
    pub flags: Vec<String>,
}

impl Route {
    /// An IPv6 route, which an `ip route show table all` without `-4` prints among the IPv4 ones: it has `pref`, or a colon
    /// in destination, gateway or preferred source.
    pub fn is_v6(&self) -> bool {
        let colon = |text: &Option<String>| text.as_deref().is_some_and(|text| text.contains(':'));
        self.pref.is_some() || self.dst.contains(':') || colon(&self.gateway) || colon(&self.prefsrc)
    }

    /// A flag of `flags` is set.
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|name| name == flag)
    }

    /// MTU of the route in bytes.
    pub fn mtu(&self) -> Option<u32> {
        self.metrics.iter().find_map(|metrics| metrics.mtu)
    }

    /// Advertised MSS of the route in bytes.
    pub fn advmss(&self) -> Option<u32> {
        self.metrics.iter().find_map(|metrics| metrics.advmss)
    }
}
