//! `trace --why-unknown` for people.

use super::trace::script_of;
use crate::screen::{Screen, command};
use crate::target::Target;
use netwhy_view::TraceView;
use netwhy_view::trace::{RunView, UnknownKind, UnknownView, Verdict};

/// Each gap that decides, with what would resolve it.
pub fn render(screen: &mut Screen, view: &TraceView, target: &Target) {
    if view.verdict.kind != Verdict::Unknown {
        return screen.fact("unknown", "nothing: what was not read does not change this answer");
    }
    for one in &view.why_unknown {
        gap(screen, one);
    }
    let runs: Vec<&RunView> = view.why_unknown.iter().filter_map(|one| one.run.as_ref()).collect();
    match target {
        Target::File(_) => scripts(screen, &runs),
        Target::Lab(name) => in_lab(screen, name, &runs),
        Target::ThisMachine if !runs.is_empty() => screen.fact("next", "the same command as root"),
        Target::ThisMachine => {}
    }
    if !runs.is_empty() {
        screen.fact(
            "then",
            "ask again: the packet may go on to a place that was not read either",
        );
    }
}

fn gap(screen: &mut Screen, one: &UnknownView) {
    let path = match one.path.is_empty() {
        true => one.why.clone(),
        false => format!("{}: {}", one.path, one.why),
    };
    screen.fact("decides", &path);
    match (&one.run, one.kind) {
        (Some(run), kind) => {
            if let Some(before) = before(kind) {
                screen.fact_at(2, "so far", before);
            }
            screen.whole(2, "run", &run.command);
            let node = run.node.as_deref().filter(|node| run.place != format!("node/{node}"));
            let on = node.map_or(String::new(), |node| format!(" on node/{node}"));
            screen.fact_at(2, "where", &format!("{}{on}; as {}", run.place, run.right));
            screen.whole(2, "into", &run.into);
        }
        (None, UnknownKind::NotModelled) => {
            let page = one.page.unwrap_or_default();
            screen.fact_at(
                2,
                "resolve",
                &format!("nothing to collect: it was read, and is not modelled; see {page}"),
            );
        }
        (None, UnknownKind::InNoSnapshot) => screen.fact_at(2, "resolve", "nothing to collect: no command prints it"),
        (None, _) => screen.fact_at(2, "resolve", "a new bundle; no single command makes this member"),
    }
}

/// What the bundle has of the member.
fn before(kind: UnknownKind) -> Option<&'static str> {
    match kind {
        UnknownKind::NotListed => Some("the member is there, and does not list it"),
        UnknownKind::Damaged => Some("the member is there, and damaged"),
        _ => None,
    }
}

/// For each node, the line that collects all of it.
fn scripts(screen: &mut Screen, runs: &[&RunView]) {
    let mut nodes: Vec<&str> = runs.iter().filter_map(|run| run.node.as_deref()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    for node in nodes {
        screen.whole(0, "next", &script_of(node));
    }
}

/// What to type in a lab; its API lists are files.
fn in_lab(screen: &mut Screen, name: &str, runs: &[&RunView]) {
    let flag = format!("--lab={name}");
    for run in runs.iter().filter(|run| run.place != "cluster") {
        let mut words = vec!["netwhy", "lab", "exec", flag.as_str(), "--in", run.place.as_str(), "--"];
        words.extend(run.command.split(' '));
        screen.whole(0, "next", &command(&words));
    }
}
