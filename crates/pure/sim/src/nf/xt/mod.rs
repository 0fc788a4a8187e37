//! The extensions of a rule: its matches, and the targets that change a packet or a set.
//!
//! Kernel: `ip_packet_match()` (`ip_tables.c`) and `net/netfilter/xt_*.c`, named at each arm.

mod conntrack;
mod header;
mod recent;
mod route;
mod sctp;
mod set;
mod sock;
mod target;
mod u32;

pub(super) use conntrack::nf_conntrack_udp_packet;
pub(super) use header::has_ethernet;
pub(super) use target::{reverse_mtu, set_elements, tcpmss, ttl};
pub(super) use u32::{byte, transport};

use super::nf_hook::Links;
use crate::engine::Engine;
use crate::skb::Skb;
use ipnet::IpNet;
use netwhy_model::family::{bits, mask};
use netwhy_model::netfilter::{Backend, IfPattern, Match, Not, Rule};
use netwhy_model::{GapId, Netns};
use std::net::IpAddr;

/// Answer of a rule or match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hit {
    Yes,
    No,
    Unknown(GapId),
}

impl Hit {
    /// Under the `!` of an option; what is not known stays so.
    pub fn not(self, not: bool) -> Hit {
        match self {
            Hit::Yes if not => Hit::No,
            Hit::No if not => Hit::Yes,
            same => same,
        }
    }
}

impl From<bool> for Hit {
    fn from(b: bool) -> Hit {
        if b { Hit::Yes } else { Hit::No }
    }
}

pub(crate) fn rule_hits<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    rule: &'a Rule,
    backend: Backend,
    skb: &Skb,
    links: Links,
) -> Hit {
    if !head_hits(ns, rule, skb, links) {
        return Hit::No;
    }
    let mut unknown = None;
    for m in &rule.matches {
        let hit = hits(eng, ns, m, backend, skb, links);
        if eng.watch.is_some() {
            used(eng, m, hit);
        }
        match hit {
            Hit::Yes => {}
            Hit::No => return Hit::No,
            Hit::Unknown(gap) => unknown = unknown.or(Some(gap)),
        }
    }
    unknown.map_or(Hit::Yes, Hit::Unknown)
}

/// For an observer.
fn used(eng: &mut Engine<'_>, m: &Match, hit: Hit) {
    let outcome = match hit {
        Hit::Yes => "hit",
        Hit::No => "miss",
        Hit::Unknown(_) => "unknown",
    };
    eng.used("match", m.name(), outcome);
    if let Match::Set { set, .. } = m {
        eng.used("set", set.kind.name(), outcome);
    }
}

/// `ip_packet_match()`.
fn head_hits(ns: &Netns, rule: &Rule, skb: &Skb, links: Links) -> bool {
    rule.proto.is_none_or(|(p, not)| p == 0 || (p == skb.proto()) != not)
        && rule.src.is_none_or(|(net, not)| holds(net, skb.src) != not)
        && rule.dst.is_none_or(|(net, not)| holds(net, skb.dst) != not)
        && rule
            .iif
            .as_ref()
            .is_none_or(|(p, not)| link_fits(ns, p, links.iif) != *not)
        && rule
            .oif
            .as_ref()
            .is_none_or(|(p, not)| link_fits(ns, p, links.oif) != *not)
        && rule.fragment.is_none_or(|later| later == skb.is_later_fragment())
}

/// Rules meet packets of their own family only.
fn holds(net: IpNet, addr: IpAddr) -> bool {
    (bits(net.addr()) ^ bits(addr)) & mask(net.prefix_len()) == 0
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

fn hits<'a>(eng: &mut Engine<'a>, ns: &'a Netns, m: &'a Match, backend: Backend, skb: &Skb, links: Links) -> Hit {
    match m {
        Match::Comment(_) | Match::Nfacct => Hit::Yes,
        Match::Tcp { .. } | Match::Udp { .. } | Match::Sctp { .. } | Match::Icmp(_) | Match::Multiport { .. } => {
            header::transport(eng, m, skb, backend)
        }
        Match::IpRange { .. }
        | Match::PktType(_)
        | Match::Length(_)
        | Match::Ttl { .. }
        | Match::Dscp(_)
        | Match::Tos(_)
        | Match::TcpMss(_) => header::network(eng, m, skb),
        Match::MacSource(want) => header::mac(ns, skb, links, want),
        Match::Conntrack(want) => conntrack::conntrack(eng, want, skb),
        // xt_mark.c: mark_mt()
        Match::Mark(want) => is(want, |(value, mask)| skb.mark & mask == *value).into(),
        // xt_connmark.c: connmark_mt(): nothing matches without a connection.
        Match::Connmark(want) => match skb.ct {
            Some(ct) => is(want, |(value, mask)| eng.conns[ct.entry].mark & mask == *value).into(),
            // A template has none.
            None if skb.template.is_some() => is(want, |(value, _)| *value == 0).into(),
            None => Hit::No,
        },
        Match::AddrType { .. } => route::addrtype(eng, ns, m, skb, links),
        Match::RpFilter { .. } => route::rpfilter(eng, ns, m, skb, links),
        Match::Random(want) => (eng.oracle.random(want.value) != want.not).into(),
        // xt_statistic.c: one of one is each.
        Match::Nth(want) if want.value.0 <= 1 => Hit::from(!want.not),
        Match::Nth(_) | Match::Limit => eng.oracle.state().into(),
        Match::Recent { .. } => recent::recent(eng, ns, m, skb),
        Match::Physdev { .. } => physdev(ns, m, skb),
        Match::Set {
            set,
            dirs,
            not,
            return_nomatch,
            counters,
        } => {
            let hit = set::ip_set_test(eng, ns, set, *dirs, *return_nomatch, skb, links).not(*not);
            match hit {
                Hit::Yes if *counters => eng.oracle.state().into(),
                hit => hit,
            }
        }
        Match::Owner { .. } => sock::owner(ns, m, skb),
        Match::Socket { .. } => sock::socket(eng, ns, m, skb, links),
        Match::U32 { tests, not, unknown } => u32::u32_match(skb, tests, *unknown).not(*not),
        Match::ExtensionHeader(gap) if skb.frag.is_some() => Hit::Unknown(*gap),
        Match::ExtensionHeader(_) => Hit::No,
        Match::Unsupported(gap) => Hit::Unknown(*gap),
    }
}

/// `xt_physdev.c: physdev_mt()`.
fn physdev(ns: &Netns, m: &Match, skb: &Skb) -> Hit {
    let Match::Physdev {
        iif,
        oif,
        is_in,
        is_out,
        is_bridged,
    } = m
    else {
        return Hit::No;
    };
    let bridged = skb.physin.is_some() && skb.physout.is_some();
    (all(iif.as_ref(), |p| skb.physin.is_some_and(|i| link_fits(ns, p, i)))
        && oif.as_ref().is_none_or(|want| match skb.physout {
            Some(port) => is(want, |p| link_fits(ns, p, port)),
            // A packet that came over a bridge and leaves by none fits no `--physdev-out`, not even with `!`.
            None => want.not && skb.physin.is_none(),
        })
        && is_in.is_none_or(|w| w == skb.physin.is_some())
        && is_out.is_none_or(|w| w == skb.physout.is_some())
        && is_bridged.is_none_or(|w| w == bridged))
    .into()
}
