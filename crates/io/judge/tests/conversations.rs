//! Conversations in worlds that are drawn, with the kernel as the referee. A fixed seed; `NETWHY_LONG=1` draws many more,
//! `NETWHY_SEED`, `NETWHY_WORLDS` and `NETWHY_NUMBER` others, or one.

use netwhy_judge::referee::conversations::{Options, recipe, run};
use netwhy_judge::world::Drops;
use std::time::Duration;

/// On a busy machine fewer worlds are built.
const BUDGET: Duration = Duration::from_secs(60);

fn number(key: &str) -> Option<u64> {
    std::env::var(key).ok()?.parse().ok()
}

/// What the worlds need and is not there.
fn missing() -> Option<&'static str> {
    if netwhy_sys::Netns::create().is_err() {
        return Some("CAP_SYS_ADMIN");
    }
    Drops::of_this_thread().err().map(|_| "tracefs")
}

#[test]
fn the_kernel_agrees() {
    if let Some(what) = missing() {
        eprintln!("not run: needs {what}");
        return;
    }
    let long = std::env::var_os("NETWHY_LONG").is_some();
    let options = Options {
        seed: number("NETWHY_SEED").unwrap_or(1),
        worlds: number("NETWHY_WORLDS").unwrap_or(if long { 2000 } else { 60 }),
        world: number("NETWHY_NUMBER"),
        budget: (!long && number("NETWHY_WORLDS").is_none()).then_some(BUDGET),
        until: None,
        shrink: std::env::var_os("NETWHY_SHRINK").is_none_or(|s| s != "0"),
        threads: number("NETWHY_THREADS").unwrap_or(12) as usize,
    };
    if let Some(world) = options.world {
        println!("{}", recipe(options.seed, world).lines.join("\n"));
    }
    let summary = run(&options, &mut |line| println!("{line}"));
    for (name, count) in &summary.features {
        println!("{count:6} {name}");
    }
    println!(
        "{} worlds, {} questions, {} decided, {} unknown, {} disagreements",
        summary.worlds,
        summary.questions,
        summary.decided,
        summary.unknown,
        summary.disagreements.len()
    );
    assert!(summary.worlds > 0);
    // A few lines are refused, as the kernel does not see the gateway that a drawn rule hides.
    let broken = summary.broken.len() as u64;
    assert!(
        broken * 10 <= summary.worlds,
        "worlds that could not be built: {:#?}",
        summary.broken
    );
    assert!(
        summary.disagreements.is_empty(),
        "see above; NETWHY_SEED={}",
        options.seed
    );
}
