//! Where and why a packet ends, in words.

use netwhy_model::link::{Link, LinkKind};
use netwhy_model::netfilter::Hook;
use netwhy_model::netfilter::nft::NftTable;
use netwhy_model::sysctl::Sysctls;
use netwhy_model::{Cluster, Netns, NetnsId, NetnsKind};
use netwhy_sim::trace::RuleRef;
use netwhy_sim::{Detail, Disposition, DropReason, Outcome, Stage};
use std::net::SocketAddr;

/// `worker-1`, `pod shop/web`, `outside client`.
pub(super) fn short_place(cluster: &Cluster, id: NetnsId) -> String {
    match &cluster.ns(id).kind {
        NetnsKind::Host { node } => node.clone(),
        NetnsKind::Pod { namespace, name, .. } => format!("pod {namespace}/{name}"),
        NetnsKind::Outside { name } => format!("outside {name}"),
    }
}

/// `dropped on worker-1`, `the answer is dropped on worker-1`, `refused by pod shop/api-1`.
pub(super) fn what_happens(cluster: &Cluster, o: &Outcome) -> String {
    let place = short_place(cluster, o.end.netns);
    let preposition = match cluster.ns(o.end.netns).kind {
        NetnsKind::Host { .. } => "on",
        _ => "in",
    };
    let whose = if o.end.reply { "the answer is " } else { "" };
    let own_kernel = o.steps.iter().any(|s| matches!(s.detail, Detail::LocalError { .. }));
    match o.end.disposition {
        Disposition::Rejected if own_kernel => "not sent: the client's own kernel refuses".to_owned(),
        Disposition::Rejected if o.end.reason == Some(DropReason::NoSocket) => format!("refused by {place}"),
        Disposition::Rejected if o.end.rule.is_some() => format!("{whose}rejected by a rule on {place}"),
        Disposition::Rejected => format!("{whose}refused {preposition} {place}"),
        _ => format!("{whose}dropped {preposition} {place}"),
    }
}

/// `on worker-3, FORWARD: rule 4 of DOCKER-USER -j DROP`.
pub(super) fn place_and_reason(cluster: &Cluster, o: &Outcome) -> String {
    let ns = cluster.ns(o.end.netns);
    // Equal ends in several pods share a line, so that it names no pod.
    if o.end.reason == Some(DropReason::NoSocket) {
        return fact(cluster, o);
    }
    let preposition = if matches!(ns.kind, NetnsKind::Host { .. }) {
        "on"
    } else {
        "in"
    };
    let fact = fact(cluster, o);
    let place = short_place(cluster, ns.id);
    let answer = if o.end.reply { "the answer, " } else { "" };
    match fact.is_empty() {
        true => format!("{answer}{preposition} {place}, {}", label(cluster, o)),
        false => format!("{answer}{preposition} {place}, {}: {fact}", label(cluster, o)),
    }
}

/// The hook whose rule or policy ended it, else the kernel's function.
pub(super) fn label(cluster: &Cluster, o: &Outcome) -> &'static str {
    match (hook(cluster, o), o.end.stage) {
        (Some(hook), Stage::NfHookSlow | Stage::NftDoChain) => hook_name(hook),
        _ => o.end.stage.as_str(),
    }
}

fn hook(cluster: &Cluster, o: &Outcome) -> Option<Hook> {
    let rule = o.end.rule?;
    let matched = o.steps.iter().rev().find_map(|s| match s.detail {
        Detail::Rule { hook, rule: r } if s.netns == o.end.netns && r == rule => Some(hook),
        _ => None,
    });
    // A policy is no rule: its chain is a base chain, of one hook.
    let netfilter = &cluster.ns(o.end.netns).netfilter;
    if let Some(table) = netfilter.native_table(rule.table) {
        let base = table.chains.get(rule.chain.0 as usize).and_then(|c| c.base);
        return matched.or(base.map(|b| b.hook));
    }
    let table = netfilter.tables.get(rule.table as usize)?;
    let base = || table.base.iter().position(|chain| *chain == Some(rule.chain));
    matched.or_else(|| HOOKS.get(base()?).copied())
}

/// In the order of `NF_INET_*`.
const HOOKS: [Hook; 5] = [
    Hook::PreRouting,
    Hook::LocalIn,
    Hook::Forward,
    Hook::LocalOut,
    Hook::PostRouting,
];

pub(super) fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::PreRouting => "PREROUTING",
        Hook::LocalIn => "INPUT",
        Hook::Forward => "FORWARD",
        Hook::LocalOut => "OUTPUT",
        Hook::PostRouting => "POSTROUTING",
    }
}

/// The fact that ends it, as the node shows it.
pub(super) fn fact(cluster: &Cluster, o: &Outcome) -> String {
    let ns = cluster.ns(o.end.netns);
    if let Some(rule) = o.end.rule {
        return rule_text(cluster, ns, rule);
    }
    let link = ip_ingress(cluster, o);
    let name = link.map_or("", |l| &*l.name);
    match o.end.reason {
        Some(DropReason::IpInAddrErrors) if o.end.stage == Stage::Ip6Forward => forwarding6_text(ns),
        Some(DropReason::IpInAddrErrors) if link.is_some() => sysctl_text(ns, name, "forwarding"),
        Some(DropReason::IpRpFilter) if link.is_some() => {
            format!("{}, and the way back is not through {name}", rp_filter_text(ns, name))
        }
        Some(DropReason::NoSocket) if o.end.reply => stranger(o),
        Some(DropReason::NoSocket) => "nothing listens on this port".to_owned(),
        Some(DropReason::NotSpecified) if o.end.stage == Stage::NeighInvalidate => match next_hop(o) {
            Some(addr) => format!("nobody answers neighbour solicitations for {addr}"),
            None => "nobody answers neighbour solicitations".to_owned(),
        },
        Some(DropReason::NeighFailed) => match next_hop(o) {
            Some(addr) => format!("nobody answers ARP for {addr}"),
            None => "nobody answers ARP".to_owned(),
        },
        Some(DropReason::IpInNoRoutes | DropReason::IpOutNoRoutes) => match destination(o) {
            Some(addr) => format!("no route to {addr}"),
            None => "no route".to_owned(),
        },
        Some(DropReason::Otherhost) if sent_on(o) => {
            "the frame goes to a MAC that nobody has: a neighbour entry of a host that is gone".to_owned()
        }
        Some(DropReason::Otherhost) => format!("the frame's destination MAC is not that of {name}"),
        Some(DropReason::NoTxTarget) => "the VXLAN device knows no remote for this MAC (bridge fdb)".to_owned(),
        Some(DropReason::VxlanVniNotFound) => "no VXLAN device here has this VNI".to_owned(),
        Some(DropReason::DevReady) => "the device is down".to_owned(),
        Some(DropReason::PktTooBig) => "larger than the MTU, and DF is set".to_owned(),
        Some(DropReason::IpLocalSource) => "the source is one of its own addresses".to_owned(),
        // No rule says so: connection tracking does.
        Some(DropReason::NetfilterDrop) if o.end.stage == Stage::NfHookSlow => match ns.conntrack_room() {
            Some((count, max)) if max > 0 && count >= max => {
                format!("the connection table is full: nf_conntrack_count = {count}, nf_conntrack_max = {max}")
            }
            _ => String::new(),
        },
        _ => String::new(),
    }
}

/// It was routed in this namespace before it ended.
fn sent_on(o: &Outcome) -> bool {
    let here = o.steps.iter().rev().filter(|s| s.netns == o.end.netns);
    let last = here
        .clone()
        .find(|s| matches!(s.detail, Detail::Receive { .. } | Detail::Route { .. }));
    last.is_some_and(|s| matches!(s.detail, Detail::Route { .. }))
}

fn sysctl_text(ns: &Netns, link: &str, leaf: &str) -> String {
    let key = Sysctls::conf_key(link, leaf);
    let value = ns.sysctl.as_ref().ok().and_then(|s| s.get(&key)).unwrap_or("0");
    format!("{key} = {value}")
}

/// The larger one of `all` and the link's own counts.
fn rp_filter_text(ns: &Netns, link: &str) -> String {
    let number = |name: &str| {
        let sysctl = ns.sysctl.as_ref().ok()?;
        sysctl.number(&Sysctls::conf_key(name, "rp_filter"))
    };
    let which = if number("all") > number(link) { "all" } else { link };
    sysctl_text(ns, which, "rp_filter")
}

/// `rule 4 of DOCKER-USER  -i eth0 -j DROP`, or the policy of a chain.
fn rule_text(cluster: &Cluster, ns: &Netns, rule: RuleRef) -> String {
    if let Some(table) = ns.netfilter.native_table(rule.table) {
        return native_text(cluster, table, rule);
    }
    let found = ns
        .netfilter
        .tables
        .get(rule.table as usize)
        .and_then(|t| Some((t, t.chains.get(rule.chain.0 as usize)?)));
    let Some((table, chain)) = found else {
        return String::new();
    };
    let Some(r) = chain.rules.get(rule.rule as usize) else {
        return format!("policy of chain {} is DROP", chain.name);
    };
    let member = ns.member_of(table);
    let text = cluster.snapshot.text(&member).and_then(Result::ok);
    let line = text.and_then(|t| t.lines().nth(r.line.saturating_sub(1) as usize));
    let line = line.map_or("", |l| strip_rule(l, &chain.name));
    format!("rule {} of {}  {line}", rule.rule + 1, chain.name)
}

/// `rule with handle 4 of inet hostfw fwd  tcp dport 8080 drop`, or the policy of a chain.
fn native_text(cluster: &Cluster, table: &NftTable, rule: RuleRef) -> String {
    let Some(chain) = table.chains.get(rule.chain.0 as usize) else {
        return String::new();
    };
    let name = format!("{} {} {}", table.family.as_str(), table.name, chain.name);
    let Some(r) = chain.rules.get(rule.rule as usize) else {
        return format!("policy of nftables chain {name} is drop");
    };
    let (_, text) = table.place_and_text(cluster, r);
    format!("rule with handle {} of {name}  {text}", r.handle)
}

/// A line of a save without its counter and `-A CHAIN`.
fn strip_rule<'a>(line: &'a str, chain: &str) -> &'a str {
    let rest = match line.strip_prefix('[') {
        Some(counted) => counted.split_once("] ").map_or(line, |(_, rest)| rest),
        None => line,
    };
    let rest = rest.strip_prefix("-A ").unwrap_or(rest);
    rest.strip_prefix(chain).unwrap_or(rest).trim_start()
}

/// The link that passed the packet to IP where it ended: the bridge, for what came in by one of its ports.
pub(super) fn ip_ingress<'a>(cluster: &'a Cluster, o: &Outcome) -> Option<&'a Link> {
    let links = cluster.ns(o.end.netns).links.as_ref().ok()?;
    let steps = o.steps.iter().rev().filter(|s| s.netns == o.end.netns);
    let index = steps.clone().find_map(|s| match s.detail {
        Detail::Receive { link } => Some(link),
        Detail::Bridge { bridge, port: 0 } => Some(bridge),
        _ => None,
    })?;
    let link = links.get(index)?;
    let bridge = link.master.and_then(|m| links.get(m));
    Some(
        bridge
            .filter(|m| matches!(m.kind, LinkKind::Bridge { .. }))
            .unwrap_or(link),
    )
}

/// An answer that is not from whom the client asked.
fn stranger(o: &Outcome) -> String {
    let mut asked = None;
    let mut from = None;
    for step in &o.steps {
        match step.detail {
            Detail::Packet { dst, reply: false, .. } if asked.is_none() => asked = Some(dst),
            Detail::Packet { src, reply: true, .. } | Detail::Untranslate { src, .. } => from = Some(src),
            _ => {}
        }
    }
    match (asked, from) {
        (Some(asked), Some(from)) if asked != from => format!(
            "the answer comes from {} and not from {}: nobody translated it back",
            SocketAddr::from(from),
            SocketAddr::from(asked)
        ),
        _ => "no connection of the client fits the answer".to_owned(),
    }
}

fn forwarding6_text(ns: &Netns) -> String {
    const KEY: &str = "net.ipv6.conf.all.forwarding";
    let value = ns.sysctl.as_ref().ok().and_then(|s| s.get(KEY));
    value.map_or_else(|| format!("{KEY} is off"), |value| format!("{KEY} = {value}"))
}

fn next_hop(o: &Outcome) -> Option<std::net::IpAddr> {
    let gateway = o.steps.iter().rev().find_map(|s| match s.detail {
        Detail::Route { gateway, .. } if s.netns == o.end.netns => Some(gateway),
        _ => None,
    })?;
    gateway.or_else(|| destination(o))
}

/// Where the last packet goes, after all translations.
pub(super) fn destination(o: &Outcome) -> Option<std::net::IpAddr> {
    o.steps.iter().rev().find_map(|s| match s.detail {
        Detail::Dnat { to } => Some(to.0),
        Detail::Packet { dst, .. } | Detail::Untranslate { dst, .. } => Some(dst.0),
        _ => None,
    })
}
