//! Reverse-path filter.
//!
//! Kernel: `fib_validate_source()`, `__fib_validate_source()` (`fib_frontend.c`, 6.18). Kernel-facts trap 9.

use super::fib_lookup::{FibError, FibKey, fib_lookup};
use crate::engine::Engine;
use crate::reason::DropReason;
use crate::skb::Skb;
use netwhy_model::fib::RouteKind;
use netwhy_model::link::Link;
use netwhy_model::{GapId, Netns};
use std::net::Ipv4Addr;

/// Outcome of the check.
pub(crate) enum Source {
    Good,
    Bad(DropReason),
    Unknown(GapId),
}

pub(crate) fn fib_validate_source<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    skb: &Skb,
    dst: Ipv4Addr,
    out: u32,
) -> Source {
    let src = skb.src;
    let level = eng.level(&link.conf.rp_filter);
    if level == 0 {
        if eng.flag(&link.conf.accept_local, false) {
            return Source::Good;
        }
        let Ok(fib) = &ns.fib else { return Source::Good };
        if !fib.custom_local_routes && !fib.custom_rules {
            let own = ns.links.as_ref().is_ok_and(|l| l.holding(src).is_some());
            return if own {
                Source::Bad(DropReason::IpLocalSource)
            } else {
                Source::Good
            };
        }
    }
    let key = Reverse {
        src,
        dst,
        mark: skb.mark,
        iif: if out == 0 { LOOPBACK } else { out },
        proto: skb.proto(),
        ports: skb.ports(),
    };
    reverse_path(eng, ns, link, &key, level)
}

/// ifindex of `lo`.
pub(crate) const LOOPBACK: u32 = 1;

/// What the way back is looked up by, as the packet has it.
pub(crate) struct Reverse {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub mark: u32,
    /// Where the answer would come from: the link that the packet leaves by, `lo` if it stays.
    pub iif: u32,
    pub proto: u8,
    pub ports: Option<(u16, u16)>,
}

/// The full check; `level` 0 is off, 1 strict, 2 loose.
pub(crate) fn reverse_path<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    link: &'a Link,
    packet: &Reverse,
    level: u8,
) -> Source {
    let mark = if eng.flag(&link.conf.src_valid_mark, false) {
        packet.mark
    } else {
        0
    };
    let key = FibKey {
        src: packet.dst,
        dst: packet.src,
        iif: packet.iif,
        oif: 0,
        mark,
        // fib4_rules_early_flow_dissect(): only where a rule asks for them.
        proto: packet.proto,
        ports: packet.ports.map(|(sport, dport)| (dport, sport)),
        any_hop: true,
    };
    let last_resort = if level == 0 {
        Source::Good
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
            if !eng.flag(&link.conf.accept_local, false) {
                return Source::Bad(DropReason::IpLocalSource);
            }
        }
        _ => return Source::Bad(DropReason::IpInvalidSource),
    }
    if found.route.nexthops.iter().any(|n| n.ifindex == link.index) {
        return Source::Good;
    }
    if link.addrs.is_empty() {
        return last_resort;
    }
    if level == 1 {
        Source::Bad(DropReason::IpRpFilter)
    } else {
        Source::Good
    }
}
