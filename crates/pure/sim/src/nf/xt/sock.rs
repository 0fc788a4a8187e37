//! Matches that look at sockets: `owner` at the packet's own, `socket` at the one that would receive it.

use super::Hit;
use crate::engine::Engine;
use crate::nf::nf_hook::Links;
use crate::skb::{CtInfo, L4, Skb, Tuple};
use crate::sock::lookup_tuple;
use netwhy_model::Netns;
use netwhy_model::netfilter::{Match, Not};

/// `xt_owner.c: owner_mt()`: a packet without a socket of this namespace fits only where every option is inverted.
pub(super) fn owner(ns: &Netns, m: &Match, skb: &Skb) -> Hit {
    let Match::Owner {
        uid,
        gid,
        exists,
        unknown,
    } = m
    else {
        return Hit::No;
    };
    let ids = [uid.as_ref(), gid.as_ref()];
    let all_inverted = ids.into_iter().flatten().all(|want| want.not);
    let Some((_, held)) = skb.sk.filter(|(netns, _)| *netns == ns.id) else {
        return (all_inverted && *exists != Some(true)).into();
    };
    if *exists == Some(false) {
        return Hit::No;
    }
    if !held {
        return all_inverted.into();
    }
    let mut hit = Hit::Yes;
    for want in ids.into_iter().flatten() {
        match known_id(want) {
            Some(false) => return Hit::No,
            Some(true) => {}
            None => hit = Hit::Unknown(*unknown),
        }
    }
    hit
}

/// Every number, or none.
fn known_id(want: &Not<(u32, u32)>) -> Option<bool> {
    // The highest number is no one's.
    (want.value.0 == 0 && want.value.1 >= u32::MAX - 1).then_some(!want.not)
}

/// `xt_socket.c: socket_match()`, `nf_sk_lookup_slow_v4()` (`nf_socket_ipv4.c`): the destination need not be of this host.
pub(super) fn socket(eng: &Engine<'_>, ns: &Netns, m: &Match, skb: &Skb, links: Links) -> Hit {
    let Match::Socket {
        transparent,
        nowildcard,
        unknown,
    } = *m
    else {
        return Hit::No;
    };
    let wildcard = match find(eng, ns, skb, links) {
        Ok(Some(wildcard)) => wildcard,
        Ok(None) => return Hit::No,
        Err(hit) => return hit,
    };
    match (wildcard && !nowildcard, transparent) {
        (true, _) => Hit::No,
        (false, true) => Hit::Unknown(unknown),
        (false, false) => Hit::Yes,
    }
}

/// Whether the socket that is found has no address of its own.
fn find(eng: &Engine<'_>, ns: &Netns, skb: &Skb, links: Links) -> Result<Option<bool>, Hit> {
    let Some(mut tuple) = looked_up(skb) else {
        return Ok(None);
    };
    let back = match skb.l4 {
        L4::Icmp { .. } => CtInfo::Related,
        _ => CtInfo::Established,
    };
    if let Some(ct) = skb.ct.filter(|ct| ct.reply && ct.info == back)
        && eng.conns[ct.entry].src_done
    {
        let orig = eng.conns[ct.entry].orig;
        (tuple.dst, tuple.dport) = (orig.src, orig.sport);
    }
    // Before an observer the server answers with cookies: until it is acknowledged there is no socket.
    let cookies = eng.watch.is_some();
    let server = |s: &crate::state::Server| {
        s.netns == ns.id
            && (s.accepted || !cookies)
            && s.proto == tuple.proto
            && s.local == (tuple.dst, tuple.dport)
            && s.peer == (tuple.src, tuple.sport)
    };
    if eng.is_client(ns, &tuple) || eng.servers.iter().any(server) {
        return Ok(Some(false));
    }
    match lookup_tuple(ns, tuple, links.iif) {
        Ok(found) => Ok(found.map(|s| s.addr.is_none())),
        Err(gap) => Err(Hit::Unknown(gap)),
    }
}

/// TCP and UDP, and the packet inside an error seen from its receiver.
fn looked_up(skb: &Skb) -> Option<Tuple> {
    match &skb.l4 {
        L4::Tcp { .. } | L4::Udp { .. } | L4::Vxlan { .. } => Some(skb.tuple()),
        L4::Icmp { inner, .. } => inner.map(Tuple::inverted).filter(|t| matches!(t.proto, 6 | 17)),
        L4::Other(_) | L4::Arp(_) => None,
    }
}
