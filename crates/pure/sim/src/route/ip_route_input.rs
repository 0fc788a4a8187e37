//! Input routing: is the packet for this host, to be forwarded, or an error?
//!
//! Kernel: `ip_route_input_slow()` (`net/ipv4/route.c`, 6.18). Lab note 0001: with forwarding off the packet dies in
//! `ip_error()` with `IP_INADDRERRORS`; the FORWARD hook never sees it, and no ICMP error is sent.

use super::fib_lookup::{FibError, FibKey, FibResult, fib_lookup};
use super::fib_validate_source::{Source, fib_validate_source};
use crate::engine::Engine;
use crate::reason::DropReason;
use crate::skb::{Dst, DstKind, Errno, Skb};
use crate::trace::Detail;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;
use netwhy_model::{GapId, Netns};

/// No route at all, not even one to an error.
pub(crate) enum InputError {
    Martian(DropReason),
    Unknown(GapId),
}

/// Sets `skb.route` for a packet that arrived on a link.
pub(crate) fn ip_route_input<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &mut Skb,
) -> Result<(), InputError> {
    let martian = |reason| Err(InputError::Martian(reason));
    if skb.src.is_multicast() || skb.src.is_broadcast() || skb.src.octets()[0] == 0 {
        return martian(DropReason::IpInvalidSource);
    }
    if skb.dst.octets()[0] == 0 {
        return martian(DropReason::IpInvalidDest);
    }
    if (skb.src.is_loopback() || skb.dst.is_loopback()) && !eng.flag(&link.conf.route_localnet, false) {
        return martian(DropReason::IpLocalnet);
    }
    let found = fib_lookup(eng, ns, &FibKey::of(skb, link.index));
    let forwarding = |eng: &mut Engine<'a>| eng.flag(&link.conf.forwarding, true);
    let found = match found {
        Ok(found) => found,
        Err(FibError::Unknown(gap)) => return Err(InputError::Unknown(gap)),
        Err(FibError::Errno(errno)) => {
            let errno = if forwarding(eng) { errno } else { Errno::HostUnreach };
            skb.route = Some(error_dst(errno));
            return Ok(());
        }
    };
    match found.route.kind {
        RouteKind::Broadcast => {
            skb.route = Some(Dst {
                kind: DstKind::Local,
                dev: link.index,
                gateway: None,
                mtu: None,
                advmss: None,
            });
            return Ok(());
        }
        RouteKind::Local => {
            check_source(eng, ns, link, skb)?;
            skb.route = Some(Dst {
                kind: DstKind::Local,
                dev: link.index,
                gateway: None,
                mtu: None,
                advmss: None,
            });
            eng.note(
                ns,
                skb,
                Detail::Route {
                    dst: found.route.dst,
                    gateway: None,
                    link: 0,
                    table: found.table,
                },
            );
            return Ok(());
        }
        _ => {}
    }
    if !forwarding(eng) {
        skb.route = Some(error_dst(Errno::HostUnreach));
        return Ok(());
    }
    if found.route.kind != RouteKind::Unicast {
        return martian(DropReason::IpInvalidDest);
    }
    check_source(eng, ns, link, skb)?;
    skb.route = Some(forward_dst(&found));
    note_route(eng, ns, skb, &found);
    Ok(())
}

fn check_source<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: &Skb) -> Result<(), InputError> {
    match fib_validate_source(eng, ns, link, skb.src, skb.dst, skb.mark) {
        Source::Good => Ok(()),
        Source::Bad(reason) => Err(InputError::Martian(reason)),
        Source::Unknown(gap) => Err(InputError::Unknown(gap)),
    }
}

fn error_dst(errno: Errno) -> Dst {
    Dst {
        kind: DstKind::Error(errno),
        dev: 1,
        gateway: None,
        mtu: None,
        advmss: None,
    }
}

fn forward_dst(found: &FibResult<'_>) -> Dst {
    let hop = found.nexthop;
    Dst {
        kind: DstKind::Forward,
        dev: hop.map_or(0, |n| n.ifindex),
        gateway: hop.and_then(|n| n.gateway),
        mtu: found.route.mtu,
        advmss: found.route.advmss,
    }
}

pub(crate) fn note_route(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, found: &FibResult<'_>) {
    let hop = found.nexthop;
    let detail = Detail::Route {
        dst: found.route.dst,
        gateway: hop.and_then(|n| n.gateway),
        link: hop.map_or(0, |n| n.ifindex),
        table: found.table,
    };
    eng.note(ns, skb, detail);
}
