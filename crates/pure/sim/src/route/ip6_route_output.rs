//! Output routing of IPv6, with the choice of the source address.
//!
//! Kernel: `ip6_route_output_flags()` (`net/ipv6/route.c`), `ip6_dst_lookup_tail()` (`net/ipv6/ip6_output.c`, 6.18).

use super::LOOPBACK;
use super::addrconf::ipv6_dev_get_saddr;
use super::fib_lookup::{FibError, FibKey, FibResult, fib_lookup};
use super::ip_route_input::note_route;
use super::ip_route_output::{OutputKey, RouteError};
use crate::engine::Engine;
use crate::skb::{Dst, DstKind, Errno, Skb};
use netwhy_model::fib::RouteKind;
use netwhy_model::{Family, Netns};
use std::net::IpAddr;

/// Route and source address. `skb` is only for the record.
pub(super) fn ip6_route_output<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    key: &OutputKey,
    skb: Option<&Skb>,
) -> Result<(Dst, IpAddr), RouteError> {
    let first = lookup(eng, ns, key, key.src);
    let (found, src) = match (first, key.src) {
        (Ok(found), Some(src)) => (found, src),
        (Ok(found), None) => {
            let src = match found.route.prefsrc {
                Some(src) => Some(src),
                None => ipv6_dev_get_saddr(ns, out_dev(&found), key.dst),
            };
            (found, src.ok_or(RouteError::Errno(Errno::AddrNotAvail))?)
        }
        (Err(error @ RouteError::Unknown(_)), _) | (Err(error), Some(_)) => return Err(error),
        // What has no route yet may have one by its source.
        (Err(_), None) => {
            let src = ipv6_dev_get_saddr(ns, 0, key.dst).ok_or(RouteError::Errno(Errno::AddrNotAvail))?;
            (lookup(eng, ns, key, Some(src))?, src)
        }
    };
    if let Some(skb) = skb {
        note_route(eng, ns, skb, &found);
    }
    if is_own(&found) {
        return Ok((Dst::host(DstKind::Output, LOOPBACK), src));
    }
    let Some(hop) = found.nexthop else {
        return Err(RouteError::Errno(Errno::NetUnreach));
    };
    let dst = Dst {
        kind: DstKind::Output,
        dev: hop.ifindex,
        gateway: hop.gateway,
        mtu: found.route.mtu,
        advmss: found.route.advmss,
        redirects: false,
    };
    Ok((dst, src))
}

fn is_own(found: &FibResult<'_>) -> bool {
    matches!(found.route.kind, RouteKind::Local | RouteKind::Anycast)
}

/// `ip6_rt_get_dev_rcu()`: what is for the host itself leaves by lo.
fn out_dev(found: &FibResult<'_>) -> u32 {
    if is_own(found) {
        return LOOPBACK;
    }
    found.nexthop.map_or(0, |hop| hop.ifindex)
}

fn lookup<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    key: &OutputKey,
    src: Option<IpAddr>,
) -> Result<FibResult<'a>, RouteError> {
    let key = FibKey {
        src: src.unwrap_or(Family::Inet6.any()),
        dst: key.dst,
        iif: LOOPBACK,
        oif: 0,
        mark: key.mark,
        proto: key.proto,
        ports: key.ports,
        any_hop: false,
    };
    fib_lookup(eng, ns, &key).map_err(|error| match error {
        FibError::Errno(errno) => RouteError::Errno(errno),
        FibError::Unknown(gap) => RouteError::Unknown(gap),
    })
}
