//! Compares what netwhy says with what happens: on recorded clusters, in a lab, under injected faults.
//!
//! | module | what it compares |
//! |---|---|
//! | [`score`] | answers with the connections that were measured when a cluster was recorded |
//! | [`rename`] | answers about a cluster with answers about the same cluster under other names |
//! | [`question`] | (a question as a file of flows asks it becomes a flow of the model) |
//!
//! The referee may see every crate but the binary. It decides nothing and changes nothing: what differs is listed.

pub mod question;
pub mod rename;
pub mod score;
