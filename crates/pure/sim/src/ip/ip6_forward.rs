//! Forwarding of IPv6.
//!
//! Kernel: `ip6_forward()` (`net/ipv6/ip6_output.c`, 6.18). `net.ipv6.conf.all.forwarding` decides for all links (measured:
//! that of a link does not), or the link's `force_forwarding`.

use super::icmpv6_send::icmpv6_send;
use super::ip6_output::ip6_output;
use crate::engine::{Engine, Key};
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::route::{dst_mtu, is_link_local};
use crate::skb::{PktType, Skb};
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;
use netwhy_wire::icmpv6;

/// `IPV6_MIN_MTU` (bytes).
pub(super) const MTU_MIN: u32 = 1280;

pub(super) fn ip6_forward<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    let Some(route) = skb.route else { return };
    let Ok(links) = &ns.links else { return };
    let Some(link) = links.get(skb.dev) else { return };
    if !eng.flag(Key::Forwarding6.of(0), &links.all6.forwarding, true)
        && !eng.flag(Key::ForceForwarding.of(link.index), &link.conf6.force_forwarding, false)
    {
        return eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::IpInAddrErrors);
    }
    if skb.pkt_type != PktType::Host {
        return eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::NotSpecified);
    }
    if skb.ttl <= 1 {
        eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::IpInHdr);
        return icmpv6_send(eng, ns, &skb, (icmpv6::TIME_EXCEED, icmpv6::EXC_HOPLIMIT), 0);
    }
    if skb.dev != route.dev {
        if skb.src.is_unspecified() || skb.src.is_loopback() {
            return eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::IpInAddrErrors);
        }
        if is_link_local(skb.src) {
            eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::IpInAddrErrors);
            return icmpv6_send(eng, ns, &skb, (icmpv6::DEST_UNREACH, icmpv6::NOT_NEIGHBOUR), 0);
        }
    }
    if let Some(mtu) = dst_mtu(ns, &route)
        .map(|mtu| mtu.max(MTU_MIN))
        .filter(|mtu| skb.len > *mtu)
    {
        eng.drop(ns, &skb, Stage::Ip6Forward, DropReason::PktTooBig);
        return icmpv6_send(eng, ns, &skb, (icmpv6::PKT_TOOBIG, 0), mtu);
    }
    skb.ttl -= 1;
    let dev = skb.dev;
    if nf_hook(eng, ns, Hook::Forward, &mut skb, dev, route.dev) == Hooked::Drop {
        return;
    }
    ip6_output(eng, ns, skb, dev);
}
