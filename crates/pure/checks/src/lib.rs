//! Promises, suspects, counterfactuals: `Cluster -> Report`.
//!
//! A check does not look for suspicious settings. It offers *candidates* where a promise is broken: a patch towards a named
//! norm. The patch is laid over the model and the promise is traced again; only what heals is a cause.

pub mod candidate;
mod cause;
pub mod engine;
mod facts;
mod group;
mod owed;
pub mod promise;
pub mod registry;
pub mod report;
mod verdict;

mod application;
mod links;
mod netfilter;
mod node;
mod routes;
mod services;

pub use candidate::{Candidate, Fix, Object};
pub use engine::{CheckOptions, asked, check, check_flow};
pub use promise::{Promise, PromiseKind, Strength};
pub use registry::{CHECKS, Check, by_code};
pub use report::{Certainty, Coverage, Finding, Report, Severity};
