//! LOCAL_IN, then the protocol's receiver.
//!
//! Kernel: `ip_local_deliver()`, `ip_protocol_deliver_rcu()` (`net/ipv4/ip_input.c`, 6.18).

use super::{DefragUser, icmp_send, icmpv6_send, ip_defrag};
use crate::engine::Engine;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::sock;
use netwhy_model::netfilter::Hook;
use netwhy_model::{Family, Netns};
use netwhy_wire::{icmp, icmpv6};

pub(crate) fn ip_local_deliver<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: Skb) {
    let Some(mut skb) = ip_defrag(eng, ns, skb, DefragUser::LocalDeliver) else {
        return;
    };
    skb.parts.clear();
    let dev = skb.dev;
    if nf_hook(eng, ns, Hook::LocalIn, &mut skb, dev, 0) == Hooked::Drop {
        return;
    }
    deliver(eng, ns, skb);
}

/// `ip6_input()`, `ip6_protocol_deliver_rcu()` (`net/ipv6/ip6_input.c`).
pub(super) fn ip6_input<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb) {
    let dev = skb.dev;
    if nf_hook(eng, ns, Hook::LocalIn, &mut skb, dev, 0) == Hooked::Drop {
        return;
    }
    deliver(eng, ns, skb);
}

fn deliver<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: Skb) {
    match &skb.l4 {
        L4::Arp(_) => {}
        L4::Tcp { .. } => sock::tcp_v4_rcv(eng, ns, &skb),
        L4::Udp { .. } => sock::udp_rcv(eng, ns, &skb),
        L4::Vxlan { .. } => crate::dev::vxlan_rcv(eng, ns, skb),
        L4::Icmp { .. } => match skb.family() {
            Family::Inet => sock::icmp_rcv(eng, ns, &skb),
            Family::Inet6 => sock::icmpv6_rcv(eng, ns, &skb),
        },
        L4::Other(_) => {
            eng.drop(ns, &skb, Stage::IpProtocolDeliverRcu, DropReason::IpNoProto);
            match skb.family() {
                Family::Inet => icmp_send(eng, ns, &skb, icmp::DEST_UNREACH, icmp::PROT_UNREACH),
                Family::Inet6 => icmpv6_send(eng, ns, &skb, (icmpv6::PARAMPROB, icmpv6::UNK_NEXTHDR), 0),
            }
        }
    }
}
