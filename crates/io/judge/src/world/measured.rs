//! What is seen of one question, asked as often as it needs.

use super::ask::{Seen, measure};
use super::build::World;
use super::drops::Drops;
use super::text::Ask;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Most attempts until a drop is seen where it is said to be: a busy kernel may finish a packet on another thread.
const LOOKS: usize = 4;
/// No more attempts after this time.
const ENOUGH: Duration = Duration::from_secs(12);

/// What was seen of one question.
pub(super) struct Measured {
    pub seen: BTreeMap<Seen, usize>,
    pub drops: BTreeSet<String>,
    pub took: Duration,
    pub looks: usize,
}

impl Measured {
    pub fn take(world: &World, ask: &Ask, drops: &mut Drops, wanted: &BTreeSet<String>) -> Result<Measured, String> {
        let mut all = Measured {
            seen: BTreeMap::new(),
            drops: BTreeSet::new(),
            took: Duration::ZERO,
            looks: 0,
        };
        let mut looks = 0;
        let began = Instant::now();
        for _ in 0..ask.tries.max(LOOKS) {
            drops.begin();
            let (seen, took) = measure(world, ask)?;
            *all.seen.entry(seen).or_default() += 1;
            all.drops.append(&mut drops.seen());
            all.took = took;
            looks += 1;
            if looks >= ask.tries && wanted.is_subset(&all.drops) || (looks >= LOOKS && began.elapsed() > ENOUGH) {
                break;
            }
        }
        all.looks = looks;
        Ok(all)
    }

    /// `ok b:8080 10.1.0.2 | refused ; REASON@function`. What a timer drops may belong to another world.
    pub fn text(&self) -> String {
        let seen: BTreeSet<String> = self.seen.keys().map(Seen::to_string).collect();
        let mut text = seen.into_iter().collect::<Vec<_>>().join(" | ");
        if let Some(drop) = self.drops.iter().find(|d| !d.starts_with("NEIGH_FAILED")) {
            let _ = write!(text, " ; {drop}");
        }
        text
    }

    /// For people.
    pub fn say(&self) -> String {
        let mut text = String::new();
        for (seen, count) in &self.seen {
            let _ = match self.seen.len() {
                1 => write!(text, "{seen}"),
                _ => write!(text, "{seen} ({count}) "),
            };
        }
        for drop in &self.drops {
            let _ = write!(text, " {drop}");
        }
        text
    }
}
