//! The text, the kernel and the simulator about one world.

use super::ask::{Seen, measure};
use super::build::World;
use super::drops::Drops;
use super::text::{Ask, Recipe};
use netwhy_model::{Cluster, GapId};
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, DropReason, Flow, HOOK_ORDER, Options, Outcome, Trace, trace};
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
}

/// Most attempts until a drop is seen where it is said to be: a busy kernel may finish a packet on another thread.
const LOOKS: usize = 4;
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
        let id = world.id(&cluster, &ask.client)?;
        let flow = Flow::new(id, ask.proto, *ask.to.ip(), ask.to.port());
        let answer = trace(&cluster, &flow, &Options::default());
        let measured = Measured::take(&world, ask, drops, &expected_drops(&answer, ask))?;
        rows.push(row(recipe, &world, &cluster, ask, &answer, &measured));
    }
    for (ns, want) in &world.tracked {
        let kernel = world.tracks(ns)?;
        let sim = cluster.ns(world.id(&cluster, ns)?).netfilter.conntrack == Some(Ok(()));
        let mut wrong = Vec::new();
        if kernel != *want {
            wrong.push("the kernel contradicts the text".into());
        }
        if sim != kernel {
            wrong.push("the model contradicts the kernel".into());
        }
        rows.push(Row {
            world: recipe.name.clone(),
            ask: format!("{ns} tracked"),
            kernel: kernel.to_string(),
            sim: sim.to_string(),
            wrong,
        });
    }
    Ok(rows)
}

/// What was seen of one question.
struct Measured {
    seen: BTreeMap<Seen, usize>,
    drops: BTreeSet<String>,
    took: Duration,
}

impl Measured {
    fn take(world: &World, ask: &Ask, drops: &mut Drops, wanted: &BTreeSet<String>) -> Result<Measured, String> {
        let mut all = Measured {
            seen: BTreeMap::new(),
            drops: BTreeSet::new(),
            took: Duration::ZERO,
        };
        let mut looks = 0;
        for _ in 0..ask.tries.max(LOOKS) {
            drops.begin();
            let (seen, took) = measure(world, ask)?;
            *all.seen.entry(seen).or_default() += 1;
            all.drops.append(&mut drops.seen());
            all.took = took;
            looks += 1;
            if looks >= ask.tries && wanted.is_subset(&all.drops) {
                break;
            }
        }
        Ok(all)
    }
}

/// A host without a route makes no packet that could be dropped.
const NO_PACKET: DropReason = DropReason::IpOutNoRoutes;

fn drop_of(outcome: &Outcome) -> Option<String> {
    let reason = outcome.end.reason.filter(|r| *r != NO_PACKET)?;
    Some(format!("{}@{}", reason.as_str(), outcome.end.stage.as_str()))
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
            let name = world.name(cluster, ns);
            let client = outcome.seen_client.map_or_else(|| "?".into(), |c| c.to_string());
            format!("{name}:{port} {client}")
        });
    Seen {
        client: outcome.client,
        answer,
    }
}

fn row(recipe: &Recipe, world: &World, cluster: &Cluster, ask: &Ask, answer: &Trace, measured: &Measured) -> Row {
    let mut wrong = Vec::new();
    let seen: BTreeSet<String> = measured.seen.keys().map(Seen::to_string).collect();
    let wanted: BTreeSet<String> = ask.want.iter().cloned().collect();
    if !seen.is_subset(&wanted) || (ask.tries > 1 && seen != wanted) {
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
    let unknown = !answer.deciding.is_empty();
    if unknown && !ask.may_be_unknown {
        wrong.push("the simulator does not know".into());
    }
    if !unknown {
        compare(answer, measured, &seen, &ends, ask, &mut wrong);
    }
    Row {
        world: recipe.name.clone(),
        ask: ask.text.clone(),
        kernel: say_kernel(measured),
        sim: say_sim(cluster, answer, &ends),
        wrong,
    }
}

fn compare(
    answer: &Trace,
    measured: &Measured,
    seen: &BTreeSet<String>,
    ends: &BTreeMap<String, (f64, bool)>,
    ask: &Ask,
    wrong: &mut Vec<String>,
) {
    for other in seen.iter().filter(|s| !ends.contains_key(*s)) {
        wrong.push(format!("the simulator has no {other}"));
    }
    for (end, (weight, known)) in ends {
        let must = *known && (*weight >= 1.0 || (ask.tries >= 20 && *weight >= LIKELY));
        if must && !seen.contains(end) {
            wrong.push(format!("the kernel never gives {end}"));
        }
    }
    let certain = answer.outcomes.len() == 1;
    let first = answer.first();
    // Where the order of two hooks does not matter to the client, either may have dropped it.
    let placed = certain && !answer.footnotes.contains(&HOOK_ORDER);
    if let (true, Some(drop)) = (placed, drop_of(first))
        && !measured.drops.contains(&drop)
    {
        wrong.push(format!("the kernel drops nothing by {drop}"));
    }
    if certain && first.client == ClientSees::Ok && first.after_ms.is_some_and(|ms| ms < 1000) == ask.slow {
        wrong.push("ok, but not at that time".into());
    }
    if let (true, Some(ms)) = (certain && first.client != ClientSees::Timeout, first.after_ms) {
        let late = measured.took >= Duration::from_secs(2);
        if (ms >= 2000) != late {
            wrong.push(format!("simulated {ms} ms, measured {} ms", measured.took.as_millis()));
        }
    }
}

fn say_kernel(measured: &Measured) -> String {
    let mut text = String::new();
    for (seen, count) in &measured.seen {
        let _ = match measured.seen.len() {
            1 => write!(text, "{seen}"),
            _ => write!(text, "{seen} ({count}) "),
        };
    }
    for drop in &measured.drops {
        let _ = write!(text, " {drop}");
    }
    text
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
