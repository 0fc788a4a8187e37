//! `lab grade`: how well netwhy diagnoses and heals, measured on random labs.

use super::{Context, failure};
use crate::cli::GradeArgs;
use crate::commands;
use crate::fail::{CLEAN, FOUND, Fail};
use crate::screen::{escape, print};
use crate::target::Target;
use anyhow::Result;
use netwhy_judge::grade::{LabWard, Plan, Total, grade, print as table};
use netwhy_view::FindingView;
use std::process::ExitCode;

/// Labs that are made for it; one of this name that is up is taken down.
const NAME: &str = "grade";

/// Prints each case as soon as it is judged, then the table.
pub(super) fn run(context: &Context<'_>, args: &GradeArgs) -> Result<ExitCode> {
    context.labs.prepare().map_err(failure)?;
    let plan = |seed: &u64| Plan {
        singles: args.faults,
        decoys: args.decoys,
        ..Plan::of_seed(*seed)
    };
    let plans: Vec<Plan> = args.seeds.iter().map(plan).collect();
    let command = |lab: &str, finding: &FindingView| commands::fix(finding, &Target::Lab(lab.to_owned()));
    let mut ward = LabWard::new(context.labs.clone(), NAME, None, command);
    let mut tell = |graded: &netwhy_judge::grade::Graded| {
        // Nobody may be listening any more: the grade goes on, for its exit code.
        let _ = print(&format!("{}\n", escape(&graded.to_string())));
    };
    let all = grade(&mut ward, &plans, &mut tell).map_err(|e| {
        Fail::new(
            format!("the grade had to stop: {e}"),
            "on a busy machine connections are slow: once more, or fewer --faults",
        )
    })?;
    print(&format!("\n{}", table(&all)))?;
    Ok(ExitCode::from(if Total::of(&all).passes() { CLEAN } else { FOUND }))
}
