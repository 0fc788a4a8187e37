//! Matches that look up routes: `addrtype` and `rpfilter`.

use super::{Hit, all};
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::route::{FibError, FibKey, fib_lookup, inet_addr_type_dev, ipv6_addr_type, ipv6_chk_addr, is_link_local};
use crate::skb::{PktType, Skb};
use netwhy_model::family::is_broadcast;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::{Match, Not, addr_type};
use netwhy_model::{Family, GapId, Netns};
use std::net::IpAddr;

/// `xt_addrtype.c: addrtype_mt_v1()`.
pub(super) fn addrtype<'a>(eng: &mut Engine<'a>, ns: &'a Netns, m: &Match, skb: &Skb, links: Links) -> Hit {
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
    if skb.family() == Family::Inet6 {
        return match match_type6(eng, ns, skb.src, src.as_ref(), dev) {
            Hit::Yes => match_type6(eng, ns, skb.dst, dst.as_ref(), dev),
            no => no,
        };
    }
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

/// `xt_addrtype.c: match_type6()`, `match_lookup_rt6()`: every bit must hold, but for those that a route answers, of which one
/// is enough.
fn match_type6<'a>(eng: &mut Engine<'a>, ns: &'a Netns, addr: IpAddr, want: Option<&Not<u16>>, dev: u32) -> Hit {
    const ITSELF: u16 = addr_type::UNSPEC | addr_type::UNICAST | addr_type::MULTICAST;
    let Some(want) = want else { return Hit::Yes };
    let asked = want.value & ITSELF;
    if asked & !ipv6_addr_type(addr) != 0 {
        return Hit::from(want.not);
    }
    let by_route = want.value & !ITSELF;
    if by_route == 0 {
        return Hit::from(!want.not);
    }
    let mut is = 0;
    if ipv6_chk_addr(ns, addr, dev, dev != 0) {
        is |= addr_type::LOCAL;
    }
    if by_route & !is != 0 {
        let key = FibKey {
            src: Family::Inet6.any(),
            dst: addr,
            iif: 1,
            oif: dev,
            mark: 0,
            proto: 0,
            ports: None,
            any_hop: true,
        };
        match fib_lookup(eng, ns, &key) {
            Err(FibError::Unknown(gap)) => return Hit::Unknown(gap),
            Err(FibError::Errno(_)) => is |= addr_type::UNREACHABLE,
            Ok(found) if found.route.kind == RouteKind::Local && dev == 0 => is |= addr_type::LOCAL,
            Ok(found) if found.route.kind == RouteKind::Anycast => is |= addr_type::ANYCAST,
            Ok(_) => {}
        }
    }
    Hit::from(by_route & is != 0).not(want.not)
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
    if skb.family() == Family::Inet6 {
        let own = link.is_none_or(|l| matches!(l.kind, LinkKind::Loopback)) || skb.src.is_unspecified();
        let hit = if own {
            Hit::Yes
        } else {
            rpfilter6(eng, ns, m, skb, links)
        };
        return hit.not(invert);
    }
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

/// `ip6t_rpfilter.c: rpfilter_lookup_reverse6()`.
fn rpfilter6<'a>(eng: &mut Engine<'a>, ns: &'a Netns, m: &Match, skb: &Skb, links: Links) -> Hit {
    let Match::RpFilter {
        loose,
        validmark,
        accept_local,
        ..
    } = *m
    else {
        return Hit::No;
    };
    let strict = is_link_local(skb.src) || !loose;
    let key = FibKey {
        src: if skb.dst.is_multicast() {
            Family::Inet6.any()
        } else {
            skb.dst
        },
        dst: skb.src,
        iif: 1,
        oif: if strict { links.iif } else { 0 },
        mark: if validmark { skb.mark } else { 0 },
        proto: skb.proto(),
        ports: None,
        any_hop: true,
    };
    match fib_lookup(eng, ns, &key) {
        Err(FibError::Unknown(gap)) => Hit::Unknown(gap),
        Err(FibError::Errno(_)) => Hit::No,
        Ok(found) => match found.route.kind {
            RouteKind::Local => accept_local,
            RouteKind::Unicast => loose || found.route.nexthops.iter().any(|n| n.ifindex == links.iif),
            _ => false,
        }
        .into(),
    }
}
