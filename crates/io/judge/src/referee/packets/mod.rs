//! Frames injected into a namespace through TAP devices: every reaction of the kernel against every one of the model.

mod features;
mod judge;
mod matches;
mod native;
mod node;
mod packet;
mod rules;
mod run;
mod sets;
mod shapes;
mod shrink;
mod states;
mod tally;
mod targets;
mod topology;
mod traffic;
mod unread;

pub use judge::{Conversation, Residue, Verdict, compare, say};
pub use node::{Node, Reaction};
pub use packet::{Body, Flaw, NoPacket, Packet};
pub use rules::{Backends, rules};
pub use run::{Disagreement, Options, Summary, run};
pub use shrink::{Case, shrink};
pub use tally::Tally;
pub use topology::{Topology, topology};
pub use traffic::{Traffic, answer};
pub use unread::Unread;

use netwhy_model::{Cluster, GapId};

/// A gap in words.
pub(super) fn gap_text(cluster: &Cluster, gap: GapId) -> String {
    if gap == netwhy_sim::HOOK_ORDER {
        return "order of hooks".to_owned();
    }
    cluster.gaps.get(gap).why.clone()
}
