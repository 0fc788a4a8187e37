//! The scores as tables.

use super::{CheckScore, FlowScore};
use std::fmt::Write as _;

fn percent(part: usize, of: usize) -> String {
    match of {
        0 => "-".to_owned(),
        _ => format!("{:.1}", 100.0 * part as f64 / of as f64),
    }
}

/// The score of the flows, a line a recording, and the total; `wrong` wrong flows of each are listed.
pub fn print_flows(scores: &[(String, FlowScore)], wrong: usize) -> String {
    let mut out = format!(
        "{:<34}{:>7}{:>8}{:>9}{:>9}{:>8}{:>9}{:>7}{:>8}\n",
        "flows", "judged", "right%", "unknown%", "changed", "right%", "backend%", "p", "hedged"
    );
    let mut total = FlowScore::default();
    for (name, score) in scores {
        row(&mut out, name, score);
        for text in score.list.iter().take(wrong) {
            let _ = writeln!(out, "      wrong: {text}");
        }
        total.merge(score);
    }
    row(&mut out, "all", &total);
    for (class, (all, right, unknown)) in &total.by_class {
        let (right, unknown) = (percent(*right, *all), percent(*unknown, *all));
        let _ = writeln!(
            out,
            "   {class:<26}{all:>8} flows   right {right} %   unknown {unknown} %"
        );
    }
    let _ = writeln!(
        out,
        "one backend: {} flows, mean probability {:.4}, more than one class in {}; client address right {} % of {}",
        total.single,
        total.mean_single(),
        total.single_hedged,
        percent(total.seen_client.1, total.seen_client.0),
        total.seen_client.0
    );
    out
}

fn row(out: &mut String, name: &str, score: &FlowScore) {
    let mean = score.probability / score.judged.max(1) as f64;
    let _ = writeln!(
        out,
        "{name:<34}{:>7}{:>8}{:>9}{:>9}{:>8}{:>9}{mean:>7.3}{:>8}",
        score.judged,
        percent(score.right, score.judged),
        percent(score.unknown, score.judged),
        score.changed.0,
        percent(score.changed.1, score.changed.0),
        percent(score.backend.1, score.backend.0),
        score.hedged
    );
}

/// The score of the reports, a line a recording; `alarms` alarms of each are listed.
pub fn print_checks(scores: &[(String, CheckScore)], alarms: usize) -> String {
    let mut out = format!(
        "{:<34}{:>6}{:>8}{:>8}{:>10}{:>6}\n",
        "check", "rank", "place", "alarms", "findings", "gaps"
    );
    for (name, score) in scores {
        let rank = score.rank.map_or("-".to_owned(), |r| r.to_string());
        let place = if score.place_first { "first" } else { "-" };
        let _ = writeln!(
            out,
            "{name:<34}{rank:>6}{place:>8}{:>8}{:>10}{:>6}",
            score.alarms.len(),
            score.findings,
            score.gaps
        );
        for text in score.alarms.iter().take(alarms) {
            let _ = writeln!(out, "      alarm: {text}");
        }
    }
    out
}
