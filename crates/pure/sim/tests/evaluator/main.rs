//! The evaluator without a kernel: a client, a router and a server as texts, and what must hold of every answer.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "helpers of tests print"
)]

mod index;
mod matches;
mod nat;
mod native;
mod recorded;
mod routes;
mod six;
mod small;
mod unknown;
mod weights;
