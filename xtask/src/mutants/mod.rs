//! `cargo xtask mutants`: bugs are put into the simulator, one at a time, and the referee is asked whether it notices.
//!
//! The bugs are those that cargo-mutants makes up; some are drawn by a seed. Each goes into a copy of the sources below the
//! target folder, and the referee's test program is built there and judges worlds of a fixed seed. What was judged stands in
//! a file, so that a run that was broken off goes on.

mod list;
mod record;
mod tree;
mod trial;

use crate::machine;
use crate::repo::Repo;
use anyhow::{Context, Result, bail};
use list::Mutant;
use record::Record;
use std::time::{Duration, Instant};
use tree::Tree;
use trial::{Figures, Verdict};

/// So many of a hundred mutants must be noticed.
const GOAL: usize = 95;
/// A mutant may take so many times as long as no mutant, and at least so long.
const PATIENCE: u32 = 5;
const PATIENCE_MIN: Duration = Duration::from_secs(60);

/// The command line of `cargo xtask mutants`.
#[derive(Debug, PartialEq)]
pub struct Options {
    /// Decides which mutants are drawn, and in which order.
    seed: u64,
    /// Mutants that are judged; those that do not compile come on top.
    count: usize,
    /// Packets that the referee injects for each.
    packets: u64,
    /// Print what is drawn and end.
    list: bool,
}

impl Options {
    /// Reads the arguments after `mutants`.
    pub fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options {
            seed: 1,
            count: 100,
            packets: 50_000,
            list: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut number = || -> Result<u64> {
                let text = args.next().with_context(|| format!("{arg} needs a number"))?;
                text.parse().with_context(|| format!("{arg} {text}: no number"))
            };
            match arg.as_str() {
                "--seed" => options.seed = number()?,
                "--count" => options.count = usize::try_from(number()?)?,
                "--packets" => options.packets = number()?,
                "--list" => options.list = true,
                other => bail!("unknown option {other}; mutants knows --seed N, --count N, --packets N and --list"),
            }
        }
        Ok(options)
    }
}

/// Ok(false): too many mutants were missed.
pub fn run(repo: &Repo, options: &Options) -> Result<bool> {
    let tree = Tree::copy(repo)?;
    let all = list::read(&tree.cargo_mutants()?)?;
    let known = all.len();
    let mut mutants: Vec<Mutant> = all.into_iter().filter(list::is_visible).collect();
    list::shuffle(&mut mutants, options.seed);
    println!(
        "{} mutants, and {} that the referee cannot see by design",
        mutants.len(),
        known - mutants.len()
    );
    if options.list {
        mutants
            .iter()
            .take(options.count)
            .for_each(|mutant| println!("{}", mutant.name));
        return Ok(true);
    }
    machine::prepare();
    let limits = measure(&tree, options)?;
    let record = Record::open(&tree.folder, &tree.hash, options)?;
    let mut score = Score::default();
    for mutant in &mutants {
        if score.judged() == options.count {
            break;
        }
        let verdict = match record.of(&mutant.name) {
            Some(verdict) => verdict,
            None => {
                let verdict = one(&tree, mutant, options, &limits)?;
                record.add(&mutant.name, &verdict)?;
                verdict
            }
        };
        println!("{}", score.add(&mutant.name, &verdict));
    }
    println!("{}", score.line(options.seed));
    Ok(score.is_good())
}

/// What a run without a mutant shows, and how long a mutant may take.
struct Limits {
    figures: Figures,
    timeout: Duration,
}

fn measure(tree: &Tree, options: &Options) -> Result<Limits> {
    let program = tree
        .build()?
        .with_context(|| format!("the unmutated program does not compile: see {}", tree.log().display()))?;
    let began = Instant::now();
    let run = trial::run(&program, options.packets, None, None, &tree.folder)?;
    let took = began.elapsed();
    let figures = Figures::read(&run.output)
        .with_context(|| format!("the unmutated program ended without figures: see {}", run.log.display()))?;
    println!("without a mutant: {figures}, {} s", took.as_secs());
    let timeout = (took * PATIENCE).max(PATIENCE_MIN);
    println!("a mutant is caught by {}", trial::rules(&figures, timeout));
    Ok(Limits { figures, timeout })
}

/// Applies one mutant, builds and runs the referee, and takes the mutant away again.
fn one(tree: &Tree, mutant: &Mutant, options: &Options, limits: &Limits) -> Result<Verdict> {
    let text = tree.read(&mutant.file)?;
    let mutated = mutant
        .applied(&text)
        .with_context(|| format!("{} is not in its file", mutant.name))?;
    tree.write(&mutant.file, &mutated)?;
    let built = tree.build();
    tree.write(&mutant.file, &text)?;
    let Some(program) = built? else {
        return Ok(Verdict::Unviable);
    };
    let until = trial::allowed(&limits.figures) + 1;
    let run = trial::run(
        &program,
        options.packets,
        Some(until),
        Some(limits.timeout),
        &tree.folder,
    )?;
    trial::judge(&run, &limits.figures)
}

/// What was judged so far.
#[derive(Debug, Default)]
struct Score {
    caught: usize,
    missed: usize,
    unviable: usize,
}

impl Score {
    /// Counts, and says it.
    fn add(&mut self, name: &str, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Caught(why) => {
                self.caught += 1;
                format!("caught: {name}\n        by {why}")
            }
            Verdict::Missed(why) => {
                self.missed += 1;
                format!("MISSED: {name}\n        {why}")
            }
            Verdict::Unviable => {
                self.unviable += 1;
                format!("unviable: {name}")
            }
        }
    }

    fn judged(&self) -> usize {
        self.caught + self.missed
    }

    fn is_good(&self) -> bool {
        self.caught * 100 >= self.judged() * GOAL
    }

    fn line(&self, seed: u64) -> String {
        format!(
            "seed {seed}: {} mutants, {} caught, {} missed ({} unviable)",
            self.judged(),
            self.caught,
            self.missed,
            self.unviable
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_have_defaults_and_take_numbers() {
        let options = parse("--seed 7 --count 12 --list").unwrap();
        assert_eq!(
            options,
            Options {
                seed: 7,
                count: 12,
                packets: 50_000,
                list: true
            }
        );
        assert_eq!(parse("").unwrap().count, 100);
        assert!(parse("--seed").is_err());
        assert!(parse("--count many").is_err());
        assert!(parse("--fast").is_err());
    }

    #[test]
    fn what_does_not_compile_is_no_mutant() {
        let mut score = Score::default();
        for _ in 0..19 {
            score.add("a", &Verdict::Caught("5 disagreements".to_owned()));
        }
        score.add("b", &Verdict::Unviable);
        score.add("c", &Verdict::Missed("0 disagreements".to_owned()));
        assert_eq!(score.line(3), "seed 3: 20 mutants, 19 caught, 1 missed (1 unviable)");
        assert!(score.is_good());
        score.add("d", &Verdict::Missed("0 disagreements".to_owned()));
        assert!(!score.is_good());
    }
}
