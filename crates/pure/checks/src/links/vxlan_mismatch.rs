//! NW2003: the VXLAN device of a node has another VNI or UDP port than those of the other nodes, or is down.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, hosts, some, vxlan_named, vxlans};
use crate::netfilter::vxlan_udp_blocked::inside_vxlan;
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use crate::routes::route_to_podcidr_missing::{MAIN, hop_to, is_specific, main_of, route};
use netwhy_model::link::{Link, LinkKind, Vxlan};
use netwhy_model::{Cluster, Family, Netns, NetnsId, Node, Patch};
use netwhy_sim::{Detail, DropReason, Stage};
use std::collections::{BTreeMap, BTreeSet};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW2003",
    name: "vxlan-settings-differ",
    severity: Severity::Error,
    page: include_str!("vxlan_mismatch.md"),
    faults: &["vxlan-vni-mismatch", "vxlan-port-mismatch", "tunnel-device-down"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    match hosts(cluster).filter(|(_, ns)| vxlans(ns).next().is_some()).count() {
        0 => Err("no VXLAN device here"),
        1 => Err("only one node with a VXLAN device was read"),
        _ => Ok(()),
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let mut list: Vec<Candidate> = on_the_way(broken)
        .into_iter()
        .filter_map(|id| down(broken.cluster, id))
        .collect();
    list.extend(differing(broken));
    list
}

/// Hosts that a packet of this conversation passed.
fn on_the_way(broken: &Broken<'_>) -> BTreeSet<NetnsId> {
    let steps = broken.outcome.steps.iter().map(|s| s.netns);
    steps.filter(|id| host_node(broken.cluster, *id).is_some()).collect()
}

/// VNI and UDP port.
type Setting = (u32, u16);

fn setting(vxlan: &Vxlan) -> Setting {
    (vxlan.vni, vxlan.port)
}

/// A host's VXLAN device.
type Device<'a> = (&'a Node, &'a Netns, &'a Link, &'a Vxlan);

/// The device of each host that is the counterpart of a device of this name.
fn counterparts<'a>(cluster: &'a Cluster, name: &str) -> Vec<Device<'a>> {
    hosts(cluster)
        .filter_map(|(node, ns)| vxlan_named(ns, name).map(|(link, vxlan)| (node, ns, link, vxlan)))
        .collect()
}

fn differing(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    let ended = match (end.stage, end.reason) {
        (Stage::VxlanRcv, Some(DropReason::VxlanVniNotFound)) => true,
        (Stage::UdpRcv | Stage::Udp6LibRcv, Some(DropReason::NoSocket)) => inside_vxlan(broken),
        _ => false,
    };
    let sent = broken.outcome.steps.iter().rev().find_map(|s| match s.detail {
        Detail::VxlanXmit { link, .. } => Some((s.netns, link)),
        _ => None,
    });
    let Some((sender, index)) = sent.filter(|_| ended) else {
        return Vec::new();
    };
    let Some(device) = crate::facts::link(broken.cluster, sender, index) else {
        return Vec::new();
    };
    let all = counterparts(broken.cluster, &device.name);
    let mut counts: BTreeMap<Setting, usize> = BTreeMap::new();
    for (.., vxlan) in &all {
        *counts.entry(setting(vxlan)).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let norms: Vec<Setting> = counts.iter().filter(|(_, n)| **n == most).map(|(s, _)| *s).collect();
    let ends = all.iter().filter(|(_, ns, ..)| ns.id == sender || ns.id == end.netns);
    let mut list = Vec::new();
    for (node, ns, link, vxlan) in ends {
        // Where as many nodes have the one as the other, either may be wrong.
        for norm in norms.iter().filter(|n| **n != setting(vxlan)) {
            let peers = all.iter().filter(|(.., v)| setting(v) == *norm);
            let peers: Vec<String> = peers.map(|(n, ..)| n.name.clone()).collect();
            list.push(candidate(node, ns, link, vxlan, *norm, &peers));
        }
    }
    list
}

fn candidate(node: &Node, ns: &Netns, link: &Link, vxlan: &Vxlan, norm: Setting, peers: &[String]) -> Candidate {
    let changed = Link {
        kind: LinkKind::Vxlan(Vxlan {
            vni: norm.0,
            port: norm.1,
            ..vxlan.clone()
        }),
        ..link.clone()
    };
    let mut faults = Vec::new();
    let mut what = Vec::new();
    if vxlan.vni != norm.0 {
        faults.push("vxlan-vni-mismatch");
        what.push(format!("VNI {} instead of {}", vxlan.vni, norm.0));
    }
    if vxlan.port != norm.1 {
        faults.push("vxlan-port-mismatch");
        what.push(format!("UDP port {} instead of {}", vxlan.port, norm.1));
    }
    let what = what.join(" and ");
    let has = if peers.len() == 1 { "has" } else { "have" };
    Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(&node.name),
        node: Some(node.name.clone()),
        patches: vec![Patch::Link { netns: ns.id, link: Box::new(changed) }],
        summary: format!("{} of {} has {what}: its packets and those of the other nodes are not for each other", link.name, node.name),
        evidence: vec![
            format!("{}/link.json: {} has id {} port {}", ns.dir, link.name, vxlan.vni, vxlan.port),
            format!("{} {has} id {} port {}", some(peers), norm.0, norm.1),
        ],
        norm: format!("the setting of {}", some(peers)),
        fix: Fix::Manual {
            at: format!("node/{}", node.name),
            commands: vec![format!("ip link delete {}", link.name)],
            note: "neither can be changed in place. Give this node's agent the configuration that the others have, delete the device, and restart the agent at once: until it has made the device anew, the node has no way to pods of other nodes".to_owned(),
        },
        alike: false,
    }
}

/// The device is down, while those of most other nodes are up.
fn down(cluster: &Cluster, id: NetnsId) -> Option<Candidate> {
    let ns = cluster.ns(id);
    let name = host_node(cluster, id)?;
    let (link, _) = vxlans(ns).find(|(l, _)| !l.up)?;
    let all = counterparts(cluster, &link.name);
    let others = all.iter().filter(|(n, ..)| n.name != name);
    let (up, down): (Vec<&Device<'_>>, Vec<&Device<'_>>) = others.partition(|(_, _, l, _)| l.up);
    if up.len() <= down.len() {
        return None;
    }
    let peers: Vec<String> = up.iter().map(|(n, ..)| n.name.clone()).collect();
    let mut patches = vec![Patch::Link {
        netns: id,
        link: Box::new(Link {
            up: true,
            carrier: true,
            ..link.clone()
        }),
    }];
    patches.extend(lost(cluster, ns, name, link));
    let routes = patches.iter().filter(|p| matches!(p, Patch::RouteAdd { .. })).count();
    let mut evidence = vec![format!("{}/link.json: {} is down", ns.dir, link.name)];
    if routes > 0 {
        evidence.push(format!(
            "{routes} routes to other nodes' pods are gone: the kernel deletes them with the link"
        ));
    }
    evidence.push(format!("{} is up on {}", link.name, some(&peers)));
    Some(Candidate {
        code: CHECK.code,
        faults: vec!["tunnel-device-down"],
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches,
        summary: format!("{} of {name} is down: its pods and those of other nodes do not reach each other", link.name),
        evidence,
        norm: format!("the device is up on {}, and the plugin keeps it so", some(&peers)),
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: vec![format!("ip link set {} up", link.name)],
            note: "then restart the plugin's agent on this node: routes and permanent neighbours went with the link, and `up` alone does not bring them back. Find out who set it down (NetworkManager and systemd-networkd must leave it alone)".to_owned(),
        },
        alike: false,
    })
}

/// What the plugin's agent writes when the device comes up: routes and neighbours, which went with the link.
fn lost(cluster: &Cluster, ns: &Netns, name: &str, link: &Link) -> Vec<Patch> {
    let mut list = Vec::new();
    for (target, peer) in hosts(cluster).filter(|(n, _)| n.name != name) {
        let lacks = |c: &&ipnet::IpNet| !is_specific(main_of(ns, Family::of(c.addr())).ok().flatten(), **c);
        for cidr in target.pod_cidrs.iter().filter(lacks) {
            let Some(hop) = hop_to(cluster, ns, name, target, *cidr).filter(|h| h.ifindex == link.index) else {
                continue;
            };
            let gateway = hop.gateway;
            list.push(Patch::RouteAdd {
                netns: ns.id,
                table: MAIN,
                route: route(*cidr, hop),
            });
            let remote = gateway.and_then(|g| {
                Some((
                    g,
                    vxlans(peer)
                        .find(|(l, _)| l.addrs_of(Family::of(g)).iter().any(|a| a.addr == g))?
                        .0,
                ))
            });
            list.extend(remote.map(|(addr, far)| Patch::NeighSet {
                netns: ns.id,
                link: link.index,
                addr,
                lladdr: far.mac,
            }));
        }
    }
    list
}
