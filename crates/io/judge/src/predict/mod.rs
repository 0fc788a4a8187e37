//! The simulator against real sockets: every cell of the probe matrix of a lab must be predicted from what was collected.
//!
//! A cell is compared in its class, its time, the bytes that came, the backends that answered and the client address
//! that each of them saw. Not knowing is a disagreement, and so is a backend that is predicted with a weight of at least
//! [`CERTAIN_TO_SHOW`] and never appears in [`TRIES`] tries.

mod compare;
mod expected;

pub use compare::{Disagreement, Kind, compare};
pub use expected::{Expected, expected};

use std::time::Duration;

/// A weight that cannot stay unseen: what has it is missed by [`TRIES`] tries once in 7,500 times.
pub const CERTAIN_TO_SHOW: f64 = 0.2;
/// So many tries make a claim about what never appears.
pub const TRIES: u32 = 40;

/// What the prober did; a prediction depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Prober {
    /// How long it waited.
    pub patience: Duration,
}

impl Default for Prober {
    fn default() -> Prober {
        Prober {
            patience: netwhy_lab::matrix::Options::default().patience,
        }
    }
}
