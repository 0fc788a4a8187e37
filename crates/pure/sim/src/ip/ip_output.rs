//! POST_ROUTING and out.
//!
//! Kernel: `ip_output()`, `ip_finish_output()`, `ip_finish_output2()` (`net/ipv4/ip_output.c`, 6.18).

use super::ip_local_out::is_clients;
use crate::engine::Engine;
use crate::neigh::neigh_output;
use crate::nf::{Hooked, nf_hook};
use crate::skb::Skb;
use netwhy_model::Netns;
use netwhy_model::netfilter::Hook;

/// `iif` is the in link of a forwarded packet, 0 for the host's own.
pub(crate) fn ip_output<'a>(eng: &mut Engine<'a>, ns: &'a Netns, mut skb: Skb, iif: u32) {
    let Some(route) = skb.route else { return };
    skb.dev = route.dev;
    if nf_hook(eng, ns, Hook::PostRouting, &mut skb, iif, route.dev) == Hooked::Drop {
        if iif == 0 && is_clients(&skb) {
            eng.client_denied();
        }
        return;
    }
    neigh_output(eng, ns, skb);
}
