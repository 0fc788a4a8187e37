//! The kernel as the referee of the simulator: small worlds of network namespaces, one or more for each place where a
//! plausible model of the packet path is wrong. See `world/` for how they are written.

mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use world::{Drops, Row, judge, recipes};

/// Files of worlds.
const FILES: &[(&str, &str)] = &[
    ("topologies", include_str!("world/worlds/topologies.txt")),
    ("br_netfilter", include_str!("world/worlds/br_netfilter.txt")),
    ("order", include_str!("world/worlds/order.txt")),
    ("conntrack", include_str!("world/worlds/conntrack.txt")),
    ("masquerade", include_str!("world/worlds/masquerade.txt")),
    ("icmp", include_str!("world/worlds/icmp.txt")),
    ("local", include_str!("world/worlds/local.txt")),
    ("routes", include_str!("world/worlds/routes.txt")),
    ("neigh", include_str!("world/worlds/neigh.txt")),
    ("bridge", include_str!("world/worlds/bridge.txt")),
    ("vxlan", include_str!("world/worlds/vxlan.txt")),
    ("matches", include_str!("world/worlds/matches.txt")),
];

/// Known disagreements: world, question, reason. One that is gone must leave the list.
const SICKBAY: &[(&str, &str, &str)] = &[
    ("matches: an ACK that never arrives", "tcp", LATER),
    ("conntrack: asymmetric return, the answer is NEW", "tcp", LATER),
    ("icmp: REJECT of each kind", "10.2.0.2:3", "no class for ENOPROTOOPT: shown as refused"),
    ("neigh: a proxy entry for one address", "tcp", "`ip neigh show` does not list proxy entries, so no member has them"),
];
const LATER: &str = "ok is that the connection is made: the packets after it are not followed";

/// Worlds that stand at the same time. They mostly wait.
const WORKERS: usize = 6;

/// The capabilities that the worlds need: new network namespaces, and drop reasons.
fn missing() -> Option<&'static str> {
    if let Err(error) = netwhy_sys::Netns::create() {
        assert!(!is_root(), "root, but no network namespace: {error}");
        return Some("CAP_SYS_ADMIN");
    }
    if let Err(error) = Drops::of_thread("nwtrap-try") {
        assert!(!is_root(), "root, but no tracefs in /sys/kernel/tracing: {error}");
        return Some("tracefs");
    }
    None
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|s| s.lines().any(|l| l.starts_with("Uid:\t0\t0")))
}

#[test]
fn worlds_are_as_the_kernel_says() {
    if let Some(what) = missing() {
        eprintln!("not run: needs {what}");
        return;
    }
    let wanted = std::env::var("NETWHY_WORLD").unwrap_or_default();
    let mut all = recipes(FILES);
    all.retain(|r| r.name.contains(&wanted));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..WORKERS {
            let name = format!("nwtrap-{number}");
            let (all, next, results) = (&all, &next, &results);
            let work = move || {
                let mut drops = Drops::of_thread(&name).unwrap();
                while let Some(recipe) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = judge(recipe, &mut drops).map_err(|why| format!("{}: {why}", recipe.name));
                    results.lock().unwrap().push(result);
                }
            };
            std::thread::Builder::new()
                .name(format!("nwtrap-{number}"))
                .spawn_scoped(scope, work)
                .unwrap();
        }
    });
    let results = results.into_inner().unwrap();
    let broken: Vec<&String> = results.iter().filter_map(|r| r.as_ref().err()).collect();
    let mut rows: Vec<&Row> = results.iter().filter_map(|r| r.as_ref().ok()).flatten().collect();
    rows.sort_by(|a, b| a.world.cmp(&b.world));
    let known = |row: &Row| SICKBAY.iter().any(|(w, a, _)| *w == row.world && row.ask.contains(a));
    let (mut wrong, mut table) = (String::new(), String::new());
    for row in &rows {
        let state = match (row.wrong.is_empty(), known(row)) {
            (true, _) => "ok",
            (false, true) => "known",
            (false, false) => "WRONG",
        };
        table += &format!("{state:6} {:44} {:34} {}\n", row.world, row.ask, row.kernel);
        if state == "WRONG" {
            wrong += &format!(
                "\n{}\n  ask     {}\n  kernel  {}\n  sim     {}\n  wrong   {}\n",
                row.world,
                row.ask,
                row.kernel,
                row.sim,
                row.wrong.join("; ")
            );
        }
    }
    println!("{table}");
    let healed: Vec<_> = SICKBAY
        .iter()
        .filter(|(w, a, _)| !rows.iter().any(|r| r.world == *w && r.ask.contains(a) && !r.wrong.is_empty()))
        .filter(|(w, ..)| w.contains(&wanted))
        .collect();
    println!("{} worlds, {} questions, {} known disagreements", all.len(), rows.len(), SICKBAY.len());
    assert!(broken.is_empty(), "worlds that could not be built: {broken:#?}\n{wrong}");
    assert!(wrong.is_empty(), "{wrong}");
    assert!(healed.is_empty(), "no disagreement any more: {healed:#?}");
}
