//! The kernel is the referee: every cell of the probe matrix of a living lab is predicted from what was collected,
//! healthy and under each fault.
//!
//! This program has no test harness: it re-executes itself as the holder of its labs. With
//! `NETWHY_LONG=1` every fault is injected at its first and its last place, and more random labs are probed;
//! `NETWHY_SEED` chooses them. An argument takes only the scenes whose labels hold it.

use netwhy_judge::live::{disagreements, probe, read};
use netwhy_lab::faults::{faults, text};
use netwhy_lab::matrix::{Cell, Options, Pair, pairs, render};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Args, Labs, Random, UpOptions};
use netwhy_model::Cluster;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const NAME: &str = "matrix";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = netwhy_lab::hidden_main(&args) {
        return ExitCode::from(code as u8);
    }
    let words: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    if words.iter().any(|w| w == "--list") {
        return ExitCode::SUCCESS;
    }
    run(&words)
}

fn run(words: &[String]) -> ExitCode {
    if let Err(e) = netwhy_sys::Netns::create() {
        assert_eq!(
            e.raw_os_error(),
            Some(1),
            "namespaces cannot be made, but not for want of CAP_SYS_ADMIN: {e}"
        );
        println!("not run: needs CAP_SYS_ADMIN ({e})\ntest result: ok. 0 passed; 0 failed; 1 ignored");
        return ExitCode::SUCCESS;
    }
    let long = std::env::var_os("NETWHY_LONG").is_some_and(|v| v == "1");
    let only = words.iter().find(|w| !w.starts_with('-')).cloned();
    let mut wrong = Vec::new();
    let seed: u64 = std::env::var("NETWHY_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let mut specs = vec![("default".to_owned(), seed + 1000, Spec::default_with(3))];
    let seeds = seed..seed + if long { 5 } else { 1 };
    specs.extend(seeds.map(|seed| (format!("seed {seed}"), seed, Spec::random(seed))));
    let mut passed = 0;
    for (name, seed, spec) in specs {
        let home = Home::up(&spec);
        for scene in scenes(&spec, long, seed) {
            let label = format!("{name}, {}", scene.label());
            if only.as_ref().is_some_and(|only| !label.contains(only.as_str())) {
                continue;
            }
            match home.play(&spec, &scene, &label) {
                0 => passed += 1,
                count => wrong.push(format!("{label}: {count} cells")),
            }
        }
    }
    let verdict = if wrong.is_empty() { "ok" } else { "FAILED" };
    println!(
        "{}\ntest result: {verdict}. {passed} passed; {} failed; 0 ignored",
        wrong.join("\n"),
        wrong.len()
    );
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// Healthy, or with faults.
struct Scene(Vec<(&'static str, Args)>);

impl Scene {
    fn label(&self) -> String {
        let words = self.0.iter().map(|(fault, args)| format!("{fault} {}", text(args)));
        match self.0.is_empty() {
            true => "healthy".to_owned(),
            false => words.collect::<Vec<_>>().join(" + "),
        }
    }
}

/// Healthy; each fault by itself; some pairs of faults, drawn by the seed.
fn scenes(spec: &Spec, long: bool, seed: u64) -> Vec<Scene> {
    let mut all = vec![Scene(Vec::new())];
    for fault in faults() {
        let sites = fault.sites(spec);
        let last = sites.last().cloned().filter(|_| long && sites.len() > 1);
        let places = sites.first().cloned().into_iter().chain(last);
        all.extend(places.map(|args| Scene(vec![(fault.id, args)])));
    }
    let mut random = Random::new(seed);
    let mut draw = || {
        let fault = random.pick(&faults().iter().collect::<Vec<_>>());
        let sites = fault.sites(spec);
        (fault.id, random.pick(&sites.iter().collect::<Vec<_>>()).clone())
    };
    for _ in 0..if long { 10 } else { 2 } {
        let (one, other) = (draw(), draw());
        if one != other {
            all.push(Scene(vec![one, other]));
        }
    }
    all
}

/// A lab of one's own, gone with this value.
struct Home {
    root: PathBuf,
    labs: Labs,
}

impl Home {
    fn up(spec: &Spec) -> Home {
        let root = std::env::temp_dir().join(format!("netwhy-lab-matrix-{}", std::process::id()));
        std::fs::create_dir_all(&root).expect("folder");
        let labs = Labs::at(&root);
        let options = UpOptions {
            name: NAME.to_owned(),
            ..UpOptions::default()
        };
        let home = Home { root, labs };
        home.labs.up(spec, &options).expect("lab up");
        home
    }

    /// How many cells differ. The lab is healthy afterwards.
    fn play(&self, spec: &Spec, scene: &Scene, label: &str) -> usize {
        let started = Instant::now();
        let lab = self.labs.view(NAME).expect("view");
        for (fault, args) in &scene.0 {
            lab.break_(fault, args).expect("break");
        }
        let collected = read(&lab, &|| "2026-01-01T00:00:00Z".to_owned()).expect("collect");
        let cluster = Cluster::build(collected.snapshot);
        let pairs: Vec<Pair> = pairs(spec);
        let options = Options {
            always: true,
            ..Options::default()
        };
        let cells: Vec<Cell> = probe(&lab, &pairs, &options).expect("probe");
        let found = disagreements(&lab, &cluster, &pairs, &cells, &options).expect("probe again");
        println!(
            "{label}: {} cells, {} disagree, {:?}",
            cells.len(),
            found.len(),
            started.elapsed()
        );
        for one in found.iter().take(8) {
            println!("    {one}");
        }
        if !found.is_empty() && std::env::var_os("NETWHY_SHOW").is_some() {
            println!("{}", render(&cells));
        }
        lab.heal("all").expect("heal");
        found.len()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = self.labs.down(NAME);
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
