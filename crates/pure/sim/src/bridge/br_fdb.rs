//! The forwarding database of a bridge.
//!
//! Kernel: `br_fdb_find_rcu()`, `br_fdb_update()` (`net/bridge/br_fdb.c`, 6.18).

use crate::engine::Engine;
use crate::oracle::Question;
use crate::state::Learned;
use netwhy_model::Netns;
use netwhy_model::link::Link;
use netwhy_wire::Mac;

/// [`fdb_find()`] for a frame: that the database was not read is a footnote of the answer.
pub(super) fn br_fdb_find_rcu(eng: &mut Engine<'_>, ns: &Netns, bridge: &Link, mac: Mac) -> Option<u32> {
    if let Err(gap) = &ns.fdb {
        let about = bridge.index;
        eng.oracle.gap(Question { gap: *gap, about }, 1);
    }
    fdb_find(eng, ns, bridge, mac)
}

/// Port of a MAC, or the bridge's own index; learned in this conversation or recorded. Where the database was not read,
/// the answer is that of flooding, which reaches the same port.
pub(super) fn fdb_find(eng: &Engine<'_>, ns: &Netns, bridge: &Link, mac: Mac) -> Option<u32> {
    if is_local(ns, bridge, mac) {
        return Some(bridge.index);
    }
    let learned = eng
        .learned
        .iter()
        .rev()
        .find(|l| l.netns == ns.id && l.bridge == bridge.index && l.mac == mac)
        .map(|l| l.port);
    learned.or_else(|| recorded(ns, bridge, mac))
}

/// Learns a source address. An entry that was given by hand moves as well; the bridge's own addresses do not.
pub(super) fn br_fdb_update(eng: &mut Engine<'_>, ns: &Netns, bridge: &Link, port: &Link, mac: Mac) {
    if !is_local(ns, bridge, mac) {
        eng.learned.push(Learned {
            netns: ns.id,
            bridge: bridge.index,
            mac,
            port: port.index,
        });
    }
}

fn recorded(ns: &Netns, bridge: &Link, mac: Mac) -> Option<u32> {
    ns.fdb.as_ref().ok()?.bridge.get(&(bridge.index, mac)).copied()
}

/// `BR_FDB_LOCAL`.
fn is_local(ns: &Netns, bridge: &Link, mac: Mac) -> bool {
    mac == bridge.mac || recorded(ns, bridge, mac) == Some(bridge.index)
}
