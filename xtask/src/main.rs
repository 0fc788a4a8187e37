//! netwhy's own build tasks: everything that a person or CI runs, as one Rust program.
//!
//! `cargo xtask test` runs every test of the repository, `cargo xtask tidy` the rules that are not the compiler's.
//! **Invariant:** depends on no crate of the workspace, so that it builds in seconds and works while they do not.

mod figures;
mod generators;
mod machine;
mod mutants;
mod repo;
mod stages;
mod tidy;

use anyhow::{Result, bail};
use repo::Repo;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--long] [--only STAGE]...   install what is missing (root on Debian), then run every stage
  test --list                       the stages, in order
  tidy [--write]                    the repository's own rules; --write refreshes the generated files
  referee [OPTION]...               the kernel judges the simulator: netwhy lab referee, built with --release
  mutants [--seed N] [--count N] [--packets N]
                                    puts drawn bugs into the simulator; how many does the referee notice?
  mutants --list                    the bugs that are drawn
  figures                           measures, and writes docs/performance.md
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Ok(false): the command ran and found something wrong.
fn run(args: &[String]) -> Result<bool> {
    let repo = Repo::here()?;
    match args.split_first() {
        Some((command, rest)) if command == "test" => stages::run(&repo, &stages::Options::parse(rest)?),
        Some((command, rest)) if command == "tidy" => match rest {
            [] => tidy::run(&repo),
            [flag] if flag == "--write" => {
                generators::write(&repo)?;
                tidy::run(&Repo::here()?)
            }
            _ => bail!("tidy knows only --write\n\n{USAGE}"),
        },
        Some((command, [])) if command == "figures" => figures::run(&repo),
        Some((command, rest)) if command == "referee" => stages::referee(&repo, rest),
        Some((command, rest)) if command == "mutants" => mutants::run(&repo, &mutants::Options::parse(rest)?),
        None => {
            print!("{USAGE}");
            Ok(true)
        }
        Some((command, _)) if ["help", "--help", "-h"].contains(&command.as_str()) => {
            print!("{USAGE}");
            Ok(true)
        }
        Some((command, _)) => bail!("unknown command {command}\n\n{USAGE}"),
    }
}
