//! Forks by re-execution.
//!
//! The simulator is a deterministic function that asks this oracle wherever the kernel could go on in more than one way. A
//! *random* fork (a `statistic` rule, ECMP) has branches with weights; they are enumerated depth first, each conversation
//! run from its start. A *gap* fork (a fact that was not read) has branches without weights; each combination is a
//! *world*, and worlds that end alike make the answer certain (see [`crate::trace()`]).

use crate::trace::{ONE, Weight};
use netwhy_model::GapId;

/// A question that a gap raises: the same question gets the same answer in one world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The gap.
    pub gap: GapId,
    /// What is asked of it: distinguishes the packets of a conversation and the rules of a chain.
    pub about: u32,
}

/// One world: answers that differ from the first, harmless one.
pub type World = Vec<(Question, u8)>;

#[derive(Clone, Copy, Debug)]
struct Choice {
    taken: u32,
    arity: u32,
}

/// Answers forks, remembers them, and steps to the next combination.
#[derive(Clone, Debug)]
pub struct Oracle {
    script: Vec<Choice>,
    position: usize,
    weight: Weight,
    weight_known: bool,
    world: World,
    asked: Vec<(Question, u8)>,
}

impl Oracle {
    /// For one world.
    #[must_use]
    pub fn new(world: World) -> Self {
        Oracle {
            script: Vec::new(),
            position: 0,
            weight: ONE,
            weight_known: true,
            world,
            asked: Vec::new(),
        }
    }

    /// Begins the next run.
    pub fn rewind(&mut self) {
        self.position = 0;
        self.weight = ONE;
        self.weight_known = true;
    }

    /// Steps to the next combination of random choices; `false` when all were taken.
    pub fn advance(&mut self) -> bool {
        while let Some(last) = self.script.last_mut() {
            if last.taken + 1 < last.arity {
                last.taken += 1;
                return true;
            }
            self.script.pop();
        }
        false
    }

    fn next(&mut self, arity: u32) -> u32 {
        let taken = match self.script.get(self.position) {
            Some(choice) => choice.taken,
            None => {
                self.script.push(Choice { taken: 0, arity });
                0
            }
        };
        self.position += 1;
        taken
    }

    /// A rule that matches with probability `p` in units of 2^-31 (`statistic_mt()`, `net/netfilter/xt_statistic.c`).
    pub fn random(&mut self, p: u32) -> bool {
        if p >= 1 << 31 {
            return true;
        }
        if p == 0 {
            return false;
        }
        let hit = ((u128::from(self.weight) * u128::from(p)) >> 31) as u64;
        let yes = self.next(2) == 0;
        self.weight = if yes { hit } else { self.weight - hit };
        yes
    }

    /// One of several next hops by weight.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let sum: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        if weights.len() < 2 || sum == 0 {
            return 0;
        }
        let taken = self.next(weights.len() as u32) as usize;
        let share = |i: usize| ((u128::from(self.weight) * u128::from(weights[i])) / u128::from(sum)) as u64;
        self.weight = if taken + 1 == weights.len() {
            self.weight - (0..taken).map(share).sum::<u64>()
        } else {
            share(taken)
        };
        taken
    }

    /// One of several next hops by weight, where all flows between two hosts take the same.
    pub fn weighted_once(&mut self, weights: &[u32]) -> usize {
        let taken = self.weighted(weights);
        self.weight_known = false;
        taken
    }

    /// A fork whose weights are in no snapshot (`recent`, `limit`, `nth`): both ways are possible.
    pub fn state(&mut self) -> bool {
        let yes = self.next(2) == 0;
        let half = self.weight / 2;
        self.weight = if yes { half } else { self.weight - half };
        self.weight_known = false;
        yes
    }

    /// One of several whose weights are in no snapshot (the hash over a range of addresses).
    pub fn one_of(&mut self, count: u32) -> usize {
        if count < 2 {
            return 0;
        }
        let taken = self.next(count);
        let share = self.weight / u64::from(count);
        self.weight = if taken + 1 == count {
            self.weight - share * u64::from(taken)
        } else {
            share
        };
        self.weight_known = false;
        taken as usize
    }

    /// The answer of this world to a question with `arity` answers; 0 is the harmless one.
    pub fn gap(&mut self, question: Question, arity: u8) -> u8 {
        if !self.asked.iter().any(|(q, _)| *q == question) {
            self.asked.push((question, arity));
        }
        self.world
            .iter()
            .find(|(q, _)| *q == question)
            .map_or(0, |(_, answer)| *answer)
    }

    /// The answer of this world to a question, if it has one that is not the first.
    #[must_use]
    pub fn other_answer(&self, question: Question) -> Option<u8> {
        let found = self.world.iter().find(|(q, _)| *q == question);
        found.map(|(_, answer)| *answer)
    }

    /// Weight of the current path, and whether it is known.
    #[must_use]
    pub fn weight(&self) -> (Weight, bool) {
        (self.weight, self.weight_known)
    }

    /// Random choices made so far on the current path.
    #[must_use]
    pub fn choices(&self) -> usize {
        self.position
    }

    /// All questions that were asked in this world, with the number of their answers.
    #[must_use]
    pub fn asked(&self) -> &[(Question, u8)] {
        &self.asked
    }

    /// The answers of this world that differ from the harmless ones.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kubernetes' rules for n backends: 1/n, 1/(n-1), ..., the last without a probability.
    fn backends(probabilities: &[u32]) -> Vec<Weight> {
        let mut oracle = Oracle::new(Vec::new());
        let mut weights = Vec::new();
        loop {
            oracle.rewind();
            for p in probabilities {
                if oracle.random(*p) {
                    break;
                }
            }
            weights.push(oracle.weight().0);
            if !oracle.advance() {
                return weights;
            }
        }
    }

    #[test]
    fn weights_sum_to_one_exactly() {
        let thirds = backends(&[0x2aaa_aaab, 0x4000_0000]);
        assert_eq!(thirds.len(), 3);
        assert_eq!(thirds.iter().sum::<u64>(), ONE);
        let seven: Vec<u32> = (2..=7).rev().map(|n| (0x8000_0000u64 / n) as u32).collect();
        assert_eq!(backends(&seven).iter().sum::<u64>(), ONE);
    }

    #[test]
    fn next_hops_by_weight() {
        let mut oracle = Oracle::new(Vec::new());
        let mut seen = Vec::new();
        loop {
            oracle.rewind();
            let hop = oracle.weighted(&[1, 1, 2]);
            seen.push((hop, oracle.weight().0));
            if !oracle.advance() {
                break;
            }
        }
        assert_eq!(seen.iter().map(|s| s.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(seen.iter().map(|s| s.1).sum::<u64>(), ONE);
        assert_eq!(seen[2].1, ONE / 2);
    }
}
