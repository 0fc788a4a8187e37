//! `trace` for people.

use super::finding;
use super::{count, number, some};
use crate::commands;
use crate::screen::{Mark, Screen, WIDTH, command, width_of, wrap};
use crate::target::Target;
use netwhy_view::TraceView;
use netwhy_view::report::GapView;
use netwhy_view::trace::{HopView, LineView, Mark as PathMark, OutcomeView, ReachView, Verdict};

/// Stages begin here, and what happens there.
const STAGE: usize = 4;
const TEXT: usize = 19;

/// What is shown beside the answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct More {
    /// What is folded otherwise.
    pub verbose: bool,
    /// What would resolve what is not known.
    pub why_unknown: bool,
}

/// All of it.
pub fn render(screen: &mut Screen, view: &TraceView, target: &Target, more: More) {
    let verbose = more.verbose;
    screen.fact("target", &view.target);
    headline(screen, view);
    screen.gap();
    let mixed = view.outcomes.len() > 1 && view.verdict.kind != Verdict::Unknown;
    if mixed {
        outcomes(screen, &view.outcomes);
        screen.gap();
    }
    if !mixed || verbose || view.verdict.kind != Verdict::Delivered {
        let open = view
            .path
            .iter()
            .flat_map(|h| &h.lines)
            .all(|l| l.mark != PathMark::Unknown);
        if view.verdict.kind == Verdict::Unknown && open {
            screen.line("  if what was not read lets it pass:");
        }
        path(screen, &view.path);
        screen.gap();
    }
    causes(screen, view, target);
    match more.why_unknown {
        true => super::unknown::render(screen, view, target),
        false => unknown(screen, view, target),
    }
    assumed(screen, view, verbose);
    coverage(screen, view, target);
}

fn headline(screen: &mut Screen, view: &TraceView) {
    let mark = match view.verdict.kind {
        Verdict::Delivered | Verdict::Left => Mark::Good,
        Verdict::Partly | Verdict::Failed => Mark::Bad,
        Verdict::Unknown => Mark::Unknown,
    };
    let flow = format!("{} → {}  {}", short(&view.from), short(&view.to), view.proto);
    let text = format!("{flow}   {}", view.verdict.text);
    if width_of(&text) + 2 <= WIDTH {
        screen.marked(0, mark, &text);
    } else {
        screen.marked(0, mark, &flow);
        for line in wrap(&view.verdict.text, WIDTH - 2) {
            screen.line(&format!("  {line}"));
        }
    }
}

fn short(name: &str) -> &str {
    netwhy_view::trace::short(name)
}

fn outcomes(screen: &mut Screen, groups: &[OutcomeView]) {
    let all: usize = groups.iter().map(|g| g.backends).sum();
    for g in groups {
        let share = match (all, g.share_known) {
            (0, true) => format!("{:.0} %", g.share * 100.0),
            (0, false) => "some".to_owned(),
            (all, _) => format!("{} of {all}", g.backends),
        };
        let names: Vec<String> = g.to.iter().map(|n| short(n).to_owned()).collect();
        let what = match g.client_sees {
            Some("ok") | None => g.disposition,
            Some(sees) => sees,
        };
        let mut head = format!("  {share:8} {what:11} {}", some(&names, 4));
        if width_of(&head) > WIDTH {
            head = format!("  {share:8} {what:11} {}", some(&names, 2));
        }
        let right = match g.seen_client.as_slice() {
            [] => String::new(),
            [one] => format!("the server sees {one}"),
            many => format!("the servers see {}", some(many, 3)),
        };
        let right = if g.end.is_empty() { right } else { g.end.clone() };
        let line = format!("{head}   {right}");
        if width_of(&line) <= WIDTH {
            screen.line(&line);
        } else {
            screen.line(&head);
            for part in wrap(&right, WIDTH - 23) {
                screen.line(&format!("{:23}{part}", ""));
            }
        }
    }
}

fn path(screen: &mut Screen, hops: &[HopView]) {
    for hop in hops {
        let label = format!("  {}", hop.place);
        let space = TEXT.saturating_sub(width_of(&label)).max(2);
        let line = format!("{label}{:space$}{}", "", hop.text);
        if width_of(&line) <= WIDTH {
            screen.line(&line);
        } else {
            screen.line(&label);
            screen.line(&format!("{:TEXT$}{}", "", hop.text));
        }
        for line in &hop.lines {
            stage(screen, line);
        }
    }
}

fn stage(screen: &mut Screen, line: &LineView) {
    let note = match (line.note.is_empty(), line.mark) {
        (true, _) => String::new(),
        (false, PathMark::None) => format!("   ({})", line.note),
        (false, _) => format!("   {}", line.note),
    };
    let wide = width_of(&line.stage) >= TEXT - STAGE;
    let stage = format!("{:width$}", line.stage, width = TEXT - STAGE);
    let mut rows = vec![format!("{stage}{}{note}", line.text)];
    if wide || STAGE + width_of(&rows[0]) > WIDTH {
        rows = if wide { vec![stage] } else { Vec::new() };
        let stage = if wide {
            ""
        } else {
            &format!("{:width$}", line.stage, width = TEXT - STAGE)
        };
        rows.extend(fill(stage, &line.text));
        rows.extend(
            wrap(note.trim_start(), WIDTH - TEXT)
                .into_iter()
                .filter(|n| !n.is_empty()),
        );
    }
    let mut rows = rows.into_iter();
    let first = rows.next().unwrap_or_default();
    match line.mark {
        PathMark::None => screen.line(&format!("{:STAGE$}{first}", "")),
        PathMark::Ends => screen.marked(STAGE - 2, Mark::Bad, &first),
        PathMark::Unknown => screen.marked(STAGE - 2, Mark::Unknown, &first),
    }
    for row in rows {
        screen.line(&format!("{:TEXT$}{row}", ""));
    }
}

/// A text that may be too wide: broken between its parts, which stand two spaces apart, before it is broken inside them.
fn fill(stage: &str, text: &str) -> Vec<String> {
    let whole = format!("{stage}{text}");
    if STAGE + width_of(&whole) <= WIDTH {
        return vec![whole];
    }
    let parts = text.split("  ").map(str::trim).filter(|p| !p.is_empty());
    let mut rows: Vec<String> = parts.flat_map(|p| wrap(p, WIDTH - TEXT)).collect();
    if let Some(first) = rows.first_mut() {
        *first = format!("{stage}{first}");
    }
    rows
}

fn causes(screen: &mut Screen, view: &TraceView, target: &Target) {
    let mut causes = view.findings.iter().filter(|f| f.caused_by.is_none());
    let Some(first) = causes.next() else {
        return;
    };
    let proven = match (view.findings.len() > 1 || !first.also.is_empty(), first.broken) {
        (_, 0) => "not a change of the network: not proven",
        (true, _) => "proven in the model",
        (false, _) => "proven: with it this trace is delivered",
    };
    let mut others: Vec<_> = causes.collect();
    // Members of one set are all needed; alternatives exclude each other.
    let needed = |code: &str| first.also.iter().any(|a| a.starts_with(code));
    others.sort_by_key(|f| !needed(f.code));
    finding::cause(screen, first);
    finding::evidence(screen, 0, first);
    if let Some(reach) = &view.reach {
        screen.fact("reach", &reach_text(reach));
    }
    finding::fix(screen, 0, first, proven);
    if first.fix.is_none() {
        let known = command(&["netwhy", "explain", first.code]);
        screen.fact("next", &format!("{}; {known}", first.summary));
    }
    for other in others {
        screen.gap();
        finding::cause(screen, other);
        let how = if needed(other.code) {
            "needed too: both must be mended"
        } else {
            "would explain the same"
        };
        screen.fact("also", how);
        finding::evidence(screen, 0, other);
        finding::fix(screen, 0, other, proven);
    }
    let _ = target;
}

fn reach_text(reach: &ReachView) -> String {
    let of = format!(
        "{} of {} promises",
        number(reach.broken),
        number(reach.coverage.promises)
    );
    match (&reach.node, reach.pods) {
        (Some(node), pods) if pods > 0 => format!("{of}, from or to the node and {} on {node}", count(pods, "pod")),
        _ => of,
    }
}

fn unknown(screen: &mut Screen, view: &TraceView, target: &Target) {
    if view.verdict.kind != Verdict::Unknown {
        return;
    }
    let deciding: Vec<&GapView> = view.gaps.iter().filter(|g| g.decides).collect();
    for gap in &deciding {
        screen.fact("decides", &gap_line(gap));
    }
    next_for_gaps(screen, &deciding);
    let proto = view.proto.to_lowercase();
    let mut again = vec![view.from.as_str(), view.to.as_str(), "--why-unknown"];
    if proto != "tcp" {
        again.extend(["--proto", &proto]);
    }
    screen.whole(0, "next", &commands::netwhy("trace", target, &again));
}

/// `path: why`.
pub fn gap_line(gap: &GapView) -> String {
    match gap.path.is_empty() {
        true => gap.why.clone(),
        false => format!("{}: {}", gap.path, gap.why),
    }
}

/// What to collect, for gaps of members that were not read.
pub fn next_for_gaps(screen: &mut Screen, gaps: &[&GapView]) {
    let missing = |g: &&&GapView| g.why.contains("not collected") || g.why.contains("not recorded");
    let mut nodes: Vec<&str> = gaps
        .iter()
        .filter(missing)
        .filter_map(|g| g.path.strip_prefix("nodes/")?.split('/').next())
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    for node in nodes.into_iter().take(3) {
        screen.whole(0, "next", &script_of(node));
    }
}

/// The line that collects all of a node.
pub fn script_of(node: &str) -> String {
    let script = command(&["netwhy", "collect", "--script", node]);
    let there = command(&["ssh", node, "sudo", "sh"]);
    let to = crate::screen::quote(&format!("{node}.tar"));
    format!("{script} | {there} > {to}")
}

fn assumed(screen: &mut Screen, view: &TraceView, verbose: bool) {
    if !matches!(view.verdict.kind, Verdict::Delivered | Verdict::Left) && !verbose {
        return;
    }
    for line in &view.assumed {
        screen.fact("assumed", line);
    }
    if view.verdict.kind == Verdict::Delivered {
        screen.fact(
            "assumed",
            "what no node shows: NIC offloads, and that the process behind the socket answers",
        );
    }
    if view.verdict.kind == Verdict::Left {
        screen.fact(
            "assumed",
            "the host that it leaves for is not in the snapshot: whether it answers is not known",
        );
    }
    let footnotes = view.gaps.iter().filter(|g| !g.decides);
    if verbose {
        for gap in footnotes {
            screen.fact("not read", &format!("{} (every way ends the same)", gap_line(gap)));
        }
    }
}

fn coverage(screen: &mut Screen, view: &TraceView, target: &Target) {
    let gaps = view.gaps.iter().filter(|g| !g.decides).count();
    let footnote = match gaps {
        0 => String::new(),
        n => format!(
            "; {} met that {} not matter (-v)",
            count(n, "gap"),
            if n == 1 { "does" } else { "do" }
        ),
    };
    if let Some(reach) = &view.reach {
        let c = &reach.coverage;
        let not: usize = c.not_judged.iter().map(|(_, n)| n).sum();
        screen.fact(
            "coverage",
            &format!(
                "{}: {} kept, {} broken, {} of them by this cause, {} not judged{footnote}",
                count(c.promises, "promise"),
                number(c.kept),
                number(c.broken),
                number(reach.broken),
                number(not)
            ),
        );
        return;
    }
    let judged = if view.verdict.kind == Verdict::Unknown {
        "not judged"
    } else {
        "judged"
    };
    screen.fact("coverage", &format!("1 promise asked, {judged}{footnote}"));
    if !view.findings.is_empty() {
        screen.whole(0, "next", &commands::netwhy("check", target, &[]));
    }
}
