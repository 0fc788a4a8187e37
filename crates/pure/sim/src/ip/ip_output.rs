//! POST_ROUTING and out.
//!
//! Kernel: `ip_output()`, `ip_mc_output()`, `ip_finish_output()`, `ip_do_fragment()` (`net/ipv4/ip_output.c`, 6.18).

use super::ip_local_out::is_clients;
use super::ip6_output::ip6_output;
use crate::engine::{Engine, Item};
use crate::neigh::neigh_output;
use crate::nf::{Hooked, nf_hook};
use crate::route::{LOOPBACK, dst_mtu};
use crate::skb::{DstKind, IP_LEN, L4, PktType, Skb};
use netwhy_model::netfilter::Hook;
use netwhy_model::{Family, Netns};

/// `iif` is the in link of a forwarded packet, 0 for the host's own.
pub(crate) fn ip_output<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb, iif: u32) {
    let Some(route) = skb.route else { return };
    if skb.family() == Family::Inet6 {
        return ip6_output(eng, ns, skb, iif);
    }
    skb.dev = route.dev;
    if route.kind == DstKind::Broadcast && route.dev != LOOPBACK {
        to_self(eng, ns, &skb);
    }
    if nf_hook(eng, ns, Hook::PostRouting, &mut skb, iif, route.dev) == Hooked::Drop {
        if iif == 0 && is_clients(&skb) {
            eng.client_denied();
        }
        return;
    }
    match dst_mtu(ns, &route) {
        Some(mtu) if skb.len > mtu || !skb.parts.is_empty() => {
            // ip_frag_next(), but not ip_fraglist_init(), knows IPSKB_FRAG_PMTU.
            let uncut = skb.df && skb.one_piece && !skb.parts.is_empty();
            for mut part in ip_fragment(&skb, mtu) {
                part.df = uncut;
                neigh_output(eng, ns, part);
            }
        }
        _ => neigh_output(eng, ns, skb),
    }
}

/// What goes to many comes to the host itself too (`ip_mc_output()`, `dev_loopback_xmit()`).
fn to_self<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let mut copy = skb.clone();
    copy.copy = true;
    // skb_clone()
    copy.sk = None;
    if nf_hook(eng, ns, Hook::PostRouting, &mut copy, 0, skb.dev) == Hooked::Drop {
        return;
    }
    copy.pkt_type = PktType::Loopback;
    copy.icmp_locked = false;
    eng.push(Item::Loopback {
        netns: ns.id,
        skb: copy,
    });
}

/// `ip_do_fragment()`: as it came in, where that fits; else in parts of a multiple of 8 bytes. The first has the transport
/// header.
pub(crate) fn ip_fragment(skb: &Skb, mtu: u32) -> Vec<Skb> {
    let largest = skb.parts.iter().max().map(|data| data + IP_LEN);
    let as_it_came = !skb.one_piece && largest.is_some_and(|l| l <= mtu);
    let step = largest.map_or(mtu, |l| l.min(mtu)).saturating_sub(IP_LEN) / 8 * 8;
    let data = skb.len.saturating_sub(IP_LEN);
    if step == 0 {
        return vec![skb.clone()];
    }
    let (start, more_behind) = skb.frag.unwrap_or((0, false));
    let mut parts = Vec::new();
    let mut offset = 0;
    while offset < data {
        let length = match skb.parts.get(parts.len()).filter(|_| as_it_came) {
            Some(length) => (*length).max(1),
            None => step.min(data - offset),
        };
        let mut part = skb.clone();
        part.parts.clear();
        part.df = false;
        part.len = IP_LEN + length;
        let more = more_behind || offset + length < data;
        part.frag = Some((start + offset as u16, more)).filter(|f| *f != (0, false));
        if offset > 0 {
            part.l4 = L4::Other(skb.proto());
        }
        parts.push(part);
        offset += length;
    }
    parts
}
