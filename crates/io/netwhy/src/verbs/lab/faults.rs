//! Faults: list, inject, undo.

use super::{Context, failure, lab_command, show};
use crate::cli::BreakArgs;
use crate::commands::netwhy;
use crate::fail::Fail;
use crate::screen::{Mark, Screen, print};
use anyhow::Result;
use netwhy_lab::{Args, Fault, faults};
use std::process::ExitCode;

/// `lab faults`.
pub(super) fn list(context: &Context<'_>) -> Result<ExitCode> {
    let mut screen = context.screen();
    let (decoys, real): (Vec<&Fault>, Vec<&Fault>) = faults().iter().partition(|f| f.decoy);
    screen.line("Faults that netwhy lab break injects:");
    for fault in real {
        one(&mut screen, fault);
    }
    screen.gap();
    screen.line("Decoys: oddities that break nothing, and that no diagnosis may name:");
    for fault in decoys {
        one(&mut screen, fault);
    }
    screen.gap();
    screen.line("A parameter that is not given is chosen: the first place that fits.");
    if faults().iter().all(|f| f.needs_root().is_none()) {
        screen.line("None of them needs root: a lab of an ordinary user can have them all.");
    }
    screen.whole(
        0,
        "such as",
        &lab_command(context.name, &["break", "ip-forward-off", "--node", "worker-1"]),
    );
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn one(screen: &mut Screen, fault: &Fault) {
    let params: Vec<String> = fault.params.iter().map(|p| format!("--{p}")).collect();
    screen.line(&format!("  {:26} {}", fault.id, params.join(" ")));
    for line in crate::screen::wrap(fault.does, 92) {
        screen.line(&format!("      {line}"));
    }
    if let Some(why) = fault.needs_root() {
        for line in crate::screen::wrap(&format!("needs a lab of root's: {why}"), 92) {
            screen.line(&format!("      {line}"));
        }
    }
    for (option, does) in fault.options {
        for line in crate::screen::wrap(&format!("--{option}: {does}"), 92) {
            screen.line(&format!("      {line}"));
        }
    }
}

/// `lab break`.
pub(super) fn inject(context: &Context<'_>, args: &BreakArgs) -> Result<ExitCode> {
    let given = arguments(args)?;
    let lab = context.inside()?;
    let entry = lab.break_(&args.fault, &given).map_err(failure)?;
    let mut screen = context.screen();
    screen.fact("target", &format!("lab {} (this machine)", context.name));
    screen.marked(0, Mark::Warn, &format!("injected {}", show::fault_line(&entry)));
    if let Ok(fault) = faults::find(&args.fault) {
        screen.fact("does", fault.does);
    }
    screen.whole(0, "next", &netwhy("check", &context.target(), &[]));
    screen.whole(0, "undo", &lab_command(context.name, &["heal", &args.fault]));
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn arguments(args: &BreakArgs) -> Result<Args> {
    let mut all = Args::new();
    let named = [
        ("node", &args.node),
        ("peer", &args.peer),
        ("iface", &args.iface),
        ("pod", &args.pod),
        ("service", &args.service),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            // kubectl's spelling is understood too.
            let bare = ["node/", "pod/", "svc/", "service/"]
                .iter()
                .find_map(|prefix| value.strip_prefix(prefix))
                .unwrap_or(value);
            all.insert(key.to_owned(), bare.to_owned());
        }
    }
    if args.persist {
        all.insert("persist".to_owned(), "true".to_owned());
    }
    for pair in &args.set {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| Fail::new(format!("--set {pair}: want KEY=VALUE"), ""))?;
        all.insert(key.to_owned(), value.to_owned());
    }
    Ok(all)
}

/// `lab heal`.
pub(super) fn heal(context: &Context<'_>, fault: Option<&str>) -> Result<ExitCode> {
    let lab = context.inside()?;
    let mut healed = Vec::new();
    match fault {
        Some(fault) => healed.extend(lab.heal(fault).map_err(failure)?),
        None => {
            for entry in lab.injected().map_err(failure)?.iter().rev() {
                healed.extend(lab.heal(&entry.fault).map_err(failure)?);
            }
        }
    }
    let mut screen = context.screen();
    screen.fact("target", &format!("lab {} (this machine)", context.name));
    for entry in &healed {
        screen.marked(0, Mark::Good, &format!("healed {}", show::fault_line(entry)));
    }
    if healed.is_empty() {
        screen.line("nothing to heal: no such fault was injected");
    }
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}
