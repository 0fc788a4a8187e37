//! Rules and routes.

use crate::fact::{Fact, GapId};
use crate::family::{bits, mask};
use rustc_hash::FxHashMap;
use std::net::IpAddr;

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
    pub dst: IpAddr,
    /// Gateway by redirect.
    pub gateway: Option<IpAddr>,
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
    pub src: Option<ipnet::IpNet>,
    /// `to`, if any.
    pub dst: Option<ipnet::IpNet>,
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
    /// Longest prefix first, then network, TOS and metric: what a look-up walks.
    order: Vec<Ordered>,
    /// Large tables: where the routes to a network (prefix length, address) stand in `order`.
    index: FxHashMap<(u8, u128), (u32, u32)>,
    /// Large tables: the prefix lengths that occur, longest first.
    lengths: Vec<u8>,
}

/// A route's place in the order of a look-up.
#[derive(Clone, Copy, Debug)]
struct Ordered {
    net: u128,
    mask: u128,
    route: u32,
}

/// Tables up to this size are walked, larger ones indexed: a handful of comparisons beats as many hashes.
const WALKED_MAX: usize = 32;

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Destination.
    pub dst: ipnet::IpNet,
    /// Source, of IPv6 (`from`): a subtree of the destination.
    pub src: Option<ipnet::IpNet>,
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
    pub prefsrc: Option<IpAddr>,
    /// Route MTU in bytes.
    pub mtu: Option<u32>,
    /// MSS that a SYN by this route says, in bytes.
    pub advmss: Option<u32>,
    /// Next hops; empty for types without one.
    pub nexthops: Vec<NextHop>,
    /// Something in it is not modelled (encap, nexthop object): what uses it is not known.
    pub unsupported: Option<GapId>,
}

/// A next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// Gateway.
    pub gateway: Option<IpAddr>,
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
    /// One of several hosts: taken like an own address.
    Anycast,
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
    /// Orders and indexes the routes.
    #[must_use]
    pub fn new(routes: Vec<Route>) -> Self {
        let mut by_rank: Vec<u32> = (0..routes.len() as u32).collect();
        // fib_insert_alias(): higher TOS first, then lower metric; stable for what was printed in turn.
        by_rank.sort_by_key(|i| {
            let r = &routes[*i as usize];
            let longest_first = u8::MAX - r.dst.prefix_len();
            (longest_first, bits(r.dst.network()), u8::MAX - r.tos, r.metric)
        });
        let order: Vec<Ordered> = by_rank
            .into_iter()
            .map(|route| {
                let dst = routes[route as usize].dst;
                Ordered {
                    net: bits(dst.network()),
                    mask: mask(dst.prefix_len()),
                    route,
                }
            })
            .collect();
        let mut table = FibTable {
            routes,
            order,
            index: FxHashMap::default(),
            lengths: Vec::new(),
        };
        if table.order.len() > WALKED_MAX {
            for (at, o) in (0u32..).zip(&table.order) {
                let length = o.mask.leading_ones() as u8;
                if table.lengths.last() != Some(&length) {
                    table.lengths.push(length);
                }
                let range = table.index.entry((length, o.net)).or_insert((at, at));
                range.1 = at + 1;
            }
        }
        table
    }

    /// Routes to an address, longest prefix first, then by metric.
    #[must_use]
    pub fn matching(&self, addr: IpAddr) -> Matching<'_> {
        let range = if self.index.is_empty() {
            (0, self.order.len() as u32)
        } else {
            (0, 0)
        };
        Matching {
            table: self,
            bits: bits(addr),
            range,
            lengths: &self.lengths,
        }
    }
}

/// Iterator of [`FibTable::matching`].
#[derive(Clone, Debug)]
pub struct Matching<'a> {
    table: &'a FibTable,
    bits: u128,
    /// Part of the order that is being walked.
    range: (u32, u32),
    /// Prefix lengths still to be looked up, in large tables.
    lengths: &'a [u8],
}

impl<'a> Iterator for Matching<'a> {
    type Item = &'a Route;

    fn next(&mut self) -> Option<&'a Route> {
        loop {
            while self.range.0 < self.range.1 {
                let o = self.table.order[self.range.0 as usize];
                self.range.0 += 1;
                if self.bits & o.mask == o.net {
                    return Some(&self.table.routes[o.route as usize]);
                }
            }
            let (length, shorter) = self.lengths.split_first()?;
            self.lengths = shorter;
            self.range = self
                .table
                .index
                .get(&(*length, self.bits & mask(*length)))
                .copied()
                .unwrap_or((0, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(dst: &str, metric: u32) -> Route {
        Route {
            dst: dst.parse().expect("prefix"),
            src: None,
            tos: 0,
            kind: RouteKind::Unicast,
            metric,
            scope: 0,
            protocol: "boot".into(),
            prefsrc: None,
            mtu: None,
            advmss: None,
            nexthops: Vec::new(),
            unsupported: None,
        }
    }

    /// Walked and indexed tables give the same routes in the same order.
    #[test]
    fn small_and_large_tables_agree() {
        let few = || {
            vec![
                route("0.0.0.0/0", 0),
                route("10.0.0.0/8", 5),
                route("10.0.0.0/8", 1),
                route("10.1.0.0/16", 0),
                route("10.1.2.3/32", 0),
            ]
        };
        let small = FibTable::new(few());
        let mut many = few();
        many.extend((0..200u32).map(|i| route(&format!("172.16.{i}.0/24"), 0)));
        let large = FibTable::new(many);
        for addr in ["10.1.2.3", "10.1.9.9", "10.9.9.9", "8.8.8.8"] {
            let addr: IpAddr = addr.parse().expect("address");
            let seen = |t: &FibTable| t.matching(addr).map(|r| (r.dst, r.metric)).collect::<Vec<_>>();
            assert_eq!(seen(&small), seen(&large), "{addr}");
        }
        let first = small
            .matching("10.9.9.9".parse().expect("address"))
            .next()
            .map(|r| r.metric);
        assert_eq!(first, Some(1), "the lower metric wins");
        assert_eq!(large.matching("172.16.7.1".parse().expect("address")).count(), 2);
    }
}
