//! Worlds of two to six namespaces with real sockets at their ends, drawn from a seed: measured, simulated, compared.
//!
//! | module | what it draws |
//! |---|---|
//! | `topology`, `routers`, `tunnel` | hosts and links: routers, nodes with bridges and pods, VXLAN, point to point, two ways |
//! | `routing` | routes of every type, rules, several tables |
//! | `links` | sysctls, bridge ports, neighbours, addresses, links |
//! | `services` | rules as kube-proxy and flannel write them |
//! | `firewall`, `matches` | rules of firewalls, rules without a plan |
//! | `questions` | who asks for what |
//!
//! The worlds depend on the seed only. What differs is asked again in a world that is built anew, with patience, so that
//! neither a busy machine nor an earlier question is the cause; then the world is made smaller.

mod draw;
mod firewall;
mod links;
mod matches;
mod questions;
mod routers;
mod routing;
mod services;
mod shrink;
mod topology;
mod tunnel;

use crate::world::{Drops, Recipe, Row, World, question};
use draw::Draw;
use netwhy_lab::Random;
use shrink::{Sign, ask_alone, shrink};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides all worlds.
    pub seed: u64,
    /// Number of worlds.
    pub worlds: u64,
    /// Only the world of this number.
    pub world: Option<u64>,
    /// No new world is begun after this time.
    pub budget: Option<Duration>,
    /// Nor as soon as so many disagreements are found.
    pub until: Option<usize>,
    /// Make the world of a disagreement smaller.
    pub shrink: bool,
    /// Worlds that stand at the same time; they mostly wait.
    pub threads: usize,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Worlds that were built.
    pub worlds: u64,
    /// Questions that were asked.
    pub questions: u64,
    /// Questions that the simulator answered.
    pub decided: u64,
    /// Questions that it did not: it says that it does not know.
    pub unknown: u64,
    /// Where kernel and simulator differ.
    pub disagreements: Vec<Disagreement>,
    /// Worlds that could not be built: the kernel refuses a line, as it does a route by a gateway that a rule hides.
    pub broken: Vec<String>,
    /// How often something was drawn, or came out.
    pub features: BTreeMap<String, u64>,
}

/// Where kernel and simulator differ.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Number of the world.
    pub world: u64,
    /// The question.
    pub ask: String,
    /// What the kernel did.
    pub kernel: String,
    /// The same, as a text says it.
    pub text: String,
    /// What the simulator says.
    pub sim: String,
    /// In words.
    pub wrong: Vec<String>,
    /// Lines of a world that shows it.
    pub lines: Vec<String>,
}

impl fmt::Display for Disagreement {
    /// A block for a file of worlds; the answer is the kernel's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "world number {}", self.world)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))?;
        writeln!(f, "? {} = {}", self.ask, self.text)?;
        writeln!(f, "# kernel {}", self.kernel)?;
        writeln!(f, "# sim {}", self.sim)?;
        write!(f, "# {}", self.wrong.join("; "))
    }
}

/// One world, by its number.
pub fn recipe(seed: u64, number: u64) -> Recipe {
    draw(seed, number).0
}

fn draw(seed: u64, number: u64) -> (Recipe, BTreeMap<String, u64>) {
    let mut draw = Draw::new(Random::new(seed ^ number.wrapping_mul(0x2545_f491_4f6c_dd1d)).bits());
    draw.topology();
    draw.settings();
    draw.services();
    draw.firewalls();
    draw.routing();
    draw.questions();
    let recipe = Recipe {
        name: format!("seed {seed} world {number}"),
        lines: draw.lines,
    };
    (recipe, draw.features)
}

/// Draws, measures, simulates, compares. `say` gets a line for each disagreement, and now and then one on the progress.
pub fn run(options: &Options, say: &mut dyn FnMut(&str)) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(options.world.unwrap_or(0));
    let enough = AtomicBool::new(false);
    let end = options.world.map_or(options.worlds, |w| w + 1);
    let (send, receive) = channel();
    let mut summary = Summary::default();
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            let (next, enough, send) = (&next, &enough, send.clone());
            let work = move || {
                let mut drops = match Drops::of_this_thread() {
                    Ok(drops) => drops,
                    Err(error) => return drop(send.send(Event::Broken(format!("tracefs: {error}")))),
                };
                loop {
                    let late = options.budget.is_some_and(|b| began.elapsed() > b);
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if late || enough.load(Ordering::Relaxed) || at >= end {
                        break;
                    }
                    one(options, at, &mut drops, &send);
                }
            };
            scope.spawn(work);
        }
        drop(send);
        for event in receive {
            summary.take(event, say);
            let found = summary.disagreements.len();
            enough.store(options.until.is_some_and(|n| found >= n), Ordering::Relaxed);
        }
    });
    summary.disagreements.sort_by_key(|d| d.world);
    summary
}

enum Event {
    World(BTreeMap<String, u64>),
    Row(Row),
    Broken(String),
    Differs(Disagreement),
}

impl Summary {
    fn take(&mut self, event: Event, say: &mut dyn FnMut(&str)) {
        match event {
            Event::World(features) => {
                self.worlds += 1;
                features.into_iter().for_each(|(name, n)| self.count(name, n));
                if self.worlds.is_multiple_of(100) {
                    let found = self.disagreements.len();
                    say(&format!(
                        "{} worlds, {} questions, {found} disagreements",
                        self.worlds, self.questions
                    ));
                }
            }
            Event::Row(row) => {
                self.questions += 1;
                match row.unknown {
                    true => self.unknown += 1,
                    false => self.decided += 1,
                }
                row.ends.into_iter().for_each(|end| self.count(end, 1));
                row.classes
                    .into_iter()
                    .for_each(|class| self.count(format!("kernel {class}"), 1));
            }
            // A command that waits for the kernel's lock of links says nothing about the world.
            Event::Broken(why) if why.contains("no end within") => self.count("not built: busy".into(), 1),
            Event::Broken(why) => {
                say(&format!("not built: {why}"));
                self.broken.push(why);
            }
            Event::Differs(disagreement) => {
                say(&format!("\n{disagreement}"));
                self.disagreements.push(disagreement);
            }
        }
    }

    fn count(&mut self, name: String, n: u64) {
        *self.features.entry(name).or_default() += n;
    }
}

/// One of so many worlds is read wholly by the collector.
const WHOLLY: u64 = 8;

/// Builds one world, asks its questions.
fn one(options: &Options, number: u64, drops: &mut Drops, send: &Sender<Event>) {
    let (recipe, features) = draw(options.seed, number);
    match rows(&recipe, number.is_multiple_of(WHOLLY), drops, send) {
        Ok(suspects) => {
            let _ = send.send(Event::World(features));
            for asked in suspects {
                confirm(options, number, &recipe, &asked, drops, send);
            }
        }
        Err(why) => drop(send.send(Event::Broken(format!("{}: {why}", recipe.name)))),
    }
}

/// The questions whose answers differ.
fn rows(recipe: &Recipe, wholly: bool, drops: &mut Drops, send: &Sender<Event>) -> Result<Vec<String>, String> {
    let world = World::build(recipe)?;
    let cluster = world.cluster(wholly)?;
    let mut suspects = Vec::new();
    for ask in &world.asks {
        let row = question(&recipe.name, &world, &cluster, ask, drops, false)?;
        if !row.kinds.is_empty() {
            suspects.push(ask.text.clone());
        }
        let _ = send.send(Event::Row(row));
    }
    Ok(suspects)
}

/// Asks a question whose answer differs again, in a world of its own.
fn confirm(options: &Options, number: u64, recipe: &Recipe, asked: &str, drops: &mut Drops, send: &Sender<Event>) {
    let lines: Vec<String> = recipe.lines.iter().filter(|l| !l.starts_with('?')).cloned().collect();
    let asked = format!("? {asked}");
    let row = match ask_alone(&lines, &asked, drops) {
        Ok(row) if row.kinds.is_empty() => return,
        Ok(row) => row,
        Err(why) => return drop(send.send(Event::Broken(format!("{}, again: {why}", recipe.name)))),
    };
    // One at a time: namespaces that go away hold up all that are made.
    static SHRINKING: Mutex<()> = Mutex::new(());
    let _one = SHRINKING.lock();
    let (lines, smaller) = match options.shrink {
        true => shrink(lines, &asked, &Sign::of(&row), drops),
        false => (lines, None),
    };
    let row = smaller.unwrap_or(row);
    let _ = send.send(Event::Differs(Disagreement {
        world: number,
        ask: row.ask,
        kernel: row.kernel,
        text: row.text,
        sim: row.sim,
        wrong: row.wrong,
        lines,
    }));
}
