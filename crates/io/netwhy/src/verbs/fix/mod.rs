//! `fix CODE`: plan, proof, and with `--apply` the act. The only verb but `lab` that changes anything.

mod place;
mod proof;
mod show;
mod undo;

use crate::cli::{Cli, FixArgs, Format};
use crate::commands::netwhy;
use crate::fail::Fail;
use crate::screen::{Look, Screen, json, print};
use crate::target::{LabScope, Opened, Target};
use anyhow::Result;
use netwhy_checks::{CheckOptions, Finding, Fix, Report, check};
use netwhy_fix::{Plan, Request, SysctlChange, VerifyResult};
use place::Place;
use proof::Proof;
use std::process::ExitCode;

/// The verb.
pub fn run(cli: &Cli, args: &FixArgs) -> Result<ExitCode> {
    let target = Target::needed(&cli.target)?;
    if cli.print.output != Format::Text && (args.apply || args.list || args.rollback.is_some()) {
        return Err(Fail::new("only the plan has another format than text", ""));
    }
    if args.list {
        return undo::list(cli, &target);
    }
    if let Some(id) = &args.rollback {
        return undo::rollback(cli, &target, id, args.force);
    }
    let code = args.code.as_deref().unwrap_or_default();
    if args.apply && !target.is_alive() {
        return Err(not_alive(&target));
    }
    let opened = target.open(LabScope::Paths)?;
    let report = check(&opened.cluster, &CheckOptions::default());
    let finding = choose(&report, code, args.node.as_deref(), &opened)?;
    let proof = Proof::of(&opened.cluster, &report, finding);
    let work = Work {
        cli,
        opened: &opened,
        finding,
        proof,
    };
    match &finding.fix {
        Some(Fix::Sysctl {
            node, changes, modules, ..
        }) => work.sysctl(request(finding, node, changes, modules), args.apply),
        _ if args.apply => Err(by_hand(&work)),
        _ => work.manual(),
    }
}

fn not_alive(target: &Target) -> anyhow::Error {
    Fail::new(
        format!("{} cannot be changed", target.name()),
        "--apply needs the target itself: --lab, or --this-machine on the node",
    )
}

fn by_hand(work: &Work<'_>) -> anyhow::Error {
    let f = work.finding;
    Fail::new(
        format!(
            "{} on {} is not mended by netwhy: it takes the owner of the object",
            f.code, f.object
        ),
        "without --apply the commands are printed",
    )
}

/// The finding that is meant.
fn choose<'a>(report: &'a Report, code: &str, node: Option<&str>, opened: &Opened) -> Result<&'a Finding> {
    let target = &opened.target;
    let Some(known) = netwhy_checks::by_code(code) else {
        return Err(Fail::new(
            format!("no finding is called {code}"),
            "netwhy explain lists them",
        ));
    };
    let bare = node.map(|n| n.strip_prefix("node/").unwrap_or(n));
    let of_code: Vec<&Finding> = report.findings.iter().filter(|f| f.code == known.code).collect();
    let here = |f: &&&Finding| bare.is_none_or(|n| f.node.as_deref() == Some(n));
    let found: Vec<&Finding> = of_code.iter().filter(here).copied().collect();
    let places = |list: &[&Finding]| list.iter().map(|f| f.object.to_string()).collect::<Vec<_>>().join(", ");
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let on = bare.map_or(String::new(), |n| format!(" on node/{n}"));
            let elsewhere = if of_code.is_empty() {
                "not there at all".to_owned()
            } else {
                format!("it is on {}", places(&of_code))
            };
            Err(Fail::new(
                format!(
                    "{} {} is no finding{on} in {}: {elsewhere}",
                    known.code,
                    known.name,
                    target.name()
                ),
                netwhy("check", target, &[]),
            ))
        }
        many => Err(Fail::new(
            format!("{} is found in {} places: {}", known.code, many.len(), places(many)),
            "--node NODE says which",
        )),
    }
}

fn request(f: &Finding, node: &str, changes: &[(String, String)], modules: &[String]) -> Request {
    let change = |(key, value): &(String, String)| SysctlChange {
        key: key.clone(),
        value: value.clone(),
    };
    Request {
        code: f.code.to_owned(),
        node: node.to_owned(),
        changes: changes.iter().map(change).collect(),
        persist: true,
        modules: modules.to_vec(),
        manual: Vec::new(),
    }
}

/// A finding that is to be mended.
struct Work<'a> {
    cli: &'a Cli,
    opened: &'a Opened,
    finding: &'a Finding,
    proof: Proof,
}

impl Work<'_> {
    fn screen(&self) -> Screen {
        let mut screen = Screen::new(Look::new(self.cli.print.ascii));
        screen.fact("target", &self.opened.title);
        screen
    }

    fn sysctl(&self, request: Request, apply: bool) -> Result<ExitCode> {
        let target = &self.opened.target;
        let Some(place) = Place::of(target, &request.node)? else {
            return self.offline(&request);
        };
        let plan = netwhy_fix::plan(&request, &place.env).map_err(place::failure)?;
        if !apply {
            let mut screen = self.screen();
            show::plan(&mut screen, self.finding, &self.proof, &plan);
            screen.line("nothing was changed: add --apply");
            return self.print(screen, &plan);
        }
        self.apply(&plan, &place)
    }

    fn print(&self, screen: Screen, plan: &Plan) -> Result<ExitCode> {
        match self.cli.print.output {
            Format::Text => print(&screen.finish())?,
            format => print(&json(
                &show::value(self.finding, &self.proof, plan),
                format == Format::Json,
            )?)?,
        }
        Ok(ExitCode::SUCCESS)
    }

    fn apply(&self, plan: &Plan, place: &Place) -> Result<ExitCode> {
        let mut screen = self.screen();
        show::plan(&mut screen, self.finding, &self.proof, plan);
        let applied = netwhy_fix::apply(plan, &place.env, || self.verify()).map_err(place::failure)?;
        show::applied(&mut screen, &self.opened.target, &place.env.journal_dir, &applied);
        print(&screen.finish())?;
        Ok(ExitCode::from(match (&applied.verified, applied.rolled_back) {
            (Ok(_), false) => crate::fail::CLEAN,
            (Ok(_), true) => crate::fail::FOUND,
            (Err(_), _) => crate::fail::UNDECIDED,
        }))
    }

    /// Reads the target again, and asks whether the finding is gone.
    fn verify(&self) -> std::result::Result<VerifyResult, String> {
        let again = self.opened.target.open(LabScope::Paths).map_err(|e| format!("{e:#}"))?;
        let report = check(&again.cluster, &CheckOptions::default());
        let f = self.finding;
        let still = report
            .findings
            .iter()
            .any(|g| g.code == f.code && g.object == f.object && g.node == f.node);
        let (before, now) = (self.proof.broken_before, report.coverage.broken);
        let healed = !still && (now < before || before == 0);
        let text = match healed {
            true => format!(
                "read again: {} kept, {now} broken (before: {before})",
                report.coverage.kept
            ),
            false => format!(
                "read again: {} is still found, {now} promises broken (before: {before})",
                f.code
            ),
        };
        Ok(VerifyResult { healed, text })
    }

    /// From a file: what would be done, without what only the node itself can tell.
    fn offline(&self, request: &Request) -> Result<ExitCode> {
        let mut screen = self.screen();
        show::title(&mut screen, self.finding, &self.proof, None);
        for (i, change) in request.changes.iter().enumerate() {
            screen.line(&format!("{:>3} set   {} → {}", i + 1, change.key, change.value));
        }
        screen.line("  then  a file in /etc/sysctl.d that wins at boot, by who sets the key on the node now");
        screen.line("a file cannot be changed: run it on the node, or type what is above");
        let there = netwhy("fix", &Target::ThisMachine, &[&request.code, "--node", &request.node]);
        screen.whole(0, "next", &there);
        print(&screen.finish())?;
        Ok(ExitCode::SUCCESS)
    }

    fn manual(&self) -> Result<ExitCode> {
        let mut screen = self.screen();
        show::title(&mut screen, self.finding, &self.proof, None);
        let view = netwhy_view::FindingView::new(self.finding);
        crate::text::finding::evidence(&mut screen, 0, &view);
        crate::text::finding::fix(&mut screen, 0, &view, "netwhy does not do it by itself");
        screen.line("nothing was changed");
        print(&screen.finish())?;
        Ok(ExitCode::SUCCESS)
    }
}
