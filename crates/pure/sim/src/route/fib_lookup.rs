//! Rules, tables, longest prefix, next hop.
//!
//! Kernel: `__fib_lookup()` (`fib_rules.c`), `fib_table_lookup()` (`fib_trie.c`), `fib_select_path()` (`fib_semantics.c`);
//! `fib6_rule_lookup()` (`fib6_rules.c`), `fib6_table_lookup()`, `rt6_select()` (`net/ipv6/route.c`), where local and main are
//! two tables, a route may want a source, and a table without a route leads to the next rule.

use super::LOOPBACK;
use super::inet_addr::fib_result_prefsrc;
use crate::engine::Engine;
use crate::oracle::Question;
use crate::skb::{Errno, Skb};
use crate::state::HopKey;
use netwhy_model::fib::{Fib, FibRule, NextHop, Route, RouteKind, RuleAction};
use netwhy_model::{Family, GapId, Netns};
use std::net::IpAddr;

/// `struct flowi4`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FibKey {
    pub src: IpAddr,
    pub dst: IpAddr,
    /// In link; 1 (`lo`) for what the host sends.
    pub iif: u32,
    /// Out link that is demanded, or 0.
    pub oif: u32,
    pub mark: u32,
    pub proto: u8,
    pub ports: Option<(u16, u16)>,
    /// Any next hop will do: nothing is sent there.
    pub any_hop: bool,
}

impl FibKey {
    pub fn of(skb: &Skb, iif: u32) -> FibKey {
        FibKey {
            src: skb.src,
            dst: skb.dst,
            iif,
            oif: 0,
            mark: skb.mark,
            proto: skb.proto(),
            ports: skb.dissected_ports(),
            any_hop: false,
        }
    }
}

/// What was found.
#[derive(Clone, Copy)]
pub(crate) struct FibResult<'a> {
    pub route: &'a Route,
    pub nexthop: Option<&'a NextHop>,
    pub table: u32,
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FibError {
    Errno(Errno),
    Unknown(GapId),
}

const GOTO_MAX: usize = 4096;

pub(crate) fn fib_lookup<'a>(eng: &mut Engine<'a>, ns: &'a Netns, key: &FibKey) -> Result<FibResult<'a>, FibError> {
    let family = Family::of(key.dst);
    let fib: &'a Fib = ns.fib_of(family).map_err(FibError::Unknown)?;
    if let Some(gap) = fib.rules_assumed {
        // Somebody looks into tables of their own.
        if fib
            .tables
            .keys()
            .any(|number| !(RT_TABLE_DEFAULT..=RT_TABLE_LOCAL).contains(number))
        {
            return Err(FibError::Unknown(gap));
        }
        eng.oracle.gap(Question { gap, about: 0 }, 1);
    }
    if !fib.custom_rules && family == Family::Inet {
        return merged_lookup(eng, ns, fib, key);
    }
    let mut at = 0;
    for _ in 0..GOTO_MAX {
        let Some(rule) = fib.rules.get(at) else { break };
        at += 1;
        if !rule_matches(ns, rule, key) {
            continue;
        }
        if let Ok(action) = rule.action {
            eng.used("rule", action.name(), "");
        }
        match rule.action {
            Err(gap) => return Err(FibError::Unknown(gap)),
            Ok(RuleAction::Nop) => {}
            Ok(RuleAction::Goto(priority)) => at = fib.rules.partition_point(|r| r.priority < priority),
            Ok(RuleAction::Blackhole) => return Err(FibError::Errno(Errno::Inval)),
            Ok(RuleAction::Unreachable) => return Err(FibError::Errno(Errno::NetUnreach)),
            Ok(RuleAction::Prohibit) => return Err(FibError::Errno(Errno::Acces)),
            Ok(RuleAction::Table(number)) => {
                if let Some(found) = table_lookup(eng, ns, fib, number, key)? {
                    let suppressed = rule
                        .suppress_prefixlen
                        .is_some_and(|max| found.route.dst.prefix_len() <= max);
                    if !suppressed {
                        return Ok(found);
                    }
                }
            }
        }
    }
    Err(FibError::Errno(Errno::NetUnreach))
}

/// Numbers of tables.
const RT_TABLE_DEFAULT: u32 = 253;
const RT_TABLE_MAIN: u32 = 254;
const RT_TABLE_LOCAL: u32 = 255;

/// `fib_lookup()` where nobody added a rule: main and local are one trie (`fib_trie_table()` with an alias, until
/// `fib_unmerge()`), so that the longest prefix of both decides, and of equal ones that of local. Whatever is no route
/// there leads to the default table.
fn merged_lookup<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    fib: &'a Fib,
    key: &FibKey,
) -> Result<FibResult<'a>, FibError> {
    let main = match walk(eng, ns, merged(fib, key.dst), key) {
        Ok(Some(found)) => return Ok(found),
        Ok(None) => FibError::Errno(Errno::NetUnreach),
        Err(FibError::Unknown(gap)) => return Err(FibError::Unknown(gap)),
        Err(error) => error,
    };
    if !fib.tables.contains_key(&RT_TABLE_DEFAULT) {
        return Err(main);
    }
    let default = table_lookup(eng, ns, fib, RT_TABLE_DEFAULT, key)?;
    default.ok_or(FibError::Errno(Errno::NetUnreach))
}

/// Routes of local and main that hold an address, in the order of the trie they share.
pub(super) fn merged(fib: &Fib, dst: IpAddr) -> impl Iterator<Item = (u32, &Route)> {
    let of = |number: u32| fib.tables.get(&number).into_iter().flat_map(move |t| t.matching(dst));
    let (mut local, mut main) = (of(RT_TABLE_LOCAL).peekable(), of(RT_TABLE_MAIN).peekable());
    std::iter::from_fn(move || {
        let longer = |l: &&Route, m: &&Route| m.dst.prefix_len() > l.dst.prefix_len();
        match (local.peek(), main.peek()) {
            (Some(l), Some(m)) if longer(l, m) => Some((RT_TABLE_MAIN, main.next()?)),
            (None, _) => Some((RT_TABLE_MAIN, main.next()?)),
            _ => Some((RT_TABLE_LOCAL, local.next()?)),
        }
    })
}

/// `Ok(None)` goes on with the next rule.
fn table_lookup<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    fib: &'a Fib,
    number: u32,
    key: &FibKey,
) -> Result<Option<FibResult<'a>>, FibError> {
    let Some(table) = fib.tables.get(&number) else {
        return Ok(None);
    };
    walk(eng, ns, table.matching(key.dst).map(|r| (number, r)), key)
}

/// `fib_table_lookup()`.
fn walk<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    routes: impl Iterator<Item = (u32, &'a Route)>,
    key: &FibKey,
) -> Result<Option<FibResult<'a>>, FibError> {
    for (number, route) in routes {
        if route.tos != 0 || route.src.is_some_and(|net| !net.contains(&key.src)) {
            continue;
        }
        if let Some(gap) = route.unsupported {
            return Err(FibError::Unknown(gap));
        }
        eng.used("route", route.kind.name(), "");
        match route.kind {
            RouteKind::Throw => return Ok(None),
            RouteKind::Blackhole => return Err(FibError::Errno(Errno::Inval)),
            RouteKind::Unreachable => return Err(FibError::Errno(Errno::HostUnreach)),
            RouteKind::Prohibit => return Err(FibError::Errno(Errno::Acces)),
            RouteKind::Unicast
            | RouteKind::Local
            | RouteKind::Broadcast
            | RouteKind::Multicast
            | RouteKind::Anycast => {}
        }
        if route.nexthops.is_empty() {
            return Ok(Some(FibResult {
                route,
                nexthop: None,
                table: number,
            }));
        }
        let usable = |n: &&NextHop| !n.dead && (key.oif == 0 || n.ifindex == key.oif);
        let mut alive = route.nexthops.iter().filter(usable);
        let Some(first) = alive.next() else { continue };
        let nexthop = if alive.next().is_some() && !key.any_hop {
            let hops: Vec<&NextHop> = route.nexthops.iter().filter(usable).collect();
            hops[fib_select_multipath(eng, ns, number, route, &hops, key)]
        } else {
            first
        };
        return Ok(Some(FibResult {
            route,
            nexthop: Some(nexthop),
            table: number,
        }));
    }
    Ok(None)
}

/// One of several next hops by weight, the same for all packets of a flow.
fn fib_select_multipath(
    eng: &mut Engine<'_>,
    ns: &Netns,
    table: u32,
    route: &Route,
    alive: &[&NextHop],
    key: &FibKey,
) -> usize {
    if let Some(own) = own_hop(ns, route, alive, key) {
        return own;
    }
    // rt6_multipath_hash(): the flow label, of which each connection has its own, always takes part.
    let policy = match key.dst {
        IpAddr::V4(_) => ns.sysctl.as_ref().ok().and_then(|s| s.number(HASH_POLICY)),
        IpAddr::V6(_) => None,
    };
    let key = HopKey {
        netns: ns.id,
        table,
        route: route.dst,
        src: key.src,
        dst: key.dst,
        l4: (policy != Some(0)).then_some((key.proto, key.ports)),
    };
    if let Some((_, hop)) = eng.hops.iter().find(|(k, hop)| *k == key && *hop < alive.len()) {
        return *hop;
    }
    let weights: Vec<u32> = alive.iter().map(|n| n.weight).collect();
    // fib_multipath_hash(): policy 0 looks at the addresses only, so that asking again changes nothing.
    let hop = match key.l4 {
        Some(_) => eng.oracle.weighted(&weights),
        None => eng.oracle.weighted_once(&weights),
    };
    eng.hops.push((key, hop));
    hop
}

/// `fib_select_multipath()` since 6.15: what the host sends from the address of a hop's link leaves by that hop.
fn own_hop(ns: &Netns, route: &Route, alive: &[&NextHop], key: &FibKey) -> Option<usize> {
    if key.iif != LOOPBACK || key.src.is_unspecified() || key.dst.is_ipv6() {
        return None;
    }
    let saddr = |hop: &NextHop| fib_result_prefsrc(ns, None, hop.ifindex, hop.gateway, route.scope);
    let mut own = (0..alive.len()).filter(|i| alive.get(*i).and_then(|h| saddr(h)) == Some(key.src));
    own.next().filter(|_| own.next().is_none())
}

const HASH_POLICY: &str = "net.ipv4.fib_multipath_hash_policy";

/// `fib4_rule_match()` and `fib_rule_match()`.
fn rule_matches(ns: &Netns, rule: &FibRule, key: &FibKey) -> bool {
    if rule.src.is_none()
        && rule.iif.is_none()
        && rule.mark.is_none()
        && rule.dst.is_none()
        && rule.oif.is_none()
        && rule.ipproto.is_none()
        && rule.tos == 0
        && rule.sport.is_none()
        && rule.dport.is_none()
    {
        return !rule.invert;
    }
    let link = |index: u32| ns.links.as_ref().ok().and_then(|l| l.get(index)).map(|l| &*l.name);
    let in_range = |range: Option<(u16, u16)>, port: Option<u16>| {
        range.is_none_or(|(a, b)| port.is_some_and(|p| (a..=b).contains(&p)))
    };
    let hit = rule.src.is_none_or(|n| n.contains(&key.src))
        && rule.dst.is_none_or(|n| n.contains(&key.dst))
        && rule.iif.as_ref().is_none_or(|n| link(key.iif) == Some(n))
        && rule.oif.as_ref().is_none_or(|n| link(key.oif) == Some(n))
        && rule.mark.is_none_or(|(value, mask)| (key.mark ^ value) & mask == 0)
        && rule.tos == 0
        && rule.ipproto.is_none_or(|p| p == key.proto)
        && in_range(rule.sport, key.ports.map(|p| p.0))
        && in_range(rule.dport, key.ports.map(|p| p.1));
    hit != rule.invert
}
