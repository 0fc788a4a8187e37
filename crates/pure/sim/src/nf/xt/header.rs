//! Matches of the headers.
//!
//! Kernel: `xt_tcpudp.c`, `xt_multiport.c`, `xt_iprange.c`, `xt_length.c`, `xt_hl.c`, `xt_dscp.c`,
//! `xt_tcpmss.c`, `xt_mac.c`, `xt_pkttype.c` (`net/netfilter`), `icmp_match()` (`ip_tables.c`), 6.18.

use super::u32::byte;
use super::{Hit, all, is, sctp};
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::skb::{IP_LEN, L4, PktType, Skb};
use netwhy_model::Netns;
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::{Backend, Match, Not, PortSide, Ports};
use netwhy_wire::Mac;
use std::net::IpAddr;

const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;

pub(super) fn transport(eng: &mut Engine<'_>, m: &Match, skb: &Skb, backend: Backend) -> Hit {
    match (m, &skb.l4) {
        (Match::Tcp { .. }, L4::Other(TCP)) | (Match::Udp { .. }, L4::Other(UDP)) if backend == Backend::Nft => {
            later_fragment(eng, m, skb)
        }
        // xt_tcpudp.c: tcp_mt()
        (
            Match::Tcp {
                sport,
                dport,
                flags,
                option,
            },
            L4::Tcp { flags: f, .. },
        ) => {
            if !all(flags.as_ref(), |(mask, comp)| f & mask == *comp) {
                return Hit::No;
            }
            let option = option.as_ref().map_or(Hit::Yes, |want| {
                let has = skb.opts.has(*f, want.value);
                has.map_or_else(Hit::Unknown, Hit::from).not(want.not)
            });
            match ports_hit(eng, skb, sport.as_ref(), dport.as_ref()) {
                Hit::Yes => option,
                other => other,
            }
        }
        (Match::Udp { sport, dport }, L4::Udp { .. } | L4::Vxlan { .. }) => {
            ports_hit(eng, skb, sport.as_ref(), dport.as_ref())
        }
        (Match::Sctp { sport, dport, chunks }, L4::Other(SCTP)) => {
            let want = [sport.as_ref(), dport.as_ref()];
            let said = sctp::sctp_mt(&|at| byte(skb, at), skb.len, want, chunks.as_ref());
            // Nothing here makes such a packet: what is in one is often not known.
            said.unwrap_or_else(|| eng.oracle.state()).into()
        }
        // ip_tables.c: icmp_match()
        (Match::Icmp(want), L4::Icmp { kind, code, .. }) => {
            is(want, |(k, c)| *k == 255 || k == kind && c.is_none_or(|c| c == *code)).into()
        }
        (Match::Multiport { ports, side }, _) => multiport(eng, skb, ports, *side),
        _ => Hit::No,
    }
}

/// iptables-nft makes comparisons of bytes out of `-m tcp` and `-m udp`, and `nft_payload_fast_eval()`
/// (`nf_tables_core.c`) does not ask whether a later fragment has ports: it reads those bytes of it.
fn later_fragment(eng: &mut Engine<'_>, m: &Match, skb: &Skb) -> Hit {
    let (sport, dport, flags, option) = match m {
        Match::Tcp {
            sport,
            dport,
            flags,
            option,
        } => (sport.as_ref(), dport.as_ref(), flags.as_ref(), option.is_some()),
        Match::Udp { sport, dport } => (sport.as_ref(), dport.as_ref(), None, false),
        _ => return Hit::No,
    };
    // This one is left to xt_tcpudp.c: tcp_mt().
    if option {
        return Hit::No;
    }
    if skb.raw.is_none() && (sport.is_some() || dport.is_some() || flags.is_some()) {
        return eng.oracle.state().into();
    }
    let port = |at| Some(u16::from_be_bytes([byte(skb, at)?, byte(skb, at + 1)?]));
    let inside = |want: Option<&Not<Ports>>, at| {
        want.is_none_or(|w| port(at).is_some_and(|p| is(w, |(low, high)| (*low..=*high).contains(&p))))
    };
    let flagged = flags.is_none_or(|w| byte(skb, 33).is_some_and(|f| is(w, |(mask, comp)| f & mask == *comp)));
    (inside(sport, 20) && inside(dport, 22) && flagged).into()
}

fn ports_hit(eng: &mut Engine<'_>, skb: &Skb, sport: Option<&Not<Ports>>, dport: Option<&Not<Ports>>) -> Hit {
    let Some((s, d)) = skb.ports() else { return Hit::No };
    let to = dport.map_or(Hit::Yes, |want| {
        port_hit(eng, d, skb.dport_any, want.value).not(want.not)
    });
    if to != Hit::Yes {
        return to;
    }
    match sport {
        Some(want) => port_hit(eng, s, skb.sport_any, want.value).not(want.not),
        None => Hit::Yes,
    }
}

/// A port in a range; where it may be `any` of a kernel's choice, both may be true.
pub(super) fn port_hit(eng: &mut Engine<'_>, port: u16, any: Option<Ports>, (low, high): Ports) -> Hit {
    let Some(any) = any else {
        return (low..=high).contains(&port).into();
    };
    if low <= any.0 && any.1 <= high {
        Hit::Yes
    } else if high < any.0 || any.1 < low {
        Hit::No
    } else {
        eng.oracle.state().into()
    }
}

/// `xt_multiport.c: ports_match_v1()`.
fn multiport(eng: &mut Engine<'_>, skb: &Skb, ports: &Not<Vec<Ports>>, side: PortSide) -> Hit {
    let Some((s, d)) = skb.ports() else { return Hit::No };
    let mut has = |port: u16, any: Option<Ports>| {
        let Some(any) = any else {
            return ports.value.iter().any(|r| (r.0..=r.1).contains(&port));
        };
        let all_inside = ports.value.iter().any(|r| r.0 <= any.0 && any.1 <= r.1);
        let none = ports.value.iter().all(|r| r.1 < any.0 || any.1 < r.0);
        match all_inside || none {
            true => all_inside,
            false => eng.oracle.state(),
        }
    };
    let hit = match side {
        PortSide::Destination => has(d, skb.dport_any),
        PortSide::Either if has(d, skb.dport_any) => true,
        PortSide::Source | PortSide::Either => has(s, skb.sport_any),
    };
    (hit != ports.not).into()
}

pub(super) fn network(eng: &mut Engine<'_>, m: &Match, skb: &Skb) -> Hit {
    match m {
        Match::IpRange { src, dst } => {
            let inside = |a: IpAddr| move |r: &(IpAddr, IpAddr)| (r.0..=r.1).contains(&a);
            (all(src.as_ref(), inside(skb.src)) && all(dst.as_ref(), inside(skb.dst))).into()
        }
        Match::PktType(want) => is(want, |kind| match skb.pkt_type {
            PktType::Host => *kind == 0,
            PktType::Broadcast => *kind == 1,
            PktType::Multicast => *kind == 2,
            PktType::OtherHost => *kind == 3,
            PktType::Loopback if skb.dst.is_multicast() => *kind == 2,
            PktType::Loopback => *kind == 1,
        })
        .into(),
        Match::Length(want) => length(eng, skb, want),
        Match::Ttl { cmp, value, not } => {
            let hit = match cmp {
                -1 => skb.ttl < *value,
                0 => skb.ttl == *value,
                _ => skb.ttl > *value,
            };
            (hit != *not).into()
        }
        // xt_dscp.c: dscp_mt(), tos_mt()
        Match::Dscp(want) => is(want, |dscp| skb.tos >> 2 == *dscp).into(),
        Match::Tos(want) => is(want, |(value, mask)| skb.tos & mask == *value).into(),
        // xt_tcpmss.c: tcpmss_mt(): a header without the option is in no range.
        Match::TcpMss(want) => match skb.l4 {
            L4::Tcp { .. } => is(want, |(low, high)| {
                skb.opts.mss.is_some_and(|mss| (*low..=*high).contains(&mss))
            })
            .into(),
            L4::Other(TCP) => later_mss(skb).map_or(Hit::No, |mss| {
                is(want, |(low, high)| mss.is_some_and(|mss| (*low..=*high).contains(&mss))).into()
            }),
            _ => Hit::No,
        },
        _ => Hit::No,
    }
}

/// `xt_tcpmss.c: tcpmss_mt()` does not ask whether a later fragment has a header: it reads those bytes of it. `None` where
/// they cannot be one (the kernel drops it then), or are not known.
fn later_mss(skb: &Skb) -> Option<Option<u16>> {
    const DATA_OFFSET_AT: u32 = 32;
    const OPTIONS_AT: u32 = 40;
    let end = IP_LEN + u32::from(byte(skb, DATA_OFFSET_AT)? >> 4) * 4;
    let mut at = OPTIONS_AT;
    if end < at {
        return None;
    }
    while at < end {
        match byte(skb, at)? {
            2 if end - at >= 4 && byte(skb, at + 1)? == 4 => {
                return Some(Some(u16::from_be_bytes([byte(skb, at + 2)?, byte(skb, at + 3)?])));
            }
            0 | 1 => at += 1,
            _ if at + 1 < end => at += u32::from(byte(skb, at + 1)?.max(1)),
            _ => break,
        }
    }
    Some(None)
}

/// `xt_length.c: length_mt()`: of the IP packet.
fn length(eng: &mut Engine<'_>, skb: &Skb, want: &Not<(u16, u16)>) -> Hit {
    let (low, high) = want.value;
    if skb.len_any {
        return eng.oracle.state().into();
    }
    match skb.opts.unknown {
        Some(gap) if matches!(skb.l4, L4::Tcp { .. }) => Hit::Unknown(gap),
        _ => Hit::from((u32::from(low)..=u32::from(high)).contains(&skb.len)).not(want.not),
    }
}

/// `xt_mac.c: mac_mt()`: nothing matches, not even with `!`, where there is no Ethernet header.
pub(super) fn mac(ns: &Netns, skb: &Skb, links: Links, want: &Not<Mac>) -> Hit {
    // dev_loopback_xmit(): a copy for the host itself has no such header any more.
    if has_ethernet(ns, links) && skb.pkt_type != PktType::Loopback {
        is(want, |mac| *mac == skb.eth_src).into()
    } else {
        Hit::No
    }
}

/// Whether the packet came by a link with Ethernet headers.
pub(in crate::nf) fn has_ethernet(ns: &Netns, links: Links) -> bool {
    let link = ns.links.as_ref().ok().and_then(|l| l.get(links.iif));
    link.is_some_and(|l| !matches!(l.kind, LinkKind::Loopback))
}
