//! Which connection a tuple belongs to: those of this conversation, and those that were recorded.
//!
//! Kernel: `nf_conntrack_find_get()`, `nf_ct_key_equal()`, `nf_conntrack_tuple_taken()` (`net/netfilter/nf_conntrack_core.c`),
//! `nf_nat_used_tuple_new()` (`net/netfilter/nf_nat_core.c`, 6.18).

use super::conntrack_tcp::Index;
use crate::engine::Engine;
use crate::oracle::Question;
use crate::skb::{Skb, Tuple, is_icmp};
use crate::state::Conn;
use netwhy_model::conn::{self, TcpState, Zones};
use netwhy_model::{GapId, Netns};

/// What a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The entry, and whether this is the tuple of its answers.
    Entry(usize, bool),
    Nothing,
    /// There is one, or may be one, of which nothing is known.
    Unknown(GapId),
}

/// What is looked for.
pub(super) struct Look {
    pub zones: Zones,
    pub tuple: Tuple,
    /// It can only be the tuple of answers, or only the other.
    pub reply: Option<bool>,
    /// No port of the tuple stands for others, so that what was recorded may be met. A client's port of the kernel's choice
    /// meets a recorded connection once in thousands: a diagnosis must not tell.
    pub exact: bool,
}

impl Look {
    /// `nf_ct_key_equal()`: the direction of the tuple, if it is one of these.
    fn is(&self, orig: Tuple, reply: Tuple, zones: Zones) -> Option<bool> {
        let may = |direction: bool| self.reply.is_none_or(|wanted| wanted == direction);
        if orig == self.tuple && zones.orig == self.zones.orig && may(false) {
            Some(false)
        } else if reply == self.tuple && zones.reply == self.zones.reply && may(true) {
            Some(true)
        } else {
            None
        }
    }
}

pub(super) fn nf_conntrack_find_get(eng: &mut Engine<'_>, ns: &Netns, look: &Look) -> Found {
    let here = |c: &Conn| c.netns == ns.id && c.confirmed && !c.dead;
    let mut own = eng.conns.iter().enumerate().filter(|(_, c)| here(c));
    if let Some((entry, reply)) = own.find_map(|(i, c)| Some((i, look.is(c.orig, c.reply, c.zones)?))) {
        return Found::Entry(entry, reply);
    }
    if look.exact {
        match find_recorded(eng, ns, look) {
            Found::Nothing => {}
            found => return found,
        }
    }
    match find_by_port(eng, ns, look) {
        Some(entry) => Found::Entry(entry, true),
        None => Found::Nothing,
    }
}

/// Which port a translation chose is seen by an observer only: the answer shows it, if it is one.
fn find_by_port(eng: &mut Engine<'_>, ns: &Netns, look: &Look) -> Option<usize> {
    eng.watch.as_ref().filter(|_| look.reply != Some(false))?;
    let (zones, tuple) = (look.zones, look.tuple);
    let fits = |c: &Conn| {
        let port = Tuple {
            dport: tuple.dport,
            // The identifier of an echo is both.
            sport: if is_icmp(tuple.proto) {
                tuple.sport
            } else {
                c.reply.sport
            },
            ..c.reply
        };
        let drawn = c
            .snat_port_any
            .is_some_and(|(low, high)| (low..=high).contains(&tuple.dport));
        let same = drawn && port == tuple && c.zones.reply == zones.reply;
        c.netns == ns.id && c.confirmed && !c.dead && same
    };
    let entry = eng.conns.iter().position(fits)?;
    if !eng.oracle.state() {
        return None;
    }
    let conn = &mut eng.conns[entry];
    conn.reply.dport = tuple.dport;
    conn.reply.sport = tuple.sport;
    conn.snat_port_any = None;
    Some(entry)
}

/// A recorded connection becomes one of this conversation when it is met.
fn find_recorded(eng: &mut Engine<'_>, ns: &Netns, look: &Look) -> Found {
    let unread = match &ns.conns {
        Ok(conns) => {
            let found = conns.with_tuple(look.tuple).find_map(|(at, _)| {
                let conn = conns.get(at).filter(|_| !is_met(eng, ns, at))?;
                Some((at, look.is(conn.orig, conn.reply, conn.zones)?, conn))
            });
            match (found, conns.offloaded) {
                (Some((_, _, conn)), Some(gap)) if conn.offloaded => return Found::Unknown(gap),
                (Some((at, reply, conn)), _) => {
                    let conn = recorded(eng, ns, at, conn);
                    eng.conns.push(conn);
                    eng.used("conntrack", Skb::CT_RECORDED, "");
                    return Found::Entry(eng.conns.len() - 1, reply);
                }
                (None, _) => conns.incomplete,
            }
        }
        Err(gap) => Some(*gap),
    };
    match unread {
        Some(gap) if eng.oracle.gap(Question { gap, about: ns.id.0 }, 2) == 1 => Found::Unknown(gap),
        _ => Found::Nothing,
    }
}

fn recorded(eng: &mut Engine<'_>, ns: &Netns, at: u32, conn: &conn::Conn) -> Conn {
    const UDP: u8 = 17;
    let (snat, dnat) = translated(conn);
    // What closed it is in no snapshot: after a FIN, or a reset by the same side, a SYN opens it again.
    let reopens = conn.tcp == TcpState::Close && eng.oracle.state();
    Conn {
        netns: ns.id,
        orig: conn.orig,
        reply: conn.reply,
        zones: conn.zones,
        recorded: Some(at),
        confirmed: true,
        seen_reply: conn.seen_reply,
        src_done: true,
        dst_done: true,
        snat,
        dnat,
        mark: conn.mark,
        icmp: conn.icmp,
        tcp: conn.tcp,
        last: (if reopens { Index::Rst } else { Index::Nothing }, false),
        assured: conn.assured,
        assured_any: conn.orig.proto == UDP && conn.seen_reply && !conn.assured,
        dead: false,
        snat_port_any: None,
        masqueraded: if snat { masq_index(ns, conn) } else { None },
        ports: None,
        marked: false,
        drew: false,
    }
}

/// No list shows it, but it may be that of the link with the address.
fn masq_index(ns: &Netns, conn: &conn::Conn) -> Option<u32> {
    let links = ns.links.as_ref().ok()?;
    links.holding(conn.reply.dst).map(|link| link.index)
}

/// `IPS_SRC_NAT`, `IPS_DST_NAT`: no list shows them, but the tuples do. Of an echo the source's side has changed the number.
fn translated(conn: &conn::Conn) -> (bool, bool) {
    let (orig, reply) = (conn.orig, conn.reply);
    let snat = (orig.src, orig.sport) != (reply.dst, reply.dport);
    let dnat = match orig.proto {
        proto if is_icmp(proto) => orig.dst != reply.src,
        _ => (orig.dst, orig.dport) != (reply.src, reply.sport),
    };
    (snat, dnat)
}

/// `nf_conntrack_tuple_taken()`: whether answers that look like `reply` would belong to another connection than `entry`.
pub(super) fn nf_conntrack_tuple_taken(eng: &Engine<'_>, ns: &Netns, entry: usize, reply: Tuple) -> bool {
    others(eng, ns, entry, reply, true).any(|other| !other.same_flow)
}

/// `nf_nat_used_tuple_new()`: two hosts that began to speak at the same time have one connection each, which is no reason for
/// another port.
pub(super) fn nf_nat_used_tuple_new(eng: &Engine<'_>, ns: &Netns, entry: usize, reply: Tuple) -> bool {
    others(eng, ns, entry, reply, true).any(|other| !other.same_flow && !other.crosses)
}

/// `__nf_conntrack_confirm()`: whether one of the connection's own tuples is another's by now.
pub(super) fn clashes(eng: &Engine<'_>, ns: &Netns, entry: usize) -> bool {
    let conn = &eng.conns[entry];
    [(conn.orig, false), (conn.reply, true)]
        .into_iter()
        .any(|(tuple, reply)| others(eng, ns, entry, tuple, reply).next().is_some())
}

/// Another connection with a tuple.
struct Other {
    /// Their first packets look the same: `nf_ct_resolve_clash()` will see to it.
    same_flow: bool,
    /// It is the same in the other direction, and not translated.
    crosses: bool,
}

/// Those in the bucket of the tuple, which depends on the zone of the direction in which it is looked for.
fn others<'e>(
    eng: &'e Engine<'_>,
    ns: &'e Netns,
    entry: usize,
    tuple: Tuple,
    answers: bool,
) -> impl Iterator<Item = Other> + 'e {
    let this = &eng.conns[entry];
    let zones = this.zones;
    let of = move |zones: Zones, reply: bool| if reply { zones.reply } else { zones.orig };
    let fits = move |there: Zones, reply: bool| {
        let zone = of(there, reply);
        zone == of(zones, reply) && zone == of(zones, answers)
    };
    let other = move |orig: Tuple, reply: Tuple, zone: Zones| Other {
        same_flow: orig == this.orig && zone.orig == zones.orig,
        crosses: orig == this.reply && reply == this.orig,
    };
    let own = eng.conns.iter().enumerate();
    let own = own.filter(move |(i, c)| *i != entry && c.netns == ns.id && c.confirmed && !c.dead);
    let own =
        own.filter(move |(_, c)| c.orig == tuple && fits(c.zones, false) || c.reply == tuple && fits(c.zones, true));
    // A port that stands for others is no port to compare with.
    let exact = this.snat_port_any.is_none();
    let conns = ns.conns.as_ref().ok().filter(move |_| exact);
    let recorded = conns.into_iter().flat_map(move |conns| {
        conns.with_tuple(tuple).filter_map(move |(at, reply)| {
            let conn = conns.get(at).filter(|_| !is_met(eng, ns, at))?;
            fits(conn.zones, reply).then_some(conn)
        })
    });
    own.map(move |(_, c)| other(c.orig, c.reply, c.zones))
        .chain(recorded.map(move |c| other(c.orig, c.reply, c.zones)))
}

/// A recorded connection that is one of this conversation by now.
fn is_met(eng: &Engine<'_>, ns: &Netns, at: u32) -> bool {
    eng.conns.iter().any(|c| c.netns == ns.id && c.recorded == Some(at))
}
