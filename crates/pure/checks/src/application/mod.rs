//! Processes in pods.

pub mod not_listening;
