//! What of the model took part in packets of which kernel and model agree.

use netwhy_sim::arrival::{Event, Reaction as Model, Used};
use std::collections::BTreeMap;

/// Counts by name, as `match tcp hit`, `target DNAT`, `drop IP_RPFILTER`.
pub type Counts = BTreeMap<String, u64>;

/// Adds what every way that agrees has: where one of them has it and another has not, nothing was shown.
pub fn add(counts: &mut Counts, ways: &[Model]) {
    let Some((first, more)) = ways.split_first() else {
        return;
    };
    let mut all = of(first);
    for way in more {
        let other = of(way);
        all.retain(|key, count| {
            *count = (*count).min(other.get(key).copied().unwrap_or(0));
            *count > 0
        });
    }
    for (used, count) in all {
        let outcome = if used.outcome.is_empty() { "" } else { " " };
        let key = format!("{} {}{outcome}{}", used.area, used.name, used.outcome);
        *counts.entry(key).or_default() += count;
    }
}

fn of(way: &Model) -> BTreeMap<Used, u64> {
    let mut counts = BTreeMap::new();
    let mut note = |used: Used| *counts.entry(used).or_default() += 1;
    way.used.iter().copied().for_each(&mut note);
    for event in &way.events {
        if let Event::Dropped { stage, reason, .. } = event {
            let plain = |area, name| Used {
                area,
                name,
                outcome: "",
            };
            note(plain("stage", stage.as_str()));
            note(plain("reason", reason.as_str()));
        }
    }
    counts
}
