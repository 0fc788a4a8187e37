//! `cargo xtask test`: the stages, in order; the first failure stops.
//!
//! To add a stage, add one entry to [`STAGES`].

use crate::machine;
use crate::repo::Repo;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One line of the table: a command that must succeed.
struct Stage {
    /// What `--only` takes.
    name: &'static str,
    /// Program and arguments; `cargo` is the one that runs us.
    command: &'static [&'static str],
    /// Environment beside the inherited one.
    env: &'static [(&'static str, &'static str)],
    /// Runs only with `--long`, or when asked for by `--only`.
    long: bool,
}

/// All stages. The target folder is shared: `doc` finds the metadata that `clippy` made of the dependencies.
const STAGES: &[Stage] = &[
    Stage {
        name: "fmt",
        command: &["cargo", "fmt", "--all", "--check"],
        env: &[],
        long: false,
    },
    Stage {
        name: "clippy",
        command: &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ],
        env: &[],
        long: false,
    },
    Stage {
        name: "doc",
        command: &["cargo", "doc", "--workspace", "--no-deps", "--locked"],
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        long: false,
    },
    Stage {
        name: "test",
        command: &["cargo", "test", "--workspace", "--locked"],
        env: &[],
        long: false,
    },
    // To be opened when `netwhy lab grade` exists:
    // Stage {
    //     name: "grade",
    //     command: &["cargo", "run", "--release", "--locked", "-p", "netwhy", "--", "lab", "grade", "--seed", "1"],
    //     env: &[],
    //     long: false,
    // },
];

/// The command line of `cargo xtask test`.
#[derive(Debug, Default, PartialEq)]
pub struct Options {
    /// Also the stages marked long, and `NETWHY_LONG=1` for the tests.
    long: bool,
    /// Only these stages.
    only: Vec<String>,
    /// Print the table and end.
    list: bool,
}

impl Options {
    /// Reads the arguments after `test`.
    pub fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--long" => options.long = true,
                "--list" => options.list = true,
                "--only" => {
                    let name = args.next().context("--only needs the name of a stage")?;
                    if !STAGES.iter().any(|stage| stage.name == name) {
                        bail!("no stage is called {name}; there are: {}", names().join(" "));
                    }
                    options.only.push(name.clone());
                }
                other => {
                    bail!("unknown option {other}; test knows --long, --only STAGE and --list")
                }
            }
        }
        Ok(options)
    }

    fn runs(&self, stage: &Stage) -> bool {
        if self.only.is_empty() {
            self.long || !stage.long
        } else {
            self.only.iter().any(|name| name == stage.name)
        }
    }
}

/// How a stage ended.
struct Done {
    name: &'static str,
    took: Duration,
    passed: bool,
    tests: Tests,
}

/// The sums of the `test result:` lines of all test programs.
#[derive(Debug, Default, PartialEq)]
struct Tests {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Ok(true) when every stage that was asked for succeeded.
pub fn run(repo: &Repo, options: &Options) -> Result<bool> {
    if options.list {
        for stage in STAGES {
            println!(
                "{:8} {}{}",
                stage.name,
                stage.command.join(" "),
                if stage.long { "   (--long)" } else { "" }
            );
        }
        return Ok(true);
    }
    machine::prepare();
    let mut done = Vec::new();
    for stage in STAGES.iter().filter(|stage| options.runs(stage)) {
        println!("\n── {} ── {}", stage.name, stage.command.join(" "));
        let start = Instant::now();
        let (passed, tests) = run_stage(repo, stage, options)?;
        done.push(Done {
            name: stage.name,
            took: start.elapsed(),
            passed,
            tests,
        });
        if !passed {
            break;
        }
    }
    let all_passed = done.iter().all(|stage| stage.passed);
    print!("\n{}", summary(&done));
    if let Some(failed) = done.iter().find(|stage| !stage.passed) {
        println!(
            "failed: {}; to repeat it alone: cargo xtask test --only {}",
            failed.name, failed.name
        );
    }
    Ok(all_passed)
}

/// Runs one stage. Its standard error is ours; its standard output passes through us line by line, to sum the results.
/// `cargo xtask referee`: builds the product and lets it judge itself. Ok(false): something differs.
pub fn referee(repo: &Repo, args: &[String]) -> Result<bool> {
    machine::prepare();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "run",
            "--release",
            "--locked",
            "--quiet",
            "-p",
            "netwhy",
            "--",
            "lab",
            "referee",
        ])
        .args(args)
        .env("PATH", machine::path())
        .current_dir(&repo.root)
        .status()
        .context("cannot start cargo")?;
    Ok(status.success())
}

fn run_stage(repo: &Repo, stage: &Stage, options: &Options) -> Result<(bool, Tests)> {
    let (program, args) = stage.command.split_first().context("a stage without a command")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(if *program == "cargo" { cargo } else { program.into() });
    command
        .args(args)
        .envs(stage.env.iter().copied())
        .env("PATH", machine::path())
        .current_dir(&repo.root);
    if options.long {
        command.env("NETWHY_LONG", "1");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let mut tests = Tests::default();
    let mut output = BufReader::new(child.stdout.take().context("no standard output")?);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        tests.add(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((child.wait()?.success(), tests))
}

impl Tests {
    /// Adds a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out`.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        self.programs += 1;
        let numbers = rest.split(['.', ';']).filter_map(|part| part.trim().split_once(' '));
        for (number, word) in numbers {
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

fn summary(done: &[Done]) -> String {
    let mut text = String::new();
    for stage in done {
        let state = if stage.passed { "ok" } else { "FAILED" };
        text += &format!("{:8} {state:6} {:>9}", stage.name, minutes(stage.took));
        let Tests {
            programs,
            passed,
            failed,
            ignored,
        } = &stage.tests;
        if *programs > 0 {
            text += &format!("   {passed} passed, {failed} failed, {ignored} ignored in {programs} programs");
        }
        text.push('\n');
    }
    let total = done.iter().map(|stage| stage.took).sum();
    text + &format!("{:15} {:>9}\n", "total", minutes(total))
}

fn minutes(time: Duration) -> String {
    format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
}

fn names() -> Vec<&'static str> {
    STAGES.iter().map(|stage| stage.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_name_stages_that_exist() {
        assert!(parse("--long").unwrap().long);
        assert_eq!(parse("--only fmt --only test").unwrap().only, ["fmt", "test"]);
        assert!(
            parse("--only nothing")
                .unwrap_err()
                .to_string()
                .contains("fmt clippy doc test")
        );
        assert!(parse("--only").is_err());
        assert!(parse("--fast").is_err());
    }

    #[test]
    fn a_long_stage_runs_when_asked_for() {
        let stage = Stage {
            name: "grade",
            command: &["true"],
            env: &[],
            long: true,
        };
        assert!(!Options::default().runs(&stage));
        assert!(
            Options {
                long: true,
                ..Options::default()
            }
            .runs(&stage)
        );
        assert!(
            Options {
                only: vec!["grade".to_owned()],
                ..Options::default()
            }
            .runs(&stage)
        );
    }

    #[test]
    fn results_of_all_test_programs_are_summed() {
        let mut tests = Tests::default();
        tests.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        tests.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s");
        tests.add("test other ... ok");
        assert_eq!(
            tests,
            Tests {
                programs: 2,
                passed: 15,
                failed: 2,
                ignored: 1
            }
        );
    }

    #[test]
    fn the_summary_lines_up() {
        let done = |name, seconds, passed| Done {
            name,
            took: Duration::from_secs(seconds),
            passed,
            tests: Tests::default(),
        };
        let text = summary(&[done("fmt", 2, true), done("clippy", 125, false)]);
        assert_eq!(
            text,
            "fmt      ok     0 min 02 s\nclippy   FAILED 2 min 05 s\ntotal           2 min 07 s\n"
        );
    }
}
