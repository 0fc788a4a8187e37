//! A sender that could reach the next hop by itself is told so.
//!
//! Kernel: `ip_rt_send_redirect()` (`net/ipv4/route.c`, 6.18), called by `ip_forward()` before the FORWARD hook: translation of
//! the connection's source is not done yet. The first one to a peer is sent at once, each further one only after a pause that
//! begins with 40 ms and doubles, and after nine comes silence, until 20 s without any have passed. Measured in the referee.

use super::icmp_send::icmp_error;
use super::ip_local_out;
use crate::engine::Engine;
use crate::skb::{Dst, Skb};
use netwhy_model::Netns;
use netwhy_wire::icmp;
use std::net::IpAddr;

/// Code of a redirect for one host.
const REDIR_HOST: u8 = 1;

/// Only for an observer: what a sender makes of it decides about its next connection at the earliest.
pub(super) fn ip_rt_send_redirect<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb, route: Dst) {
    eng.used("peer", "redirect", "");
    if eng.options.redirects_spent && !eng.oracle.state() {
        return;
    }
    let IpAddr::V4(gateway) = route.gateway.unwrap_or(skb.dst) else {
        return;
    };
    let what = (icmp::REDIRECT, REDIR_HOST);
    if let Some(error) = icmp_error(eng, ns, skb, what, gateway.into()) {
        ip_local_out(eng, ns, error);
    }
}
