//! NW2001: a node sends into the VXLAN with a MAC that its peer's device does not have.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, host_of, hosts, link, vxlans};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::{Cluster, Patch};
use netwhy_sim::{Detail, DropReason};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW2001",
    name: "vtep-mac-wrong",
    severity: Severity::Error,
    page: include_str!("vtep_mac_wrong.md"),
    faults: &["vtep-mac-stale", "neigh-stale-or-wrong"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if hosts(cluster).any(|(_, ns)| vxlans(ns).next().is_some()) {
        Ok(())
    } else {
        Err("no VXLAN device here")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    if !matches!(
        end.reason,
        Some(DropReason::Otherhost | DropReason::NoTxTarget | DropReason::NeighFailed)
    ) {
        return Vec::new();
    }
    // The last time a neighbour was used on a VXLAN device.
    let used = broken.outcome.steps.iter().rev().find_map(|s| match s.detail {
        Detail::Route {
            gateway: Some(gateway),
            link: out,
            ..
        } => {
            let device = link(broken.cluster, s.netns, out)?;
            vxlans(broken.cluster.ns(s.netns))
                .any(|(l, _)| l.index == device.index)
                .then_some((s.netns, device, gateway))
        }
        _ => None,
    });
    let Some((sender, device, gateway)) = used else {
        return Vec::new();
    };
    let Some(name) = host_node(broken.cluster, sender) else {
        return Vec::new();
    };
    let Some((peer, peer_ns)) = host_of(broken.cluster, gateway) else {
        return Vec::new();
    };
    let Some((remote, vxlan)) = vxlans(peer_ns).find(|(l, _)| l.addrs.iter().any(|a| a.addr == gateway)) else {
        return Vec::new();
    };
    let has = broken
        .cluster
        .ns(sender)
        .neigh
        .as_ref()
        .ok()
        .and_then(|n| n.entries.get(&(device.index, gateway)))
        .and_then(|e| e.lladdr);
    let right_fdb = vxlan.local.map(|local| Patch::VxlanFdbSet {
        netns: sender,
        link: device.index,
        mac: remote.mac,
        addr: local,
    });
    let mut patches = vec![Patch::NeighSet {
        netns: sender,
        link: device.index,
        addr: gateway,
        lladdr: remote.mac,
    }];
    patches.extend(right_fdb);
    let said = has.map_or_else(|| "no entry".to_owned(), |m| m.to_string());
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches,
        summary: format!(
            "{name} sends to {} with the MAC {said}, which is not that of its {}",
            peer.name, remote.name
        ),
        evidence: vec![
            format!("on {name}: neighbour {gateway} dev {} is {said}", device.name),
            format!("on {}: {} has {}", peer.name, remote.name, remote.mac),
        ],
        norm: format!(
            "the address of {} on {}, which the plugin announces",
            remote.name, peer.name
        ),
        fix: Fix::Manual {
            at: format!("node/{name}"),
            commands: vec![
                format!(
                    "ip neigh replace {gateway} lladdr {} dev {} nud permanent",
                    remote.mac, device.name
                ),
                format!(
                    "bridge fdb replace {} dev {} dst {} self permanent",
                    remote.mac,
                    device.name,
                    vxlan.local.map_or(String::new(), |l| l.to_string())
                ),
            ],
            note: "the plugin's agent owns these entries: restart it on this node if they come back wrong".to_owned(),
        },
        alike: false,
    }]
}
