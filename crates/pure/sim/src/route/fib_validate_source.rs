//! Reverse-path filter.
//!
//! Kernel: `fib_validate_source()`, `__fib_validate_source()` (`fib_frontend.c`, 6.18). Kernel-facts trap 9.

use super::fib_lookup::{FibError, FibKey, FibResult, fib_lookup};
use crate::engine::{Engine, Key};
use crate::reason::DropReason;
use crate::skb::Skb;
use netwhy_model::fib::{FibRule, RouteKind};
use netwhy_model::link::Link;
use netwhy_model::{GapId, Netns};
use std::net::IpAddr;

/// Outcome of the check.
pub(crate) enum Source {
    /// With whether the source's route leads to the very host, by this link (`nhc_scope >= RT_SCOPE_HOST`).
    Good {
        near: bool,
    },
    Bad(DropReason),
    Unknown(GapId),
}

/// `oif` is the out link of a packet that is forwarded, else 0; `dst` is nobody for a broadcast.
pub(crate) fn fib_validate_source<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &Skb,
    dst: IpAddr,
    oif: u32,
) -> Source {
    let src = skb.src;
    let level = eng.level(Key::RpFilter.of(link.index), &link.conf.rp_filter);
    // Back where it came from: whoever sends redirects has to know the route to the source.
    let redirects =
        level == 0 && link.index == oif && eng.flag(Key::SendRedirects.of(link.index), &link.conf.send_redirects, true);
    if level == 0 && !redirects {
        const UNLOOKED: Source = Source::Good { near: false };
        if eng.flag(Key::AcceptLocal.of(link.index), &link.conf.accept_local, false) {
            return UNLOOKED;
        }
        let fib = match &ns.fib {
            Ok(fib) => fib,
            Err(gap) => return Source::Unknown(*gap),
        };
        if !fib.custom_local_routes && !fib.custom_rules {
            let own = ns.links.as_ref().is_ok_and(|l| l.holding(src).is_some());
            return if own {
                Source::Bad(DropReason::IpLocalSource)
            } else {
                UNLOOKED
            };
        }
    }
    // fib4_rules_early_flow_dissect()
    let dissected = ns.fib.as_ref().is_ok_and(|f| f.rules.iter().any(asks_for_ports));
    let key = FibKey {
        src: dst,
        dst: src,
        iif: if oif == 0 { LOOPBACK } else { oif },
        oif: 0,
        mark: skb.mark,
        proto: if dissected { skb.proto() } else { 0 },
        ports: skb.dissected_ports().filter(|_| dissected).map(|(s, d)| (d, s)),
        any_hop: true,
    };
    full_check(eng, ns, link, key, level)
}

/// `fib_rule_requires_fldissect()`.
fn asks_for_ports(rule: &FibRule) -> bool {
    rule.ipproto.is_some() || rule.sport.is_some() || rule.dport.is_some()
}

/// ifindex of `lo`.
pub(crate) const LOOPBACK: u32 = 1;

/// `__fib_validate_source()`.
fn full_check<'a>(eng: &mut Engine<'a>, ns: &'a Netns, link: &'a Link, key: FibKey, level: u8) -> Source {
    let mark = if eng.flag(Key::SrcValidMark.of(link.index), &link.conf.src_valid_mark, false) {
        key.mark
    } else {
        0
    };
    let key = FibKey { mark, ..key };
    let last_resort = if level == 0 {
        Source::Good { near: false }
    } else {
        Source::Bad(DropReason::IpRpFilter)
    };
    let found = match fib_lookup(eng, ns, &key) {
        Ok(found) => found,
        Err(FibError::Errno(_)) => return last_resort,
        Err(FibError::Unknown(gap)) => return Source::Unknown(gap),
    };
    match found.route.kind {
        RouteKind::Unicast => {}
        RouteKind::Local => {
            if !eng.flag(Key::AcceptLocal.of(link.index), &link.conf.accept_local, false) {
                return Source::Bad(DropReason::IpLocalSource);
            }
        }
        _ => return Source::Bad(DropReason::IpInvalidSource),
    }
    if found.route.nexthops.iter().any(|n| n.ifindex == link.index) {
        return Source::Good {
            near: to_a_host(&found),
        };
    }
    if link.addrs.is_empty() {
        return last_resort;
    }
    if level == 1 {
        return Source::Bad(DropReason::IpRpFilter);
    }
    let by_this_link = FibKey { oif: link.index, ..key };
    let near = match fib_lookup(eng, ns, &by_this_link) {
        Ok(found) => found.route.kind == RouteKind::Unicast && to_a_host(&found),
        Err(_) => false,
    };
    Source::Good { near }
}

/// The next hop is the destination itself (`fib_check_nh_nongw()`).
fn to_a_host(found: &FibResult<'_>) -> bool {
    found.nexthop.is_some_and(|hop| hop.gateway.is_none())
}
