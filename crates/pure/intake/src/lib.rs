//! What a client said and what a wire showed, as observations: error text and capture bytes in, typed values out.
//!
//! | input | function | gives |
//! |---|---|---|
//! | error messages, logs, a terminal's text | [`read_text`] | [`Observation`]s with the quoted words |
//! | a pcap or pcapng file | [`read_capture`] | [`CaptureObservation`], with packet numbers |
//! | an observation alone, no cluster | [`candidates()`], [`questions`] | what it could be, and what decides |
//!
//! Pure, and all input is hostile: nothing here panics, every loop over input has a limit.
//!
//! **Invariant:** an observation says what was seen, never why. Causes stand in one table, [`mod@candidates`], and are
//! candidates only.

pub mod address;
pub mod candidates;
pub mod capture;
pub mod observation;
pub mod text;

pub use candidates::{Candidate, Question, candidates, questions};
pub use capture::{CaptureObservation, FlowObservation, read_capture};
pub use observation::{Client, DnsError, Host, Kind, Observation, Target, TimeClass};
pub use text::read_text;
