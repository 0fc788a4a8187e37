//! Which socket takes a packet?
//!
//! Kernel: `inet_lookup_listener()`, `compute_score()` (`inet_hashtables.c`, `udp.c`).

use crate::skb::{Skb, Tuple};
use netwhy_model::socket::Socket;
use netwhy_model::{Family, GapId, Netns};

/// The best listener or bound socket; the gap if the sockets were not read.
pub(super) fn lookup<'a>(ns: &'a Netns, skb: &Skb) -> Result<Option<&'a Socket>, GapId> {
    match skb.ports() {
        Some(_) => lookup_tuple(ns, skb.tuple(), skb.dev),
        None => ns.sockets.as_ref().map(|_| None).map_err(|g| *g),
    }
}

/// The same for a packet of this tuple that came by this link.
pub(crate) fn lookup_tuple(ns: &Netns, tuple: Tuple, dev: u32) -> Result<Option<&Socket>, GapId> {
    let sockets = ns.sockets.as_ref().map_err(|g| *g)?;
    let link = ns.links.as_ref().ok().and_then(|l| l.get(dev)).map(|l| &*l.name);
    let fits = |s: &&Socket| {
        s.protocol == tuple.proto
            && s.port == tuple.dport
            && s.family.is_none_or(|f| f == Family::of(tuple.dst))
            && s.addr.is_none_or(|a| a == tuple.dst)
            && s.device.as_ref().is_none_or(|d| link == Some(d))
            && s.peer.is_none_or(|p| p == (tuple.src, tuple.sport))
    };
    let score =
        |s: &&Socket| u8::from(s.peer.is_some()) * 4 + u8::from(s.addr.is_some()) * 2 + u8::from(s.device.is_some());
    Ok(sockets.list.iter().filter(fits).max_by_key(score))
}
