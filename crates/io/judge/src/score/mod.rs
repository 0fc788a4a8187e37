//! The score on recorded clusters: connections that were really made, and faults that were really injected.
//!
//! A recording is a bundle `NAME.tar.zst`, its connections `NAME.flows.jsonl.zst`, and its entry in `truth.json`.
//!
//! **Flows.** A flow is right when each measured result is the class of an outcome with a probability of at least
//! [`SAID`], and the pod that answered is among those outcomes. Not knowing is neither right nor wrong. To say everything
//! at once does not pay: the probability that was given to what was measured is counted, the flows that got several
//! classes, and those that named a backend which never answered.
//!
//! **Findings.** The right cause has the injected fault's id at the injected place; its rank is counted without what the
//! recorded cluster is known to have wrong (its baseline). What else is raised is an alarm.

mod check;
mod endpoints;
mod flows;
mod print;
mod recorded;
mod whole;

pub use check::{CheckScore, judge_report};
pub use endpoints::{endpoints, strangers};
pub use flows::{FlowScore, FlowVerdict, Verdict, judge_flow, judge_flows};
pub use print::{print_checks, print_flows};
pub use recorded::{
    BaselineEntry, BundleTruth, Measured, ObjectRef, Recording, Recordings, Results, ScoreError, Truth,
};
pub use whole::{Score, print, score};

/// An outcome below this probability does not count as said.
pub const SAID: f64 = 0.005;
