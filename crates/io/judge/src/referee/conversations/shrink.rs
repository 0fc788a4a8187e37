//! From a world that shows a disagreement to a small one that shows the same (delta debugging, Zeller 1999).

use crate::world::{Drops, Recipe, Row, World, Wrong, question};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Worlds that are built for one disagreement at most, and for how long.
const TRIES: usize = 100;
const TIME: Duration = Duration::from_secs(45);

/// What must remain: the kinds of difference, and what the client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    kinds: BTreeSet<Wrong>,
    kernel: BTreeSet<&'static str>,
    sim: String,
    ends: BTreeSet<String>,
}

impl Sign {
    pub fn of(row: &Row) -> Sign {
        Sign {
            kinds: row.kinds.iter().copied().collect(),
            kernel: row.classes.clone(),
            sim: row.sim.split_whitespace().next().unwrap_or_default().to_owned(),
            ends: row.ends.iter().cloned().collect(),
        }
    }
}

/// Builds a world anew and asks one question, with patience: nothing is left of other questions.
pub(super) fn ask_alone(lines: &[String], asked: &str, drops: &mut Drops) -> Result<Row, String> {
    let mut lines = lines.to_vec();
    lines.push(asked.to_owned());
    let recipe = Recipe {
        name: "again".into(),
        lines,
    };
    let world = World::build(&recipe)?;
    let cluster = world.cluster(false)?;
    let ask = world.asks.first().ok_or("no question")?;
    question(&recipe.name, &world, &cluster, ask, drops, true)
}

/// Lines without which the disagreement is another, or none.
pub(super) fn shrink(lines: Vec<String>, asked: &str, sign: &Sign, drops: &mut Drops) -> (Vec<String>, Option<Row>) {
    let mut state = Shrink {
        lines,
        asked,
        sign,
        drops,
        tries: 0,
        until: Instant::now() + TIME,
        last: None,
    };
    state.hosts();
    let mut size = state.lines.len() / 2;
    while size > 0 {
        let before = state.lines.len();
        state.parts(size);
        if state.lines.len() == before || size > 1 {
            size /= 2;
        }
    }
    (state.lines, state.last)
}

struct Shrink<'a> {
    lines: Vec<String>,
    asked: &'a str,
    sign: &'a Sign,
    drops: &'a mut Drops,
    tries: usize,
    until: Instant,
    last: Option<Row>,
}

impl Shrink<'_> {
    /// Whether the same is seen without these lines; then they are gone.
    fn without(&mut self, gone: impl Fn(usize, &str) -> bool) -> bool {
        if self.tries >= TRIES || Instant::now() > self.until {
            return false;
        }
        let lines = self.lines.iter().enumerate();
        let rest: Vec<String> = lines.filter(|(i, l)| !gone(*i, l)).map(|(_, l)| l.clone()).collect();
        if rest.len() == self.lines.len() {
            return false;
        }
        self.tries += 1;
        match ask_alone(&rest, self.asked, self.drops) {
            Ok(row) if Sign::of(&row) == *self.sign => {
                self.lines = rest;
                self.last = Some(row);
                true
            }
            _ => false,
        }
    }

    /// Whole namespaces, then all rules of a namespace, then its sysctls, chains and everything of a tool.
    fn hosts(&mut self) {
        let names: Vec<String> = self
            .lines
            .iter()
            .filter_map(|l| Some(l.strip_prefix("ns ")?.split_whitespace().next()?.to_owned()))
            .collect();
        for name in &names {
            let end = format!("{name}:");
            self.without(|_, line| {
                let mut words = line.split_whitespace();
                match words.next() {
                    Some("ns") => words.next() == Some(name) || words.nth(1) == Some(name),
                    Some("veth") => words.any(|w| w.starts_with(&end)),
                    first => first == Some(name),
                }
            });
        }
        for name in &names {
            for tool in ["iptables", "legacy", "sysctl", "ipset", "serve", "bridge"] {
                let start = format!("{name} {tool} ");
                self.without(|_, line| line.starts_with(&start));
            }
        }
        let mut chains: Vec<String> = Vec::new();
        for line in &self.lines {
            if let Some((_, rest)) = line.split_once(" -N ") {
                chains.push(rest.to_owned());
            }
        }
        for chain in chains {
            self.without(|_, line| line.split_whitespace().any(|w| w == chain));
        }
    }

    /// Runs of lines of one size, from the end.
    fn parts(&mut self, size: usize) {
        let mut end = self.lines.len();
        while end > 0 {
            let from = end.saturating_sub(size);
            self.without(|i, _| (from..end).contains(&i));
            end = from.min(self.lines.len());
        }
    }
}
