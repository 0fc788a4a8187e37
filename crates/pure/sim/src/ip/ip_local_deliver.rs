//! LOCAL_IN, then the protocol's receiver.
//!
//! Kernel: `ip_local_deliver()`, `ip_protocol_deliver_rcu()` (`net/ipv4/ip_input.c`, 6.18).

use super::{DefragUser, icmp_send, ip_defrag};
use crate::engine::Engine;
use crate::nf::{Hooked, nf_hook};
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::sock;
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;
use netwhy_wire::icmp;

pub(crate) fn ip_local_deliver<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: Skb) {
    let Some(mut skb) = ip_defrag(eng, ns, skb, DefragUser::LocalDeliver) else {
        return;
    };
    skb.parts.clear();
    let dev = skb.dev;
    if nf_hook(eng, ns, Hook::LocalIn, &mut skb, dev, 0) == Hooked::Drop {
        return;
    }
    match &skb.l4 {
        L4::Arp(_) => {}
        L4::Tcp { .. } => sock::tcp_v4_rcv(eng, ns, &skb),
        L4::Udp { .. } => sock::udp_rcv(eng, ns, &skb),
        L4::Vxlan { .. } => crate::dev::vxlan_rcv(eng, ns, skb),
        L4::Icmp { .. } => sock::icmp_rcv(eng, ns, &skb),
        L4::Other(_) => {
            eng.drop(ns, &skb, Stage::IpProtocolDeliverRcu, DropReason::IpNoProto);
            icmp_send(eng, ns, &skb, icmp::DEST_UNREACH, icmp::PROT_UNREACH);
        }
    }
}
