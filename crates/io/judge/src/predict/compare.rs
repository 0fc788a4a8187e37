//! A matrix that was measured, compared with the predicted one.

use super::{CERTAIN_TO_SHOW, Expected, Prober, TRIES, expected};
use crate::score::SAID;
use netwhy_lab::matrix::{Cell, Class, Pair, TimeClass};
use netwhy_lab::spec::Protocol;
use netwhy_model::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Where simulator and kernel differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// Name of the source.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// Protocol.
    pub protocol: Protocol,
    /// In what.
    pub kind: Kind,
    /// What was predicted, in words.
    pub predicted: String,
    /// What was measured, in words.
    pub measured: String,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The simulator does not know.
    Unknown,
    /// A result that is not predicted.
    Class,
    /// A result that is predicted for nearly sure and never came.
    NeverClass,
    /// A result that is predicted at another time.
    Time,
    /// The answer was not as long.
    Bytes,
    /// Somebody else answered.
    Backend,
    /// A backend that is predicted for nearly sure never answered.
    NeverBackend,
    /// The server saw another client address.
    SeenClient,
    /// The pair was not probed.
    Missing,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        let (source, target) = (&self.source, &self.target);
        let (kind, predicted, measured) = (self.kind, &self.predicted, &self.measured);
        write!(
            f,
            "{source} -> {target} {protocol}: {kind:?}: predicted {predicted}, measured {measured}"
        )
    }
}

/// All disagreements of a measured matrix with the predicted one, in the order of the pairs.
pub fn compare(cluster: &Cluster, pairs: &[Pair], cells: &[Cell], prober: &Prober) -> Vec<Disagreement> {
    let key = |source: &str, target: &str, protocol: Protocol| (source.to_owned(), target.to_owned(), protocol as u8);
    let measured: BTreeMap<_, &Cell> = cells
        .iter()
        .map(|c| (key(&c.source, &c.target, c.protocol), c))
        .collect();
    let mut all = Vec::new();
    for pair in pairs {
        let mut add = |(kind, predicted, measured)| {
            all.push(Disagreement {
                source: pair.source.name.clone(),
                target: pair.target.name.clone(),
                protocol: pair.target.protocol,
                kind,
                predicted,
                measured,
            });
        };
        let cell = measured.get(&key(&pair.source.name, &pair.target.name, pair.target.protocol));
        match (cell, expected(cluster, pair, prober)) {
            (None, _) => add((Kind::Missing, "a result".to_owned(), "nothing".to_owned())),
            (Some(cell), Err(why)) => add((Kind::Unknown, why, cell.class.as_str().to_owned())),
            (Some(cell), Ok(ways)) => differences(cell, &ways).into_iter().for_each(add),
        }
    }
    all
}

type Difference = (Kind, String, String);

fn differences(cell: &Cell, ways: &[Expected]) -> Vec<Difference> {
    let silent = silences(cell, ways);
    let said: Vec<&Expected> = ways.iter().chain(&silent).filter(|w| w.weight >= SAID).collect();
    let mut found: Vec<Difference> = first_try(cell, &said).into_iter().collect();
    found.extend(classes(cell, &said));
    found.extend(backends(cell, &said));
    found
}

/// Where there were many tries, an ICMP error may have been one too many: silence is right too.
fn silences(cell: &Cell, ways: &[Expected]) -> Vec<Expected> {
    let limited = ways.iter().filter(|w| w.limited && tries(cell) > 1);
    let silence = limited.map(|w| Expected {
        class: Class::Timeout,
        time: TimeClass::Never,
        ..w.clone()
    });
    silence.collect()
}

/// The first try: what came, when, and how much of it.
fn first_try(cell: &Cell, said: &[&Expected]) -> Option<Difference> {
    let same_class: Vec<_> = said.iter().filter(|w| w.class == cell.class).collect();
    let in_words = || (words(said), first_words(cell));
    let kind = if same_class.is_empty() {
        Kind::Class
    } else if same_class.iter().all(|w| w.time != cell.time) {
        Kind::Time
    } else if same_class.iter().all(|w| w.bytes != cell.bytes) {
        Kind::Bytes
    } else {
        return None;
    };
    let (predicted, measured) = in_words();
    Some((kind, predicted, measured))
}

/// The classes of all tries.
fn classes(cell: &Cell, said: &[&Expected]) -> Vec<Difference> {
    let predicted: BTreeSet<Class> = said.iter().map(|w| w.class).collect();
    // The first try is judged by itself.
    let unexpected = cell
        .outcomes
        .keys()
        .filter(|c| **c != cell.class && !predicted.contains(c));
    let mut found: Vec<Difference> = unexpected
        .map(|c| (Kind::Class, words(said), format!("{} in one of many tries", c.as_str())))
        .collect();
    let sure = |c: Class| sum(said, |w| w.class == c && !w.limited) >= CERTAIN_TO_SHOW;
    let never = predicted
        .into_iter()
        .filter(|c| sure(*c) && !cell.outcomes.contains_key(c));
    if tries(cell) >= TRIES {
        found.extend(never.map(|c| (Kind::NeverClass, c.as_str().to_owned(), counts(cell))));
    }
    found
}

/// Who answered, and whom it saw.
fn backends(cell: &Cell, said: &[&Expected]) -> Vec<Difference> {
    let mut found = Vec::new();
    for (backend, seen) in &cell.backends {
        let ways: Vec<_> = said.iter().filter(|w| w.backend.as_ref() == Some(backend)).collect();
        if ways.is_empty() {
            found.push((Kind::Backend, words(said), backend.clone()));
        } else if ways.iter().all(|w| w.seen_client != Some((*seen).into())) {
            found.push((Kind::SeenClient, words(said), format!("{backend} saw {seen}")));
        }
    }
    let named: BTreeSet<&String> = said.iter().filter_map(|w| w.backend.as_ref()).collect();
    for backend in named.into_iter().filter(|b| !cell.backends.contains_key(*b)) {
        let weight = sum(said, |w| w.backend.as_ref() == Some(backend));
        let alone = weight > 1.0 - SAID && cell.class == Class::Ok;
        if alone || (tries(cell) >= TRIES && weight >= CERTAIN_TO_SHOW) {
            let measured = cell.backends.keys().cloned().collect::<Vec<_>>().join(", ");
            found.push((
                Kind::NeverBackend,
                format!("{backend} with {weight:.3}"),
                format!("[{measured}]"),
            ));
        }
    }
    found
}

fn tries(cell: &Cell) -> u32 {
    cell.outcomes.values().sum()
}

fn sum(said: &[&Expected], which: impl Fn(&Expected) -> bool) -> f64 {
    said.iter().filter(|w| which(w)).map(|w| w.weight).sum()
}

fn words(said: &[&Expected]) -> String {
    let one = |w: &&Expected| {
        let backend = w.backend.as_deref().unwrap_or("-");
        let seen = w.seen_client.map_or("-".to_owned(), |s| s.to_string());
        let (weight, class, time) = (w.weight, w.class.as_str(), w.time);
        format!("{weight:.3} {class} {time:?} by {backend} seeing {seen}")
    };
    format!("[{}]", said.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn first_words(cell: &Cell) -> String {
    let by = cell.answered_by.as_deref().unwrap_or("-");
    format!(
        "{} {:?}, {} bytes by {by} ({})",
        cell.class.as_str(),
        cell.time,
        cell.bytes,
        counts(cell)
    )
}

fn counts(cell: &Cell) -> String {
    let counts = cell.outcomes.iter().map(|(class, n)| format!("{} {n}", class.as_str()));
    counts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
