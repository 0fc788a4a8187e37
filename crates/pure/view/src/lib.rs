//! The public contract: what machines and renderers get.
//!
//! Every renderer takes only these values; they are made from traces and reports, and never computed on.

pub mod flow;
pub mod name;
pub mod report;
pub mod trace;
pub mod why;

pub use flow::FlowAnswer;
pub use report::{FindingView, ReportView};
pub use trace::TraceView;
pub use why::WhyView;
