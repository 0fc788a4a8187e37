//! Fragments are put together.
//!
//! Kernel: `ip_defrag()`, `ip_frag_queue()`, `ip_frag_reasm()` (`net/ipv4/ip_fragment.c`, 6.18). Called where a packet is for
//! this host, and by connection tracking before it looks (`nf_defrag_ipv4.c`, kernel-facts trap 3).

use crate::engine::Engine;
use crate::skb::{IP_LEN, Skb};
use netwhy_model::{Netns, NetnsId};
use std::net::IpAddr;

/// Fragments that wait for the others.
#[derive(Clone, Debug)]
pub(crate) struct FragQueue {
    netns: NetnsId,
    key: (IpAddr, IpAddr, u8, u16),
    /// Which user of `ip_defrag()` holds them.
    user: DefragUser,
    parts: Vec<Skb>,
}

/// `enum ip_defrag_users`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefragUser {
    LocalDeliver,
    ConntrackIn,
    ConntrackOut,
}

/// The whole packet, once its last missing fragment is there. `None`: the fragment waits.
pub(crate) fn ip_defrag(eng: &mut Engine<'_>, ns: &Netns, skb: Skb, user: DefragUser) -> Option<Skb> {
    if skb.frag.is_none() {
        return Some(skb);
    }
    let key = (skb.src, skb.dst, skb.proto(), skb.id);
    let same = |q: &FragQueue| q.netns == ns.id && q.key == key && q.user == user;
    let at = eng.fragments.iter().position(same).unwrap_or_else(|| {
        eng.fragments.push(FragQueue {
            netns: ns.id,
            key,
            user,
            parts: Vec::new(),
        });
        eng.fragments.len() - 1
    });
    let queue = &mut eng.fragments[at];
    queue.parts.push(skb);
    queue.parts.sort_by_key(|p| p.frag.map_or(0, |f| f.0));
    let mut end = 0;
    for part in &queue.parts {
        let (offset, _) = part.frag.unwrap_or((0, false));
        if u32::from(offset) > end {
            return None;
        }
        end = end.max(u32::from(offset) + part.len.saturating_sub(IP_LEN));
    }
    if queue.parts.last().and_then(|p| p.frag).is_none_or(|f| f.1) {
        return None;
    }
    let parts = eng.fragments.remove(at).parts;
    let lengths = parts.iter().map(|p| p.len.saturating_sub(IP_LEN)).collect();
    let longest = parts.iter().map(|p| p.len).max();
    let df = parts.iter().any(|p| p.df && Some(p.len) == longest);
    let mut whole = parts.into_iter().next()?;
    whole.frag = None;
    whole.df = df;
    whole.parts = lengths;
    whole.ignore_df = user != DefragUser::LocalDeliver;
    whole.len = IP_LEN + end;
    Some(whole)
}
