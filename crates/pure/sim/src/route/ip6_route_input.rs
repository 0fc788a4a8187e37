//! Input routing of IPv6. There is no reverse-path filter, and whether the host forwards is asked later.
//!
//! Kernel: `ip6_route_input()`, `ip6_pol_route_input()` (`net/ipv6/route.c`, 6.18).

use super::LOOPBACK;
use super::addrconf::needs_strict;
use super::fib_lookup::{FibError, FibKey, fib_lookup};
use super::ip_route_input::{InputError, forward_dst, note_route};
use crate::engine::Engine;
use crate::skb::{Dst, DstKind, Skb};
use crate::trace::Detail;
use netwhy_model::Netns;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;

/// Sets `skb.route` for a packet that arrived on a link.
pub(super) fn ip6_route_input<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &mut Skb,
) -> Result<(), InputError> {
    let key = FibKey {
        oif: if needs_strict(skb.dst) { link.index } else { 0 },
        ..FibKey::of(skb, link.index)
    };
    let found = match fib_lookup(eng, ns, &key) {
        Ok(found) => found,
        Err(FibError::Unknown(gap)) => return Err(InputError::Unknown(gap)),
        Err(FibError::Errno(errno)) => {
            skb.route = Some(Dst::host(DstKind::Error(errno), LOOPBACK));
            return Ok(());
        }
    };
    let kind = match found.route.kind {
        RouteKind::Local | RouteKind::Anycast => DstKind::Local,
        RouteKind::Multicast => DstKind::Broadcast,
        _ => {
            skb.route = Some(forward_dst(&found));
            note_route(eng, ns, skb, &found);
            return Ok(());
        }
    };
    skb.route = Some(Dst::host(kind, link.index));
    let detail = Detail::Route {
        dst: found.route.dst,
        gateway: None,
        link: 0,
        table: found.table,
    };
    eng.note(ns, skb, detail);
    Ok(())
}
