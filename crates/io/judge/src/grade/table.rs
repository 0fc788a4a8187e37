//! The table, and the line that is published.

use super::{Fixed, Graded};
use std::fmt::{self, Write as _};

/// Sums over many cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Faults.
    pub faults: usize,
    /// The right cause came first.
    pub right_cause: usize,
    /// The first finding was at the right place.
    pub right_place: usize,
    /// Findings that neither the fault nor the baseline explains.
    pub unexplained: usize,
    /// Faults whose printed command line healed the matrix.
    pub healed: usize,
    /// Oddities that break nothing.
    pub decoys: usize,
    /// Findings on labs with a decoy.
    pub false_alarms: usize,
    /// Labs without anything injected.
    pub healthy: usize,
    /// Findings on them beyond the baseline.
    pub healthy_alarms: usize,
    /// Cases that could not be played here.
    pub skipped: usize,
}

impl Total {
    /// Of these cases.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Graded>) -> Total {
        let mut total = Total::default();
        for one in all {
            let alarms = one.judged.unexplained.len();
            match &one.case {
                _ if one.skipped.is_some() => total.skipped += 1,
                None => {
                    total.healthy += 1;
                    total.healthy_alarms += alarms;
                }
                Some(case) if case.decoy => {
                    total.decoys += 1;
                    total.false_alarms += alarms;
                }
                Some(_) => {
                    total.faults += 1;
                    total.right_cause += usize::from(one.judged.right_cause);
                    total.right_place += usize::from(one.judged.right_cause && one.judged.right_place);
                    total.unexplained += alarms;
                    total.healed += usize::from(one.healed());
                }
            }
        }
        total
    }

    /// Good enough to be published: the right cause first in 98 % of the faults, nothing unexplained, all healed.
    pub fn passes(&self) -> bool {
        let first = self.right_cause * 100 >= self.faults * 98;
        let silent = self.unexplained + self.false_alarms + self.healthy_alarms == 0;
        first && silent && self.healed == self.faults
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        write!(
            f,
            "{} faults, right cause first {} ({:.1} %), right place {} ({:.1} %), unexplained {}, healed {} ({:.1} %); \
             {} decoys, false alarms {}; {} healthy labs, false alarms {}",
            self.faults,
            self.right_cause,
            percent(self.right_cause, self.faults),
            self.right_place,
            percent(self.right_place, self.faults),
            self.unexplained,
            self.healed,
            percent(self.healed, self.faults),
            self.decoys,
            self.false_alarms,
            self.healthy,
            self.healthy_alarms
        )?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, "; {skipped} skipped"),
        }
    }
}

impl fmt::Display for Graded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.case.as_ref().map_or("(nothing)".to_owned(), super::Case::words);
        if let Some(why) = &self.skipped {
            let (seed, nodes) = (self.seed, self.nodes);
            return write!(f, "seed {seed} {nodes} nodes  {words:<64} skipped: {why}");
        }
        let verdict = match (&self.case, self.judged.unexplained.is_empty()) {
            (_, false) => "unexplained",
            (Some(case), _) if case.decoy => "silent",
            (None, _) => "silent",
            _ if self.judged.first.is_none() => "not found",
            _ if !self.judged.right_cause => "wrong cause",
            _ if !self.judged.right_place => "wrong place",
            _ if !self.healed() => "not healed",
            _ => "ok",
        };
        write!(
            f,
            "seed {} {} nodes  {words:<64} breaks {:>3}  {verdict:<12} {}",
            self.seed,
            self.nodes,
            self.broken,
            self.judged.first.as_deref().unwrap_or("-")
        )?;
        self.details(f)
    }
}

impl Graded {
    /// What a person needs to see why it is not as it should be.
    fn details(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for alarm in &self.judged.unexplained {
            write!(f, "\n      unexplained: {alarm}")?;
        }
        if self.is_fault() && !self.healed() {
            match &self.fixed {
                Some(Fixed::Ran { command, ok, output }) => {
                    let tail: Vec<&str> = output.lines().rev().take(3).collect();
                    let tail = tail.into_iter().rev().collect::<Vec<_>>().join(" | ");
                    write!(
                        f,
                        "\n      ran: {command} ({}) {tail}",
                        if *ok { "ok" } else { "failed" }
                    )?;
                }
                _ => write!(f, "\n      no command line is printed")?,
            }
            for cell in self.still_broken.iter().take(3) {
                write!(f, "\n      still broken: {cell}")?;
            }
        }
        Ok(())
    }
}

/// The table of all cases, and a closing line for each seed.
pub fn print(all: &[Graded]) -> String {
    let mut out = String::new();
    for one in all {
        let _ = writeln!(out, "{one}");
    }
    let mut seeds: Vec<u64> = all.iter().map(|g| g.seed).collect();
    seeds.dedup();
    for seed in &seeds {
        let _ = writeln!(
            out,
            "seed {seed}: {}",
            Total::of(all.iter().filter(|g| g.seed == *seed))
        );
    }
    if seeds.len() > 1 {
        let _ = writeln!(out, "all: {}", Total::of(all));
    }
    out
}
