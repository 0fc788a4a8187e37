//! Rules and routes (IPv4).

use crate::fact::{Fact, GapId};
use rustc_hash::FxHashMap;
use std::net::Ipv4Addr;

/// Policy rules and tables of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Fib {
    /// Rules by rising priority.
    pub rules: Vec<FibRule>,
    /// Set if the rules were not read and the three default ones are assumed.
    pub rules_assumed: Option<GapId>,
    /// Tables by number (255 local, 254 main, 253 default).
    pub tables: FxHashMap<u32, FibTable>,
    /// Learned exceptions (redirects, path MTU), if they were read: destination, gateway or MTU.
    pub exceptions: Vec<FibException>,
    /// A rule was added by someone (`fib4_has_custom_rules`): reverse-path checks are full ones.
    pub custom_rules: bool,
    /// A local route was added by someone (`fib_has_custom_local_routes`).
    pub custom_local_routes: bool,
}

/// A learned next-hop exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FibException {
    /// Destination host.
    pub dst: Ipv4Addr,
    /// Gateway by redirect.
    pub gateway: Option<Ipv4Addr>,
    /// Path MTU.
    pub mtu: Option<u32>,
}

/// A policy rule (`ip rule`).
#[derive(Clone, Debug)]
pub struct FibRule {
    /// Priority.
    pub priority: u32,
    /// `not`.
    pub invert: bool,
    /// `from`, if any.
    pub src: Option<ipnet::Ipv4Net>,
    /// `to`, if any.
    pub dst: Option<ipnet::Ipv4Net>,
    /// `iif` name.
    pub iif: Option<Box<str>>,
    /// `oif` name.
    pub oif: Option<Box<str>>,
    /// `fwmark` value and mask.
    pub mark: Option<(u32, u32)>,
    /// `tos`.
    pub tos: u8,
    /// `ipproto`.
    pub ipproto: Option<u8>,
    /// `sport` range.
    pub sport: Option<(u16, u16)>,
    /// `dport` range.
    pub dport: Option<(u16, u16)>,
    /// `suppress_prefixlength`.
    pub suppress_prefixlen: Option<u8>,
    /// What it does; selectors that are not modelled make it a gap.
    pub action: Fact<RuleAction>,
}

/// Action of a policy rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// Look the table up.
    Table(u32),
    /// Go on at a priority.
    Goto(u32),
    /// Nothing.
    Nop,
    /// EINVAL.
    Blackhole,
    /// ENETUNREACH.
    Unreachable,
    /// EACCES.
    Prohibit,
}

/// One routing table with an index by prefix.
#[derive(Clone, Debug, Default)]
pub struct FibTable {
    /// Routes in the order in which they were printed.
    pub routes: Vec<Route>,
    /// Per prefix length: network to route indexes, by metric.
    index: Vec<FxHashMap<u32, Vec<u32>>>,
    present: u64,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination.
    pub dst: ipnet::Ipv4Net,
    /// TOS, 0 for all.
    pub tos: u8,
    /// Type.
    pub kind: RouteKind,
    /// Metric.
    pub metric: u32,
    /// Scope: 0 global, 253 link, 254 host, 255 nowhere.
    pub scope: u8,
    /// Protocol name as printed (`kernel`, `boot`, `bird`, `80`).
    pub protocol: Box<str>,
    /// `src`.
    pub prefsrc: Option<Ipv4Addr>,
    /// Route MTU in bytes.
    pub mtu: Option<u32>,
    /// Next hops; empty for types without one.
    pub nexthops: Vec<NextHop>,
    /// Something in it is not modelled (encap, nexthop object): what uses it is not known.
    pub unsupported: Option<GapId>,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Gateway.
    pub gateway: Option<Ipv4Addr>,
    /// Name of the device.
    pub dev: Box<str>,
    /// ifindex of the device, 0 if no such link is known.
    pub ifindex: u32,
    /// Weight, at least 1.
    pub weight: u32,
    /// `RTNH_F_DEAD` or `linkdown`.
    pub dead: bool,
    /// `onlink`.
    pub onlink: bool,
}

/// Route types of `ip route`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RouteKind {
    /// Ordinary.
    Unicast,
    /// An own address.
    Local,
    /// Broadcast.
    Broadcast,
    /// Multicast.
    Multicast,
    /// Dropped silently.
    Blackhole,
    /// Host unreachable.
    Unreachable,
    /// Administratively prohibited.
    Prohibit,
    /// Go on with the next rule.
    Throw,
}

impl FibTable {
    /// Builds the index over the routes.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut table = FibTable {
            routes,
            index: vec![FxHashMap::default(); 33],
            present: 0,
        };
        for (i, route) in table.routes.iter().enumerate() {
            let len = route.dst.prefix_len();
            table.present |= 1 << len;
            table.index[usize::from(len)]
                .entry(u32::from(route.dst.network()))
                .or_default()
                .push(i as u32);
        }
        for by_net in &mut table.index {
            #[expect(clippy::iter_over_hash_type, reason = "each list is sorted by itself")]
            for list in by_net.values_mut() {
                // fib_insert_alias(): higher TOS first, then lower metric.
                list.sort_by_key(|i| {
                    (
                        u8::MAX - table.routes[*i as usize].tos,
                        table.routes[*i as usize].metric,
                    )
                });
            }
        }
        table
    }

    /// Routes to an address, longest prefix first, then by metric.
    pub fn matching(&self, addr: Ipv4Addr) -> impl Iterator<Item = &Route> {
        let bits = u32::from(addr);
        (0..=32u8)
            .rev()
            .filter(|len| self.present >> len & 1 == 1)
            .flat_map(move |len| {
                let net = if len == 0 { 0 } else { bits & (u32::MAX << (32 - len)) };
                self.index[usize::from(len)]
                    .get(&net)
                    .into_iter()
                    .flatten()
                    .map(|i| &self.routes[*i as usize])
            })
    }
}
