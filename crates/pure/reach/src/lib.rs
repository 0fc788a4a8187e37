//! Classes of flows: pods that no trace can tell apart, so that one of them speaks for all.
//!
//! **Invariant:** two members of a class give equal traces, up to their own names, addresses and MACs.

pub mod classes;
mod fingerprint;
mod mentions;
mod native;

pub use classes::{Class, ClassId, Classes};
