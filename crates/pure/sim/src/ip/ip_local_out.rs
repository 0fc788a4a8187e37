//! Packets that the host sends itself: route, LOCAL_OUT with a new route where translation or a mark asks for it.
//!
//! Kernel: `__ip_local_out()` (`ip_output.c`), `ip_route_me_harder()` (`net/ipv4/netfilter.c`), `nf_nat_ipv4_local_fn()`
//! (`nf_nat_proto.c`), `ipt_mangle_out()` (`iptable_mangle.c`). Kernel-facts traps 7 and 8.

use super::ip_output;
use crate::engine::Engine;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::{OutputKey, RouteError, ip_route_output};
use crate::skb::{L4, Skb};
use crate::sock::advertise_mss;
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;
use std::net::{IpAddr, Ipv4Addr};

pub(crate) fn ip_local_out<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    if skb.route.is_none() && !route(eng, ns, &mut skb) {
        return;
    }
    let Some(dst) = skb.route else { return };
    if nf_hook(eng, ns, Hook::LocalOut, &mut skb, 0, dst.dev) == Hooked::Drop {
        if is_clients(&skb) {
            eng.client_denied();
        }
        return;
    }
    ip_output(eng, ns, skb, 0);
}

/// The packet that the client's own system call sends; what a tunnel wraps around it fails in silence.
pub(super) fn is_clients(skb: &Skb) -> bool {
    skb.packet == 0 && !matches!(skb.l4, L4::Vxlan { .. })
}

/// `ip_route_me_harder()`: inside the hook, after the table that changed the packet. `false`: dropped with the error of
/// the routing (`NF_DROP_ERR()`).
pub(crate) fn ip_route_me_harder<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &mut Skb) -> bool {
    let key = OutputKey {
        src: Some(skb.src),
        dst: skb.dst,
        mark: skb.mark,
        // fib4_rules_early_flow_dissect()
        proto: skb.proto(),
        ports: skb.ports(),
    };
    match ip_route_output(eng, ns, &key, Some(skb)) {
        Ok((dst, _)) => {
            skb.route = Some(dst);
            true
        }
        Err(RouteError::Errno(errno)) => {
            eng.drop(ns, skb, Stage::NfHookSlow, DropReason::NetfilterDrop);
            if is_clients(skb) {
                eng.client_failed(errno);
            }
            false
        }
        Err(RouteError::Unknown(gap)) => {
            eng.unknown(ns, skb, Stage::IpRouteOutputKeyHash, gap);
            false
        }
    }
}

fn route<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &mut Skb) -> bool {
    // ip_route_output_key_hash_rcu(): to nobody is to oneself.
    if skb.dst == IpAddr::V4(Ipv4Addr::UNSPECIFIED) {
        if skb.src.is_unspecified() {
            skb.src = Ipv4Addr::LOCALHOST.into();
        }
        skb.dst = skb.src;
    }
    let key = OutputKey {
        src: Some(skb.src).filter(|s| !s.is_unspecified()),
        dst: skb.dst,
        mark: skb.mark,
        proto: skb.proto(),
        ports: skb.ports(),
    };
    match ip_route_output(eng, ns, &key, Some(skb)) {
        Ok((dst, src)) => {
            skb.route = Some(dst);
            skb.src = src;
            // __ip_make_skb(): `mc_ttl` of a socket that nobody told otherwise.
            if skb.dst.is_multicast() {
                skb.ttl = 1;
            }
            advertise_mss(ns, skb);
            true
        }
        Err(RouteError::Errno(_)) => {
            eng.drop(ns, skb, Stage::IpRouteOutputKeyHash, DropReason::IpOutNoRoutes);
            false
        }
        Err(RouteError::Unknown(gap)) => {
            eng.unknown(ns, skb, Stage::IpRouteOutputKeyHash, gap);
            false
        }
    }
}
