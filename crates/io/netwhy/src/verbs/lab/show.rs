//! What is in a lab.

use super::{Context, failure, lab_command};
use crate::screen::{Mark, Screen, print};
use anyhow::Result;
use netwhy_lab::spec::Spec;
use netwhy_lab::{Injected, LabStatus, Phase, Report, faults};
use std::process::ExitCode;

/// `lab status`.
pub(super) fn status(context: &Context<'_>, verbose: bool) -> Result<ExitCode> {
    let all = context.labs.status().map_err(failure)?;
    let mut screen = context.screen();
    if all.is_empty() {
        screen.line("no lab of yours on this machine");
        screen.whole(0, "next", &lab_command(context.name, &["up"]));
    }
    for lab in &all {
        screen.gap();
        one(&mut screen, lab, verbose);
    }
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn one(screen: &mut Screen, lab: &LabStatus, verbose: bool) {
    let Some(report) = &lab.report else {
        let (mark, text) = match lab.phase {
            Phase::Starting => (Mark::Unknown, "is being built"),
            Phase::Dead => (Mark::Warn, "was dead; what was left of it is removed now"),
            Phase::Usable => (Mark::Unknown, "is up, and could not be asked"),
        };
        return screen.marked(0, mark, &format!("lab {} {text}", lab.name));
    };
    let complaints = report.complaints();
    let mark = if complaints.is_empty() { Mark::Good } else { Mark::Warn };
    let spec = &report.state.spec;
    let pid = lab.pid.map_or(String::new(), |pid| format!(", process {pid}"));
    let owner = lab
        .user
        .map(|uid| format!("user {uid}, without root: in a user namespace"));
    screen.marked(
        0,
        mark,
        &format!(
            "lab {} is up: {} nodes, {} pods, {} Services{pid}",
            lab.name,
            spec.nodes.len(),
            spec.pods.len(),
            spec.services.len()
        ),
    );
    if let Some(owner) = owner {
        screen.fact("owner", &owner);
    }
    injected(screen, report);
    for complaint in complaints {
        screen.fact("problem", &complaint);
    }
    if verbose {
        screen.gap();
        shape(screen, spec);
    }
}

fn injected(screen: &mut Screen, report: &Report) {
    if report.injected.is_empty() {
        screen.fact("faults", "none injected");
    }
    for entry in &report.injected {
        screen.fact("faults", &fault_line(entry));
    }
}

/// `ip-forward-off (node=worker-1)`.
pub(super) fn fault_line(entry: &Injected) -> String {
    match entry.args.is_empty() {
        true => entry.fault.clone(),
        false => format!("{} ({})", entry.fault, faults::text(&entry.args)),
    }
}

/// Nodes with their pods, and Services.
pub(super) fn shape(screen: &mut Screen, spec: &Spec) {
    for node in &spec.nodes {
        let pods = spec.pods.iter().filter(|p| p.node == node.name && !p.host_network);
        let pods: Vec<String> = pods.map(|p| format!("{}/{}", p.namespace, p.name)).collect();
        let pods = if pods.is_empty() {
            "no pods".to_owned()
        } else {
            pods.join(" ")
        };
        screen.fact("nodes", &format!("{:11} {:15} {pods}", node.name, node.ip.to_string()));
    }
    for s in &spec.services {
        let ports: Vec<String> = s
            .ports
            .iter()
            .map(|p| match p.node_port {
                0 => format!(":{}", p.port),
                n => format!(":{} (node port {n})", p.port),
            })
            .collect();
        screen.fact(
            "services",
            &format!(
                "{:24} {}{}",
                format!("svc/{}/{}", s.namespace, s.name),
                s.cluster_ip,
                ports.join(" ")
            ),
        );
    }
    screen.fact("outside", &format!("{:11} {}", spec.outside.name, spec.outside.ip));
}

/// A flow that shows something: the article's, where it exists.
pub(super) fn example(spec: &Spec) -> [String; 2] {
    let of = |p: &netwhy_lab::spec::Pod| format!("pod/{}/{}", p.namespace, p.name);
    let web = spec
        .pods
        .iter()
        .find(|p| p.name == "web")
        .or_else(|| spec.pods.iter().find(|p| !p.host_network));
    let api = spec.services.iter().find(|s| s.name == "api").or(spec.services.first());
    let to = api.map(|s| {
        let port = s.ports.first().map_or(0, |p| p.port);
        format!("svc/{}/{}:{port}", s.namespace, s.name)
    });
    [web.map(of).unwrap_or_default(), to.unwrap_or_default()]
}
