//! The examples of the pages: read, carried out, compared.

#![allow(dead_code, reason = "each test uses its part")]

pub mod change;
pub mod json_path;
pub mod kube_proxy;
pub mod links;
pub mod page;

use netwhy_checks::{Certainty, CheckOptions, Finding, Report, Severity, check};
use netwhy_model::{Cluster, GapId};
use netwhy_snapshot::Snapshot;
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// The healthy lab; `base/README.md` says how it was recorded.
pub fn base() -> Snapshot {
    static BASE: OnceLock<Snapshot> = OnceLock::new();
    let read = || Snapshot::from_archive(include_bytes!("../base/healthy.tar.zst"), &Default::default()).unwrap();
    BASE.get_or_init(read).clone()
}

/// What a cluster shows, as lines of a findings block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// `CODE object severity certainty`, errors and warnings, in the report's order.
    pub findings: Vec<String>,
    /// Members whose absence keeps a promise from being judged.
    pub gaps: BTreeSet<String>,
    /// `CODE: reason`.
    pub not_applicable: BTreeSet<String>,
}

impl Shown {
    /// Builds the cluster and checks it.
    pub fn of(snapshot: Snapshot) -> (Shown, Report) {
        Shown::with(snapshot, &CheckOptions::default())
    }

    pub fn with(snapshot: Snapshot, options: &CheckOptions) -> (Shown, Report) {
        let cluster = Cluster::build(snapshot);
        let report = check(&cluster, options);
        (Shown::from(&cluster, &report), report)
    }

    pub fn from(cluster: &Cluster, report: &Report) -> Shown {
        let serious = report.findings.iter().filter(|f| f.severity > Severity::Info);
        let member = |id: &GapId| {
            let path = &cluster.gaps.get(*id).path;
            path.rsplit_once(':')
                .map_or(path.clone(), |(member, _line)| member.to_owned())
        };
        Shown {
            findings: serious.map(line).collect(),
            gaps: report.deciding.iter().map(member).collect(),
            not_applicable: report
                .coverage
                .not_applicable
                .iter()
                .map(|(code, why)| format!("{code}: {why}"))
                .collect(),
        }
    }

    /// What is shown beyond the base's own.
    pub fn beyond(mut self, own: &Shown) -> Shown {
        self.findings.retain(|f| !own.findings.contains(f));
        self.gaps.retain(|g| !own.gaps.contains(g));
        self.not_applicable.retain(|n| !own.not_applicable.contains(n));
        self
    }
}

/// `NW1001 node/worker-1 error certain`, and `under CODE` for what another finding explains.
pub fn line(f: &Finding) -> String {
    let severity = match f.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let certainty = match f.certainty {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Possible => "possible",
    };
    let under = f.caused_by.map_or(String::new(), |code| format!(" under {code}"));
    format!("{} {} {severity} {certainty}{under}", f.code, f.object)
}

/// The base's own answer, once.
pub fn own() -> &'static Shown {
    static OWN: OnceLock<Shown> = OnceLock::new();
    OWN.get_or_init(|| Shown::of(base()).0)
}
