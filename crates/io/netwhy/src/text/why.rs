//! `why` for people.

use super::finding;
use crate::commands;
use crate::screen::{Mark, Screen, WIDTH, edge};
use crate::target::Target;
use netwhy_view::WhyView;
use netwhy_view::why::ClientsView;

/// All of it.
pub fn render(screen: &mut Screen, view: &WhyView, target: Option<&Target>) {
    if let Some(target) = &view.target {
        screen.fact("target", target);
    }
    screen.fact("read as", &read_as(view));
    let (Some(target), Some(confirmed)) = (target, view.confirmed) else {
        return candidates(screen, view);
    };
    if view.clients.is_empty() {
        screen.marked(0, Mark::Unknown, "no destination in it that can be asked here");
        return candidates(screen, view);
    }
    screen.gap();
    for client in &view.clients {
        line(screen, view, client);
    }
    if !confirmed {
        screen.marked(0, Mark::Unknown, &contradicted(view));
    }
    screen.gap();
    for (i, f) in view.findings.iter().enumerate() {
        if i > 0 {
            screen.gap();
        }
        finding::cause(screen, f);
        if i == 0 && !f.also.is_empty() {
            screen.fact("also", &format!("{} must be mended too", f.also.join(", ")));
        }
        finding::evidence(screen, 0, f);
        finding::fix(screen, 0, f, "proven in the model: with it the connection is made");
    }
    if !confirmed && view.findings.is_empty() {
        candidates(screen, view);
    }
    next(screen, view, target);
}

fn read_as(view: &WhyView) -> String {
    let r = &view.read_as;
    let to = r.to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
    let name = r.name.as_ref().map_or(String::new(), |name| format!(" = {name}"));
    let from = match (&r.from, &view.target) {
        (Some(from), _) => format!(", from {from}"),
        (None, Some(_)) => ", from any pod".to_owned(),
        (None, None) => String::new(),
    };
    format!("{}{to}{name}{from}", r.what)
}

fn line(screen: &mut Screen, view: &WhyView, client: &ClientsView) {
    let mark = match client.client_sees {
        Some("ok") => Mark::Good,
        Some(_) => Mark::Bad,
        None => Mark::Unknown,
    };
    let left = format!("from {:18} {:14}", client.from, client.text);
    let cause = client.finding.and_then(|i| view.findings.get(i));
    match cause {
        Some(f) => {
            let cause = format!("{left} {} {} on {}", f.code, f.name, finding::object(&f.object));
            screen.marked(0, mark, &edge(&cause, f.certainty, WIDTH - 2));
        }
        None => screen.marked(0, mark, &left),
    }
}

fn contradicted(view: &WhyView) -> String {
    let all = |sees: Option<&str>| view.clients.iter().all(|c| c.client_sees == sees);
    if all(Some("ok")) {
        "contradicted: every packet arrives in what was read, and yet a client saw this".to_owned()
    } else if all(None) {
        "it depends on what was not read, or lies outside of it: the trace below names it".to_owned()
    } else {
        format!(
            "none of them sees a {}: another connection, or another moment",
            view.read_as.what
        )
    }
}

fn candidates(screen: &mut Screen, view: &WhyView) {
    for c in &view.candidates {
        screen.fact("could be", &format!("{} {}", c.rank, c.sentence));
    }
    for q in &view.decides {
        let answers: Vec<String> = q
            .answers
            .iter()
            .map(|(answer, ranks)| {
                let ranks: Vec<String> = ranks.iter().map(ToString::to_string).collect();
                let ranks = if ranks.is_empty() {
                    "none of these".to_owned()
                } else {
                    ranks.join(", ")
                };
                format!("{answer}: {ranks}")
            })
            .collect();
        screen.fact("decides", q.ask);
        screen.fact("decides", &format!("  {}", answers.join(" · ")));
    }
    if view.target.is_none() {
        screen.fact(
            "next",
            "with a cluster the cause is computed, not guessed: add -f BUNDLE, --lab or --this-machine",
        );
    }
}

fn next(screen: &mut Screen, view: &WhyView, target: &Target) {
    let worst = view
        .clients
        .iter()
        .find(|c| c.client_sees != Some("ok"))
        .or(view.clients.first());
    let to = view.read_as.name.as_ref().or(view.read_as.to.as_ref());
    if let (Some(client), Some(to)) = (worst, to) {
        screen.whole(0, "next", &commands::netwhy("trace", target, &[&client.example, to]));
    }
}
