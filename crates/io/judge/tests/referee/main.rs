//! The kernel judges the simulator, packet by packet: small cases of the past, 300 worlds of fixed seeds, some fresh ones.
//!
//! This program has no test harness. With arguments it judges what they say: `--seed N --worlds N --sets N --packets N
//! --conversations N --threads N --seconds N --until N --features --fidelity`; `--cases [FILE]` judges the small ones only,
//! `--stored` writes `docs/fidelity.md` from the stored figures.

use netwhy_judge::referee::court::{Options, Sitting, sit};
use netwhy_judge::referee::packets::Case;
use netwhy_judge::referee::{Sickbay, fidelity};
use netwhy_judge::world::{Drops, recipes};
use netwhy_sys::Netns;
use netwhy_sys::tap::Tap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const CASES: &str = include_str!("cases.txt");

/// The suite of every run: two idle cores take two minutes for it.
const SEED: u64 = 1;
const WORLDS: u64 = 300;
const RULE_SETS: u32 = 4;
const PACKETS: u64 = 200_000;
/// Ports and ways that the kernel draws are not drawn by a seed of ours: so many differences may turn up among 200,000
/// packets without anybody having changed anything. They are printed; with `NETWHY_LONG=1` none may.
const BY_CHANCE: usize = 3;
/// Worlds that nobody has seen.
const FRESH: u64 = 30;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--list") {
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|a| a == "--stored") {
        fidelity::again(&root()).expect("docs/fidelity.md");
        return ExitCode::SUCCESS;
    }
    if let Some(missing) = missing() {
        println!("not run: needs {missing}\ntest result: ok. 0 passed; 0 failed; 4 ignored");
        return ExitCode::SUCCESS;
    }
    if args
        .iter()
        .any(|a| a.starts_with("--seed") || a == "--worlds" || a == "--conversations")
    {
        return asked(&args);
    }
    if let Some(at) = args.iter().position(|a| a == "--cases") {
        let file = args
            .get(at + 1)
            .map(|path| std::fs::read_to_string(path).expect("a file of cases"));
        return ExitCode::from(u8::from(!cases(file.as_deref().unwrap_or(CASES))));
    }
    let long = std::env::var_os("NETWHY_LONG").is_some_and(|v| v == "1");
    let mut failed = Vec::new();
    if !cases(CASES) {
        failed.push("cases");
    }
    let fixed = judge(&options(SEED, WORLDS, RULE_SETS, PACKETS));
    let many = fixed.disagreements > if long { 0 } else { BY_CHANCE };
    if many || (long && !fixed.healed.is_empty()) || fixed.packets < PACKETS {
        failed.push("fixed seeds");
    }
    for entry in &fixed.healed {
        println!("sickbay.toml: matches nothing any more: {entry}");
    }
    let poorer = fidelity::stored(&root()).expect("figures").poorer(&fixed.frames);
    for what in &poorer {
        println!("the worlds have become poorer: {what}");
    }
    if !poorer.is_empty() {
        failed.push("histogram");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let fresh = judge(&options(now, FRESH, RULE_SETS, PACKETS / WORLDS * FRESH));
    if fresh.disagreements > 0 && long {
        failed.push("fresh seeds");
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    println!(
        "{}test result: {verdict}. {} passed; {} failed; 0 ignored",
        failed.iter().map(|f| format!("failed: {f}\n")).collect::<String>(),
        4 - failed.len(),
        failed.len()
    );
    ExitCode::from(u8::from(!failed.is_empty()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// What the worlds need and is not there.
fn missing() -> Option<String> {
    let netns = match Netns::create() {
        Ok(netns) => netns,
        Err(e) => return Some(format!("CAP_SYS_ADMIN ({e})")),
    };
    if let Err(e) = Tap::create(&netns, "try") {
        return Some(format!("TAP devices ({e})"));
    }
    Drops::of_this_thread().err().map(|e| format!("tracefs ({e})"))
}

fn options(seed: u64, worlds: u64, rule_sets: u32, packets: u64) -> Options {
    Options {
        seed,
        worlds,
        rule_sets,
        packets,
        conversations: 0,
        budget: None,
        until: None,
        threads: 2,
        sickbay: Sickbay::known().expect("sickbay.toml"),
    }
}

fn judge(options: &Options) -> Sitting {
    sit(options, &mut |line| println!("{line}")).expect("namespaces")
}

fn asked(args: &[String]) -> ExitCode {
    let given = |name: &str| -> Option<u64> {
        let at = args.iter().position(|a| a == name)?;
        args.get(at + 1)?.parse().ok()
    };
    let number = |name: &str, default: u64| given(name).unwrap_or(default);
    let worlds = number("--worlds", 20);
    let sets = number("--sets", 4);
    let options = Options {
        conversations: number("--conversations", 0),
        threads: number("--threads", 2) as u32,
        budget: Some(Duration::from_secs(number("--seconds", 100_000))),
        until: given("--until").map(|n| n as usize),
        ..options(
            number("--seed", 1),
            worlds,
            sets as u32,
            number("--packets", worlds * sets * 170),
        )
    };
    let sitting = judge(&options);
    if args.iter().any(|a| a == "--fidelity") {
        let figures = fidelity::Figures::of(&options.frames(), &sitting.frames);
        fidelity::write(&root(), &figures).expect("docs/fidelity.md");
    }
    if args.iter().any(|a| a == "--features") {
        for (key, count) in &sitting.frames.features {
            let worlds = sitting.frames.worlds_of.get(key).copied().unwrap_or(0);
            println!("{count:9} {worlds:5} {key}");
        }
    }
    ExitCode::from(u8::from(sitting.disagreements > 0))
}

/// Disagreements of the past, made small and mended.
fn cases(text: &str) -> bool {
    let work = || {
        let mut drops = Drops::of_this_thread().expect("drop reasons");
        let mut good = true;
        for recipe in recipes(&[("cases", text)]) {
            let judged = Case::read(&recipe.lines).and_then(|case| case.judge(&mut drops));
            if judged != Ok(None) {
                println!("WRONG {}: {judged:?}", recipe.name);
                good = false;
            }
        }
        good
    };
    std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"))
}
