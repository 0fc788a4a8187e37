//! The answer of `netwhy check`, as machines read it.

use crate::flow::gap_text;
use netwhy_checks::{Certainty, Finding, Fix, Object, Report, Severity};
use netwhy_model::Cluster;
use serde::Serialize;

/// Schema of the report; its version changes only where a field goes or changes its meaning.
pub const SCHEMA: &str = "netwhy.dev/report/v1";

/// One report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportView {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was looked at, e.g. `file incident.tar.zst`.
    pub target: String,
    /// Ranked.
    pub findings: Vec<FindingView>,
    /// What is not known and was met.
    pub gaps: Vec<GapView>,
    /// What was assumed.
    pub assumed: Vec<String>,
    /// What was judged.
    pub coverage: CoverageView,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingView {
    /// `NW1001`.
    pub code: &'static str,
    /// `ip-forward-disabled`.
    pub name: &'static str,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// `certain`, `likely` or `possible`.
    pub certainty: &'static str,
    /// Ids of the catalogue of faults, the most exact first.
    pub faults: Vec<&'static str>,
    /// Where the cause is.
    pub object: ObjectView,
    /// Node whose kernel shows it.
    pub node: Option<String>,
    /// One sentence.
    pub summary: String,
    /// Facts with their places.
    pub evidence: Vec<String>,
    /// Who says that it should be otherwise.
    pub norm: String,
    /// Promises that it breaks.
    pub broken: usize,
    /// Pods at an end of them.
    pub broken_pods: usize,
    /// A few of them by name.
    pub examples: Vec<String>,
    /// Code of the finding that this one is a symptom of.
    pub caused_by: Option<&'static str>,
    /// Other findings that must be mended for the same promises.
    pub also: Vec<String>,
    /// How to mend it.
    pub fix: Option<FixView>,
    /// The command line that mends it or plans to, quoted for the shell; it repeats the target. Null if netwhy cannot.
    pub command: Option<String>,
}

/// A Kubernetes object.
#[derive(Clone, Debug, Serialize)]
pub struct ObjectView {
    /// Kind as the API spells it.
    pub kind: &'static str,
    /// Name, or null for the whole cluster.
    pub name: Option<String>,
    /// Namespace, or null.
    pub namespace: Option<String>,
}

/// How to mend.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FixView {
    /// `netwhy fix` does it.
    Sysctl {
        /// Node.
        node: String,
        /// Keys and values.
        changes: Vec<(String, String)>,
        /// Modules to load at boot.
        modules: Vec<String>,
        /// Links that become routers by it.
        routes_between: Vec<String>,
    },
    /// For a person.
    Manual {
        /// Where to type.
        at: String,
        /// Shell commands.
        commands: Vec<String>,
        /// Whose it is, and how it lasts.
        note: String,
    },
}

/// A gap.
#[derive(Clone, Debug, Serialize)]
pub struct GapView {
    /// Member of the bundle.
    pub path: String,
    /// Why it is not known.
    pub why: String,
    /// A promise could not be judged because of it.
    pub decides: bool,
}

/// What was judged.
#[derive(Clone, Debug, Serialize)]
pub struct CoverageView {
    /// All promises.
    pub promises: usize,
    /// Kept.
    pub kept: usize,
    /// Broken.
    pub broken: usize,
    /// Of them without a known cause.
    pub unexplained: usize,
    /// Not judged, with the reasons.
    pub not_judged: Vec<(String, usize)>,
    /// How many of the not judged are so because something was not read.
    pub unread: usize,
    /// Flows that were traced, each for a class.
    pub traced: usize,
    /// Checks that ran.
    pub checks_run: usize,
    /// Checks that had nothing to look at.
    pub not_applicable: Vec<(&'static str, &'static str)>,
    /// Nodes read, of all.
    pub nodes_read: (usize, usize),
}

impl ReportView {
    /// From a report.
    #[must_use]
    pub fn new(target: String, cluster: &Cluster, report: &Report) -> Self {
        let gap = |id: &netwhy_model::GapId| GapView::new(&gap_text(cluster, *id), report.deciding.contains(id));
        ReportView {
            schema: SCHEMA,
            target,
            findings: report.findings.iter().map(FindingView::new).collect(),
            gaps: report.gaps.iter().map(gap).collect(),
            assumed: report.assumed.clone(),
            coverage: CoverageView::new(&report.coverage),
        }
    }
}

impl GapView {
    /// From `path: why`.
    #[must_use]
    pub fn new(text: &str, decides: bool) -> Self {
        let (path, why) = text.split_once(": ").unwrap_or(("", text));
        GapView {
            path: path.to_owned(),
            why: why.to_owned(),
            decides,
        }
    }
}

impl CoverageView {
    /// From a coverage.
    #[must_use]
    pub fn new(c: &netwhy_checks::Coverage) -> Self {
        CoverageView {
            promises: c.total(),
            kept: c.kept,
            broken: c.broken,
            unexplained: c.unexplained,
            not_judged: c.not_judged.clone(),
            unread: c.unread,
            traced: c.classes,
            checks_run: c.checks_run,
            not_applicable: c.not_applicable.clone(),
            nodes_read: c.nodes_read,
        }
    }
}

impl FindingView {
    /// From a finding.
    #[must_use]
    pub fn new(f: &Finding) -> Self {
        FindingView {
            code: f.code,
            name: f.name,
            severity: severity(f.severity),
            certainty: certainty(f.certainty),
            faults: f.faults.clone(),
            object: ObjectView::new(&f.object),
            node: f.node.clone(),
            summary: f.summary.clone(),
            evidence: f.evidence.clone(),
            norm: f.norm.clone(),
            broken: f.broken,
            broken_pods: f.broken_pods,
            examples: f.examples.clone(),
            caused_by: f.caused_by,
            also: f.also.clone(),
            fix: f.fix.as_ref().map(FixView::new),
            command: None,
        }
    }
}

impl ObjectView {
    fn new(o: &Object) -> Self {
        ObjectView {
            kind: o.kind,
            name: o.name.clone(),
            namespace: o.namespace.clone(),
        }
    }
}

impl FixView {
    fn new(fix: &Fix) -> Self {
        match fix {
            Fix::Sysctl {
                node,
                changes,
                modules,
                routes_between,
            } => FixView::Sysctl {
                node: node.clone(),
                changes: changes.clone(),
                modules: modules.clone(),
                routes_between: routes_between.clone(),
            },
            Fix::Manual { at, commands, note } => FixView::Manual {
                at: at.clone(),
                commands: commands.clone(),
                note: note.clone(),
            },
        }
    }
}

/// As the contract spells it.
#[must_use]
pub fn severity(s: Severity) -> &'static str {
    match s {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

/// As the contract spells it.
#[must_use]
pub fn certainty(c: Certainty) -> &'static str {
    match c {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Possible => "possible",
    }
}
