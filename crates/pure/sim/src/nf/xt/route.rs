//! Matches that look up routes: `addrtype` and `rpfilter`.

use super::{Hit, all};
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::route::{FibError, FibKey, fib_lookup, inet_addr_type_dev};
use crate::skb::{PktType, Skb};
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::{Match, Not};
use netwhy_model::{GapId, Netns};
use std::net::IpAddr;

/// `xt_addrtype.c: addrtype_mt_v1()`.
pub(super) fn addrtype(ns: &Netns, m: &Match, skb: &Skb, links: Links) -> Hit {
    let Match::AddrType {
        src,
        dst,
        limit_in,
        limit_out,
    } = m
    else {
        return Hit::No;
    };
    let dev = if *limit_in {
        links.iif
    } else if *limit_out {
        links.oif
    } else {
        0
    };
    one_type(ns, skb.src, src.as_ref(), dev)
        .and_then(|a| Ok(a && one_type(ns, skb.dst, dst.as_ref(), dev)?))
        .map_or_else(Hit::Unknown, Hit::from)
}

fn one_type(ns: &Netns, addr: IpAddr, want: Option<&Not<u16>>, dev: u32) -> Result<bool, GapId> {
    if want.is_none() {
        return Ok(true);
    }
    let bit = inet_addr_type_dev(ns, addr, dev)?;
    Ok(all(want, |bits| bits & bit != 0))
}

/// `ipt_rpfilter.c: rpfilter_mt()`, `rpfilter_lookup_reverse()`: no sysctl takes part.
pub(super) fn rpfilter<'a>(eng: &mut Engine<'a>, ns: &'a Netns, m: &Match, skb: &Skb, links: Links) -> Hit {
    let Match::RpFilter {
        loose,
        validmark,
        accept_local,
        invert,
    } = *m
    else {
        return Hit::No;
    };
    let link = ns.links.as_ref().ok().and_then(|l| l.get(links.iif));
    let all_hear = is_broadcast(skb.dst) || matches!(skb.dst, IpAddr::V4(v4) if v4.octets()[..3] == [224, 0, 0]);
    let own = skb.pkt_type == PktType::Loopback || link.is_none_or(|l| matches!(l.kind, LinkKind::Loopback));
    if own || skb.src.is_unspecified() && all_hear {
        return Hit::Yes.not(invert);
    }
    let nowhere = skb.dst.is_multicast() || is_broadcast(skb.dst) || skb.dst.is_unspecified();
    let key = FibKey {
        src: if nowhere { skb.family().any() } else { skb.dst },
        dst: skb.src,
        iif: 1,
        oif: 0,
        mark: if validmark { skb.mark } else { 0 },
        proto: 0,
        ports: None,
        any_hop: true,
    };
    let hit = match fib_lookup(eng, ns, &key) {
        Err(FibError::Unknown(gap)) => return Hit::Unknown(gap),
        Err(FibError::Errno(_)) => false,
        Ok(found) => {
            let kind = match found.route.kind {
                RouteKind::Unicast => true,
                RouteKind::Local => accept_local,
                _ => false,
            };
            kind && (loose || found.route.nexthops.iter().any(|n| n.ifindex == links.iif))
        }
    };
    Hit::from(hit).not(invert)
}
