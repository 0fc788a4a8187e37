//! The packet's connection.
//!
//! Kernel: `nft_ct_get_eval()` (`nft_ct.c`).

use super::Load;
use super::meta::nfproto;
use super::reg::Reg;
use crate::engine::Engine;
use crate::nf::xt::nf_conntrack_udp_packet;
use crate::skb::{CtInfo, CtRef, Skb, is_icmp};
use netwhy_model::Family;
use netwhy_model::netfilter::ZoneId;
use netwhy_model::netfilter::nft::{Bytes, CtDir, CtKey};
use netwhy_wire::icmp;

/// `NF_CT_STATE_BIT()`.
const INVALID: u128 = 1;
const ESTABLISHED: u128 = 2;
const RELATED: u128 = 4;
const NEW: u128 = 8;
const UNTRACKED: u128 = 64;

/// `enum ip_conntrack_status`.
const SEEN_REPLY: u128 = 2;
const ASSURED: u128 = 4;
const CONFIRMED: u128 = 8;
const SRC_NAT: u128 = 16;
const DST_NAT: u128 = 32;
const SRC_NAT_DONE: u128 = 128;
const DST_NAT_DONE: u128 = 256;
const TEMPLATE: u128 = 2048;

pub(super) fn load(eng: &mut Engine<'_>, key: CtKey, dir: Option<CtDir>, skb: &Skb) -> Load {
    if key == CtKey::State {
        return Load::number(state(skb), 4);
    }
    let Some(ct) = skb.ct else {
        return match skb.template {
            Some(_) => of_template(skb, key),
            None => Load::Break,
        };
    };
    if key == CtKey::Status {
        nf_conntrack_udp_packet(eng, ct);
    }
    let conn = &eng.conns[ct.entry];
    let reply = match dir {
        Some(dir) => dir == CtDir::Reply,
        None => ct.reply,
    };
    let tuple = if reply { conn.reply } else { conn.orig };
    match key {
        CtKey::State => Load::Break,
        CtKey::Direction => Load::number(ct.reply.into(), 1),
        CtKey::Status => Load::number(status(eng, ct), 4),
        CtKey::Mark => Load::number(conn.mark.into(), 4),
        CtKey::Zone => {
            let zone = match dir {
                // The number of the zone, whichever direction it holds for.
                None => conn.zones.orig | conn.zones.reply,
                Some(CtDir::Original) => conn.zones.orig,
                Some(CtDir::Reply) => conn.zones.reply,
            };
            Load::number(zone.into(), 2)
        }
        CtKey::Protocol => Load::number(tuple.proto.into(), 1),
        CtKey::L3proto => Load::number(nfproto(Family::of(tuple.src)), 1),
        CtKey::Saddr => Load::addr(tuple.src),
        CtKey::Daddr => Load::addr(tuple.dst),
        CtKey::Sport | CtKey::Dport if is_icmp(tuple.proto) && key == CtKey::Dport => {
            // invmap[] gives the type of the answer.
            let (kind, code) = conn.icmp;
            let kind = match reply {
                true if kind == icmp::ECHO && tuple.src.is_ipv4() => icmp::ECHO_REPLY,
                true => kind.saturating_add(1),
                false => kind,
            };
            Load::bytes(&[kind, code])
        }
        CtKey::Sport | CtKey::Dport => {
            // What a translation chose is the client's port, seen from either end.
            let chosen = (key == CtKey::Sport) != reply && !is_icmp(tuple.proto);
            let port = if key == CtKey::Sport { tuple.sport } else { tuple.dport };
            Load::Value(Reg {
                bytes: Bytes::number(port.into(), 2),
                any: conn.snat_port_any.filter(|_| chosen).map(|ports| (0, ports)),
            })
        }
    }
}

/// Until connection tracking has seen it, a packet has what `ct zone set` attached.
fn of_template(skb: &Skb, key: CtKey) -> Load {
    match (key, skb.template.map(|zone| zone.id)) {
        (CtKey::Status, _) => Load::number(CONFIRMED | TEMPLATE, 4),
        (CtKey::Mark, _) => Load::number(0, 4),
        (CtKey::Zone, Some(ZoneId::Number(zone))) => Load::number(zone.into(), 2),
        _ => Load::Any,
    }
}

fn state(skb: &Skb) -> u128 {
    match skb.ct.map(|ct| ct.info) {
        Some(CtInfo::New) => NEW,
        Some(CtInfo::Established) => ESTABLISHED,
        Some(CtInfo::Related) => RELATED,
        None if skb.template.is_some() => NEW,
        None if skb.untracked => UNTRACKED,
        None => INVALID,
    }
}

/// `ct->status`; what is expected, dying or offloaded is not modelled.
fn status(eng: &Engine<'_>, ct: CtRef) -> u128 {
    let conn = &eng.conns[ct.entry];
    [
        (conn.seen_reply, SEEN_REPLY),
        (conn.assured, ASSURED),
        (conn.confirmed, CONFIRMED),
        (conn.snat, SRC_NAT),
        (conn.dnat, DST_NAT),
        (conn.src_done, SRC_NAT_DONE),
        (conn.dst_done, DST_NAT_DONE),
    ]
    .into_iter()
    .filter_map(|(has, bit)| has.then_some(bit))
    .sum()
}
