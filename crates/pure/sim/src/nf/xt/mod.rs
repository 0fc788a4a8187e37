//! The matches of a rule.
//!
//! Kernel: `ip_packet_match()` (`ip_tables.c`) and `net/netfilter/xt_*.c`, named at each arm.

use super::nf_hook::Links;
use crate::engine::Engine;
use crate::route::{Source, inet_addr_type_dev, reverse_path};
use crate::skb::{CtInfo, L4, PktType, Skb};
use netwhy_model::netfilter::{IfPattern, Match, Not, PortSide, Ports, RecentOp, Rule, ct_state};
use netwhy_model::{GapId, Netns};
use std::net::Ipv4Addr;

/// Answer of a rule or match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Yes,
    No,
    Unknown(GapId),
}

impl From<bool> for Hit {
    fn from(b: bool) -> Hit {
        if b { Hit::Yes } else { Hit::No }
    }
}

pub(crate) fn rule_hits<'a>(eng: &mut Engine<'a>, ns: &'a Netns, rule: &'a Rule, skb: &Skb, links: Links) -> Hit {
    if !head_hits(ns, rule, skb, links) {
        return Hit::No;
    }
    let mut unknown = None;
    for m in &rule.matches {
        match hits(eng, ns, m, skb, links) {
            Hit::Yes => {}
            Hit::No => return Hit::No,
            Hit::Unknown(gap) => unknown = unknown.or(Some(gap)),
        }
    }
    unknown.map_or(Hit::Yes, Hit::Unknown)
}

/// `ip_packet_match()`.
fn head_hits(ns: &Netns, rule: &Rule, skb: &Skb, links: Links) -> bool {
    rule.src.is_none_or(|(net, not)| net.contains(&skb.src) != not)
        && rule.dst.is_none_or(|(net, not)| net.contains(&skb.dst) != not)
        && rule
            .iif
            .as_ref()
            .is_none_or(|(p, not)| link_fits(ns, p, links.iif) != *not)
        && rule
            .oif
            .as_ref()
            .is_none_or(|(p, not)| link_fits(ns, p, links.oif) != *not)
        && rule.proto.is_none_or(|(p, not)| p == 0 || (p == skb.proto()) != not)
        && rule.fragment != Some(true)
}

fn link_fits(ns: &Netns, pattern: &IfPattern, index: u32) -> bool {
    let name = ns
        .links
        .as_ref()
        .ok()
        .and_then(|l| l.get(index))
        .map_or("", |l| &*l.name);
    pattern.fits(name)
}

fn is<T>(want: &Not<T>, test: impl Fn(&T) -> bool) -> bool {
    test(&want.value) != want.not
}

fn all<T>(want: Option<&Not<T>>, test: impl Fn(&T) -> bool) -> bool {
    want.is_none_or(|w| is(w, test))
}

fn hits<'a>(eng: &mut Engine<'a>, ns: &'a Netns, m: &'a Match, skb: &Skb, links: Links) -> Hit {
    match m {
        Match::Comment(_) | Match::Nfacct => Hit::Yes,
        Match::Tcp { sport, dport, flags } => match &skb.l4 {
            // xt_tcpudp.c: tcp_mt()
            L4::Tcp { flags: f, .. } => {
                if !all(flags.as_ref(), |(mask, comp)| f & mask == *comp) {
                    return Hit::No;
                }
                ports_hit(eng, skb, sport.as_ref(), dport.as_ref())
            }
            _ => Hit::No,
        },
        Match::Udp { sport, dport } => match &skb.l4 {
            L4::Udp { .. } | L4::Vxlan { .. } => ports_hit(eng, skb, sport.as_ref(), dport.as_ref()),
            _ => Hit::No,
        },
        Match::Sctp { .. } => Hit::No,
        // ip_tables.c: icmp_match()
        Match::Icmp(want) => match &skb.l4 {
            L4::Icmp { kind, code, .. } => {
                is(want, |(k, c)| *k == 255 || k == kind && c.is_none_or(|c| c == *code)).into()
            }
            _ => Hit::No,
        },
        Match::Multiport { ports, side } => multiport(eng, skb, ports, *side),
        Match::Conntrack { .. } => conntrack(eng, m, skb).into(),
        // xt_mark.c: mark_mt()
        Match::Mark(want) => is(want, |(value, mask)| skb.mark & mask == *value).into(),
        Match::Connmark(want) => match skb.ct {
            Some(ct) => is(want, |(value, mask)| eng.conns[ct.entry].mark & mask == *value).into(),
            None => Hit::No,
        },
        Match::AddrType {
            src,
            dst,
            limit_in,
            limit_out,
        } => {
            let dev = if *limit_in {
                links.iif
            } else if *limit_out {
                links.oif
            } else {
                0
            };
            addrtype(ns, skb.src, src.as_ref(), dev)
                .and_then(|a| Ok(a && addrtype(ns, skb.dst, dst.as_ref(), dev)?))
                .map_or_else(Hit::Unknown, Hit::from)
        }
        Match::Random(want) => (eng.oracle.random(want.value) != want.not).into(),
        Match::Nth(_) | Match::Limit => eng.oracle.state().into(),
        Match::Recent { op, not, .. } => match op {
            RecentOp::Set => Hit::from(!not),
            RecentOp::Check | RecentOp::Update | RecentOp::Remove => eng.oracle.state().into(),
        },
        Match::Physdev {
            iif,
            oif,
            is_in,
            is_out,
            is_bridged,
        } => {
            let bridged = skb.physin.is_some() && skb.physout.is_some();
            (all(iif.as_ref(), |p| skb.physin.is_some_and(|i| link_fits(ns, p, i)))
                && all(oif.as_ref(), |p| skb.physout.is_some_and(|i| link_fits(ns, p, i)))
                && is_in.is_none_or(|w| w == skb.physin.is_some())
                && is_out.is_none_or(|w| w == skb.physout.is_some())
                && is_bridged.is_none_or(|w| w == bridged))
            .into()
        }
        Match::MacSource(want) => is(want, |mac| *mac == skb.eth_src).into(),
        Match::IpRange { src, dst } => {
            let inside = |a: Ipv4Addr| move |r: &(Ipv4Addr, Ipv4Addr)| (r.0..=r.1).contains(&a);
            (all(src.as_ref(), inside(skb.src)) && all(dst.as_ref(), inside(skb.dst))).into()
        }
        Match::PktType(want) => is(want, |kind| match skb.pkt_type {
            PktType::Host => *kind == 0,
            PktType::OtherHost => *kind == 3,
        })
        .into(),
        Match::Length(want) => is(want, |(low, high)| {
            (u32::from(*low)..=u32::from(*high)).contains(&skb.len)
        })
        .into(),
        Match::Ttl { cmp, value, not } => {
            let hit = match cmp {
                -1 => skb.ttl < *value,
                0 => skb.ttl == *value,
                _ => skb.ttl > *value,
            };
            (hit != *not).into()
        }
        Match::RpFilter {
            loose,
            validmark,
            invert,
            ..
        } => rpfilter(eng, ns, skb, links, *loose, *validmark, *invert),
        Match::Set { members, source, not } => {
            let addr = if *source { skb.src } else { skb.dst };
            (members.iter().any(|n| n.contains(&addr)) != *not).into()
        }
        Match::Unsupported(gap) => Hit::Unknown(*gap),
    }
}

/// Lowest and highest port that kernels choose by default (`ip_local_port_range`).
pub(super) const EPHEMERAL: Ports = (32768, 60999);

fn ports_hit(eng: &mut Engine<'_>, skb: &Skb, sport: Option<&Not<Ports>>, dport: Option<&Not<Ports>>) -> Hit {
    let Some((s, d)) = skb.ports() else { return Hit::No };
    if !all(dport, |r| (r.0..=r.1).contains(&d)) {
        return Hit::No;
    }
    match sport {
        Some(want) if skb.sport_any => {
            let (low, high) = want.value;
            let inside = low <= EPHEMERAL.0 && EPHEMERAL.1 <= high;
            let outside = high < EPHEMERAL.0 || EPHEMERAL.1 < low;
            if inside || outside {
                (inside != want.not).into()
            } else {
                eng.oracle.state().into()
            }
        }
        _ => all(sport, |r| (r.0..=r.1).contains(&s)).into(),
    }
}

/// `xt_multiport.c: ports_match_v1()`.
fn multiport(eng: &mut Engine<'_>, skb: &Skb, ports: &Not<Vec<Ports>>, side: PortSide) -> Hit {
    let Some((s, d)) = skb.ports() else { return Hit::No };
    let has = |port: u16| ports.value.iter().any(|r| (r.0..=r.1).contains(&port));
    let hit = match side {
        PortSide::Destination => has(d),
        PortSide::Either if has(d) => true,
        PortSide::Source | PortSide::Either if skb.sport_any => {
            let all_inside = ports.value.iter().any(|r| r.0 <= EPHEMERAL.0 && EPHEMERAL.1 <= r.1);
            let none = ports.value.iter().all(|r| r.1 < EPHEMERAL.0 || EPHEMERAL.1 < r.0);
            if all_inside || none {
                all_inside
            } else {
                return eng.oracle.state().into();
            }
        }
        PortSide::Source | PortSide::Either => has(s),
    };
    (hit != ports.not).into()
}

/// `xt_conntrack.c: conntrack_mt()`.
fn conntrack(eng: &Engine<'_>, m: &Match, skb: &Skb) -> bool {
    let Match::Conntrack {
        states,
        dir,
        proto,
        orig_src,
        orig_dst,
        orig_dport,
        orig_sport,
        reply_src,
        reply_dst,
    } = m
    else {
        return false;
    };
    let bits = match skb.ct {
        Some(ct) => {
            let conn = &eng.conns[ct.entry];
            let state = match ct.info {
                CtInfo::New => ct_state::NEW,
                CtInfo::Established => ct_state::ESTABLISHED,
                CtInfo::Related => ct_state::RELATED,
            };
            state | if conn.snat { ct_state::SNAT } else { 0 } | if conn.dnat { ct_state::DNAT } else { 0 }
        }
        None if skb.untracked => ct_state::UNTRACKED,
        None => ct_state::INVALID,
    };
    if !all(states.as_ref(), |want| want & bits != 0) {
        return false;
    }
    let only_state = dir.is_none()
        && proto.is_none()
        && orig_src.is_none()
        && orig_dst.is_none()
        && orig_dport.is_none()
        && orig_sport.is_none()
        && reply_src.is_none()
        && reply_dst.is_none();
    let Some(ct) = skb.ct else { return only_state };
    let (o, r) = (eng.conns[ct.entry].orig, eng.conns[ct.entry].reply);
    dir.is_none_or(|original| original != ct.reply)
        && all(proto.as_ref(), |p| *p == o.proto)
        && all(orig_src.as_ref(), |n| n.contains(&o.src))
        && all(orig_dst.as_ref(), |n| n.contains(&o.dst))
        && all(orig_dport.as_ref(), |p| (p.0..=p.1).contains(&o.dport))
        && all(orig_sport.as_ref(), |p| (p.0..=p.1).contains(&o.sport))
        && all(reply_src.as_ref(), |n| n.contains(&r.src))
        && all(reply_dst.as_ref(), |n| n.contains(&r.dst))
}

/// `xt_addrtype.c: addrtype_mt_v1()`.
fn addrtype(ns: &Netns, addr: Ipv4Addr, want: Option<&Not<u16>>, dev: u32) -> Result<bool, GapId> {
    let Some(want) = want else { return Ok(true) };
    let bit = inet_addr_type_dev(ns, addr, dev)?;
    Ok((want.value & bit != 0) != want.not)
}

/// `ipt_rpfilter.c: rpfilter_mt()`.
fn rpfilter<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    skb: &Skb,
    links: Links,
    loose: bool,
    validmark: bool,
    invert: bool,
) -> Hit {
    let Some(link) = ns.links.as_ref().ok().and_then(|l| l.get(links.iif)) else {
        return Hit::from(!invert);
    };
    if &*link.name == "lo" {
        return Hit::from(!invert);
    }
    let mark = if validmark { skb.mark } else { 0 };
    match reverse_path(eng, ns, link, skb.src, skb.dst, mark, if loose { 2 } else { 1 }) {
        Source::Good => Hit::from(!invert),
        Source::Bad(_) => Hit::from(invert),
        Source::Unknown(gap) => Hit::Unknown(gap),
    }
}
