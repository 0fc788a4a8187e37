//! `conntrack`.
//!
//! Kernel: `conntrack_mt()` (`net/netfilter/xt_conntrack.c`, 6.18).

use super::header::port_hit;
use super::{Hit, all};
use crate::engine::Engine;
use crate::skb::{CtInfo, CtRef, Skb, is_icmp};
use netwhy_model::Family;
use netwhy_model::netfilter::{Conntrack, Not, Ports, ct_state, ct_status};
use netwhy_wire::icmp;

pub(super) fn conntrack(eng: &mut Engine<'_>, want: &Conntrack, skb: &Skb) -> Hit {
    if !all(want.states.as_ref(), |bits| bits & state(eng, skb) != 0) {
        return Hit::No;
    }
    if skb.ct.is_none() && skb.template.is_some() {
        return of_template(want, skb.family());
    }
    // Without a connection the state alone decides, and a rule that does not ask for it never matches.
    let Some(ct) = skb.ct else {
        return want.states.is_some().into();
    };
    let conn = &eng.conns[ct.entry];
    let (mut o, mut r) = (conn.orig, conn.reply);
    // Of an echo and its kin the number is drawn, which only the answers have.
    let drawn = conn.snat_port_any;
    let any = drawn.filter(|_| !is_icmp(o.proto));
    let any_back = drawn.filter(|_| is_icmp(o.proto) && eng.watch.is_some());
    if is_icmp(o.proto) {
        // nf_ct_tuple: the type and code stand where a destination port does; invmap[] gives those of the answer.
        let (kind, code) = conn.icmp;
        let back = match kind {
            icmp::ECHO if o.src.is_ipv4() => icmp::ECHO_REPLY,
            _ => kind.saturating_add(1),
        };
        (o.dport, r.dport) = (u16::from_be_bytes([kind, code]), u16::from_be_bytes([back, code]));
    }
    let inside = |port: u16| move |range: &Ports| (range.0..=range.1).contains(&port);
    let hit = want.dir.is_none_or(|original| original != ct.reply)
        && all(want.proto.as_ref(), |p| *p == o.proto)
        && all(want.orig_src.as_ref(), |n| n.contains(&o.src))
        && all(want.orig_dst.as_ref(), |n| n.contains(&o.dst))
        && all(want.orig_dport.as_ref(), inside(o.dport))
        && all(want.reply_src.as_ref(), |n| n.contains(&r.src))
        && all(want.reply_dst.as_ref(), |n| n.contains(&r.dst));
    if !hit {
        return Hit::No;
    }
    if want.status.as_ref().is_some_and(|s| s.value & ct_status::ASSURED != 0) {
        nf_conntrack_udp_packet(eng, ct);
    }
    if !all(want.status.as_ref(), |bits| bits & status(eng, ct) != 0) {
        return Hit::No;
    }
    let chosen = |eng: &mut Engine<'_>, port: u16, any: Option<Ports>, want: Option<&Not<Ports>>| {
        want.is_none_or(|w| port_hit(eng, port, any, w.value).not(w.not) == Hit::Yes)
    };
    if !chosen(eng, o.sport, any, want.orig_sport.as_ref())
        || !chosen(eng, r.dport, any, want.reply_dport.as_ref())
        || !chosen(eng, r.sport, any_back, want.reply_sport.as_ref())
    {
        return Hit::No;
    }
    // How long an entry lives on depends on when it was last used.
    match want.expire {
        Some(_) => eng.oracle.state().into(),
        None => Hit::Yes,
    }
}

/// Until connection tracking has seen it, a packet has what a CT target attached: a connection without addresses, confirmed
/// (`xt_ct_tg_check()`).
fn of_template(want: &Conntrack, family: Family) -> Hit {
    let none = family.any();
    let inside = |range: &Ports| range.0 == 0;
    let hit = want.dir.is_none_or(|original| original)
        && all(want.proto.as_ref(), |p| *p == 0)
        && [&want.orig_src, &want.orig_dst, &want.reply_src, &want.reply_dst]
            .into_iter()
            .all(|net| all(net.as_ref(), |n| n.contains(&none)))
        && [&want.orig_sport, &want.orig_dport, &want.reply_sport, &want.reply_dport]
            .into_iter()
            .all(|port| all(port.as_ref(), inside))
        && all(want.status.as_ref(), |bits| bits & ct_status::CONFIRMED != 0)
        && all(want.expire.as_ref(), |(low, _)| *low == 0);
    hit.into()
}

fn state(eng: &Engine<'_>, skb: &Skb) -> u8 {
    let Some(ct) = skb.ct else {
        return if skb.template.is_some() {
            ct_state::NEW
        } else if skb.untracked {
            ct_state::UNTRACKED
        } else {
            ct_state::INVALID
        };
    };
    let conn = &eng.conns[ct.entry];
    let state = match ct.info {
        CtInfo::New => ct_state::NEW,
        CtInfo::Established => ct_state::ESTABLISHED,
        CtInfo::Related => ct_state::RELATED,
    };
    state | if conn.snat { ct_state::SNAT } else { 0 } | if conn.dnat { ct_state::DNAT } else { 0 }
}

/// What was answered becomes assured by the first packet that comes after seconds.
pub(in crate::nf) fn nf_conntrack_udp_packet(eng: &mut Engine<'_>, ct: CtRef) {
    if eng.conns[ct.entry].assured_any {
        let assured = eng.oracle.state();
        let conn = &mut eng.conns[ct.entry];
        (conn.assured, conn.assured_any) = (assured, false);
    }
}

/// `ct->status`: no connection here is expected, and a TCP connection is assured once its client has answered
/// (`nf_conntrack_tcp_packet()`), one of UDP not before seconds have passed.
fn status(eng: &Engine<'_>, ct: CtRef) -> u8 {
    let conn = &eng.conns[ct.entry];
    (if conn.seen_reply { ct_status::SEEN_REPLY } else { 0 })
        | (if conn.assured { ct_status::ASSURED } else { 0 })
        | (if conn.confirmed { ct_status::CONFIRMED } else { 0 })
}
