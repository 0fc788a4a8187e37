//! Room for another connection.
//!
//! Kernel: `__nf_conntrack_alloc()`, `early_drop()` (`net/netfilter/nf_conntrack_core.c`, 6.18). Kernel-facts section 6.

use crate::engine::Engine;
use crate::oracle::Question;
use netwhy_model::Netns;

/// Whether there is room. In a full table `early_drop()` frees a connection that is not assured, if the few buckets that it
/// looks at hold one, which nobody can tell; where all are assured there is none to free.
pub(super) fn nf_conntrack_alloc(eng: &mut Engine<'_>, ns: &Netns) -> bool {
    let Some((count, max)) = ns.conntrack_room() else {
        return true;
    };
    let mut new = eng
        .conns
        .iter()
        .filter(|c| c.netns == ns.id && c.recorded.is_none() && !c.dead);
    if max == 0 || count + (new.clone().count() as u64) < max {
        return true;
    }
    let unassured = new.any(|c| !c.assured);
    let unread = match &ns.conns {
        Ok(conns) if unassured || conns.evictable => return eng.oracle.state(),
        Ok(conns) => conns.incomplete,
        Err(gap) => Some(*gap),
    };
    unread.is_some_and(|gap| {
        let about = FULL | ns.id.0;
        eng.oracle.gap(Question { gap, about }, 2) == 0
    })
}

/// Another question than whether a certain connection is among those that were not read.
const FULL: u32 = 1 << 31;
