//! Routes to the source or the destination.
//!
//! Kernel: `nft_fib4_eval()`, `nft_fib4_eval_type()` (`net/ipv4/netfilter/nft_fib_ipv4.c`), `nft_fib_can_skip()`
//! (`nft_fib.h`).

use super::meta::name;
use super::{At, Load};
use crate::engine::Engine;
use crate::route::{FibError, FibKey, fib_lookup, inet_addr_type_dev};
use crate::skb::{PktType, Skb};
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::Hook;
use netwhy_model::netfilter::nft::{Fib, FibResult};
use std::net::IpAddr;

/// `LOOPBACK_IFINDEX`.
const LO: u32 = 1;

pub(super) fn load<'a>(eng: &mut Engine<'a>, at: At<'a>, fib: Fib, skb: &Skb) -> Load {
    let dev = match (fib.iif, fib.oif) {
        (true, _) => at.links.iif,
        (_, true) => at.links.oif,
        _ => 0,
    };
    let (addr, other) = if fib.saddr {
        (skb.src, skb.dst)
    } else {
        (skb.dst, skb.src)
    };
    if fib.result == FibResult::Type {
        return match inet_addr_type_dev(at.ns, addr, dev) {
            // The bits are numbered as `RTN_*` is.
            Ok(bit) => Load::number(bit.trailing_zeros().into(), 4),
            Err(gap) => Load::Unknown(gap),
        };
    }
    let local_multicast = matches!(skb.dst, IpAddr::V4(dst) if dst.octets()[..3] == [224, 0, 0]);
    if can_skip(at, skb) || skb.src.is_unspecified() && (is_broadcast(skb.dst) || local_multicast) {
        return store(at, fib, at.links.iif);
    }
    let forwarded = fib.saddr && fib.iif && at.hook == Hook::Forward;
    let key = FibKey {
        // get_saddr()
        src: match other.is_multicast() || is_broadcast(other) || other.is_unspecified() {
            true => skb.family().any(),
            false => other,
        },
        dst: addr,
        iif: if forwarded { at.links.oif } else { LO },
        oif: 0,
        mark: if fib.mark { skb.mark } else { 0 },
        proto: skb.proto(),
        ports: None,
        any_hop: true,
    };
    let found = match fib_lookup(eng, at.ns, &key) {
        Ok(found) => found,
        Err(FibError::Unknown(gap)) => return Load::Unknown(gap),
        Err(FibError::Errno(_)) => return store(at, fib, 0),
    };
    let hops = &found.route.nexthops;
    if found.route.kind == RouteKind::Local {
        return store(at, fib, 0);
    }
    let out = match dev {
        0 => hops.first().map_or(0, |hop| hop.ifindex),
        dev if hops.iter().any(|hop| hop.ifindex == dev) => dev,
        _ => 0,
    };
    store(at, fib, out)
}

/// What comes over lo was routed when it left.
fn can_skip(at: At<'_>, skb: &Skb) -> bool {
    let link = at.ns.links.as_ref().ok().and_then(|l| l.get(at.links.iif));
    let loopback = link.is_some_and(|l| matches!(l.kind, LinkKind::Loopback));
    matches!(at.hook, Hook::PreRouting | Hook::LocalIn) && (loopback || skb.pkt_type == PktType::Loopback)
}

/// `nft_fib_store_result()`.
fn store(at: At<'_>, fib: Fib, index: u32) -> Load {
    match fib.result {
        FibResult::Exists => Load::number(u128::from(index != 0), 1),
        FibResult::Oifname => name(at.ns.links.as_ref().ok().and_then(|l| l.get(index))),
        FibResult::Oif | FibResult::Type => Load::number(index.into(), 4),
    }
}
