//! `neigh.json` and `fdb.json`.

use super::{Ctx, index_of};
use crate::fact::Fact;
use crate::link::{LinkKind, Links};
use crate::neigh::{Fdb, Neigh, Neighs, NudState, VxlanDst};
use netwhy_snapshot::format::ip_json;
use netwhy_wire::Mac;
use std::net::IpAddr;

pub(super) fn neighs(ctx: &mut Ctx<'_>, dir: &str, links: Option<&Links>) -> Fact<Neighs> {
    let list = ctx.list::<ip_json::Neigh>(&format!("{dir}/neigh.json"))?;
    // Without the lost entries a permanent one would look as if ARP had to be asked.
    if let Some(gap) = list.cut {
        return Err(gap);
    }
    let mut neighs = Neighs::default();
    for entry in &list.items {
        let Ok(addr) = entry.dst.parse::<IpAddr>() else {
            continue;
        };
        let dev = index_of(links, &entry.dev);
        if entry.proxy {
            neighs.proxy.push((dev, addr));
            continue;
        }
        let lladdr = entry.lladdr.as_deref().and_then(|l| l.parse().ok());
        neighs.entries.insert(
            (dev, addr),
            Neigh {
                lladdr,
                state: state(&entry.state),
            },
        );
    }
    Ok(neighs)
}

fn state(names: &[String]) -> NudState {
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("PERMANENT") {
        NudState::Permanent
    } else if has("NOARP") {
        NudState::Noarp
    } else if ["REACHABLE", "STALE", "DELAY", "PROBE"].into_iter().any(has) {
        NudState::Valid
    } else {
        NudState::Failed
    }
}

pub(super) fn fdb(ctx: &mut Ctx<'_>, dir: &str, links: Option<&Links>) -> Fact<Fdb> {
    let list = ctx.list::<ip_json::Fdb>(&format!("{dir}/fdb.json"))?;
    let mut fdb = Fdb::default();
    let Some(links) = links else { return Ok(fdb) };
    for entry in &list.items {
        let (Ok(mac), Some(link)) = (entry.mac.parse::<Mac>(), links.named(&entry.ifname)) else {
            continue;
        };
        let own = entry.flags.iter().any(|f| f == "self");
        if matches!(link.kind, LinkKind::Vxlan(_)) && own && entry.master.is_none() {
            vxlan(&mut fdb, link.index, mac, entry);
        } else {
            bridge(&mut fdb, links, link.index, mac, entry);
        }
    }
    Ok(fdb)
}

/// An entry of a VXLAN device.
fn vxlan(fdb: &mut Fdb, device: u32, mac: Mac, entry: &ip_json::Fdb) {
    let Some(dst) = &entry.dst else { return };
    let permanent = entry.state == "permanent" || entry.state == "static" || entry.state == "noarp";
    let dst = VxlanDst {
        addr: dst.parse().ok(),
        port: entry.port,
        vni: entry.vni,
        permanent,
    };
    let list = fdb.vxlan.entry((device, mac)).or_default();
    if !list.contains(&dst) {
        list.push(dst);
    }
}

/// An entry of a bridge.
fn bridge(fdb: &mut Fdb, links: &Links, link: u32, mac: Mac, entry: &ip_json::Fdb) {
    let Some(link) = links.get(link) else { return };
    let is_bridge = matches!(link.kind, LinkKind::Bridge { .. });
    // `self` entries of a port are its receive filter, not the bridge's table.
    let bridge = match entry.master.as_deref().and_then(|m| links.named(m)) {
        Some(bridge) => bridge,
        None if is_bridge => link,
        None => return,
    };
    if mac.is_multicast() {
        return;
    }
    // BR_FDB_LOCAL, printed as permanent: the address of the bridge or of a port of it, frames for it are passed up.
    let local = is_bridge || entry.state == "permanent";
    let port = if local { bridge.index } else { link.index };
    fdb.bridge.entry((bridge.index, mac)).or_insert(port);
}
