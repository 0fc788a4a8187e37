//! `route.json` and `route6.json`, `rule.json` and `rule6.json`, `route-cache.json`.

use super::sysctl::Conf;
use super::{Ctx, index_of, links};
use crate::fact::Fact;
use crate::family::Family;
use crate::fib::{Fib, FibException, FibRule, FibTable, NextHop, Route, RouteKind, RuleAction};
use crate::link::Links;
use crate::sysctl::Sysctls;
use ipnet::IpNet;
use netwhy_snapshot::format::ip_json;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

pub(super) fn build(
    ctx: &mut Ctx<'_>,
    dir: &str,
    links: Option<&Links>,
    sysctl: Fact<&Sysctls>,
    family: Family,
) -> Fact<Fib> {
    let path = match family {
        Family::Inet => format!("{dir}/route.json"),
        Family::Inet6 => format!("{dir}/route6.json"),
    };
    let list = ctx.list::<ip_json::Route>(&path)?;
    if let Some(cut) = list.cut {
        // Any lookup could have ended at the route that was lost.
        return Err(cut);
    }
    let mut names = Tables::default();
    let mut tables: FxHashMap<u32, Vec<Route>> = FxHashMap::default();
    let mut reader = Reader {
        ctx,
        dir,
        path: &path,
        links,
        sysctl,
        family,
    };
    for raw in list.items.iter().filter(|r| is_of(r, family)) {
        match reader.route(raw) {
            Some(Ok(route)) => tables
                .entry(names.number(raw.table.as_deref()))
                .or_default()
                .push(route),
            Some(Err(gap)) => return Err(gap),
            None => {}
        }
    }
    let mut fib = Fib {
        exceptions: exceptions(ctx, dir, family),
        ..Fib::default()
    };
    fib.custom_local_routes = custom_local(tables.values().flatten());
    fib.tables = tables
        .into_iter()
        .map(|(number, routes)| (number, FibTable::new(routes)))
        .collect();
    rules(ctx, dir, &mut names, &mut fib, family)?;
    Ok(fib)
}

/// `route.json` may list routes of both families, of which those of IPv6 stand in `route6.json` again.
fn is_of(raw: &ip_json::Route, family: Family) -> bool {
    match family {
        Family::Inet => !raw.is_v6(),
        Family::Inet6 => !raw.dst.contains('.'),
    }
}

/// `fib_has_custom_local_routes`: a local route that an address did not make.
pub(super) fn custom_local<'a>(mut routes: impl Iterator<Item = &'a Route>) -> bool {
    routes.any(|r| r.kind == RouteKind::Local && &*r.protocol != "kernel")
}

/// Numbers of tables. A name that only the node's `rt_tables` explains gets a number of its own from the upper end.
#[derive(Default)]
struct Tables {
    named: Vec<String>,
}

impl Tables {
    fn number(&mut self, text: Option<&str>) -> u32 {
        match text {
            None | Some("main" | "") => 254,
            Some("local") => 255,
            Some("default") => 253,
            Some(other) => other.parse().unwrap_or_else(|_| {
                let at = self.named.iter().position(|n| n == other).unwrap_or_else(|| {
                    self.named.push(other.to_owned());
                    self.named.len() - 1
                });
                u32::MAX - at as u32
            }),
        }
    }
}

struct Reader<'c, 'a, 'd> {
    ctx: &'c mut Ctx<'a>,
    dir: &'d str,
    path: &'d str,
    links: Option<&'d Links>,
    sysctl: Fact<&'d Sysctls>,
    family: Family,
}

impl Reader<'_, '_, '_> {
    /// A route. `None` for what is no route of a packet (cache entries, NAT).
    fn route(&mut self, raw: &ip_json::Route) -> Option<Fact<Route>> {
        let kind = match raw.kind.as_str() {
            "" | "unicast" => RouteKind::Unicast,
            "local" => RouteKind::Local,
            "broadcast" => RouteKind::Broadcast,
            "multicast" => RouteKind::Multicast,
            "anycast" => RouteKind::Anycast,
            "blackhole" => RouteKind::Blackhole,
            "unreachable" => RouteKind::Unreachable,
            "prohibit" => RouteKind::Prohibit,
            "throw" => RouteKind::Throw,
            _ => return None,
        };
        let Some(dst) = prefix(&raw.dst, self.family) else {
            return Some(Err(self
                .ctx
                .gaps
                .add(self.path, format!("destination {:?} is no network", raw.dst))));
        };
        let mut route = Route {
            dst,
            src: raw.src.as_deref().and_then(|src| prefix(src, self.family)),
            tos: 0,
            kind,
            metric: raw.metric.unwrap_or(0),
            scope: links::scope(raw.scope.as_deref().unwrap_or("global")),
            protocol: raw.protocol.as_deref().unwrap_or("boot").into(),
            prefsrc: raw.prefsrc.as_deref().and_then(|a| address(a, self.family)),
            mtu: raw.mtu(),
            advmss: raw.advmss(),
            nexthops: Vec::new(),
            unsupported: None,
        };
        match raw.tos.as_deref().map(tos) {
            None => {}
            Some(Some(tos)) => route.tos = tos,
            Some(None) => self.unsupported(&mut route, "its TOS is not understood"),
        }
        self.nexthops(raw, &mut route);
        Some(Ok(route))
    }

    fn unsupported(&mut self, route: &mut Route, why: &str) {
        let gap = self.ctx.gaps.add(self.path, format!("route to {}: {why}", route.dst));
        route.unsupported = Some(gap);
    }

    fn nexthops(&mut self, raw: &ip_json::Route, route: &mut Route) {
        let single = ip_json::NextHop {
            encap: raw.encap.clone(),
            gateway: raw.gateway.clone(),
            via: raw.via.clone(),
            dev: raw.dev.clone(),
            weight: 1,
            flags: raw.flags.clone(),
        };
        let list = if raw.nexthops.is_empty() {
            std::slice::from_ref(&single)
        } else {
            &raw.nexthops
        };
        for hop in list {
            // blackhole and its like have no next hop.
            if hop.dev.is_some() || hop.gateway.is_some() || hop.via.is_some() {
                let hop = self.nexthop(hop, route);
                route.nexthops.push(hop);
            }
        }
        if raw.nhid.is_some() && route.nexthops.is_empty() {
            self.unsupported(route, "nexthop objects are not modelled");
        }
        if route.nexthops.is_empty() && matches!(route.kind, RouteKind::Unicast) && route.unsupported.is_none() {
            self.unsupported(route, "it has no next hop");
        }
    }

    fn nexthop(&mut self, hop: &ip_json::NextHop, route: &mut Route) -> NextHop {
        if hop.encap.is_some() {
            self.unsupported(route, "its encapsulation is not modelled");
        }
        let gateway = match (&hop.gateway, &hop.via) {
            (Some(text), _) => address(text, self.family),
            (None, Some(via)) => address(&via.host, self.family),
            (None, None) => None,
        };
        if gateway.is_none() && (hop.gateway.is_some() || hop.via.is_some()) {
            self.unsupported(route, "a next hop of another family is not modelled");
        }
        let dev = hop.dev.as_deref().unwrap_or_default();
        let has = |flag: &str| hop.flags.iter().any(|f| f == flag);
        NextHop {
            gateway,
            dev: dev.into(),
            ifindex: index_of(self.links, dev),
            weight: hop.weight.max(1),
            dead: has("dead") || (has("linkdown") && self.ignores_linkdown(dev, route)),
            onlink: has("onlink"),
        }
    }

    /// `fib_table_lookup()` (`net/ipv4/fib_trie.c`) skips a next hop without carrier only where
    /// `ignore_routes_with_linkdown` is set.
    fn ignores_linkdown(&mut self, dev: &str, route: &mut Route) -> bool {
        let mut conf = Conf {
            sysctl: self.sysctl,
            dir: self.dir,
            gaps: &mut self.ctx.gaps,
        };
        match conf.or(dev, "ignore_routes_with_linkdown") {
            Ok(ignores) => ignores,
            Err(gap) => {
                route.unsupported = route.unsupported.or(Some(gap));
                false
            }
        }
    }
}

/// `default`, `10.0.0.0/8`, `10.0.0.1`, of this family.
fn prefix(text: &str, family: Family) -> Option<IpNet> {
    let net = match text.split_once('/') {
        _ if text == "default" || text == "all" => IpNet::new(family.any(), 0).ok()?,
        Some(_) => text.parse().ok()?,
        None => IpNet::from(address(text, family)?),
    };
    Some(net).filter(|net| Family::of(net.addr()) == family)
}

fn address(text: &str, family: Family) -> Option<IpAddr> {
    text.parse().ok().filter(|addr| Family::of(*addr) == family)
}

fn tos(text: &str) -> Option<u8> {
    match text.strip_prefix("0x") {
        Some(hex) => u8::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn exceptions(ctx: &mut Ctx<'_>, dir: &str, family: Family) -> Vec<FibException> {
    let path = format!("{dir}/route-cache.json");
    if ctx.snap.get(&path).is_none() {
        return Vec::new();
    }
    let Ok(list) = ctx.list::<ip_json::Route>(&path) else {
        return Vec::new();
    };
    let exception = |raw: &ip_json::Route| {
        let gateway = raw.gateway.as_deref().and_then(|g| address(g, family));
        let dst = prefix(&raw.dst, family)
            .filter(|n| n.prefix_len() == family.addr_len())?
            .addr();
        Some(FibException {
            dst,
            gateway,
            mtu: raw.mtu(),
        })
    };
    list.items.iter().filter_map(exception).collect()
}

/// The policy rules, or the three that every namespace begins with.
fn rules(ctx: &mut Ctx<'_>, dir: &str, names: &mut Tables, fib: &mut Fib, family: Family) -> Fact<()> {
    let path = match family {
        Family::Inet => format!("{dir}/rule.json"),
        Family::Inet6 => format!("{dir}/rule6.json"),
    };
    let list = match ctx.list::<ip_json::Rule>(&path) {
        Ok(list) => list,
        Err(gap) => {
            fib.rules = defaults(family)
                .iter()
                .map(|&(priority, table)| plain(priority, table))
                .collect();
            fib.rules_assumed = Some(gap);
            return Ok(());
        }
    };
    if let Some(cut) = list.cut {
        return Err(cut);
    }
    let foreign = if family == Family::Inet { ':' } else { '.' };
    let ours = |r: &&ip_json::Rule| !r.src.contains(foreign) && !r.dst.as_deref().is_some_and(|d| d.contains(foreign));
    fib.rules = list
        .items
        .iter()
        .filter(ours)
        .map(|raw| rule(ctx, &path, names, raw, family))
        .collect();
    fib.rules.sort_by_key(|r| r.priority);
    fib.custom_rules = !is_default(&fib.rules, family);
    Ok(())
}

/// Priority and table of the rules of a new namespace (`net/ipv4/fib_rules.c: fib_default_rules_init()`).
const DEFAULTS: [(u32, u32); 3] = [(0, 255), (32766, 254), (32767, 253)];

/// IPv6 has the first two (`net/ipv6/fib6_rules.c: fib6_rules_net_init()`).
fn defaults(family: Family) -> &'static [(u32, u32)] {
    match family {
        Family::Inet => &DEFAULTS,
        Family::Inet6 => &DEFAULTS[..2],
    }
}

fn plain(priority: u32, table: u32) -> FibRule {
    FibRule {
        priority,
        invert: false,
        src: None,
        dst: None,
        iif: None,
        oif: None,
        mark: None,
        tos: 0,
        ipproto: None,
        sport: None,
        dport: None,
        suppress_prefixlen: None,
        action: Ok(RuleAction::Table(table)),
    }
}

fn is_default(rules: &[FibRule], family: Family) -> bool {
    let selects = |r: &FibRule| {
        let ends = r.src.is_some() || r.dst.is_some() || r.iif.is_some() || r.oif.is_some();
        ends || r.mark.is_some() || r.tos != 0 || r.ipproto.is_some() || r.sport.is_some() || r.dport.is_some()
    };
    let defaults = defaults(family);
    rules.len() == defaults.len()
        && rules.iter().zip(defaults).all(|(r, &(priority, table))| {
            r.priority == priority && r.action == Ok(RuleAction::Table(table)) && !r.invert && !selects(r)
        })
}

fn rule(ctx: &mut Ctx<'_>, path: &str, names: &mut Tables, raw: &ip_json::Rule, family: Family) -> FibRule {
    let mut rule = plain(raw.priority, 0);
    let mut odd: Option<&str> = None;
    rule.invert = raw.not;
    rule.src = selector(&raw.src, raw.srclen, family, &mut odd);
    rule.dst = selector(raw.dst.as_deref().unwrap_or(""), raw.dstlen, family, &mut odd);
    rule.iif = raw.iif.as_deref().map(Into::into);
    rule.oif = raw.oif.as_deref().map(Into::into);
    rule.mark = raw.fwmark.map(|value| (value, raw.fwmask.unwrap_or(u32::MAX)));
    if raw.fwmark.is_none() {
        // A mask alone asks for mark 0 under it.
        rule.mark = raw.fwmask.map(|mask| (0, mask));
    }
    match raw.tos.as_deref().map(tos) {
        None => {}
        Some(Some(value)) => rule.tos = value,
        Some(None) => odd = Some("its TOS"),
    }
    match raw.ipproto.as_deref().map(super::iptables::protocol) {
        None => {}
        Some(Some(value)) => rule.ipproto = Some(value),
        Some(None) => odd = Some("its protocol"),
    }
    rule.sport = range(raw.sport, raw.sport_start, raw.sport_end);
    rule.dport = range(raw.dport, raw.dport_start, raw.dport_end);
    rule.suppress_prefixlen = raw.suppress_prefixlen.and_then(|n| n.try_into().ok());
    if raw.l3mdev || raw.uid_start.is_some() || raw.tun_id.is_some() || raw.suppress_ifgroup.is_some() {
        odd = Some("a selector (l3mdev, uidrange, tun_id or suppress_ifgroup)");
    }
    rule.action = match (odd, action(raw, names)) {
        (None, Some(action)) => Ok(action),
        (odd, _) => {
            let what = odd.unwrap_or("its action");
            Err(ctx.gaps.add(
                path,
                format!("rule with priority {}: {what} is not modelled", raw.priority),
            ))
        }
    };
    rule
}

fn action(raw: &ip_json::Rule, names: &mut Tables) -> Option<RuleAction> {
    if let Some(goto) = &raw.goto {
        // A goto to a rule that does not exist is skipped (`net/core/fib_rules.c: fib_rules_lookup()`).
        return if raw.unresolved {
            Some(RuleAction::Nop)
        } else {
            goto.parse().ok().map(RuleAction::Goto)
        };
    }
    match raw.action.as_deref() {
        Some("blackhole") => Some(RuleAction::Blackhole),
        Some("unreachable") => Some(RuleAction::Unreachable),
        Some("prohibit") => Some(RuleAction::Prohibit),
        Some(_) => None,
        None if raw.nop => Some(RuleAction::Nop),
        None => raw.table.as_deref().map(|t| RuleAction::Table(names.number(Some(t)))),
    }
}

fn selector(text: &str, len: Option<u8>, family: Family, odd: &mut Option<&str>) -> Option<IpNet> {
    if matches!(text, "" | "all" | "any" | "default") {
        return None;
    }
    let addr = address(text, family);
    let net = addr.and_then(|a| IpNet::new(a, len.unwrap_or(family.addr_len())).ok());
    if net.is_none() {
        *odd = Some("its address");
    }
    net
}

fn range(one: Option<u16>, start: Option<u16>, end: Option<u16>) -> Option<(u16, u16)> {
    one.map(|p| (p, p)).or_else(|| start.zip(end))
}
