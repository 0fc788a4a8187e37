//! A changed link, and what the kernel changes with it.

use super::{listener, ns_mut, route};
use crate::cluster::{Cluster, Netns, NetnsId};
use crate::link::{Ifaddr, Link, LinkKind, PortState};
use netwhy_wire::Proto;
use std::sync::Arc;

pub(super) fn replace(cluster: &mut Cluster, id: NetnsId, new: &Link) {
    let mut new = new.clone();
    let peer = match new.kind {
        LinkKind::Veth { peer, .. } => peer,
        _ => None,
    };
    let peer_up =
        peer.and_then(|(ns, index)| Some(cluster.netns.get(ns.0 as usize)?.links.as_ref().ok()?.get(index)?.up));
    let Some(ns) = ns_mut(&mut cluster.netns, id) else {
        return;
    };
    let Some(old) = ns.links.as_ref().ok().and_then(|l| l.get(new.index)).cloned() else {
        return;
    };
    // `veth_open()` and `veth_close()`: a pair has carrier while both ends are up.
    let carrier = peer_up.map(|up| up && new.up);
    if old.up != new.up {
        new.carrier = carrier.unwrap_or(new.carrier);
    }
    if let Ok(links) = &mut ns.links
        && let Some(link) = Arc::make_mut(links).get_mut(new.index)
    {
        *link = new.clone();
    }
    follow(ns, &old, &new);
    if let (true, Some((far, index)), Some(carrier)) = (old.up != new.up, peer, carrier)
        && let Some(Ok(links)) = ns_mut(&mut cluster.netns, far).map(|ns| &mut ns.links)
        && let Some(link) = Arc::make_mut(links).get_mut(index)
    {
        link.carrier = carrier;
    }
}

/// Routes, neighbours, forwarding entries and sockets of a link that changed.
fn follow(ns: &mut Netns, old: &Link, new: &Link) {
    let only =
        |a: &Link, b: &Link| -> Vec<Ifaddr> { a.addrs.iter().filter(|x| !b.addrs.contains(x)).cloned().collect() };
    route::drop_addresses(ns, new, &only(old, new));
    if new.up && !old.up {
        route::add_addresses(ns, new, &new.addrs);
    } else {
        route::add_addresses(ns, new, &only(new, old));
    }
    if let (LinkKind::Bridge { .. }, true) = (&new.kind, old.up != new.up) {
        bridge_ports(ns, new);
    }
    if old.up && !new.up {
        route::link_down(ns, new);
        forget_neighbours(ns, new.index);
    }
    if old.master != new.master
        && let Ok(fdb) = &mut ns.fdb
    {
        Arc::make_mut(fdb).bridge.retain(|_, port| *port != new.index);
    }
    if let (LinkKind::Vxlan(vxlan), true) = (&new.kind, old.up != new.up) {
        tunnel_socket(ns, vxlan.port, new.up);
    }
}

/// `br_stp_enable_bridge()`, `br_stp_disable_bridge()`: the ports follow the bridge.
fn bridge_ports(ns: &mut Netns, bridge: &Link) {
    let Ok(links) = &mut ns.links else { return };
    let links = Arc::make_mut(links);
    let ports: Vec<u32> = links
        .iter()
        .filter(|l| l.master == Some(bridge.index))
        .map(|l| l.index)
        .collect();
    for index in ports {
        if let Some(link) = links.get_mut(index) {
            let forwards = bridge.up && link.up && link.carrier;
            if let Some(port) = &mut link.port {
                port.state = if forwards {
                    PortState::Forwarding
                } else {
                    PortState::Closed
                };
            }
        }
    }
}

/// `neigh_ifdown()`: also the permanent ones.
fn forget_neighbours(ns: &mut Netns, index: u32) {
    if let Ok(neigh) = &mut ns.neigh {
        Arc::make_mut(neigh).entries.retain(|(link, _), _| *link != index);
    }
}

/// The kernel's own socket of a VXLAN device exists while the device is up.
fn tunnel_socket(ns: &mut Netns, port: u16, up: bool) {
    let Ok(sockets) = &mut ns.sockets else { return };
    let list = &mut Arc::make_mut(sockets).list;
    let own = list
        .iter()
        .position(|s| s.protocol == Proto::UDP.0 && s.port == port && s.process.is_none());
    match (own, up) {
        (None, true) => list.push(listener(Proto::UDP.0, port)),
        (Some(at), false) => drop(list.remove(at)),
        _ => {}
    }
}
