//! `check`: everything that the cluster owes its users.

use crate::cli::{CheckArgs, Cli, FailOn, Format};
use crate::fail::{CLEAN, FOUND, UNDECIDED};
use crate::screen::{Look, Screen, json, print};
use crate::target::{LabScope, Target};
use crate::{commands, text};
use anyhow::Result;
use netwhy_checks::{CheckOptions, Report, Severity, check};
use netwhy_view::ReportView;
use std::process::ExitCode;

/// The verb.
pub fn run(cli: &Cli, args: &CheckArgs) -> Result<ExitCode> {
    let target = Target::needed(&cli.target)?;
    let opened = target.open(LabScope::Paths)?;
    let report = check(&opened.cluster, &CheckOptions::default());
    let mut view = ReportView::new(opened.title, &opened.cluster, &report);
    commands::complete(&mut view, &target);
    match cli.print.output {
        Format::Text => {
            let mut screen = Screen::new(Look::new(cli.print.ascii));
            text::check::render(&mut screen, &view, cli.print.verbose);
            print(&screen.finish())?;
        }
        Format::Json => print(&json(&view, true)?)?,
        Format::Jsonl => {
            let lines: Result<String> = view.findings.iter().map(|f| json(f, false)).collect();
            print(&lines?)?;
        }
    }
    Ok(ExitCode::from(exit_code(&report, args.fail_on)))
}

fn exit_code(report: &Report, fail_on: FailOn) -> u8 {
    let least = match fail_on {
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Info => Severity::Info,
        FailOn::Never => return CLEAN,
    };
    let coverage = &report.coverage;
    match report.findings.iter().any(|f| f.severity >= least) {
        true => FOUND,
        // Nothing was judged, or something could not be read: that is not clean.
        false if coverage.kept + coverage.broken == 0 || coverage.unread > 0 => UNDECIDED,
        false => CLEAN,
    }
}
