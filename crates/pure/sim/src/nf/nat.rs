//! Address translation.
//!
//! Kernel: `nf_nat_inet_fn()`, `nf_nat_setup_info()`, `nf_nat_packet()` (`nf_nat_core.c`), `nf_nat_icmp_reply_translation()`
//! (`nf_nat_proto.c`), `nf_nat_masquerade_ipv4()`, `nf_nat_masquerade_ipv6()` (`nf_nat_masquerade.c`). Kernel-facts traps 1, 5, 6, 8.

use super::conntrack_find::{nf_conntrack_tuple_taken, nf_nat_used_tuple_new};
use super::nat_chains::{is_done, run_chains};
use super::nf_hook::Links;
use crate::engine::Engine;
use crate::reason::{DropReason, Stage};
use crate::route::{inet_select_addr, ipv6_dev_get_saddr, is_link_local};
use crate::skb::{CtInfo, CtRef, EPHEMERAL, L4, Skb, Tuple, is_icmp};
use crate::state::Conn;
use crate::trace::Detail;
use netwhy_model::family::{bits, mask};
use netwhy_model::link::Ifaddr;
use netwhy_model::netfilter::{Hook, HookEntry, NatRange, Ports, Target};
use netwhy_model::{Family, Netns};
use netwhy_wire::icmp;
use std::net::IpAddr;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// What `nf_nat_l4proto_unique_tuple()` chooses from for an unprivileged port.
const UNPRIVILEGED: Ports = (1024, u16::MAX);

/// A rule about one port meets a drawn one once in 64,000 connections: an observer has to know, a diagnosis must not tell.
fn drawn_from(eng: &Engine<'_>) -> Ports {
    if eng.watch.is_some() { UNPRIVILEGED } else { EPHEMERAL }
}

/// `HOOK2MANIP`: source after routing and on input, destination before routing and on output.
pub(super) fn manip_is_src(hook: Hook) -> bool {
    matches!(hook, Hook::PostRouting | Hook::LocalIn)
}

/// Runs the nat chains of a hook for the first packet of a connection, then translates. `false`: dropped.
pub(crate) fn nf_nat_inet_fn<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    skb: &mut Skb,
    links: Links,
    chains: &[HookEntry],
) -> bool {
    let Some(ct) = skb.ct else { return true };
    let src = manip_is_src(hook);
    if ct.info == CtInfo::Related && skb.icmp_error().is_some() {
        if is_redirect(skb) && !untouched(&eng.conns[ct.entry]) {
            eng.drop(ns, skb, Stage::NfHookSlow, DropReason::NetfilterDrop);
            return false;
        }
        icmp_reply_translation(eng, ns, hook, skb);
        return true;
    }
    // A reset that a rule makes is RELATED, and may be the first of its connection to come here.
    if matches!(ct.info, CtInfo::New | CtInfo::Related) && !is_done(eng, skb, src) {
        let (choices, mark) = (eng.oracle.choices(), skb.mark);
        if !run_chains(eng, ns, hook, skb, links, chains) {
            return false;
        }
        if !is_confirmed(eng, ct) {
            set_done(eng, ct.entry, src);
            if src || is_icmp(eng.conns[ct.entry].orig.proto) {
                get_unique_tuple(eng, ns, ct.entry, src);
            }
        }
        eng.conns[ct.entry].drew |= eng.oracle.choices() > choices;
        eng.conns[ct.entry].marked |= mark != skb.mark;
    } else if hook == Hook::PostRouting && oif_changed(eng, ct, links) {
        eng.conns[ct.entry].dead = true;
        eng.drop(ns, skb, Stage::NfHookSlow, DropReason::NetfilterDrop);
        return false;
    }
    nf_nat_packet(eng, ns, hook, skb);
    true
}

/// `nf_nat_setup_info()`: what is confirmed, as a flooded frame is before the host gets it, is not translated any more.
fn is_confirmed(eng: &Engine<'_>, ct: CtRef) -> bool {
    eng.conns[ct.entry].confirmed
}

/// `nf_nat_oif_changed()`: what was masqueraded for one link must not leave by another. Of a recorded connection it is not
/// known whether MASQUERADE or SNAT chose its source.
fn oif_changed(eng: &mut Engine<'_>, ct: CtRef, links: Links) -> bool {
    let conn = &eng.conns[ct.entry];
    let moved = !ct.reply && conn.masqueraded.is_some_and(|index| index != links.oif);
    moved && (conn.recorded.is_none() || eng.oracle.state())
}

fn is_redirect(skb: &Skb) -> bool {
    matches!(
        skb.l4,
        L4::Icmp {
            kind: icmp::REDIRECT,
            ..
        }
    )
}

/// `nf_nat_icmp_reply_translation()`: no redirect about a connection that is translated, or may be yet.
fn untouched(conn: &Conn) -> bool {
    conn.src_done && conn.dst_done && !conn.snat && !conn.dnat
}

/// `get_unique_tuple()`, `nf_nat_l4proto_unique_tuple()`: where another connection's answers look the same, this one gets
/// another source port, of those that SNAT names or of its own class. The number of an echo is looked at on either side.
fn get_unique_tuple(eng: &mut Engine<'_>, ns: &Netns, entry: usize, src: bool) {
    let conn = &eng.conns[entry];
    let (reply, wanted, moved) = (conn.reply, conn.ports, conn.snat);
    // One port is one port, free or not.
    if wanted.is_some_and(|(low, high)| low == high) {
        return;
    }
    let used = match src && !moved {
        true => nf_nat_used_tuple_new(eng, ns, entry, reply),
        false => nf_conntrack_tuple_taken(eng, ns, entry, reply),
    };
    if !used {
        return;
    }
    let (low, high) = match (reply.proto, wanted) {
        (_, Some(ports)) => ports,
        (proto, None) if is_icmp(proto) => (0, u16::MAX),
        (TCP | UDP, None) => match reply.dport {
            ..512 => (1, 511),
            512..1024 => (600, 1023),
            _ => UNPRIVILEGED,
        },
        // Nothing else has what could be changed.
        _ => return,
    };
    eng.used("conntrack", Skb::CT_TAKEN, "");
    let with = |port: u16| Tuple {
        dport: port,
        sport: if is_icmp(reply.proto) { port } else { reply.sport },
        ..reply
    };
    let mut ports = low..=high;
    let is_free = |port: &u16| !nf_conntrack_tuple_taken(eng, ns, entry, with(*port));
    // Where the destination is looked at, the first that is free; else any, and the last stands for them.
    let free = if src { ports.rfind(is_free) } else { ports.find(is_free) };
    let any = if eng.watch.is_some() || wanted.is_some() || is_icmp(reply.proto) {
        (low, high)
    } else {
        EPHEMERAL
    };
    let conn = &mut eng.conns[entry];
    conn.reply = with(free.unwrap_or(reply.dport));
    if src {
        conn.snat = true;
        conn.snat_port_any = Some(any);
    } else {
        conn.dnat = true;
    }
}

fn set_done(eng: &mut Engine<'_>, entry: usize, src: bool) {
    let conn = &mut eng.conns[entry];
    if src {
        conn.src_done = true;
    } else {
        conn.dst_done = true;
    }
}

/// Applies the entry's translation of this hook to a packet.
fn nf_nat_packet(eng: &mut Engine<'_>, ns: &Netns, hook: Hook, skb: &mut Skb) {
    let Some(ct) = skb.ct else { return };
    let conn = &eng.conns[ct.entry];
    let src = manip_is_src(hook);
    let wanted = if src != ct.reply { conn.snat } else { conn.dnat };
    if !wanted {
        return;
    }
    let target = if ct.reply {
        conn.orig.inverted()
    } else {
        conn.reply.inverted()
    };
    let before = skb.tuple();
    if src {
        skb.src = target.src;
        skb.set_ports(Some(target.sport), None);
        skb.sport_any = conn.snat_port_any.filter(|_| !ct.reply);
    } else {
        skb.dst = target.dst;
        skb.set_ports(None, Some(target.dport));
        skb.dport_any = None;
    }
    note_change(eng, ns, skb, before, ct.reply);
}

fn note_change(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, before: Tuple, reply: bool) {
    let now = skb.tuple();
    if now == before {
        return;
    }
    let detail = if reply {
        Detail::Untranslate {
            src: (now.src, now.sport),
            dst: (now.dst, now.dport),
        }
    } else if (now.src, now.sport) != (before.src, before.sport) {
        Detail::Snat {
            to: (now.src, now.sport),
        }
    } else {
        Detail::Dnat {
            to: (now.dst, now.dport),
        }
    };
    eng.note(ns, skb, detail);
}

/// The inner header gets what the connection's packets had on the other side, the outer source follows.
fn icmp_reply_translation(eng: &mut Engine<'_>, ns: &Netns, hook: Hook, skb: &mut Skb) {
    let Some(ct) = skb.ct else { return };
    let conn = &eng.conns[ct.entry];
    let src = manip_is_src(hook);
    let wanted = if src != ct.reply { conn.snat } else { conn.dnat };
    if !wanted {
        return;
    }
    // &ct->tuplehash[!dir].tuple: what packets of the other direction look like before translation.
    let other = if ct.reply { conn.orig } else { conn.reply };
    let before = (skb.src, skb.dst);
    if let L4::Icmp { inner: Some(inner), .. } = &mut skb.l4 {
        // The inner packet travels the other way: its source is changed where the outer destination is.
        if src {
            inner.dst = other.dst;
            inner.dport = other.dport;
            if is_icmp(inner.proto) {
                inner.sport = inner.dport;
            }
        } else {
            inner.src = other.src;
            inner.sport = other.sport;
            skb.dport_any = None;
            if is_icmp(inner.proto) {
                inner.dport = inner.sport;
            }
        }
    }
    if src {
        skb.src = other.dst;
    } else {
        skb.dst = other.src;
    }
    if before != (skb.src, skb.dst) {
        eng.note(
            ns,
            skb,
            Detail::Untranslate {
                src: (skb.src, 0),
                dst: (skb.dst, 0),
            },
        );
    }
}

/// A nat target of a rule. `false` drops (a masquerade without an address).
pub(crate) fn nat_target<'a>(
    eng: &mut Engine<'a>,
    ns: &'a Netns,
    hook: Hook,
    target: &Target,
    skb: &Skb,
    links: Links,
) -> bool {
    match target {
        Target::Dnat(range) => setup_dst(eng, ns, skb, range),
        Target::Snat(range) => setup_src(eng, skb, range),
        Target::Redirect { ports, random } => {
            let addr = redirect_addr(ns, hook, skb, links);
            let Some(addr) = addr else { return false };
            setup_dst(eng, ns, skb, &to_one(addr, *ports, *random));
        }
        Target::Netmap(net) => {
            let src = manip_is_src(hook);
            let old = bits(if src { skb.src } else { skb.dst });
            let new = bits(net.network()) | old & !mask(net.prefix_len());
            let range = to_one(skb.family().addr(new), None, false);
            if src {
                setup_src(eng, skb, &range);
            } else {
                setup_dst(eng, ns, skb, &range);
            }
        }
        // nf_nat_masquerade_ipv4(): nobody is not hidden.
        Target::Masquerade { .. } if skb.ct.is_some_and(|ct| eng.conns[ct.entry].orig.src.is_unspecified()) => {}
        Target::Masquerade { ports, random } => {
            let Some(addr) = masquerade_addr(ns, skb, links) else {
                return false;
            };
            setup_src(eng, skb, &to_one(addr, *ports, *random));
            if let Some(ct) = skb.ct {
                eng.conns[ct.entry].masqueraded = Some(links.oif);
            }
        }
        _ => {}
    }
    true
}

/// Not the route's `src`, but the out link's address near the next hop (trap 5).
fn masquerade_addr(ns: &Netns, skb: &Skb, links: Links) -> Option<IpAddr> {
    if skb.family() == Family::Inet6 {
        // nf_nat_masquerade_ipv6()
        return ipv6_dev_get_saddr(ns, links.oif, skb.dst);
    }
    let link = ns.links.as_ref().ok()?.get(links.oif)?;
    let near = skb.route.and_then(|r| r.gateway).unwrap_or(skb.dst);
    inet_select_addr(ns, link, Some(near), 0)
}

/// `nf_nat_redirect_ipv4()`: 127.0.0.1 on output, else the in link's first address; `nf_nat_redirect_ipv6()`: the first that
/// means as much as the destination.
fn redirect_addr(ns: &Netns, hook: Hook, skb: &Skb, links: Links) -> Option<IpAddr> {
    if hook == Hook::LocalOut {
        return Some(skb.family().loopback());
    }
    let link = ns.links.as_ref().ok()?.get(links.iif)?;
    let local = is_link_local(skb.dst);
    let fits = |a: &&Ifaddr| !a.tentative && (skb.family() == Family::Inet || is_link_local(a.addr) == local);
    link.addrs_of(skb.family()).iter().find(fits).map(|a| a.addr)
}

fn to_one(addr: IpAddr, ports: Option<Ports>, random: bool) -> NatRange {
    NatRange {
        addrs: Some((addr, addr)),
        ports,
        base: None,
        random,
    }
}

/// Addresses of a range that are tried; which of a longer one is taken no answer could use.
const RANGE_MAX: u32 = 16;

/// `find_best_ips_proto()`: by a hash of the addresses, whose secret is in no snapshot.
fn best_addr(eng: &mut Engine<'_>, (first, last): (IpAddr, IpAddr)) -> IpAddr {
    let family = Family::of(first);
    let more = bits(last).saturating_sub(bits(first)) / family.step();
    let size = u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1);
    let taken = eng.oracle.one_of(size.min(RANGE_MAX)) as u128;
    family.addr(bits(first) + taken * family.step())
}

/// `get_unique_tuple()` of a destination.
fn setup_dst(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, range: &NatRange) {
    let Some(ct) = skb.ct.filter(|ct| !is_confirmed(eng, *ct)) else {
        return;
    };
    let addr = range.addrs.map(|a| best_addr(eng, a));
    let (proto, port) = (eng.conns[ct.entry].orig.proto, eng.conns[ct.entry].reply.sport);
    let ports = range.ports.filter(|_| !is_icmp(proto));
    let new = ports.map(|ports| dst_port(eng, ns, ct.entry, addr, ports, range));
    let drawn = drawn_from(eng);
    let conn = &mut eng.conns[ct.entry];
    let old = (conn.reply.src, conn.reply.sport);
    conn.reply.src = addr.unwrap_or(conn.reply.src);
    conn.reply.sport = new.unwrap_or(port);
    conn.dnat |= old != (conn.reply.src, conn.reply.sport);
    if range.random && is_icmp(proto) {
        // The number of an echo is drawn, whichever end is translated.
        conn.snat_port_any = Some(drawn);
        conn.dnat = true;
    }
    conn.dst_done = true;
}

/// `nf_nat_l4proto_unique_tuple()` of a destination: a port of the range stays, any other becomes its first; where another
/// connection's answers look the same, the next one that is free.
fn dst_port(
    eng: &mut Engine<'_>,
    ns: &Netns,
    entry: usize,
    addr: Option<IpAddr>,
    (low, high): Ports,
    range: &NatRange,
) -> u16 {
    let mut reply = eng.conns[entry].reply;
    reply.src = addr.unwrap_or(reply.src);
    let is_free = |eng: &Engine<'_>, port: u16| {
        let like = Tuple { sport: port, ..reply };
        !nf_conntrack_tuple_taken(eng, ns, entry, like)
    };
    let size = u32::from(high.saturating_sub(low)) + 1;
    let off = match range.base {
        Some(base) => u32::from(reply.sport.wrapping_sub(base)) % size,
        None if range.random => eng.oracle.one_of(size.min(RANGE_MAX)) as u32,
        None if (low..=high).contains(&reply.sport) && (size == 1 || is_free(eng, reply.sport)) => return reply.sport,
        None => 0,
    };
    let mut ports = (off..off + size.min(NF_NAT_MAX_ATTEMPTS)).map(|at| low.saturating_add((at % size) as u16));
    let first = low.saturating_add(off as u16);
    ports.find(|port| is_free(eng, *port)).unwrap_or(first)
}

/// Ports that are tried.
const NF_NAT_MAX_ATTEMPTS: u32 = 128;

/// `get_unique_tuple()` of a source: what lies in the range stays as it is.
fn setup_src(eng: &mut Engine<'_>, skb: &Skb, range: &NatRange) {
    let Some(ct) = skb.ct.filter(|ct| !is_confirmed(eng, *ct)) else {
        return;
    };
    let conn = &eng.conns[ct.entry];
    let old = (conn.reply.dst, conn.reply.dport);
    let ports = range.ports.filter(|_| !is_icmp(conn.orig.proto));
    let port_stays = ports.is_none_or(|(low, high)| match conn.snat_port_any {
        _ if range.random => false,
        Some(any) => low <= any.0 && any.1 <= high,
        None => (low..=high).contains(&old.1),
    });
    let addr_stays = range.addrs.is_none_or(|(first, last)| (first..=last).contains(&old.0));
    let addr = match range.addrs {
        Some(addrs) if range.random || !port_stays || !addr_stays => best_addr(eng, addrs),
        _ => old.0,
    };
    let drawn = drawn_from(eng);
    let conn = &mut eng.conns[ct.entry];
    conn.ports = ports;
    conn.reply.dst = addr;
    if let Some((low, high)) = ports.filter(|_| !port_stays) {
        // Any of the range; the first stands for them.
        conn.reply.dport = low;
        conn.snat_port_any = Some((low, high)).filter(|_| low < high);
    }
    conn.snat |= old != (conn.reply.dst, conn.reply.dport);
    if range.random && ports.is_none() {
        conn.snat_port_any = Some(drawn);
        conn.snat = true;
    }
    conn.src_done = true;
}
