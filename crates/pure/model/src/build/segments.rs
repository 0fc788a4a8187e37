//! Segments that the bundle does not show: links without a peer whose addresses share a subnet.

use crate::cluster::{Netns, NetnsId, Segment, SegmentId};
use crate::family::Family;
use crate::link::{Link, LinkKind};
use ipnet::IpNet;
use netwhy_snapshot::NetnsKind;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn assume(netns: &mut [Netns]) -> Vec<Segment> {
    let mut members: BTreeMap<IpNet, Vec<(NetnsId, u32)>> = BTreeMap::new();
    for ns in netns.iter() {
        for link in ns.links.iter().flat_map(|l| l.iter()).filter(|l| open(ns, l)) {
            for subnet in subnets(link) {
                members.entry(subnet).or_default().push((ns.id, link.index));
            }
        }
    }
    // A link with several subnets lies in the one that most others know.
    let mut place: BTreeMap<(NetnsId, u32), IpNet> = BTreeMap::new();
    for (subnet, ports) in &members {
        for port in ports {
            let better = |old: &IpNet| members.get(old).map_or(0, Vec::len) < ports.len();
            if place.get(port).is_none_or(better) {
                place.insert(*port, *subnet);
            }
        }
    }
    let mut segments: Vec<Segment> = Vec::new();
    for (port, subnet) in place {
        let at = segments.iter().position(|s| s.subnet == subnet).unwrap_or_else(|| {
            segments.push(Segment {
                subnet,
                ports: Vec::new(),
            });
            segments.len() - 1
        });
        segments[at].ports.push(port);
        mark(netns, port, SegmentId(at as u32));
    }
    segments
}

/// A link that leads out of the bundle. A pod's veth leads to its node, wherever that is.
fn open(ns: &Netns, link: &Link) -> bool {
    let pod = matches!(ns.kind, NetnsKind::Pod { .. });
    match link.kind {
        LinkKind::Veth { peer: None, .. } => !pod && link.master.is_none(),
        LinkKind::Device { .. } => link.master.is_none(),
        _ => false,
    }
}

fn subnets(link: &Link) -> impl Iterator<Item = IpNet> {
    let net = |a: &crate::link::Ifaddr| IpNet::new(a.addr, a.prefix).ok().map(|n| n.trunc());
    let mut nets: Vec<IpNet> = link
        .addrs
        .iter()
        .chain(&link.addrs6)
        .filter(|a| a.prefix < Family::of(a.addr).addr_len() && a.scope == 0)
        .filter_map(net)
        .collect();
    nets.dedup();
    nets.into_iter()
}

fn mark(netns: &mut [Netns], (ns, index): (NetnsId, u32), id: SegmentId) {
    let Some(Ok(links)) = netns.get_mut(ns.0 as usize).map(|n| &mut n.links) else {
        return;
    };
    let kind = Arc::make_mut(links).get_mut(index).map(|l| &mut l.kind);
    if let Some(LinkKind::Veth { segment, .. } | LinkKind::Device { segment }) = kind {
        *segment = Some(id);
    }
}
