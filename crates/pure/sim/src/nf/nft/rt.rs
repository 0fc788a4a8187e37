//! The packet's own route.
//!
//! Kernel: `nft_rt_get_eval()`, `get_tcpmss()` (`nft_rt.c`).

use super::{At, Load};
use crate::engine::Engine;
use crate::nf::xt::reverse_mtu;
use crate::route::dst_mtu;
use crate::skb::{Skb, ip_len};
use netwhy_model::Family;
use netwhy_model::netfilter::nft::RtKey;

/// TCP header without options, and the MSS where nothing says one (bytes).
const TCP_LEN: u32 = 20;
const TCP_MSS_DEFAULT: u32 = 536;

pub(super) fn load<'a>(eng: &mut Engine<'a>, at: At<'a>, key: RtKey, skb: &Skb) -> Load {
    let Some(dst) = skb.route else { return Load::Break };
    match key {
        RtKey::Nexthop4 if skb.family() == Family::Inet => Load::addr(dst.gateway.unwrap_or(skb.dst)),
        RtKey::Nexthop6 if skb.family() == Family::Inet6 => Load::addr(dst.gateway.unwrap_or(skb.dst)),
        RtKey::Nexthop4 | RtKey::Nexthop6 => Load::Break,
        RtKey::Mtu => {
            let there = dst_mtu(at.ns, &dst).unwrap_or(u32::MAX);
            let mtu = there.min(reverse_mtu(eng, at.ns, skb));
            let headers = ip_len(skb.family()) + TCP_LEN;
            let mss = match mtu {
                0x1_0000.. => TCP_MSS_DEFAULT,
                mtu if mtu <= headers => TCP_MSS_DEFAULT,
                mtu => mtu - headers,
            };
            Load::number(mss.into(), 2)
        }
    }
}
