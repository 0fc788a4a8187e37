//! Connection tracking.
//!
//! Kernel: `nf_conntrack_in()`, `resolve_normal_ct()`, `__nf_conntrack_confirm()` (`nf_conntrack_core.c`), `tcp_new()`
//! (`nf_conntrack_proto_tcp.c`), `nf_conntrack_inet_error()` (`nf_conntrack_proto_icmp.c`), `nf_conntrack_attach()`.

use super::conntrack_tcp::{self, Go, Index, TcpState};
use crate::engine::Engine;
use crate::skb::{CtInfo, CtRef, Flaw, L4, Skb, Tuple};
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
    if !is_valid(skb) {
        return;
    }
    let tuple = skb.tuple();
    let found = find(eng, ns, tuple).and_then(|(entry, reply)| of_its_type(eng, entry, reply, skb));
    if let Some((entry, reply)) = found {
        if known(eng, entry, reply, skb) {
            return;
        }
        // A closed connection is opened again (`-NF_REPEAT`).
        eng.conns[entry].dead = true;
    }
    let loose = ns.sysctl.as_ref().ok().and_then(|s| s.number(LOOSE)) != Some(0);
    let tcp = match &skb.l4 {
        L4::Tcp { flags, .. } => match conntrack_tcp::first(*flags, loose) {
            Some(state) => state,
            None => return,
        },
        L4::Icmp { kind, .. } if !matches!(kind, 8 | 13 | 15 | 17) => return,
        _ => TcpState::None,
    };
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
        icmp: match skb.l4 {
            L4::Icmp { kind, code, .. } => (kind, code),
            _ => (0, 0),
        },
        tcp,
        last: (Index::Nothing, false),
        assured: false,
        dead: false,
        snat_port_any: skb.sport_any,
        marked: false,
        drew: false,
    });
    skb.ct = Some(CtRef {
        entry: eng.conns.len() - 1,
        reply: false,
        info: CtInfo::New,
    });
}

const LOOSE: &str = "net.netfilter.nf_conntrack_tcp_loose";

/// `tcp_error()`, `udp_error()`, `icmp_error()`: what is damaged belongs to no connection.
fn is_valid(skb: &Skb) -> bool {
    let flags = match &skb.l4 {
        L4::Tcp { flags, .. } => conntrack_tcp::flags_are_valid(*flags),
        L4::Icmp { kind, .. } => *kind <= NR_ICMP_TYPES,
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
            Go::To(TcpState::SynSent) if matches!(old, TcpState::TimeWait | TcpState::Close) => {
                return !(conn.last == (Index::Rst, reply) || old == TcpState::TimeWait);
            }
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
fn of_its_type(eng: &Engine<'_>, entry: usize, reply: bool, skb: &Skb) -> Option<(usize, bool)> {
    let L4::Icmp { kind, .. } = skb.l4 else {
        return Some((entry, reply));
    };
    let answers = matches!(kind, 0 | 14 | 16 | 18);
    let conn = &eng.conns[entry];
    (answers == reply || conn.orig == conn.reply).then_some((entry, answers))
}

fn find(eng: &mut Engine<'_>, ns: &Netns, tuple: Tuple) -> Option<(usize, bool)> {
    find_exact(eng, ns, tuple).or_else(|| find_by_port(eng, ns, tuple))
}

/// Which port a translation chose is seen by an observer only: the answer shows it.
fn find_by_port(eng: &mut Engine<'_>, ns: &Netns, tuple: Tuple) -> Option<(usize, bool)> {
    eng.watch.as_ref()?;
    let fits = |c: &Conn| {
        let port = Tuple {
            dport: tuple.dport,
            // The identifier of an echo is both.
            sport: if tuple.proto == 1 { tuple.sport } else { c.reply.sport },
            ..c.reply
        };
        c.netns == ns.id && c.confirmed && !c.dead && c.snat_port_any.is_some() && port == tuple
    };
    let entry = eng.conns.iter().position(fits)?;
    let conn = &mut eng.conns[entry];
    conn.reply.dport = tuple.dport;
    conn.reply.sport = tuple.sport;
    conn.snat_port_any = None;
    Some((entry, true))
}

fn find_exact(eng: &Engine<'_>, ns: &Netns, tuple: Tuple) -> Option<(usize, bool)> {
    eng.conns
        .iter()
        .enumerate()
        .filter(|(_, c)| c.netns == ns.id && c.confirmed && !c.dead)
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

/// An ICMP error belongs to the connection of the packet inside it.
fn error(eng: &mut Engine<'_>, ns: &Netns, skb: &mut Skb) {
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
    error.attached = cause.untracked;
    if let Some(ct) = cause.ct {
        error.ct = Some(CtRef {
            entry: ct.entry,
            reply: !ct.reply,
            info: CtInfo::Related,
        });
    }
}

/// `__nf_conntrack_confirm()`: by a packet of the original direction only, not by the error that one caused.
pub(crate) fn confirm(eng: &mut Engine<'_>, skb: &Skb) {
    if let Some(ct) = skb.ct.filter(|ct| !ct.reply) {
        eng.conns[ct.entry].confirmed = true;
    }
}
