//! `lab`: a cluster network on this machine.

mod faults;
mod grade;
mod referee;
mod show;

use crate::cli::{Cli, LabVerb};
use crate::commands::netwhy;
use crate::fail::Fail;
use crate::screen::{Look, Mark, Screen, print};
use crate::target::Target;
use anyhow::Result;
use netwhy_lab::spec::Spec;
use netwhy_lab::{DEFAULT_NAME, Lab, LabError, Labs, UpOptions, matrix};
use std::ffi::OsString;
use std::process::ExitCode;

/// A failure of a lab, with the way out.
pub fn failure(e: LabError) -> anyhow::Error {
    let way_out = match &e {
        LabError::Refused(refusal) => refusal.way_out.as_str(),
        LabError::NotYours { .. } => "as that user; what is inside is theirs, and root does not run it",
        LabError::FaultNeedsRoot { .. } => "as root, in a lab of root's: netwhy lab up",
        LabError::NoSuchLab(_) => "netwhy lab status lists the labs of this machine",
        LabError::NoPlace { .. } | LabError::Unknown { kind: "fault", .. } => {
            "netwhy lab faults lists what can be injected, netwhy lab heal undoes what is"
        }
        _ => "",
    };
    Fail::new(e.to_string(), way_out)
}

/// What the verbs share.
struct Context<'a> {
    labs: Labs,
    name: &'a str,
    look: Look,
}

impl Context<'_> {
    fn target(&self) -> Target {
        Target::Lab(self.name.to_owned())
    }

    fn screen(&self) -> Screen {
        Screen::new(self.look)
    }

    /// Goes inside; what was printed before would be printed twice.
    fn inside(&self) -> Result<Lab> {
        self.labs.enter(self.name).map_err(failure)?;
        Lab::inside().map_err(failure)
    }
}

/// The verb.
pub fn run(cli: &Cli, verb: &LabVerb) -> Result<ExitCode> {
    if cli.target.file.is_some() || cli.target.this_machine {
        return Err(Fail::new("lab takes no target but --lab=NAME", ""));
    }
    let context = Context {
        labs: Labs::here(),
        name: cli.target.lab.as_deref().unwrap_or(DEFAULT_NAME),
        look: Look::new(cli.print.ascii),
    };
    match verb {
        LabVerb::Up { nodes, seed } => up(&context, *nodes, *seed),
        LabVerb::Down => down(&context),
        LabVerb::Status => show::status(&context, cli.print.verbose),
        LabVerb::Exec { inside, command } => exec(&context, inside.as_deref(), command),
        LabVerb::Break(args) => faults::inject(&context, args),
        LabVerb::Heal { fault } => faults::heal(&context, fault.as_deref()),
        LabVerb::Faults => faults::list(&context),
        LabVerb::Probe => probe(&context),
        LabVerb::Grade(args) => grade::run(&context, args),
        LabVerb::Referee(args) => referee::run(args),
        LabVerb::Reboot { node } => reboot(&context, node),
    }
}

fn up(context: &Context<'_>, nodes: u8, seed: Option<u64>) -> Result<ExitCode> {
    let spec = match seed {
        Some(seed) => Spec::random(seed),
        None => Spec::default_with(usize::from(nodes)),
    };
    let options = UpOptions {
        name: context.name.to_owned(),
        ..UpOptions::default()
    };
    let up = context.labs.up(&spec, &options).map_err(failure)?;
    let mut screen = context.screen();
    let (spec, target) = (&up.state.spec, context.target());
    let what = format!(
        "{} nodes, {} pods, {} Services, one host outside",
        spec.nodes.len(),
        spec.pods.len(),
        spec.services.len()
    );
    screen.marked(
        0,
        Mark::Good,
        &format!(
            "lab {} is up after {:.1} s: {what}",
            context.name,
            up.took.as_secs_f64()
        ),
    );
    screen.gap();
    show::shape(&mut screen, spec);
    screen.gap();
    let flow = show::example(spec);
    let flow: Vec<&str> = flow.iter().map(String::as_str).collect();
    screen.whole(0, "try", &netwhy("trace", &target, &flow));
    screen.whole(0, "try", &lab_command(context.name, &["faults"]));
    let node = spec.nodes.get(1).or(spec.nodes.first()).map_or("", |n| n.name.as_str());
    screen.whole(
        0,
        "try",
        &lab_command(context.name, &["break", "ip-forward-off", "--node", node]),
    );
    screen.whole(0, "try", &netwhy("check", &target, &[]));
    screen.whole(0, "end", &lab_command(context.name, &["down"]));
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

/// `netwhy lab ARGS`, with the lab's name if it is not the default.
fn lab_command(name: &str, args: &[&str]) -> String {
    let flag = format!("--lab={name}");
    let mut words = vec!["netwhy", "lab"];
    words.extend(args);
    if name != DEFAULT_NAME {
        words.push(&flag);
    }
    crate::screen::command(&words)
}

fn down(context: &Context<'_>) -> Result<ExitCode> {
    let was = context.labs.down(context.name).map_err(failure)?;
    let mut screen = context.screen();
    match was {
        true => screen.marked(
            0,
            Mark::Good,
            &format!("lab {} is gone: no process, namespace or file is left", context.name),
        ),
        false => screen.line(&format!("there was no lab {}", context.name)),
    }
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn exec(context: &Context<'_>, inside: Option<&str>, command: &[OsString]) -> Result<ExitCode> {
    let netns = inside.map(netns_name);
    let code = context
        .labs
        .exec(context.name, netns.as_deref(), command)
        .map_err(failure)?;
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// `worker-1`, `node/worker-1`, `shop/web`, `pod/shop/web`, `outside/client`: the name below `/run/netns`.
fn netns_name(text: &str) -> String {
    match text.split('/').collect::<Vec<_>>()[..] {
        ["node" | "outside", name] => name.to_owned(),
        ["pod", ns, name] | [ns, name] => netwhy_lab::names::pod_netns(ns, name),
        _ => text.to_owned(),
    }
}

fn probe(context: &Context<'_>) -> Result<ExitCode> {
    let lab = context.inside()?;
    let state = lab.state().map_err(failure)?;
    let pairs = matrix::pairs(&state.spec);
    let started = std::time::Instant::now();
    let cells = matrix::probe(&lab.netns_path(""), &pairs, &matrix::Options::default())?;
    let mut screen = context.screen();
    screen.fact("target", &format!("lab {} (this machine)", context.name));
    screen.gap();
    for line in matrix::render(&cells).lines() {
        screen.line(line);
    }
    let bad = cells.iter().filter(|c| c.class != matrix::Class::Ok).count();
    screen.gap();
    screen.fact(
        "measured",
        &format!(
            "{} connections in {:.1} s, {bad} not made",
            cells.len(),
            started.elapsed().as_secs_f64()
        ),
    );
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn reboot(context: &Context<'_>, node: &str) -> Result<ExitCode> {
    let lab = context.inside()?;
    let done = lab.reboot(node).map_err(failure)?;
    let mut screen = context.screen();
    screen.fact("target", &format!("lab {} (this machine)", context.name));
    screen.marked(
        0,
        Mark::Good,
        &format!("node/{node} has rebooted: kernel defaults, then its files"),
    );
    screen.whole(0, "ran", &crate::screen::command(&done.program));
    for line in done.log.lines().take(20) {
        screen.whole(0, "said", line);
    }
    if !done.healed.is_empty() {
        screen.fact(
            "healed",
            &format!("{}: nothing of it survives a reboot", done.healed.join(", ")),
        );
    }
    screen.whole(0, "next", &netwhy("check", &context.target(), &[]));
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_namespaces() {
        for (text, name) in [
            ("worker-1", "worker-1"),
            ("node/worker-1", "worker-1"),
            ("shop/web", "shop_web"),
            ("pod/shop/web", "shop_web"),
            ("outside/client", "client"),
        ] {
            assert_eq!(netns_name(text), name);
        }
    }

    #[test]
    fn commands_name_another_lab() {
        assert_eq!(lab_command(DEFAULT_NAME, &["down"]), "netwhy lab down");
        assert_eq!(lab_command("x", &["down"]), "netwhy lab down --lab=x");
    }
}
