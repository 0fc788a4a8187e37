//! The accuracy that is published: faults injected into random labs, and what `check` makes of them.
//!
//! For a seed, labs are drawn in which everything is random, faults and places too. Of each fault the report must name
//! the right cause first, at the right place, and nothing that neither the fault nor the lab's own baseline explains.
//! The command line that it prints is run in a shell, and the probe matrix must be as before: never a trace. A decoy is
//! an oddity that breaks nothing; of it, nothing may be reported.

mod case;
mod judge;
mod kubectl;
mod run;
mod table;
mod ward;

pub use case::{Case, Cases};
pub use judge::{Baseline, Judged, judge_findings};
pub use run::{Graded, grade, grade_seed};
pub use table::{Total, print};
pub use ward::LabWard;

use netwhy_lab::matrix::{Cell, Pair};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Args, Fault};
use netwhy_view::report::FindingView;

/// How much to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// Single faults.
    pub singles: usize,
    /// Oddities that break nothing.
    pub decoys: usize,
    /// Cases that share one random lab.
    pub per_lab: usize,
}

impl Plan {
    /// The plan that is published, for one seed.
    pub fn of_seed(seed: u64) -> Plan {
        Plan {
            seed,
            singles: 40,
            decoys: 20,
            per_lab: 6,
        }
    }
}

/// Why grading had to stop. What a diagnosis gets wrong is a result, never an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct GradeError(pub String);

impl GradeError {
    /// From the error of a step.
    pub fn new(step: &str, why: impl std::fmt::Display) -> GradeError {
        GradeError(format!("{step}: {why}"))
    }
}

/// What became of the fix of a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// The report prints no command line.
    NoCommand,
    /// It was run.
    Ran {
        /// The command line.
        command: String,
        /// Whether it ended with success.
        ok: bool,
        /// What it printed, both streams.
        output: String,
    },
}

/// What grading needs of the world: a lab, and the doctor who looks at it.
pub trait Ward {
    /// A new lab of this shape, in place of the one before.
    ///
    /// # Errors
    /// It does not come up.
    fn fresh(&mut self, spec: &Spec) -> Result<(), GradeError>;

    /// Why a fault can be injected at no place of any lab here; `None` if it can.
    fn refuses(&self, _fault: &Fault) -> Option<String> {
        None
    }

    /// Injects a fault.
    ///
    /// # Errors
    /// It cannot be injected there.
    fn inject(&mut self, fault: &str, args: &Args) -> Result<(), GradeError>;

    /// Reads the lab anew and reports.
    ///
    /// # Errors
    /// The lab cannot be read.
    fn check(&mut self) -> Result<Vec<FindingView>, GradeError>;

    /// Runs the command line that the report prints for a finding, in a shell.
    ///
    /// # Errors
    /// The shell cannot be started. A command line that fails is no error.
    fn fix(&mut self, finding: &FindingView) -> Result<Fixed, GradeError>;

    /// Probes these pairs with real sockets.
    ///
    /// # Errors
    /// A namespace cannot be entered.
    fn probe(&mut self, pairs: &[Pair]) -> Result<Vec<Cell>, GradeError>;

    /// Waits until the kernel sends ICMP errors again: before cells that differ are probed once more.
    fn rest(&mut self) {}
}

#[cfg(test)]
mod tests;
