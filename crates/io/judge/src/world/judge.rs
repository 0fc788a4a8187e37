//! The text, the kernel and the simulator about one world.

use super::ask::Seen;
use super::build::World;
use super::drops::Drops;
use super::measured::Measured;
use super::text::{Ask, Recipe};
use netwhy_model::{Cluster, GapId};
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, Detail, DropReason, Flow, HOOK_ORDER, Options, Outcome, Stage, Step, Trace, trace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

/// One question with its answers.
pub struct Row {
    /// Name of the world.
    pub world: String,
    /// The question.
    pub ask: String,
    /// What the kernel did.
    pub kernel: String,
    /// What the simulator says.
    pub sim: String,
    /// What disagrees, in words; empty if nothing.
    pub wrong: Vec<String>,
    /// What disagrees between the two, in kinds.
    pub kinds: Vec<Wrong>,
    /// The simulator says that it does not know.
    pub unknown: bool,
    /// How it ends and where it is dropped, by the simulator.
    pub ends: Vec<String>,
    /// What the client saw, by the kernel.
    pub classes: BTreeSet<&'static str>,
    /// What was measured, as a text says it.
    pub text: String,
}

/// In what the simulator and the kernel differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// Seen, and not predicted.
    Seen,
    /// Predicted for sure, and never seen.
    Never,
    /// Not dropped where it is predicted.
    Drop,
    /// At another time.
    Time,
    /// Connections are tracked, or not.
    Tracked,
}

/// An outcome that is more probable must appear.
const LIKELY: f64 = 0.2;

/// Builds a world, asks its questions.
///
/// # Errors
/// The world cannot be built as its text says.
pub fn judge(recipe: &Recipe, drops: &mut Drops, wholly: bool) -> Result<Vec<Row>, String> {
    let world = World::build(recipe)?;
    let cluster = world.cluster(wholly)?;
    let mut rows = Vec::new();
    for ask in &world.asks {
        rows.push(question(&recipe.name, &world, &cluster, ask, drops, false)?);
    }
    for (ns, want) in &world.tracked {
        let kernel = world.tracks(ns)?;
        let sim = cluster.ns(world.id(&cluster, ns)?).netfilter.inet.conntrack == Some(Ok(()));
        let (mut wrong, mut kinds) = (Vec::new(), Vec::new());
        if kernel != *want {
            wrong.push("the kernel contradicts the text".into());
        }
        if sim != kernel {
            wrong.push("the model contradicts the kernel".into());
            kinds.push(Wrong::Tracked);
        }
        rows.push(Row {
            world: recipe.name.clone(),
            ask: format!("{ns} tracked"),
            kernel: kernel.to_string(),
            sim: sim.to_string(),
            wrong,
            kinds,
            unknown: false,
            ends: Vec::new(),
            classes: BTreeSet::new(),
            text: kernel.to_string(),
        });
    }
    Ok(rows)
}

/// Asks one question of a world that stands. `patient` waits long for everything; else only where the simulator says that
/// it takes long.
///
/// # Errors
/// The client's namespace is not there.
pub fn question(
    name: &str,
    world: &World,
    cluster: &Cluster,
    ask: &Ask,
    drops: &mut Drops,
    patient: bool,
) -> Result<Row, String> {
    let id = world.id(cluster, &ask.client)?;
    let flow = Flow {
        sport: ask.from,
        ..Flow::new(id, ask.proto, (*ask.to.ip()).into(), ask.to.port())
    };
    let answer = trace(cluster, &flow, &Options::default());
    let mut timed = ask.clone();
    if ask.want.is_empty() && answer.outcomes.iter().any(|o| o.end.stage == Stage::IpError) {
        timed.tries = timed.tries.min(ERRORS_MAX);
    }
    timed.slow |= patient || (ask.want.is_empty() && answer.outcomes.iter().any(takes_long));
    let measured = Measured::take(world, &timed, drops, &expected_drops(&answer, ask))?;
    Ok(row(name, world, cluster, ask, &answer, &measured))
}

/// `ip_error()` answers so many packets of a host at once, then one a second.
const ERRORS_MAX: usize = 4;

/// An answer, or an error, that comes after seconds, but before the client gives up.
fn takes_long(outcome: &Outcome) -> bool {
    let late = outcome.after_ms.is_some_and(|ms| ms >= 1000);
    (late && outcome.client != ClientSees::Timeout) || outcome.end.reason == Some(DropReason::NeighFailed)
}

/// A host without a route makes no packet that could be dropped.
const NO_PACKET: DropReason = DropReason::IpOutNoRoutes;

fn drop_of(outcome: &Outcome) -> Option<String> {
    let end = outcome.silence.as_ref().unwrap_or(&outcome.end);
    let reason = end.reason.filter(|r| *r != NO_PACKET)?;
    Some(format!("{}@{}", reason.as_str(), end.stage.as_str()))
}

fn expected_drops(answer: &Trace, ask: &Ask) -> BTreeSet<String> {
    answer
        .outcomes
        .iter()
        .filter_map(drop_of)
        .chain(ask.drop.clone())
        .collect()
}

fn seen_of(world: &World, cluster: &Cluster, outcome: &Outcome) -> Seen {
    let answer = outcome
        .delivered_to
        .filter(|_| outcome.client == ClientSees::Ok)
        .map(|(ns, port)| {
            if outcome.silence.is_some() {
                return "nobody".to_owned();
            }
            let name = world.name(cluster, ns);
            let client = outcome.seen_client.map_or_else(|| "?".into(), |c| c.to_string());
            format!("{name}:{port} {client}")
        });
    Seen {
        client: outcome.client,
        answer,
    }
}

fn row(name: &str, world: &World, cluster: &Cluster, ask: &Ask, answer: &Trace, measured: &Measured) -> Row {
    let mut wrong = Vec::new();
    let seen: BTreeSet<String> = measured.seen.keys().map(Seen::to_string).collect();
    let wanted: BTreeSet<String> = ask.want.iter().cloned().collect();
    if !wanted.is_empty() && (!seen.is_subset(&wanted) || (ask.tries > 1 && seen != wanted)) {
        wrong.push(format!("the text says {}", ask.want.join(" | ")));
    }
    for drop in ask.drop.iter().filter(|d| !measured.drops.contains(*d)) {
        wrong.push(format!("the text says {drop}"));
    }
    let mut ends: BTreeMap<String, (f64, bool)> = BTreeMap::new();
    for outcome in &answer.outcomes {
        let end = ends
            .entry(seen_of(world, cluster, outcome).to_string())
            .or_insert((0.0, true));
        end.0 += outcome.weight as f64 / ONE as f64;
        end.1 &= outcome.weight_known;
    }
    let left = answer.outcomes.iter().any(|o| o.client == ClientSees::Unknown);
    let unknown = !answer.deciding.is_empty() || (left && ask.want.is_empty());
    if unknown && !ask.may_be_unknown {
        wrong.push("the simulator does not know".into());
    }
    let mut differ = Vec::new();
    if !unknown {
        compare(answer, measured, &seen, &ends, ask, &mut differ);
    }
    let kinds = differ.iter().map(|(kind, _)| *kind).collect();
    wrong.extend(differ.into_iter().map(|(_, text)| text));
    let end = |o: &Outcome| {
        let disposition = format!("disposition {}", o.end.disposition.as_str());
        [Some(disposition), drop_of(o).map(|d| format!("drop {d}"))]
    };
    Row {
        world: name.to_owned(),
        ask: ask.text.clone(),
        kernel: measured.say(),
        sim: say_sim(cluster, answer, &ends),
        wrong,
        kinds,
        unknown,
        ends: answer.outcomes.iter().flat_map(end).flatten().collect(),
        classes: measured.seen.keys().map(|s| s.client.as_str()).collect(),
        text: measured.text(),
    }
}

fn compare(
    answer: &Trace,
    measured: &Measured,
    seen: &BTreeSet<String>,
    ends: &BTreeMap<String, (f64, bool)>,
    ask: &Ask,
    wrong: &mut Vec<(Wrong, String)>,
) {
    for other in seen.iter().filter(|s| !ends.contains_key(*s)) {
        wrong.push((Wrong::Seen, format!("the simulator has no {other}")));
    }
    for (end, (weight, known)) in ends {
        let must = *known && (*weight >= 1.0 || (measured.looks >= 20 && *weight >= LIKELY));
        if must && !seen.contains(end) {
            wrong.push((Wrong::Never, format!("the kernel never gives {end}")));
        }
    }
    let certain = answer.outcomes.len() == 1;
    let first = answer.first();
    // Where the order of two hooks does not matter to the client, either may have dropped it.
    // What follows a failed neighbour happens in a timer, which is nobody's thread.
    let by_timer = first.steps.iter().any(is_neigh_failure) && first.end.reason != Some(DropReason::NeighFailed);
    let placed = certain && !by_timer && !answer.footnotes.contains(&HOOK_ORDER);
    if let (true, Some(drop)) = (placed, drop_of(first))
        && !measured.drops.contains(&drop)
    {
        wrong.push((Wrong::Drop, format!("the kernel drops nothing by {drop}")));
    }
    let in_time = first.after_ms.is_some_and(|ms| ms < 1000);
    if !ask.want.is_empty() && certain && first.client == ClientSees::Ok && in_time == ask.slow {
        wrong.push((Wrong::Time, "ok, but not at that time".into()));
    }
    // Who waits for a line that never comes waits as long as it likes.
    let timed = certain && first.client != ClientSees::Timeout && first.silence.is_none();
    if let (true, Some(ms)) = (timed, first.after_ms) {
        let late = measured.took >= Duration::from_secs(2);
        if (ms >= 2000) != late {
            let took = measured.took.as_millis();
            wrong.push((Wrong::Time, format!("simulated {ms} ms, measured {took} ms")));
        }
    }
}

fn is_neigh_failure(step: &Step) -> bool {
    matches!(
        step.detail,
        Detail::Drop {
            reason: DropReason::NeighFailed,
            ..
        }
    )
}

fn say_sim(cluster: &Cluster, answer: &Trace, ends: &BTreeMap<String, (f64, bool)>) -> String {
    let mut text = String::new();
    for (end, (weight, known)) in ends {
        let _ = match (ends.len(), known) {
            (1, _) => write!(text, "{end}"),
            (_, true) => write!(text, "{end} ({weight:.2}) "),
            (_, false) => write!(text, "{end} (?) "),
        };
    }
    if let Some(drop) = drop_of(answer.first()) {
        let _ = write!(text, " {drop}");
    }
    for gap in &answer.deciding {
        let _ = write!(text, " unknown: {}", gap_text(cluster, *gap));
    }
    text
}

fn gap_text(cluster: &Cluster, gap: GapId) -> String {
    if gap == HOOK_ORDER {
        return "order of hooks".into();
    }
    let gap = cluster.gaps.get(gap);
    format!("{} {}", gap.path, gap.why)
}
