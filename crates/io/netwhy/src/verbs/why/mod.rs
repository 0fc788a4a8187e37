//! `why TEXT|FILE.pcap`: from the symptom to the cause.

mod clients;
mod symptom;

use crate::cli::{Cli, Format, WhyArgs};
use crate::commands;
use crate::fail::{CLEAN, FOUND, UNDECIDED};
use crate::screen::{Look, Screen, json, print};
use crate::target::{LabScope, Opened, Target};
use anyhow::Result;
use netwhy_intake::Observation;
use netwhy_view::WhyView;
use std::process::ExitCode;

/// The verb.
pub fn run(cli: &Cli, args: &WhyArgs) -> Result<ExitCode> {
    let target = Target::given(&cli.target)?;
    // Reading a lab begins by entering it: what is read from standard input must be read after that, once.
    let opened = target.as_ref().map(|t| t.open(LabScope::Paths)).transpose()?;
    let seen = symptom::read(&args.text)?;
    let mut view = WhyView::of(&seen);
    if let Some(opened) = &opened {
        ask_cluster(opened, args, &seen, &mut view)?;
    }
    match cli.print.output {
        Format::Text => {
            let mut screen = Screen::new(Look::new(cli.print.ascii));
            crate::text::why::render(&mut screen, &view, target.as_ref());
            print(&screen.finish())?;
        }
        Format::Json => print(&json(&view, true)?)?,
        Format::Jsonl => print(&json(&view, false)?)?,
    }
    Ok(ExitCode::from(exit_code(&view)))
}

fn exit_code(view: &WhyView) -> u8 {
    match view.confirmed {
        // Without a cluster nothing was decided, and nothing was asked to be.
        None => CLEAN,
        Some(_) if view.clients.iter().all(|c| c.client_sees.is_none()) => UNDECIDED,
        Some(_) => FOUND,
    }
}

fn ask_cluster(opened: &Opened, args: &WhyArgs, seen: &Observation, view: &mut WhyView) -> Result<()> {
    view.target = Some(opened.title.clone());
    view.confirmed = Some(false);
    let Some(asked) = symptom::destination(&opened.cluster, seen, &args.namespace) else {
        return Ok(());
    };
    view.read_as.name = asked.name.clone().filter(|n| Some(n) != view.read_as.to.as_ref());
    let clients = clients::possible(opened, args, seen)?;
    if let Some(one) = clients.named() {
        view.read_as.from = Some(one);
    }
    let answers = clients::ask(&opened.cluster, &clients, &asked, view.read_as.client_sees);
    view.confirmed = Some(answers.iter().any(|a| a.view.matches));
    for answer in answers {
        let mut client = answer.view;
        for mut finding in answer.findings {
            finding.command = commands::fix(&finding, &opened.target);
            let same = |f: &netwhy_view::FindingView| f.code == finding.code && f.summary == finding.summary;
            let at = view.findings.iter().position(same).unwrap_or_else(|| {
                view.findings.push(finding.clone());
                view.findings.len() - 1
            });
            client.finding = client.finding.or(Some(at));
        }
        view.clients.push(client);
    }
    Ok(())
}
