//! From a broken promise to the smallest set of changes that heals it.
//!
//! A candidate is laid over the model and the promise traced again. Healed: a cause. Ended further on: kept, and suspects are
//! taken at the new end, up to [`ROUNDS_MAX`] rounds. A member without which the rest heals too is thrown out.

use crate::candidate::{Broken, Candidate};
use crate::promise::Promise;
use crate::registry::CHECKS;
use crate::verdict::{Verdict, judge};
use netwhy_model::{Cluster, Patch};
use netwhy_sim::{End, Options, Trace, trace};
use std::collections::BTreeMap;

/// Faults that may lie behind one another on one path.
const ROUNDS_MAX: usize = 4;
/// Sets of changes that are tried for one promise.
const TRIES_MAX: usize = 200;

/// Changes that heal together, each of them needed.
pub(crate) type CauseSet = Vec<Candidate>;

/// What a set of changes does to a broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Heals,
    /// It is no longer certainly broken: the rest of the way depends on what was not read.
    Opens,
    Nothing,
}

/// Identity of a candidate: what is wrong, and where.
pub(crate) fn key(candidate: &Candidate) -> String {
    format!("{} {} {:?}", candidate.code, candidate.object, candidate.node)
}

/// Searches causes and remembers patched clusters.
pub(crate) struct Search<'a> {
    cluster: &'a Cluster,
    patched: BTreeMap<String, Cluster>,
    /// Every candidate by its key, with the patches of all who offered it.
    pub merged: BTreeMap<String, Candidate>,
    options: Options,
    /// Changes are laid over the model; `false` only in a test.
    counterfactuals: bool,
    tries: usize,
    /// Sets that open and do not heal.
    opens: Vec<CauseSet>,
}

impl<'a> Search<'a> {
    pub fn new(cluster: &'a Cluster, counterfactuals: bool) -> Self {
        Search {
            cluster,
            patched: BTreeMap::new(),
            merged: BTreeMap::new(),
            options: Options::default(),
            counterfactuals,
            tries: 0,
            opens: Vec::new(),
        }
    }

    /// All smallest sets that heal; several are alternatives.
    pub fn causes(&mut self, promise: &Promise) -> Vec<CauseSet> {
        self.tries = 0;
        let mut found: Vec<CauseSet> = Vec::new();
        self.opens.clear();
        self.deepen(promise, &mut Vec::new(), None, &mut found);
        if found.is_empty() {
            found = std::mem::take(&mut self.opens);
        }
        let least = found.iter().map(Vec::len).min().unwrap_or(0);
        found.retain(|s| s.len() == least);
        found
    }

    fn deepen(
        &mut self,
        promise: &Promise,
        taken: &mut Vec<Candidate>,
        before: Option<&End>,
        found: &mut Vec<CauseSet>,
    ) {
        let (candidates, end) = match self.suspects(promise, taken) {
            Some(s) => s,
            None => return,
        };
        if before == Some(&end) {
            return;
        }
        let fresh: Vec<Candidate> = candidates
            .into_iter()
            .filter(|c| !taken.iter().any(|t| key(t) == key(c)))
            .collect();
        let mut further = Vec::new();
        for candidate in fresh {
            if self.tries >= TRIES_MAX {
                return;
            }
            self.tries += 1;
            taken.push(candidate.clone());
            let effect = self.effect(promise, taken);
            if effect == Effect::Opens {
                let mut set = taken.clone();
                set.iter_mut().for_each(|c| c.alike = true);
                self.opens.push(set);
            }
            if effect == Effect::Heals {
                let set = self.minimal(promise, taken);
                if !found.iter().any(|f| same(f, &set)) {
                    found.push(set);
                }
            } else {
                further.push(candidate);
            }
            taken.pop();
        }
        if !found.is_empty() || taken.len() + 1 >= ROUNDS_MAX {
            return;
        }
        for candidate in further {
            taken.push(candidate);
            self.deepen(promise, taken, Some(&end), found);
            taken.pop();
        }
    }

    /// Candidates at the present end; `None` if it is not broken with these changes.
    fn suspects(&mut self, promise: &Promise, taken: &[Candidate]) -> Option<(Vec<Candidate>, End)> {
        let options = self.options;
        let cluster = self.with(taken);
        let trace = trace(cluster, &promise.flow, &options);
        let Verdict::Broken(at) = judge(promise, &trace) else {
            return None;
        };
        let end = trace.outcomes[at].end.clone();
        let broken = Broken {
            cluster,
            promise,
            trace: &trace,
            outcome: &trace.outcomes[at],
        };
        let list: Vec<Candidate> = CHECKS.iter().flat_map(|c| (c.suspects)(&broken)).collect();
        for c in &list {
            self.merged.entry(key(c)).or_insert_with(|| c.clone());
        }
        Some((list, end))
    }

    fn heals(&mut self, promise: &Promise, taken: &[Candidate]) -> bool {
        self.effect(promise, taken) == Effect::Heals
    }

    fn effect(&mut self, promise: &Promise, taken: &[Candidate]) -> Effect {
        match judge(promise, &self.trace_with(promise, taken)) {
            Verdict::Kept => Effect::Heals,
            Verdict::Unknown(_) => Effect::Opens,
            Verdict::Broken(_) | Verdict::Left => Effect::Nothing,
        }
    }

    fn trace_with(&mut self, promise: &Promise, taken: &[Candidate]) -> Trace {
        let options = Options {
            steps: false,
            ..self.options
        };
        trace(self.with(taken), &promise.flow, &options)
    }

    /// The cluster with these changes, made once.
    pub fn with(&mut self, taken: &[Candidate]) -> &Cluster {
        if taken.is_empty() || !self.counterfactuals {
            return self.cluster;
        }
        let patches: Vec<Patch> = taken.iter().flat_map(|c| c.patches.clone()).collect();
        let name = format!("{patches:?}");
        let cluster = self.cluster;
        self.patched.entry(name).or_insert_with(|| cluster.with(&patches))
    }

    fn minimal(&mut self, promise: &Promise, taken: &[Candidate]) -> CauseSet {
        let mut set = taken.to_vec();
        let mut i = 0;
        while set.len() > 1 && i < set.len() {
            let mut less = set.clone();
            less.remove(i);
            if self.heals(promise, &less) {
                set = less;
            } else {
                i += 1;
            }
        }
        set
    }
}

fn same(a: &[Candidate], b: &[Candidate]) -> bool {
    a.len() == b.len() && a.iter().all(|c| b.iter().any(|d| key(c) == key(d)))
}
