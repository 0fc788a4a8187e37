//! Input routing: is the packet for this host, to be forwarded, or an error?
//!
//! Kernel: `ip_route_input_slow()` (`net/ipv4/route.c`, 6.18). Lab note 0001: with forwarding off the packet dies in
//! `ip_error()` with `IP_INADDRERRORS`; the FORWARD hook never sees it, and no ICMP error is sent.

use super::LOOPBACK;
use super::fib_lookup::{FibError, FibKey, FibResult, fib_lookup};
use super::fib_validate_source::{Source, fib_validate_source};
use super::inet_addr::inet_addr_onlink;
use super::ip6_route_input::ip6_route_input;
use crate::engine::{Engine, Key};
use crate::reason::DropReason;
use crate::skb::{Dst, DstKind, Errno, Skb};
use crate::trace::Detail;
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;
use netwhy_model::{Family, GapId, Netns};
use std::net::{IpAddr, Ipv4Addr};

/// No route at all, not even one to an error.
pub(crate) enum InputError {
    Martian(DropReason),
    Unknown(GapId),
}

/// Sets `skb.route` for a packet of either family that arrived on a link.
pub(crate) fn ip_route_input<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &mut Skb,
) -> Result<(), InputError> {
    if skb.family() == Family::Inet6 {
        return ip6_route_input(eng, ns, link, skb);
    }
    let martian = |reason| Err(InputError::Martian(reason));
    if skb.dst.is_multicast() {
        return ip_route_input_mc(eng, ns, link, skb);
    }
    if skb.src.is_multicast() || is_broadcast(skb.src) {
        return martian(DropReason::IpInvalidSource);
    }
    if is_broadcast(skb.dst) || (skb.src.is_unspecified() && skb.dst.is_unspecified()) {
        return to_many(eng, ns, link, skb);
    }
    if skb.src.is_unspecified() {
        return martian(DropReason::IpInvalidSource);
    }
    if skb.dst.is_unspecified() {
        return martian(DropReason::IpInvalidDest);
    }
    if (skb.src.is_loopback() || skb.dst.is_loopback())
        && !eng.flag(Key::RouteLocalnet.of(link.index), &link.conf.route_localnet, false)
    {
        return martian(DropReason::IpLocalnet);
    }
    let found = fib_lookup(eng, ns, &FibKey::of(skb, link.index));
    let forwarding = |eng: &mut Engine<'a>| eng.flag(Key::Forwarding.of(link.index), &link.conf.forwarding, true);
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
        RouteKind::Broadcast => return to_many(eng, ns, link, skb),
        RouteKind::Local => {
            check_source(eng, ns, link, skb, skb.dst, 0)?;
            skb.route = Some(Dst::host(DstKind::Local, link.index));
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
    let oif = found.nexthop.map_or(0, |n| n.ifindex);
    let near = check_source(eng, ns, link, skb, skb.dst, oif)?;
    let mut dst = forward_dst(&found);
    dst.redirects = near && oif == link.index && eng.watch.is_some() && may_redirect(eng, link, skb, dst.gateway);
    skb.route = Some(dst);
    note_route(eng, ns, skb, &found);
    Ok(())
}

/// `brd_input`: taken by this host, if the source may be there.
fn to_many<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: &mut Skb) -> Result<(), InputError> {
    if !skb.src.is_unspecified() {
        check_source(eng, ns, link, skb, Family::Inet.any(), 0)?;
    }
    skb.route = Some(Dst::host(DstKind::Broadcast, link.index));
    Ok(())
}

/// `ip_route_input_rcu()`, `ip_mc_validate_source()`: this host is a member of 224.0.0.1 only, as far as a snapshot shows.
fn ip_route_input_mc<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, skb: &mut Skb) -> Result<(), InputError> {
    let martian = |reason| Err(InputError::Martian(reason));
    if skb.dst != ALL_SYSTEMS {
        return martian(DropReason::NotSpecified);
    }
    if skb.src.is_multicast() || is_broadcast(skb.src) {
        return martian(DropReason::IpInvalidSource);
    }
    if skb.src.is_loopback() && !eng.flag(Key::RouteLocalnet.of(link.index), &link.conf.route_localnet, false) {
        return martian(DropReason::IpLocalnet);
    }
    to_many(eng, ns, link, skb)
}

/// The group of all hosts.
const ALL_SYSTEMS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));

/// `__mkroute_input()`: out by the link that it came in by. Only an observer sees what follows.
fn may_redirect(eng: &mut Engine<'_>, link: &Link, skb: &Skb, gateway: Option<IpAddr>) -> bool {
    eng.flag(Key::SendRedirects.of(link.index), &link.conf.send_redirects, true)
        && (eng.flag(Key::SharedMedia.of(link.index), &link.conf.shared_media, true)
            || inet_addr_onlink(link, skb.src, gateway))
}

/// Whether the source's route leads straight to it.
fn check_source<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &Skb,
    dst: IpAddr,
    oif: u32,
) -> Result<bool, InputError> {
    match fib_validate_source(eng, ns, link, skb, dst, oif) {
        Source::Good { near } => Ok(near),
        Source::Bad(reason) => Err(InputError::Martian(reason)),
        Source::Unknown(gap) => Err(InputError::Unknown(gap)),
    }
}

fn error_dst(errno: Errno) -> Dst {
    Dst::host(DstKind::Error(errno), LOOPBACK)
}

pub(super) fn forward_dst(found: &FibResult<'_>) -> Dst {
    let hop = found.nexthop;
    Dst {
        kind: DstKind::Forward,
        dev: hop.map_or(0, |n| n.ifindex),
        gateway: hop.and_then(|n| n.gateway),
        mtu: found.route.mtu,
        advmss: found.route.advmss,
        redirects: false,
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
