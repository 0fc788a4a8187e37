//! Connection tracking.
//!
//! Kernel: `nf_conntrack_in()`, `resolve_normal_ct()`, `__nf_conntrack_confirm()` (`nf_conntrack_core.c`), `tcp_new()`
//! (`nf_conntrack_proto_tcp.c`), `nf_conntrack_inet_error()` (`nf_conntrack_proto_icmp.c`), `nf_conntrack_attach()`.

use super::conntrack_alloc::nf_conntrack_alloc;
use super::conntrack_find::{Found, Look, clashes, nf_conntrack_find_get};
use super::conntrack_tcp::{self, Go, Index, TcpState};
use super::nf_hook::Hooked;
use crate::engine::Engine;
use crate::reason::{DropReason, Stage};
use crate::skb::{CtInfo, CtRef, Flaw, L4, Skb};
use crate::state::Conn;
use netwhy_model::conn::Zones;
use netwhy_model::netfilter::{CtZone, ZoneId};
use netwhy_model::{Family, GapId, Netns};
use netwhy_wire::icmpv6;

pub(crate) fn nf_conntrack_in(eng: &mut Engine<'_>, ns: &Netns, skb: &mut Skb) -> Hooked {
    // Seen before (loopback, or an error that carries its connection), or told not to track.
    if skb.ct.is_some() || skb.untracked {
        return Hooked::Accept;
    }
    // nf_conntrack_icmpv6_error(): what neighbours, routers and listeners say belongs to no connection.
    if is_of_link(skb) {
        skb.untracked = true;
        return Hooked::Accept;
    }
    let zones = nf_ct_zone_tmpl(skb.template.take(), skb.mark);
    if skb.icmp_error().is_some() {
        return error(eng, ns, zones, skb);
    }
    // What is judged is either of a connection or of none (`skb->_nfct = 0`).
    skb.attached = false;
    if !is_valid(skb) {
        return Hooked::Accept;
    }
    let tuple = skb.tuple();
    let exact = is_exact(eng, skb);
    let look = Look {
        zones,
        tuple,
        reply: is_answer(skb),
        exact,
    };
    let found = match nf_conntrack_find_get(eng, ns, &look) {
        Found::Unknown(gap) => return unknown(eng, ns, skb, gap),
        Found::Entry(entry, reply) => Some((entry, reply)),
        Found::Nothing => None,
    };
    if let Some((entry, reply)) = found {
        if known(eng, entry, reply, skb) {
            return Hooked::Accept;
        }
        // A closed connection is opened again (`-NF_REPEAT`).
        eng.conns[entry].dead = true;
    }
    let loose = ns.sysctl.as_ref().ok().and_then(|s| s.number(LOOSE)) != Some(0);
    let tcp = match &skb.l4 {
        L4::Tcp { flags, .. } => match conntrack_tcp::first(*flags, loose) {
            Some(state) => state,
            None => return Hooked::Accept,
        },
        L4::Icmp { kind, .. } if !is_request(skb.family(), *kind) => return Hooked::Accept,
        _ => TcpState::None,
    };
    if !nf_conntrack_alloc(eng, ns) {
        eng.used("conntrack", Skb::CT_FULL, "");
        eng.drop(ns, skb, Stage::NfHookSlow, DropReason::NetfilterDrop);
        return Hooked::Drop;
    }
    eng.conns.push(Conn {
        netns: ns.id,
        orig: tuple,
        reply: tuple.inverted(),
        zones,
        recorded: None,
        confirmed: false,
        seen_reply: false,
        src_done: false,
        dst_done: false,
        snat: false,
        dnat: false,
        mark: 0,
        icmp: match skb.l4 {
            L4::Icmp { kind, code, .. } => (kind, code),
            _ => (0, 0),
        },
        tcp,
        last: (Index::Nothing, false),
        assured: false,
        assured_any: false,
        dead: false,
        snat_port_any: skb.sport_any,
        masqueraded: None,
        ports: None,
        marked: false,
        drew: false,
    });
    skb.ct = Some(CtRef {
        entry: eng.conns.len() - 1,
        reply: false,
        info: CtInfo::New,
    });
    Hooked::Accept
}

/// `icmp_new()`, `icmpv6_new()`: messages that begin a connection.
fn is_request(family: Family, kind: u8) -> bool {
    match family {
        Family::Inet => matches!(kind, 8 | 13 | 15 | 17),
        Family::Inet6 => matches!(kind, icmpv6::ECHO_REQUEST | icmpv6::NI_QUERY),
    }
}

/// `noct_valid_new[]` (`nf_conntrack_proto_icmpv6.c`).
fn is_of_link(skb: &Skb) -> bool {
    let noct =
        |kind: u8| (icmpv6::MGM_QUERY..=icmpv6::NEIGHBOUR_ADVERTISEMENT).contains(&kind) || kind == icmpv6::MLD2_REPORT;
    skb.family() == Family::Inet6 && matches!(skb.l4, L4::Icmp { kind, .. } if noct(kind))
}

/// `nf_ct_zone_tmpl()`, `nf_ct_zone_id()`.
fn nf_ct_zone_tmpl(template: Option<CtZone>, mark: u32) -> Zones {
    let Some(zone) = template else {
        return Zones::default();
    };
    let id = match zone.id {
        ZoneId::Number(id) => id,
        // The zone has sixteen bits, and gets the lower ones.
        ZoneId::Mark => mark as u16,
    };
    Zones {
        orig: if zone.orig { id } else { 0 },
        reply: if zone.reply { id } else { 0 },
    }
}

fn is_exact(eng: &Engine<'_>, skb: &Skb) -> bool {
    eng.ports_known && skb.sport_any.is_none() && skb.dport_any.is_none()
}

/// The packet belongs to a connection of which nothing is known.
fn unknown(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, gap: GapId) -> Hooked {
    eng.unknown(ns, skb, Stage::NfHookSlow, gap);
    Hooked::Drop
}

const LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";

/// `tcp_error()`, `udp_error()`, `icmp_error()`: what is damaged belongs to no connection.
fn is_valid(skb: &Skb) -> bool {
    let flags = match &skb.l4 {
        L4::Tcp { flags, .. } => conntrack_tcp::flags_are_valid(*flags),
        L4::Icmp { kind, .. } => skb.family() == Family::Inet6 || *kind <= NR_ICMP_TYPES,
        _ => true,
    };
    flags && !matches!(skb.flaw, Some(Flaw::Checksum | Flaw::Crc))
}

/// `NR_ICMP_TYPES` (`include/uapi/linux/icmp.h`).
const NR_ICMP_TYPES: u8 = 18;

/// A packet of a known connection; `false` if that ended and this opens it again.
fn known(eng: &mut Engine<'_>, entry: usize, reply: bool, skb: &mut Skb) -> bool {
    let conn = &mut eng.conns[entry];
    let info = if reply || conn.seen_reply {
        CtInfo::Established
    } else {
        CtInfo::New
    };
    if let L4::Tcp { flags, .. } = skb.l4 {
        let (old, index) = (conn.tcp, conntrack_tcp::index(flags));
        match conntrack_tcp::step(reply, index, old) {
            Go::Invalid => return true,
            Go::To(TcpState::SynSent)
                if old == TcpState::TimeWait || old == TcpState::Close && conn.last == (Index::Rst, reply) =>
            {
                return false;
            }
            Go::To(TcpState::SynSent) if old == TcpState::Close => conn.last = (index, reply),
            Go::Ignore => conn.last = (index, reply),
            Go::To(state) => {
                conn.last = (index, reply);
                conn.tcp = state;
                let stands = matches!(old, TcpState::SynRecv | TcpState::Established);
                conn.assured |= conn.seen_reply && stands && state == TcpState::Established;
                // Only a reset came back, or none at all did: forgotten at once.
                if index == Index::Rst && !conn.seen_reply {
                    conn.dead = true;
                }
            }
        }
    }
    conn.seen_reply |= reply;
    skb.ct = Some(CtRef { entry, reply, info });
    true
}

/// The type of an ICMP message is a part of its tuple: a request is no answer, not even where both ends are one.
fn is_answer(skb: &Skb) -> Option<bool> {
    match skb.l4 {
        L4::Icmp { kind, .. } => Some(match skb.family() {
            Family::Inet => matches!(kind, 0 | 14 | 16 | 18),
            Family::Inet6 => matches!(kind, icmpv6::ECHO_REPLY | icmpv6::NI_REPLY),
        }),
        _ => None,
    }
}

/// An ICMP error belongs to the connection of the packet inside it.
fn error(eng: &mut Engine<'_>, ns: &Netns, zones: Zones, skb: &mut Skb) -> Hooked {
    let Some(inner) = skb.icmp_error().copied() else {
        return Hooked::Accept;
    };
    let exact = is_exact(eng, skb);
    // The inner packet went the other way: its inverse is what this host would see as an answer.
    let look = Look {
        zones,
        tuple: inner.inverted(),
        reply: None,
        exact,
    };
    match nf_conntrack_find_get(eng, ns, &look) {
        Found::Unknown(gap) => return unknown(eng, ns, skb, gap),
        Found::Entry(entry, reply) => {
            skb.ct = Some(CtRef {
                entry,
                reply,
                info: CtInfo::Related,
            });
        }
        Found::Nothing => {}
    }
    Hooked::Accept
}

/// `nf_conntrack_attach()`: an error that this host makes carries the connection of the packet that caused it, confirmed or not.
pub(crate) fn attach_error(error: &mut Skb, cause: &Skb) {
    error.attached = cause.untracked;
    if let Some(ct) = cause.ct {
        error.ct = Some(CtRef {
            entry: ct.entry,
            reply: !ct.reply,
            info: CtInfo::Related,
        });
    }
}

/// `__nf_conntrack_confirm()`: by a packet of the original direction only, not by the error that one caused. What looks like
/// another connection by now is dropped (`nf_ct_resolve_clash()`).
pub(crate) fn confirm(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb) -> Hooked {
    let Some(ct) = skb.ct.filter(|ct| !ct.reply) else {
        return Hooked::Accept;
    };
    if !eng.conns[ct.entry].confirmed && clashes(eng, ns, ct.entry) {
        eng.used("conntrack", Skb::CT_CLASH, "");
        eng.drop(ns, skb, Stage::NfHookSlow, DropReason::NetfilterDrop);
        return Hooked::Drop;
    }
    eng.conns[ct.entry].confirmed = true;
    Hooked::Accept
}
