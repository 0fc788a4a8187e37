//! `check` for people.

use super::finding;
use super::trace::{gap_line, next_for_gaps};
use super::{count, number, some};
use crate::screen::{Mark, Screen, WIDTH, edge};
use netwhy_view::report::{FindingView, GapView};
use netwhy_view::{ReportView, report::CoverageView};

/// All of it.
pub fn render(screen: &mut Screen, view: &ReportView, verbose: bool) {
    screen.fact("target", &view.target);
    screen.gap();
    let blocks = blocks(view, verbose);
    if view.coverage.broken == 0 {
        all_kept(screen, view);
    }
    if view.coverage.promises == 0 {
        let why = "no pods and Services were read (API lists): only settings of the nodes are checked";
        screen.line(&format!("  {why}"));
    }
    for block in &blocks {
        self::block(screen, block, view, verbose);
    }
    unknown(screen, view);
    screen.gap();
    assumed(screen, view, verbose);
    coverage(screen, &view.coverage, verbose);
}

/// Nothing is broken; green only where something was judged, and nothing is unknown.
fn all_kept(screen: &mut Screen, view: &ReportView) {
    let kept = count(view.coverage.kept, "promise");
    let (mark, text) = match (view.coverage.kept, unknown_promises(view)) {
        (0, _) => (Mark::Unknown, "no promise could be judged".to_owned()),
        (_, 0) => (Mark::Good, format!("{kept} kept, none broken")),
        (_, n) => (
            Mark::Unknown,
            format!("{kept} kept, none broken, and {} not known", number(n)),
        ),
    };
    screen.marked(0, mark, &text);
}

/// Promises that could not be judged because something was not read.
fn unknown_promises(view: &ReportView) -> usize {
    view.coverage.unread
}

/// Findings of one code, and what they explain.
struct Block<'a> {
    findings: Vec<&'a FindingView>,
    folded: usize,
}

fn blocks(view: &ReportView, verbose: bool) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for f in &view.findings {
        if f.caused_by.is_some() && !verbose {
            continue;
        }
        let same = |b: &&mut Block<'_>| {
            b.findings[0].code == f.code && b.findings[0].severity == f.severity && alike(b.findings[0], f)
        };
        match blocks.iter_mut().find(same) {
            Some(block) => block.findings.push(f),
            None => blocks.push(Block {
                findings: vec![f],
                folded: 0,
            }),
        }
    }
    if !verbose {
        for f in view.findings.iter().filter(|f| f.caused_by.is_some()) {
            if let Some(block) = blocks.iter_mut().find(|b| Some(b.findings[0].code) == f.caused_by) {
                block.folded += 1;
            }
        }
    }
    blocks
}

/// One block holds what reads alike: the same evidence, but for the names of the objects.
fn alike(a: &FindingView, b: &FindingView) -> bool {
    let neutral = |f: &FindingView| {
        let name = f.object.name.clone().unwrap_or_default();
        f.evidence.iter().map(|e| e.replace(&name, "")).collect::<Vec<_>>()
    };
    let nodes = a.object.kind == "Node" && neutral(a) == neutral(b);
    a.object.kind == b.object.kind && (nodes || a.broken == 0 && b.broken == 0)
}

fn block(screen: &mut Screen, block: &Block<'_>, view: &ReportView, verbose: bool) {
    let first = block.findings[0];
    let mark = match first.severity {
        "error" => Mark::Bad,
        "warning" => Mark::Warn,
        _ => Mark::Unknown,
    };
    let title = format!("{} {}", first.code, first.name);
    let left = format!("{title:32} {}", objects(block, view));
    screen.gap();
    screen.marked(0, mark, &edge(&left, first.certainty, WIDTH - 2));
    if first.broken == 0 && !verbose {
        return quiet(screen, block);
    }
    for line in crate::screen::wrap(&first.summary, WIDTH - 2) {
        screen.line(&format!("  {line}"));
    }
    let broken: usize = block.findings.iter().map(|f| f.broken).sum();
    if broken > 0 {
        let all = view.coverage.promises;
        screen.fact_at(
            2,
            "broken",
            &format!("{} of {} promises", number(broken.min(all)), number(all)),
        );
        for name in first.examples.iter().take(2) {
            screen.fact_at(2, "such as", name);
        }
    }
    finding::evidence(screen, 2, first);
    also(screen, first, verbose);
    if block.folded > 0 {
        screen.fact_at(2, "explains", &format!("{} (-v)", count(block.folded, "other finding")));
    }
    fixes(screen, block);
}

/// Findings that break nothing now: what and where, one line each.
fn quiet(screen: &mut Screen, block: &Block<'_>) {
    let first = block.findings[0];
    let shown = block.findings.iter().take(3);
    for f in shown.clone() {
        for line in crate::screen::wrap(&f.summary, WIDTH - 2) {
            screen.line(&format!("  {line}"));
        }
        for line in f
            .evidence
            .iter()
            .take(2)
            .flat_map(|e| crate::screen::wrap(e, WIDTH - 6))
        {
            screen.line(&format!("      {line}"));
        }
    }
    let more = block.findings.len() - shown.count();
    let explain = crate::screen::command(&["netwhy", "explain", first.code]);
    let others = if more > 0 {
        format!("{more} more, and fixes, with -v · ")
    } else {
        String::new()
    };
    screen.line(&format!("  {others}{explain}"));
}

fn also(screen: &mut Screen, first: &FindingView, verbose: bool) {
    let most = if verbose { first.also.len() } else { 1 };
    for also in first.also.iter().take(most) {
        screen.fact_at(2, "also", &format!("for some of them {also} must be mended too"));
    }
    if first.also.len() > most {
        screen.fact_at(
            2,
            "also",
            &format!("and {} (-v)", count(first.also.len() - most, "other")),
        );
    }
}

/// The nodes, or the objects.
fn objects(block: &Block<'_>, view: &ReportView) -> String {
    let names: Vec<String> = block.findings.iter().map(|f| finding::object(&f.object)).collect();
    match names.as_slice() {
        [one] => one.clone(),
        many if block.findings[0].object.kind == "Node" => {
            let short: Vec<String> = many.iter().map(|n| n.replace("node/", "")).collect();
            format!(
                "{} of {} nodes: {}",
                many.len(),
                view.coverage.nodes_read.1,
                some(&short, 3)
            )
        }
        many => some(many, 2),
    }
}

fn fixes(screen: &mut Screen, block: &Block<'_>) {
    let first = block.findings[0];
    let proven = match first.broken {
        0 => String::from("nothing is broken by it now"),
        _ if first.severity == "error" => "proven in the model: it heals them and breaks nothing".to_owned(),
        _ => "proven in the model".to_owned(),
    };
    finding::fix(screen, 2, first, &proven);
    for other in block.findings.iter().skip(1) {
        if let Some(command) = &other.command {
            screen.whole(2, "fix", command);
        }
    }
    screen.whole(2, "more", &crate::screen::command(&["netwhy", "explain", first.code]));
}

fn unknown(screen: &mut Screen, view: &ReportView) {
    let deciding: Vec<&GapView> = view.gaps.iter().filter(|g| g.decides).collect();
    let n = unknown_promises(view);
    if n == 0 {
        return;
    }
    screen.gap();
    screen.marked(
        0,
        Mark::Unknown,
        &format!(
            "{} on what was not read",
            if n == 1 {
                "1 promise depends".to_owned()
            } else {
                format!("{} promises depend", number(n))
            }
        ),
    );
    for gap in deciding.iter().take(5) {
        screen.fact_at(2, "decides", &gap_line(gap));
    }
    if deciding.len() > 5 {
        screen.fact_at(2, "decides", &format!("and {} more (-o json)", deciding.len() - 5));
    }
    next_for_gaps(screen, &deciding);
}

/// Without -v, so many are listed.
const ASSUMED: usize = 3;

fn assumed(screen: &mut Screen, view: &ReportView, verbose: bool) {
    let most = if verbose { usize::MAX } else { ASSUMED };
    for line in view.assumed.iter().take(most) {
        screen.fact("assumed", line);
    }
    if let Some(more) = view.assumed.len().checked_sub(ASSUMED).filter(|n| *n > 0 && !verbose) {
        screen.fact("assumed", &format!("and {more} more of this kind (-v)"));
    }
    if verbose {
        for gap in view.gaps.iter().filter(|g| !g.decides) {
            screen.fact("not read", &format!("{} (does not matter)", gap_line(gap)));
        }
    }
}

fn coverage(screen: &mut Screen, c: &CoverageView, verbose: bool) {
    let not: usize = c.not_judged.iter().map(|(_, n)| n).sum();
    let mut text = format!("{} judged, {} not", count(c.promises - not, "promise"), number(not));
    if c.broken > 0 {
        text = format!(
            "{}: {} kept, {} broken, {} not judged",
            count(c.promises, "promise"),
            number(c.kept),
            number(c.broken),
            number(not)
        );
    }
    if c.unexplained > 0 {
        text += &format!(", {} without a known cause", number(c.unexplained));
    }
    text += &format!("; {}", count(c.checks_run, "check"));
    if !c.not_applicable.is_empty() {
        text += &format!(", {} not applicable", c.not_applicable.len());
    }
    screen.fact("coverage", &text);
    let mut why = c.not_judged.clone();
    why.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let most = if verbose { why.len() } else { 3 };
    for (reason, n) in why.iter().filter(|(_, n)| *n > 0).take(most) {
        screen.fact("coverage", &format!("{:>6} not judged: {reason}", number(*n)));
    }
    if verbose {
        for (code, why) in &c.not_applicable {
            screen.fact("coverage", &format!("{code} not applicable: {why}"));
        }
    }
}
