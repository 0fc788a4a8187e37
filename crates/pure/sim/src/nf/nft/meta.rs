//! What the kernel keeps beside the packet.
//!
//! Kernel: `nft_meta_get_eval()` (`nft_meta.c`).

use super::{At, Load};
use crate::skb::{L4, PktType, Skb};
use netwhy_model::link::{Link, LinkKind};
use netwhy_model::netfilter::nft::MetaKey;
use netwhy_model::{Family, GapId};

/// `ETH_P_IP`, `ETH_P_IPV6`, `ARPHRD_ETHER`, `ARPHRD_LOOPBACK`.
const ETH_P_IP: u128 = 0x0800;
const ETH_P_IPV6: u128 = 0x86dd;
const ARPHRD_ETHER: u128 = 1;
const ARPHRD_LOOPBACK: u128 = 772;
/// `IFNAMSIZ`.
const NAME_LEN: usize = 16;

pub(super) fn load(at: At<'_>, key: MetaKey, skb: &Skb) -> Load {
    let links = at.ns.links.as_ref().ok();
    let link = |index: u32| links.and_then(|l| l.get(index));
    match key {
        MetaKey::Length if skb.len_any => Load::Any,
        MetaKey::Length => match skb.opts.unknown {
            Some(gap) if matches!(skb.l4, L4::Tcp { .. }) => Load::Unknown(gap),
            _ => Load::number(skb.len.into(), 4),
        },
        MetaKey::Protocol => match skb.family() {
            Family::Inet => Load::number(ETH_P_IP, 2),
            Family::Inet6 => Load::number(ETH_P_IPV6, 2),
        },
        MetaKey::Nfproto => Load::number(nfproto(skb.family()), 1),
        MetaKey::L4proto => Load::number(skb.proto().into(), 1),
        MetaKey::Mark => Load::number(skb.mark.into(), 4),
        MetaKey::Iif => Load::number(at.links.iif.into(), 4),
        MetaKey::Oif => Load::number(at.links.oif.into(), 4),
        MetaKey::Iifname => name(link(at.links.iif)),
        MetaKey::Oifname => name(link(at.links.oif)),
        MetaKey::Iiftype => kind(link(at.links.iif)),
        MetaKey::Oiftype => kind(link(at.links.oif)),
        MetaKey::Pkttype => Load::number(pkttype(skb), 1),
        MetaKey::Skuid(gap) | MetaKey::Skgid(gap) => skugid(at, skb, gap),
    }
}

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
pub(super) fn nfproto(family: Family) -> u128 {
    match family {
        Family::Inet => 2,
        Family::Inet6 => 10,
    }
}

/// `nft_meta_store_ifname()`: without a device the name is empty.
pub(super) fn name(link: Option<&Link>) -> Load {
    let mut name = [0; NAME_LEN];
    for (place, byte) in name.iter_mut().zip(link.map_or("", |l| &*l.name).bytes()) {
        *place = byte;
    }
    Load::bytes(&name)
}

/// `nft_meta_store_iftype()`: without a device the rule ends.
fn kind(link: Option<&Link>) -> Load {
    match link.map(|l| &l.kind) {
        None => Load::Break,
        Some(LinkKind::Loopback) => Load::number(ARPHRD_LOOPBACK, 2),
        Some(LinkKind::Veth { .. } | LinkKind::Bridge { .. } | LinkKind::Vxlan(_)) => Load::number(ARPHRD_ETHER, 2),
        Some(LinkKind::Device { .. } | LinkKind::Other(_)) => Load::Any,
    }
}

/// `nft_meta_get_eval_pkttype_lo()` for what the host sends to many.
fn pkttype(skb: &Skb) -> u128 {
    match skb.pkt_type {
        PktType::Host => 0,
        PktType::Broadcast => 1,
        PktType::Multicast => 2,
        PktType::OtherHost => 3,
        PktType::Loopback if skb.dst.is_multicast() => 2,
        PktType::Loopback => 1,
    }
}

/// `nft_meta_get_eval_skugid()`: only a socket of this namespace that a process holds has an owner.
fn skugid(at: At<'_>, skb: &Skb, gap: GapId) -> Load {
    match skb.sk {
        Some((netns, true)) if netns == at.ns.id => Load::Unknown(gap),
        _ => Load::Break,
    }
}
