//! `link.json` and `addr.json`, with bridge port settings and what the sysctls say of each link.

use super::Ctx;
use super::sysctl::Conf;
use super::wires::{End, Far};
use crate::cluster::NetnsId;
use crate::fact::{Fact, GapId};
use crate::family::Family;
use crate::link::{BridgePort, IfConf, IfConf6, Ifaddr, Link, LinkKind, Links, PortState, Vxlan};
use crate::sysctl::Sysctls;
use netwhy_snapshot::format::ip_json;
use netwhy_wire::Mac;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Kinds that reach the hosts of their subnet as a card does.
const CARDS: [&str; 7] = ["", "bond", "team", "vlan", "macvlan", "macvtap", "ipvlan"];

pub(super) fn build(ctx: &mut Ctx<'_>, ns: NetnsId, dir: &str, sysctl: Fact<&Sysctls>) -> Fact<Links> {
    let raw = attributes(ctx, dir)?;
    ctx.ends.extend(raw.iter().filter_map(|l| end(ns, l)));
    let addrs = addresses(ctx, dir)?;
    let ports = ports(ctx, dir);
    let names = Names::new(&raw);
    let mut links = Vec::with_capacity(raw.len());
    for link in &raw {
        let mut link = one(ctx, dir, link, &names, &ports);
        for addr in addrs.get(&link.index).into_iter().flatten() {
            let list = match addr.addr {
                IpAddr::V4(_) => &mut link.addrs,
                IpAddr::V6(_) => &mut link.addrs6,
            };
            list.push(addr.clone());
        }
        links.push(link);
    }
    let mut conf = Conf {
        sysctl,
        dir,
        gaps: &mut ctx.gaps,
    };
    for link in &mut links {
        link.conf = conf.of(&link.name);
        link.conf6 = conf.of6(&link.name);
    }
    let (all, all6) = (conf.of("all"), conf.of6("all"));
    Ok(Links::new(links, all, all6))
}

/// The names of a namespace's links.
struct Names<'r> {
    index: BTreeMap<&'r str, u32>,
    /// Those that another link has as its master.
    masters: BTreeSet<&'r str>,
}

impl<'r> Names<'r> {
    fn new(raw: &'r [ip_json::Link]) -> Self {
        let index = raw.iter().map(|l| (l.ifname.as_str(), l.ifindex)).collect();
        Names {
            index,
            masters: raw.iter().filter_map(|l| l.master.as_deref()).collect(),
        }
    }
}

/// The other end of a veth.
fn end(ns: NetnsId, raw: &ip_json::Link) -> Option<End> {
    if raw.linkinfo.info_kind != "veth" {
        return None;
    }
    let far = match (raw.link_index, &raw.link) {
        (Some(index), _) => Far::Index(index),
        (None, Some(name)) => Far::Name(name.clone()),
        (None, None) => return None,
    };
    Some(End {
        ns,
        index: raw.ifindex,
        far,
    })
}

/// The links of `link.json`, and what it misses of `addr.json`, which has the same attributes.
fn attributes(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Vec<ip_json::Link>> {
    let (mut list, missing) = match ctx.list::<ip_json::Link>(&format!("{dir}/link.json")) {
        Ok(list) => (list.items, list.cut),
        Err(gap) => (Vec::new(), Some(gap)),
    };
    if let Some(gap) = missing {
        let more = ctx
            .list::<ip_json::Link>(&format!("{dir}/addr.json"))
            .map_err(|_| gap)?;
        let known: BTreeSet<u32> = list.iter().map(|l| l.ifindex).collect();
        list.extend(more.items.into_iter().filter(|l| !known.contains(&l.ifindex)));
    }
    list.retain(|l| l.ifindex != 0 && !l.ifname.is_empty());
    Ok(list)
}

/// Addresses by ifindex. A link without its addresses would be a false fact, so all must be there.
fn addresses(ctx: &mut Ctx<'_>, dir: &str) -> Fact<BTreeMap<u32, Vec<Ifaddr>>> {
    let list = ctx.list::<ip_json::AddrLink>(&format!("{dir}/addr.json"))?;
    if let Some(cut) = list.cut {
        return Err(cut);
    }
    let mut by_link: BTreeMap<u32, Vec<Ifaddr>> = BTreeMap::new();
    for link in &list.items {
        let own = by_link.entry(link.ifindex).or_default();
        own.extend(link.addr_info.iter().filter_map(address));
    }
    Ok(by_link)
}

fn address(info: &ip_json::AddrInfo) -> Option<Ifaddr> {
    let addr: IpAddr = info.local.parse().ok()?;
    (info.prefixlen <= Family::of(addr).addr_len()).then(|| Ifaddr {
        addr,
        peer: info.peer.as_ref().and_then(|p| p.parse().ok()).filter(|p| *p != addr),
        prefix: info.prefixlen,
        secondary: info.secondary,
        scope: scope(&info.scope),
        tentative: info.tentative || info.dadfailed,
        deprecated: info.deprecated,
    })
}

/// A scope by name or number.
pub(super) fn scope(text: &str) -> u8 {
    match text {
        "link" => 253,
        "host" => 254,
        "nowhere" => 255,
        "site" => 200,
        other => other.parse().unwrap_or(0),
    }
}

/// Ports of `bridge-link.json` by ifindex.
fn ports(ctx: &mut Ctx<'_>, dir: &str) -> BTreeMap<u32, ip_json::BridgeLink> {
    let path = format!("{dir}/bridge-link.json");
    // Most namespaces have no bridge: only a member that is there can have something to say.
    if ctx.snap.get(&path).is_none() {
        return BTreeMap::new();
    }
    let list = ctx.list::<ip_json::BridgeLink>(&path);
    list.map(|l| l.items.into_iter().map(|p| (p.ifindex, p)).collect())
        .unwrap_or_default()
}

fn one(
    ctx: &mut Ctx<'_>,
    dir: &str,
    raw: &ip_json::Link,
    names: &Names<'_>,
    ports: &BTreeMap<u32, ip_json::BridgeLink>,
) -> Link {
    let mac = raw.address.as_deref().and_then(|a| a.parse().ok()).unwrap_or(Mac::ZERO);
    Link {
        index: raw.ifindex,
        name: raw.ifname.as_str().into(),
        up: raw.has("UP"),
        carrier: raw.has("LOWER_UP"),
        promisc: raw.has("PROMISC") || raw.promiscuity > 0,
        noarp: raw.has("NOARP"),
        mtu: raw.mtu,
        mac,
        kind: kind(ctx, dir, raw, names),
        master: raw.master.as_deref().and_then(|m| names.index.get(m).copied()),
        port: port(raw, ports.get(&raw.ifindex)),
        addrs: Vec::new(),
        addrs6: Vec::new(),
        conf: IfConf::default(),
        conf6: IfConf6::default(),
        program: program(ctx, dir, raw),
    }
}

fn kind(ctx: &mut Ctx<'_>, dir: &str, raw: &ip_json::Link, names: &Names<'_>) -> LinkKind {
    let data = &raw.linkinfo.info_data;
    match raw.linkinfo.info_kind.as_str() {
        "" if raw.link_type == "loopback" || raw.has("LOOPBACK") => LinkKind::Loopback,
        // A card lies over nothing and has no ports: the details (-d) were not printed.
        "" if raw.link_index.is_some() || raw.link.is_some() || names.masters.contains(raw.ifname.as_str()) => {
            LinkKind::Other(gap(ctx, dir, format!("the kind of link {} is not printed", raw.ifname)))
        }
        // Weave Net's router reads this end of the pair itself and carries the frames to its peers.
        "veth" if matches!(raw.ifname.as_str(), "vethwe-pcap" | "vethwe-datapath") => LinkKind::Other(gap(
            ctx,
            dir,
            format!(
                "link {} is read by Weave Net's router process: its way to other nodes is not modelled",
                raw.ifname
            ),
        )),
        "veth" => LinkKind::Veth {
            peer: None,
            segment: None,
        },
        "bridge" => LinkKind::Bridge {
            nf_call_iptables: truth(data, "nf_call_iptables"),
            nf_call_ip6tables: truth(data, "nf_call_ip6tables"),
            vlan_filtering: truth(data, "vlan_filtering"),
        },
        "vxlan" => LinkKind::Vxlan(vxlan(data, &names.index)),
        kind if CARDS.contains(&kind) && matches!(raw.link_type.as_str(), "ether" | "") => {
            LinkKind::Device { segment: None }
        }
        "" => LinkKind::Other(gap(
            ctx,
            dir,
            format!("link {} of type {} is not modelled", raw.ifname, raw.link_type),
        )),
        kind => LinkKind::Other(gap(
            ctx,
            dir,
            format!("link {} of kind {kind} is not modelled", raw.ifname),
        )),
    }
}

fn gap(ctx: &mut Ctx<'_>, dir: &str, why: String) -> GapId {
    ctx.gaps.add(format!("{dir}/link.json"), why)
}

fn vxlan(data: &Value, index: &BTreeMap<&str, u32>) -> Vxlan {
    let text = |key: &str| data.get(key).and_then(Value::as_str);
    let addr = |keys: [&str; 2]| keys.iter().find_map(|key| text(key)?.parse().ok());
    Vxlan {
        vni: number(data, "id").and_then(|n| n.try_into().ok()).unwrap_or(0),
        // Without `dstport` the kernel takes its old default (`drivers/net/vxlan/vxlan_core.c: vxlan_port`).
        port: number(data, "port").and_then(|n| n.try_into().ok()).unwrap_or(8472),
        local: addr(["local", "local6"]),
        remote: addr(["remote", "remote6"]).or_else(|| addr(["group", "group6"])),
        lower: text("link").and_then(|l| index.get(l).copied()),
        // Not printed by old versions, where only `nolearning` was said.
        learning: data.get("learning").is_none_or(|_| truth(data, "learning")),
        external: truth(data, "external"),
        ipv6: data.get("local6").is_some() || data.get("remote6").is_some() || data.get("group6").is_some(),
    }
}

fn number(data: &Value, key: &str) -> Option<u64> {
    match data.get(key)? {
        Value::Number(n) => n.as_u64(),
        Value::String(s) => s
            .strip_prefix("0x")
            .map_or_else(|| s.parse().ok(), |hex| u64::from_str_radix(hex, 16).ok()),
        _ => None,
    }
}

/// A switch: `true`, a number other than 0, "on".
fn truth(data: &Value, key: &str) -> bool {
    match data.get(key) {
        Some(Value::Bool(b)) => *b,
        Some(Value::String(s)) if s == "on" || s == "true" => true,
        _ => number(data, key).is_some_and(|n| n != 0),
    }
}

/// Settings as a bridge port: from `bridge-link.json`, else from `info_slave_data`; what neither has is the kernel's default.
fn port(raw: &ip_json::Link, listed: Option<&ip_json::BridgeLink>) -> Option<BridgePort> {
    let slave = &raw.linkinfo.info_slave_data;
    let is_port = raw.linkinfo.info_slave_kind.as_deref() == Some("bridge") || listed.is_some();
    if raw.master.is_none() || !is_port {
        return None;
    }
    let listed = listed.cloned().unwrap_or_default();
    let flag = |key: &str, listed: Option<bool>, default: bool| match listed {
        Some(value) => value,
        None if slave.get(key).is_some() => truth(slave, key),
        None => default,
    };
    let state = listed
        .state
        .as_deref()
        .or_else(|| slave.get("state").and_then(Value::as_str));
    Some(BridgePort {
        state: match state {
            None | Some("forwarding") => PortState::Forwarding,
            Some("learning") => PortState::Learning,
            Some(_) => PortState::Closed,
        },
        hairpin: flag("hairpin", listed.hairpin, false),
        isolated: flag("isolated", listed.isolated, false),
        learning: flag("learning", listed.learning, true),
        flood: flag("flood", listed.flood, true),
        mcast_flood: flag("mcast_flood", listed.mcast_flood, true),
        bcast_flood: flag("bcast_flood", listed.bcast_flood, true),
        proxy_arp: flag("proxy_arp", None, false),
        neigh_suppress: flag("neigh_suppress", listed.neigh_suppress, false),
    })
}

/// What may filter on the link itself: an XDP program, or a tc program that `tc.json` shows.
fn program(ctx: &mut Ctx<'_>, dir: &str, raw: &ip_json::Link) -> Option<GapId> {
    if raw.xdp.is_some() {
        return Some(gap(
            ctx,
            dir,
            format!("an XDP program on {}: what it does is not known", raw.ifname),
        ));
    }
    if raw.qdisc == "netem" {
        return Some(gap(
            ctx,
            dir,
            format!("a netem qdisc on {} delays or drops at random", raw.ifname),
        ));
    }
    let path = format!("{dir}/tc.json");
    let text = ctx.snap.text(&path)?.ok()?;
    let tc: Value = serde_json::from_str(text).ok()?;
    let hooks = tc.get("filter")?.get(&raw.ifname)?;
    let filters = ["ingress", "egress"]
        .iter()
        .filter_map(|h| hooks.get(*h)?.as_array())
        .flatten();
    let any = filters.into_iter().any(|f| f.get("options").is_some());
    any.then(|| {
        ctx.gaps
            .add(path, format!("tc filters on {}: what they do is not known", raw.ifname))
    })
}
