//! Connection tracking.
//!
//! Kernel: `nf_conntrack_in()`, `resolve_normal_ct()`, `__nf_conntrack_confirm()` (`nf_conntrack_core.c`), `tcp_new()`
//! (`nf_conntrack_proto_tcp.c`), `nf_conntrack_inet_error()` (`nf_conntrack_proto_icmp.c`), `nf_conntrack_attach()`.

use crate::engine::Engine;
use crate::skb::{CtInfo, CtRef, L4, Skb, Tuple};
use crate::state::Conn;
use netwhy_model::Netns;

pub(crate) fn nf_conntrack_in(eng: &mut Engine<'_>, ns: &Netns, skb: &mut Skb) {
    // Seen before (loopback, or an error that carries its connection), or told not to track.
    if skb.ct.is_some() || skb.untracked {
        return;
    }
    if skb.icmp_error().is_some() {
        error(eng, ns, skb);
        return;
    }
    let tuple = skb.tuple();
    if let Some((entry, reply)) = find(eng, ns, tuple) {
        let conn = &mut eng.conns[entry];
        if !reply && is_out_of_state(conn, skb) {
            return;
        }
        let info = if reply || conn.seen_reply {
            CtInfo::Established
        } else {
            CtInfo::New
        };
        conn.seen_reply |= reply;
        skb.ct = Some(CtRef { entry, reply, info });
        return;
    }
    if !starts_connection(skb) {
        return;
    }
    eng.conns.push(Conn {
        netns: ns.id,
        orig: tuple,
        reply: tuple.inverted(),
        confirmed: false,
        seen_reply: false,
        src_done: false,
        dst_done: false,
        snat: false,
        dnat: false,
        mark: 0,
        snat_port_any: skb.sport_any,
        loose: !matches!(skb.l4, L4::Tcp { flags, .. } if flags & 0x17 == 0x02),
        marked: false,
        drew: false,
    });
    skb.ct = Some(CtRef {
        entry: eng.conns.len() - 1,
        reply: false,
        info: CtInfo::New,
    });
}

fn find(eng: &Engine<'_>, ns: &Netns, tuple: Tuple) -> Option<(usize, bool)> {
    eng.conns
        .iter()
        .enumerate()
        .filter(|(_, c)| c.netns == ns.id && c.confirmed)
        .find_map(|(i, c)| {
            if c.orig == tuple {
                Some((i, false))
            } else if c.reply == tuple {
                Some((i, true))
            } else {
                None
            }
        })
}

/// Row `sNO` of `tcp_conntracks`: SYN and (with `nf_conntrack_tcp_loose`) ACK start a connection; SYN-ACK, FIN and RST are
/// invalid. ICMP: requests only.
fn starts_connection(skb: &Skb) -> bool {
    match &skb.l4 {
        L4::Tcp { flags, .. } => match flags & 0x17 {
            0x02 => true,
            f => f & 0x10 != 0 && f & 0x07 == 0,
        },
        L4::Icmp { kind, .. } => matches!(kind, 8 | 13 | 15 | 17),
        _ => true,
    }
}

/// Column `sSS` of `tcp_conntracks`: an ACK is invalid where the SYN was seen and no SYN-ACK came back.
fn is_out_of_state(conn: &Conn, skb: &Skb) -> bool {
    let acknowledges = matches!(skb.l4, L4::Tcp { flags, .. } if flags & 0x12 == 0x10);
    acknowledges && !conn.seen_reply && !conn.loose
}

/// An ICMP error belongs to the connection of the packet inside it.
fn error(eng: &Engine<'_>, ns: &Netns, skb: &mut Skb) {
    let Some(inner) = skb.icmp_error().copied() else { return };
    // The inner packet went the other way: its inverse is what this host would see as an answer.
    if let Some((entry, reply)) = find(eng, ns, inner.inverted()) {
        skb.ct = Some(CtRef {
            entry,
            reply,
            info: CtInfo::Related,
        });
    }
}

/// `nf_conntrack_attach()`: an error that this host makes carries the connection of the packet that caused it, confirmed or not.
pub(crate) fn attach_error(error: &mut Skb, cause: &Skb) {
    if let Some(ct) = cause.ct {
        error.ct = Some(CtRef {
            entry: ct.entry,
            reply: !ct.reply,
            info: CtInfo::Related,
        });
    }
}

pub(crate) fn confirm(eng: &mut Engine<'_>, skb: &Skb) {
    if let Some(ct) = skb.ct {
        eng.conns[ct.entry].confirmed = true;
    }
}
