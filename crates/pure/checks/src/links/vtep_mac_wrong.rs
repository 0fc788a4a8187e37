//! NW2001: the entries by which a node sends into the VXLAN do not lead to its peer's device.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{host_node, host_of, hosts, link, vxlans};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::{Cluster, Family, Patch};
use netwhy_sim::{Detail, DropReason, Stage};

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW2001",
    name: "vtep-mac-wrong",
    severity: Severity::Error,
    page: include_str!("vtep_mac_wrong.md"),
    faults: &[
        "vtep-mac-stale",
        "neigh-stale-or-wrong",
        "vxlan-neigh-missing",
        "vxlan-fdb-missing",
        "fdb-stale-node-ip",
    ],
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
    let lost = matches!(
        end.reason,
        Some(DropReason::Otherhost | DropReason::NoTxTarget | DropReason::NeighFailed)
    );
    // Of IPv6 the kernel gives no reason where nobody answers.
    if !lost && end.stage != Stage::NeighInvalidate {
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
    let Some((remote, vxlan)) =
        vxlans(peer_ns).find(|(l, _)| l.addrs_of(Family::of(gateway)).iter().any(|a| a.addr == gateway))
    else {
        return Vec::new();
    };
    let Some(local) = vxlan.local else { return Vec::new() };
    let ns = broken.cluster.ns(sender);
    let (Ok(neigh), Ok(fdb)) = (&ns.neigh, &ns.fdb) else {
        return Vec::new();
    };
    let has = neigh.entries.get(&(device.index, gateway)).and_then(|e| e.lladdr);
    let leads = fdb.vxlan.get(&(device.index, remote.mac));
    let leads = leads.and_then(|d| d.first()).and_then(|d| d.addr);
    let mut patches = Vec::new();
    let mut faults = Vec::new();
    if has != Some(remote.mac) {
        faults.extend(if has.is_some() {
            &CHECK.faults[..2]
        } else {
            &CHECK.faults[2..3]
        });
        patches.push(Patch::NeighSet {
            netns: sender,
            link: device.index,
            addr: gateway,
            lladdr: remote.mac,
        });
    }
    if leads != Some(local) {
        faults.push(if leads.is_some() {
            "fdb-stale-node-ip"
        } else {
            "vxlan-fdb-missing"
        });
        patches.push(Patch::VxlanFdbSet {
            netns: sender,
            link: device.index,
            mac: remote.mac,
            addr: local,
        });
    }
    if patches.is_empty() {
        return Vec::new();
    }
    let said = has.map_or_else(|| "no entry".to_owned(), |m| m.to_string());
    let dst = leads.map_or_else(|| "no entry".to_owned(), |a| a.to_string());
    let summary = match (has, leads) {
        (Some(mac), _) if mac != remote.mac => format!(
            "{name} sends to {} with the MAC {mac}, which is not that of its {}",
            peer.name, remote.name
        ),
        (None, _) => format!(
            "{name} has no neighbour entry for {gateway}, the {} of {}",
            remote.name, peer.name
        ),
        (_, Some(addr)) => format!(
            "{name} sends what is for {} to {addr}, which is another address",
            peer.name
        ),
        (_, None) => format!(
            "{name} has no forwarding entry for the MAC of {} on {}",
            remote.name, peer.name
        ),
    };
    vec![Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches,
        summary,
        evidence: vec![
            format!("on {name}: neighbour {gateway} dev {} is {said}", device.name),
            format!("on {name}: fdb {} dev {} dst is {dst}", remote.mac, device.name),
            format!(
                "on {}: {} has {}, and sends from {local}",
                peer.name, remote.name, remote.mac
            ),
        ],
        norm: format!(
            "MAC and address of {} on {}, which the plugin announces",
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
                    "bridge fdb replace {} dev {} dst {local} self permanent",
                    remote.mac, device.name
                ),
            ],
            note: "the plugin's agent owns these entries: restart it on this node if they come back wrong".to_owned(),
        },
        alike: false,
    }]
}
