//! The kernel judges the simulator, packet by packet, in worlds of fixed seeds.

use netwhy_judge::referee::fidelity;
use netwhy_judge::referee::packets::{Disagreement, shrink};
use netwhy_judge::referee::packets::{Options, run};
use netwhy_judge::world::Drops;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    if args.iter().any(|a| a == "--stored") {
        return match fidelity::again(&root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("{why}");
                ExitCode::FAILURE
            }
        };
    }
    let number = |name: &str, default: u64| {
        let at = args.iter().position(|a| a == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let options = Options {
        seed: number("--seed", 1),
        worlds: number("--worlds", 20),
        rule_sets: number("--sets", 5) as u32,
        packets: number("--packets", 200) as u32,
        budget: Some(Duration::from_secs(number("--seconds", 100_000))),
        threads: number("--threads", 2) as u32,
    };
    let sum = match run(&options) {
        Ok(sum) => sum,
        Err(why) => {
            println!("{why}");
            return ExitCode::FAILURE;
        }
    };
    if args.iter().any(|a| a == "--fidelity") {
        let figures = fidelity::Figures::of(&options, &sum);
        if let Err(why) = fidelity::write(&root, &figures) {
            println!("{why}");
        }
    }
    let show = number("--show", 5) as usize;
    let mut kinds: BTreeMap<String, Vec<&Disagreement>> = BTreeMap::new();
    for one in &sum.disagreements {
        kinds.entry(kind(&one.what)).or_default().push(one);
    }
    let mut ranked: Vec<_> = kinds.iter().collect();
    ranked.sort_by_key(|(_, l)| std::cmp::Reverse(l.len()));
    for (kind, list) in ranked.iter().take(25) {
        println!(
            "{:6} {kind}   e.g. {}",
            list.len(),
            list[0].case.packets.last().map_or(String::new(), ToString::to_string)
        );
    }
    if show > 0 {
        let mut drops = Drops::of_thread("nwref-shrink").expect("drops");
        let mut order: Vec<_> = kinds.values().collect();
        order.sort_by_key(|l| std::cmp::Reverse(l.len()));
        let work = || {
            for one in order.iter().take(show).map(|l| l[0]) {
                let (case, what) = shrink(&one.case, &mut drops, Duration::from_secs(10));
                match what {
                    Some(what) => println!(
                        "── seed {}
{}{what}",
                        one.seed,
                        case.text()
                    ),
                    None => println!(
                        "── seed {} (not repeated)
{}
{}",
                        one.seed,
                        case.packets.last().map_or(String::new(), ToString::to_string),
                        one.what
                    ),
                }
            }
        };
        std::thread::scope(|s| {
            std::thread::Builder::new()
                .name("nwref-shrink".into())
                .spawn_scoped(s, work)
                .expect("thread");
        });
    }
    for why in sum.unrepeated.iter().take(show) {
        println!("not repeated: {why}");
    }
    for why in sum.broken.iter().take(show) {
        println!("broken: {why}");
    }
    if args.iter().any(|a| a == "--features") {
        for (key, count) in &sum.features {
            let worlds = sum.worlds_of.get(key).copied().unwrap_or(0);
            println!("{count:9} {worlds:5} {key}");
        }
    }
    for (key, count) in &sum.gaps {
        println!("{count:9} unknown: {key}");
    }
    println!("{:?} building, {:?} packets", sum.took.0, sum.took.1);
    println!(
        "seed {}: {} worlds, {} rule sets, {} packets, {} unknown, {} broken, {} not repeated, {} disagreements",
        options.seed,
        sum.worlds,
        sum.rule_sets,
        sum.packets,
        sum.unknown,
        sum.broken.len(),
        sum.unrepeated.len(),
        sum.disagreements.len()
    );
    ExitCode::from(u8::from(!sum.disagreements.is_empty()))
}

/// Without addresses.
fn kind(what: &str) -> String {
    let words = what.split_whitespace().filter_map(|w| {
        let w = w.trim_matches(|c| matches!(c, '[' | ']' | ';'));
        (w.contains('@')
            || [
                "kernel:", "model:", "nothing", "less", "ARP", "flags", "ttl", "tos", "df", "frag", "about",
            ]
            .contains(&w)
            || (w.starts_with('p') && w[1..].parse::<u8>().is_ok()))
        .then_some(w)
    });
    words.collect::<Vec<_>>().join(" ")
}
