//! POST_ROUTING and out, of IPv6.
//!
//! Kernel: `ip6_output()`, `ip6_finish_output()`, `ip6_fragment()` (`net/ipv6/ip6_output.c`, 6.18).

use super::ip_local_out::is_clients;
use crate::engine::{Engine, Key};
use crate::neigh::neigh_output;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::dst_mtu;
use crate::skb::Skb;
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;

/// `iif` is the in link of a forwarded packet, 0 for the host's own.
pub(super) fn ip6_output<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb, iif: u32) {
    let Some(route) = skb.route else { return };
    skb.dev = route.dev;
    let link = ns.links.as_ref().ok().and_then(|l| l.get(route.dev));
    if link.is_some_and(|l| eng.flag(Key::DisableIpv6.of(l.index), &l.conf6.disable_ipv6, false)) {
        return eng.drop(ns, &skb, Stage::Ip6Output, DropReason::Ipv6Disabled);
    }
    if nf_hook(eng, ns, Hook::PostRouting, &mut skb, iif, route.dev) == Hooked::Drop {
        if iif == 0 && is_clients(&skb) {
            eng.client_denied();
        }
        return;
    }
    // Only sockets make what may be cut, and none here makes so much: `ignore_df` is not set.
    if dst_mtu(ns, &route).is_some_and(|mtu| skb.len > mtu) {
        return eng.drop(ns, &skb, Stage::Ip6Fragment, DropReason::PktTooBig);
    }
    neigh_output(eng, ns, skb);
}
