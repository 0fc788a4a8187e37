//! The end of packets without a route, and of those that would have to be forwarded where forwarding is off.
//!
//! Kernel: `ip_error()` (`net/ipv4/route.c`, 6.18). Lab note 0001.

use super::icmp_send;
use crate::engine::{Engine, Key};
use crate::reason::{DropReason, Stage};
use crate::skb::{Errno, Skb};
use netwhy_model::Netns;
use netwhy_wire::icmp;

pub(crate) fn ip_error<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb, errno: Errno) {
    let link = ns.links.as_ref().ok().and_then(|l| l.get(skb.dev));
    let forwarding = link.is_none_or(|l| eng.flag(Key::Forwarding.of(l.index), &l.conf.forwarding, true));
    if !forwarding {
        let reason = match errno {
            Errno::HostUnreach => DropReason::IpInAddrErrors,
            Errno::NetUnreach => DropReason::IpInNoRoutes,
            _ => DropReason::NotSpecified,
        };
        eng.drop(ns, skb, Stage::IpError, reason);
        return;
    }
    let (reason, code) = match errno {
        Errno::Inval => (DropReason::NotSpecified, None),
        Errno::HostUnreach | Errno::AddrNotAvail => (DropReason::NotSpecified, Some(icmp::HOST_UNREACH)),
        Errno::NetUnreach => (DropReason::IpInNoRoutes, Some(icmp::NET_UNREACH)),
        Errno::Acces => (DropReason::NotSpecified, Some(icmp::PKT_FILTERED)),
    };
    eng.drop(ns, skb, Stage::IpError, reason);
    if let Some(code) = code
        && !(eng.options.errors_spent && eng.oracle.state())
    {
        icmp_send(eng, ns, skb, icmp::DEST_UNREACH, code);
    }
}
