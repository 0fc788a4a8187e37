//! Output routing, with the choice of the source address.
//!
//! Kernel: `ip_route_output_key_hash_rcu()` (`net/ipv4/route.c`, 6.18).

use super::LOOPBACK;
use super::fib_lookup::{FibError, FibKey, fib_lookup};
use super::inet_addr::fib_result_prefsrc;
use super::ip_route_input::note_route;
use super::ip6_route_output::ip6_route_output;
use crate::engine::{Engine, Key};
use crate::skb::{Dst, DstKind, Errno, Skb};
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::LinkKind;
use netwhy_model::{Family, GapId, Netns};
use std::net::IpAddr;

/// What a sender knows.
#[derive(Clone, Copy)]
pub(crate) struct OutputKey {
    pub src: Option<IpAddr>,
    pub dst: IpAddr,
    pub mark: u32,
    pub proto: u8,
    pub ports: Option<(u16, u16)>,
}

/// Why there is no route.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RouteError {
    Errno(Errno),
    Unknown(GapId),
}

/// Route and source address, of either family. `skb` is only for the record.
pub(crate) fn ip_route_output<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    key: &OutputKey,
    skb: Option<&Skb>,
) -> Result<(Dst, IpAddr), RouteError> {
    if key.dst.is_ipv6() {
        return ip6_route_output(eng, ns, key, skb);
    }
    if key.src.is_some_and(|s| s.is_multicast() || is_broadcast(s)) {
        return Err(RouteError::Errno(Errno::Inval));
    }
    // What is for many leaves by the link with the sender's address, whatever the routes say.
    let many = key.dst.is_ipv4() && key.dst.is_multicast() || is_broadcast(key.dst);
    if let Some(src) = key.src.filter(|_| many) {
        let links = ns.links.as_ref().map_err(|gap| RouteError::Unknown(*gap))?;
        let link = links.holding(src).ok_or(RouteError::Errno(Errno::NetUnreach))?;
        let kind = match is_broadcast(key.dst) {
            true => DstKind::Broadcast,
            false => DstKind::Output,
        };
        return Ok((Dst::host(kind, link.index), src));
    }
    let fib_key = FibKey {
        src: key.src.unwrap_or(Family::of(key.dst).any()),
        dst: key.dst,
        iif: 1,
        oif: 0,
        mark: key.mark,
        proto: key.proto,
        ports: key.ports,
        any_hop: false,
    };
    let found = fib_lookup(eng, ns, &fib_key).map_err(|e| match e {
        FibError::Errno(errno) => RouteError::Errno(errno),
        FibError::Unknown(gap) => RouteError::Unknown(gap),
    })?;
    let route = found.route;
    if let Some(skb) = skb {
        note_route(eng, ns, skb, &found);
    }
    if route.kind == RouteKind::Local {
        let src = key.src.or(route.prefsrc).unwrap_or(key.dst);
        return Ok((Dst::host(DstKind::Output, LOOPBACK), src));
    }
    let Some(hop) = found.nexthop else {
        return Err(RouteError::Errno(Errno::NetUnreach));
    };
    let src = match key.src {
        Some(src) => src,
        None => fib_result_prefsrc(ns, route.prefsrc, hop.ifindex, hop.gateway, route.scope)
            .unwrap_or(Family::of(key.dst).any()),
    };
    // __mkroute_output(): 127/8 leaves by no other link than lo.
    if let (true, Ok(links)) = (src.is_loopback(), &ns.links)
        && let Some(out) = links.get(hop.ifindex)
        && out.kind != LinkKind::Loopback
        && !eng.flag(Key::RouteLocalnet.of(out.index), &out.conf.route_localnet, false)
    {
        return Err(RouteError::Errno(Errno::Inval));
    }
    let kind = match route.kind {
        _ if is_broadcast(key.dst) => DstKind::Broadcast,
        RouteKind::Broadcast => DstKind::Broadcast,
        _ => DstKind::Output,
    };
    Ok((
        Dst {
            kind,
            dev: hop.ifindex,
            gateway: hop.gateway,
            mtu: route.mtu,
            advmss: route.advmss,
            redirects: false,
        },
        src,
    ))
}

/// `ipv4_mtu()`: the route's MTU, else the out link's (bytes).
pub(crate) fn dst_mtu(ns: &Netns, dst: &Dst) -> Option<u32> {
    dst.mtu.or_else(|| Some(ns.links.as_ref().ok()?.get(dst.dev)?.mtu))
}
