//! Command lines that are printed: they repeat their target, and are quoted for the shell.

use crate::screen::command;
use crate::target::Target;
use netwhy_view::report::FixView;
use netwhy_view::{FindingView, ReportView};

/// `netwhy VERB ARGS` for a target.
pub fn netwhy(verb: &str, target: &Target, args: &[&str]) -> String {
    let flags = target.flags();
    let words = ["netwhy", verb].into_iter().chain(flags.iter().map(String::as_str));
    command(&words.chain(args.iter().copied()).collect::<Vec<_>>())
}

/// The command that fixes a finding, or plans to where the target cannot be written to.
pub fn fix(finding: &FindingView, target: &Target) -> Option<String> {
    let Some(FixView::Sysctl { node, .. }) = &finding.fix else {
        return None;
    };
    let mut args = vec![finding.code, "--node", node];
    if target.is_alive() {
        args.push("--apply");
    }
    Some(netwhy("fix", target, &args))
}

/// Puts the commands into a report.
pub fn complete(report: &mut ReportView, target: &Target) {
    for finding in &mut report.findings {
        finding.command = fix(finding, target);
    }
}
