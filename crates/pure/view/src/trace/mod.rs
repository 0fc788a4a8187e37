//! The answer of `netwhy trace`: the verdict, all that can happen, the way, the causes.

mod chains;
mod end;
mod outcomes;
mod path;
mod unknown;
mod verdict;

pub use outcomes::{OutcomeView, Tally};
pub use path::{HopView, LineView, Mark};
pub use unknown::{FIDELITY, RunView, UnknownKind, UnknownView};
pub use verdict::{Verdict, VerdictView, short};

use crate::flow::gap_text;
use crate::report::{CoverageView, FindingView, GapView};
use netwhy_checks::{Promise, Report};
use netwhy_model::Cluster;
use netwhy_sim::Trace;
use serde::Serialize;
use std::net::SocketAddr;

/// Schema of a trace; its version changes only where a field goes or changes its meaning.
pub const SCHEMA: &str = "netwhy.dev/trace/v1";

/// One trace.
#[derive(Clone, Debug, Serialize)]
pub struct TraceView {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was looked at.
    pub target: String,
    /// Client: `pod/shop/web`.
    pub from: String,
    /// Destination: `svc/shop/api:3000`, `10.0.0.9:443`.
    pub to: String,
    /// Address and port that the client connects to.
    pub to_address: String,
    /// `TCP`, `UDP` or `ICMP`.
    pub proto: &'static str,
    /// The answer.
    pub verdict: VerdictView,
    /// All that can happen; shares add up to 1.
    pub outcomes: Vec<OutcomeView>,
    /// The way of one packet: of the most probable failure, if there is one.
    pub path: Vec<HopView>,
    /// What was assumed and no node shows.
    pub assumed: Vec<String>,
    /// What is not known, and met: `decides` where the answer depends on it.
    pub gaps: Vec<GapView>,
    /// What would resolve each of those that decide.
    pub why_unknown: Vec<UnknownView>,
    /// Causes, ranked.
    pub findings: Vec<FindingView>,
    /// What the first cause breaks in the whole cluster, if that was looked at.
    pub reach: Option<ReachView>,
}

/// What a cause breaks.
#[derive(Clone, Debug, Serialize)]
pub struct ReachView {
    /// Promises that it breaks.
    pub broken: usize,
    /// The node, if it is one's.
    pub node: Option<String>,
    /// Pods on that node.
    pub pods: usize,
    /// All promises of the cluster.
    pub coverage: CoverageView,
}

/// What was asked, in names.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Client: `pod/shop/web`.
    pub from: String,
    /// Destination: `svc/shop/api:3000`.
    pub to: String,
}

impl TraceView {
    /// From a trace, the promise that was asked for, its causes, and the whole cluster's report if there is one.
    #[must_use]
    pub fn new(
        target: String,
        asked: Asked,
        cluster: &Cluster,
        trace: &Trace,
        promise: &Promise,
        report: &Report,
        whole: Option<&Report>,
    ) -> Self {
        let flow = &trace.flow;
        let tally = Tally::new(cluster, trace, promise);
        let to_address = match flow.proto {
            1 => flow.dst.to_string(),
            _ => SocketAddr::new(flow.dst, flow.dport).to_string(),
        };
        TraceView {
            schema: SCHEMA,
            target,
            from: asked.from,
            to: asked.to,
            to_address,
            proto: proto_name(flow.proto),
            verdict: VerdictView::new(cluster, trace, &tally, report),
            path: path::hops(cluster, trace, &tally),
            outcomes: tally.groups,
            assumed: report.assumed.clone(),
            gaps: gaps(cluster, trace),
            why_unknown: UnknownView::all(cluster, trace),
            reach: whole.and_then(|whole| reach(cluster, report, whole)),
            findings: report.findings.iter().map(FindingView::new).collect(),
        }
    }
}

/// `TCP`, `UDP`, `ICMP`, or the number of a protocol that is not asked for.
#[must_use]
pub fn proto_name(proto: u8) -> &'static str {
    match proto {
        6 => "TCP",
        17 => "UDP",
        1 => "ICMP",
        132 => "SCTP",
        _ => "IP",
    }
}

fn gaps(cluster: &Cluster, trace: &Trace) -> Vec<GapView> {
    let all = trace.deciding.iter().map(|g| (g, true));
    let all = all.chain(trace.footnotes.iter().map(|g| (g, false)));
    all.map(|(id, decides)| GapView::new(&gap_text(cluster, *id), decides))
        .collect()
}

/// The first cause of the flow, in the report of the whole cluster.
fn reach(cluster: &Cluster, report: &Report, whole: &Report) -> Option<ReachView> {
    let first = report.first_cause()?;
    let same = whole
        .findings
        .iter()
        .find(|f| f.code == first.code && f.object == first.object && f.node == first.node)?;
    let node = same.node.as_deref().filter(|_| same.object.kind == "Node");
    Some(ReachView {
        broken: same.broken,
        pods: node.and_then(|n| cluster.node(n)).map_or(0, |n| n.pods.len()),
        node: node.map(str::to_owned),
        coverage: CoverageView::new(&whole.coverage),
    })
}
