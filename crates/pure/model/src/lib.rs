//! Meaning: a [`Snapshot`](netwhy_snapshot::Snapshot) becomes a [`Cluster`] of typed facts.
//!
//! Building never fails: what could not be read or is not modelled is a [`Gap`], and a [`Fact`] that depends on it
//! holds the gap's id instead of a value. The model is read-only; [`Cluster::with`] makes a changed copy for
//! counterfactuals.
//!
//! **Invariant:** no default stands in for a fact that was not read.

pub mod api;
mod build;
pub mod cluster;
pub mod conn;
pub mod fact;
pub mod family;
pub mod fib;
pub mod link;
mod names;
pub mod neigh;
pub mod netfilter;
pub mod patch;
pub mod socket;
pub mod sysctl;
pub mod sysctl_d;

pub use cluster::{Cluster, Netns, NetnsId, Node, NodeId, Segment, SegmentId};
pub use fact::{Fact, Gap, GapId, Gaps};
pub use family::Family;
pub use netwhy_snapshot::NetnsKind;
pub use netwhy_wire::Mac;
pub use patch::Patch;
