//! Compares what netwhy says with what happens: on recorded clusters, in a lab, under injected faults.
//!
//! | module | what it compares |
//! |---|---|
//! | [`score`] | answers with the connections that were measured when a cluster was recorded |
//! | [`grade`] | findings with injected faults, and the matrix with what it was before |
//! | [`live`] | (a living lab becomes a cluster of the model, and a matrix) |
//! | [`predict`] | the simulator with real sockets in a lab |
//! | [`referee`] | the simulator with the kernel, in random worlds |
//! | [`rename`] | answers about a cluster with answers about the same cluster under other names |
//! | [`world`] | the simulator with the kernel, in small worlds that are written as text |
//! | [`referee`] | the simulator with the kernel, in worlds that are drawn |
//! | [`question`] | (a question as a file of flows asks it becomes a flow of the model) |
//!
//! The referee may see every crate but the binary. It decides nothing and changes nothing: what differs is listed.

pub mod grade;
pub mod live;
pub mod predict;
pub mod question;
pub mod referee;
pub mod rename;
pub mod score;
pub mod world;

use netwhy_checks::{CheckOptions, check};
use netwhy_model::Cluster;
use netwhy_view::report::ReportView;

/// The report of `check` as machines get it. `null` if it cannot be written as JSON, which judges as an empty report.
pub fn report_json(cluster: &Cluster) -> serde_json::Value {
    let report = check(cluster, &CheckOptions::default());
    serde_json::to_value(ReportView::new(cluster.name.clone(), cluster, &report)).unwrap_or_default()
}
