//! The result of a check.

use crate::candidate::{Fix, Object};
use crate::registry::Check;
use netwhy_model::{GapId, Patch};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// It will break, or the nodes differ.
    Warning,
    /// A promise is broken now.
    Error,
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// Unread facts could change it.
    Possible,
    /// Other causes would explain the same.
    Likely,
    /// One set of causes heals, and every member is needed.
    Certain,
}

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Code, `NW1001`.
    pub code: &'static str,
    /// Name, `ip-forward-disabled`.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// Ids of the catalogue, the most exact first.
    pub faults: Vec<&'static str>,
    /// Where the cause is.
    pub object: Object,
    /// Node whose kernel shows it.
    pub node: Option<String>,
    /// One sentence.
    pub summary: String,
    /// Facts with their places.
    pub evidence: Vec<String>,
    /// Who says that it should be otherwise.
    pub norm: String,
    /// Promises that it breaks (members, not classes).
    pub broken: usize,
    /// Pods at either end of them.
    pub broken_pods: usize,
    /// Names of a few promises that it breaks.
    pub examples: Vec<String>,
    /// Code of the finding that this one is only a symptom of.
    pub caused_by: Option<&'static str>,
    /// Other findings that must be mended too for the same promises (code and object).
    pub also: Vec<String>,
    /// How to mend it.
    pub fix: Option<Fix>,
    /// The change that was proven.
    pub patches: Vec<Patch>,
}

impl Finding {
    /// A finding that no flow showed: of what will break, or of what has no packet.
    #[must_use]
    pub fn standing(check: &Check, object: Object, summary: String, evidence: Vec<String>) -> Self {
        Finding {
            code: check.code,
            name: check.name,
            severity: check.severity,
            certainty: Certainty::Certain,
            faults: check.faults.to_vec(),
            object,
            node: None,
            summary,
            evidence,
            norm: String::new(),
            broken: 0,
            broken_pods: 0,
            examples: Vec::new(),
            caused_by: None,
            also: Vec::new(),
            fix: None,
            patches: Vec::new(),
        }
    }
}

/// What was judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Promises that hold.
    pub kept: usize,
    /// Promises that do not.
    pub broken: usize,
    /// Broken ones whose cause was not found.
    pub unexplained: usize,
    /// Promises that could not be judged, by reason.
    pub not_judged: Vec<(String, usize)>,
    /// How many of the not judged are so because something was not read: a cluster with such is never called clean.
    pub unread: usize,
    /// Classes that were traced.
    pub classes: usize,
    /// Checks that ran.
    pub checks_run: usize,
    /// Checks that have nothing to look at, with the reason.
    pub not_applicable: Vec<(&'static str, &'static str)>,
    /// Nodes whose own namespace was read, of all.
    pub nodes_read: (usize, usize),
}

/// The answer of `check`.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Ranked: the first is what a person should read first.
    pub findings: Vec<Finding>,
    /// Gaps that the traces met.
    pub gaps: Vec<GapId>,
    /// Gaps that keep a promise from being judged.
    pub deciding: Vec<GapId>,
    /// What was assumed, one line each.
    pub assumed: Vec<String>,
    /// What was judged.
    pub coverage: Coverage,
}

impl Coverage {
    /// All promises.
    #[must_use]
    pub fn total(&self) -> usize {
        self.kept + self.broken + self.not_judged_count()
    }

    /// Promises that could not be judged.
    #[must_use]
    pub fn not_judged_count(&self) -> usize {
        self.not_judged.iter().map(|(_, n)| n).sum()
    }
}
