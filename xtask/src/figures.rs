//! `cargo xtask figures`: measures, and writes `docs/performance.md` with the machine and the commit.
//!
//! Machines are shared and noisy: each figure is the best of several runs, and none is a test.

use crate::repo::Repo;
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 20;

/// Builds, measures and writes the page.
pub fn run(repo: &Repo) -> Result<bool> {
    let root = repo.root.as_path();
    cargo(root, &["build", "--release", "--locked", "--package", "netwhy"])?;
    let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| root.join("target"), Into::into);
    let netwhy = target.join("release/netwhy");
    let size = std::fs::metadata(&netwhy).context("the release binary")?.len();
    let bundle = root.join("tests/recordings/healthy.tar.zst");
    let bundle = bundle.to_string_lossy();
    let start = best(|| time(&netwhy, &["--version"], &[0]))?;
    let check = best(|| time(&netwhy, &["check", "-f", &bundle], &[0, 1, 3]))?;
    let up = lab_up(&netwhy)?;
    let mut page = head(root)?;
    let _ = writeln!(page, "| what | best of | figure | goal |\n|---|--:|--:|---|");
    let _ = writeln!(
        page,
        "| `netwhy --version`, from exec to exit | {RUNS} | {start:.1} ms | starts in ≤ 10 ms |"
    );
    let _ = writeln!(
        page,
        "| `netwhy check -f tests/recordings/healthy.tar.zst` (3 nodes, 3,205 promises) | {RUNS} | {check:.0} ms | |"
    );
    let row = up.map_or_else(
        || "not measured: no lab can be made here".to_owned(),
        |ms| format!("{ms:.0} ms"),
    );
    let _ = writeln!(
        page,
        "| `netwhy lab up` (3 nodes), rules and servers included | 5 | {row} | < 1 s |"
    );
    let _ = writeln!(
        page,
        "| release binary, stripped | | {:.1} MB | ≤ 20 MB static |",
        size as f64 / 1e6
    );
    for (title, package, bench) in BENCHES {
        let text = output(
            root,
            "cargo",
            &["bench", "--locked", "--package", package, "--bench", bench],
        )?;
        let _ = writeln!(page, "\n## {title}\n\n`cargo bench -p {package}`\n\n```text");
        for line in text
            .lines()
            .filter(|l| !l.trim().is_empty() && !l.starts_with("running "))
        {
            let _ = writeln!(page, "{}", line.trim_end());
        }
        page.push_str("```\n");
    }
    std::fs::write(root.join("docs/performance.md"), page)?;
    println!("docs/performance.md written");
    Ok(true)
}

const BENCHES: [(&str, &str, &str); 2] = [
    ("One flow, engine only (goal: ≤ 25 µs)", "netwhy-sim", "flow"),
    ("Parsing (goal: ≥ 2 M rules/s/core)", "netwhy-snapshot", "parse"),
];

fn head(root: &Path) -> Result<String> {
    let commit = output(root, "git", &["rev-parse", "--short", "HEAD"])?;
    let kernel = output(root, "uname", &["-sr"])?;
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown", |l| l.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    Ok(format!(
        "# Performance\n\nWritten by `cargo xtask figures`; do not edit. Commit {}, {}, {cores} cores ({model}), load average {load} at the end of the build.\nEach figure is the best of several runs on a machine that others share: an upper bound.\n\n",
        commit.trim(),
        kernel.trim()
    ))
}

fn cargo(root: &Path, args: &[&str]) -> Result<()> {
    let status = Command::new("cargo").args(args).current_dir(root).status()?;
    ensure!(status.success(), "cargo {} failed", args.join(" "));
    Ok(())
}

fn output(root: &Path, program: &str, args: &[&str]) -> Result<String> {
    let done = Command::new(program)
        .args(args)
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(done.status.success(), "{program} {} failed", args.join(" "));
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Milliseconds of the quickest run.
fn best(mut once: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut least = f64::MAX;
    for _ in 0..RUNS {
        least = least.min(once()?);
    }
    Ok(least)
}

fn time(program: &Path, args: &[&str], codes: &[i32]) -> Result<f64> {
    let started = Instant::now();
    let status = Command::new(program)
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let took = started.elapsed().as_secs_f64() * 1e3;
    ensure!(
        status.code().is_some_and(|c| codes.contains(&c)),
        "{} {} ended with {status}",
        program.display(),
        args.join(" ")
    );
    Ok(took)
}

/// `None` where this user may not make a lab.
fn lab_up(netwhy: &Path) -> Result<Option<f64>> {
    let folder = std::env::temp_dir().join(format!("netwhy-figures-{}", std::process::id()));
    let lab = |args: &[&str]| -> Result<Option<f64>> {
        let started = Instant::now();
        let status = Command::new(netwhy)
            .arg("lab")
            .args(args)
            .env("NETWHY_LAB_ROOT", &folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        Ok(status.success().then(|| started.elapsed().as_secs_f64() * 1e3))
    };
    let mut least: Option<f64> = None;
    for _ in 0..5 {
        let Some(ms) = lab(&["up"])? else { break };
        least = Some(least.map_or(ms, |l| l.min(ms)));
        lab(&["down"])?;
    }
    let _ = std::fs::remove_dir_all(&folder);
    Ok(least)
}
