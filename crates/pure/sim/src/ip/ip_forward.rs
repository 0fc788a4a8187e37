//! Forwarding.
//!
//! Kernel: `ip_forward()`, `ip_forward_finish()` (`net/ipv4/ip_forward.c`, 6.18).

use super::ip_rt_send_redirect::ip_rt_send_redirect;
use super::{icmp_send, icmp_send_info, ip_output};
use crate::engine::Engine;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::dst_mtu;
use crate::skb::{IP_LEN, PktType, Skb};
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;
use netwhy_wire::icmp;

pub(crate) fn ip_forward<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    let Some(route) = skb.route else { return };
    if skb.pkt_type != PktType::Host {
        return eng.drop(ns, &skb, Stage::IpForward, DropReason::NotSpecified);
    }
    if skb.ttl <= 1 {
        eng.drop(ns, &skb, Stage::IpForward, DropReason::IpInHdr);
        icmp_send(eng, ns, &skb, icmp::TIME_EXCEEDED, icmp::EXC_TTL);
        return;
    }
    if let Some(mtu) = dst_mtu(ns, &route).filter(|mtu| ip_exceeds_mtu(&skb, *mtu)) {
        eng.drop(ns, &skb, Stage::IpForward, DropReason::PktTooBig);
        icmp_send_info(eng, ns, &skb, (icmp::DEST_UNREACH, icmp::FRAG_NEEDED), mtu);
        return;
    }
    skb.ttl -= 1;
    if route.redirects {
        ip_rt_send_redirect(eng, ns, &skb, route);
    }
    let dev = skb.dev;
    if nf_hook(eng, ns, Hook::Forward, &mut skb, dev, route.dev) == Hooked::Drop {
        return;
    }
    ip_output(eng, ns, skb, dev);
}

/// `ip_exceeds_mtu()`: what connection tracking put together passes if none of its fragments was too long itself.
fn ip_exceeds_mtu(skb: &Skb, mtu: u32) -> bool {
    let fragment = skb.parts.iter().max().map_or(0, |data| data + IP_LEN);
    skb.len > mtu && skb.df && (fragment > mtu || !skb.ignore_df)
}
