//! Building a cluster from a snapshot, and changing it.
use crate::{Cluster, Patch};
use netwhy_snapshot::Snapshot;

impl Cluster {
    /// The meaning of a snapshot. Never fails: see the crate's documentation.
    #[must_use]
    pub fn build(_snapshot: Snapshot) -> Self {
        unimplemented!()
    }

    /// A copy with changes; everything that they do not touch is shared.
    #[must_use]
    pub fn with(&self, _patches: &[Patch]) -> Self {
        unimplemented!()
    }
}
