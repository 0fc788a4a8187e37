//! What is injected where, drawn by a seed.

use super::Plan;
use netwhy_lab::faults::{Fault, faults, text};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Args, Random};

/// One injection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Id of the fault.
    pub fault: &'static str,
    /// Breaks nothing.
    pub decoy: bool,
    /// Where, and with which options.
    pub args: Args,
}

impl Case {
    /// `ip-forward-off node=worker-1`
    pub fn words(&self) -> String {
        format!("{} {}", self.fault, text(&self.args))
    }
}

/// Draws the cases of a seed: all faults in turn, in random order, each at a random place.
#[derive(Clone, Debug)]
pub struct Cases {
    random: Random,
    singles: Deck,
    decoys: Deck,
}

/// Every kind once before any comes again.
#[derive(Clone, Debug)]
struct Deck {
    decoys: bool,
    left: usize,
    cards: Vec<usize>,
}

impl Cases {
    /// For a plan.
    pub fn new(plan: &Plan) -> Cases {
        let deck = |decoys, left| Deck {
            decoys,
            left,
            cards: Vec::new(),
        };
        Cases {
            random: Random::new(plan.seed),
            singles: deck(false, plan.singles),
            decoys: deck(true, plan.decoys),
        }
    }

    /// The shape of the next lab.
    pub fn spec(&mut self) -> Spec {
        Spec::random(self.random.bits())
    }

    /// The fault of the next case: singles and decoys mixed as they are left. `None`: all were drawn.
    pub fn next_fault(&mut self) -> Option<&'static Fault> {
        let (singles, decoys) = (self.singles.left as u32, self.decoys.left as u32);
        if singles + decoys == 0 {
            return None;
        }
        let deck = match self.random.range(1, singles + decoys) <= singles {
            true => &mut self.singles,
            false => &mut self.decoys,
        };
        deck.draw(&mut self.random)
    }

    /// A place for a fault, with each of its options one time in two. `None`: the lab has none.
    pub fn place(&mut self, fault: &'static Fault, spec: &Spec) -> Option<Case> {
        let sites = fault.sites(spec);
        let last = u32::try_from(sites.len().checked_sub(1)?).unwrap_or(u32::MAX);
        let mut args = sites.get(self.random.range(0, last) as usize)?.clone();
        for (option, _) in fault.options {
            if self.random.one_in(2) {
                args.insert((*option).to_owned(), "true".to_owned());
            }
        }
        Some(Case {
            fault: fault.id,
            decoy: fault.decoy,
            args,
        })
    }
}

impl Deck {
    fn draw(&mut self, random: &mut Random) -> Option<&'static Fault> {
        if self.cards.is_empty() {
            let all = faults().iter().enumerate();
            self.cards = all.filter(|(_, f)| f.decoy == self.decoys).map(|(at, _)| at).collect();
        }
        self.left = self.left.saturating_sub(1);
        let last = u32::try_from(self.cards.len().checked_sub(1)?).unwrap_or(u32::MAX);
        let card = self.cards.swap_remove(random.range(0, last) as usize);
        faults().get(card)
    }
}
