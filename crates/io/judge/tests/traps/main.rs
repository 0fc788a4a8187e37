//! The kernel as the referee of the simulator: small worlds of network namespaces, one or more for each place where a
//! plausible model of the packet path is wrong. See `netwhy_judge::world` for how they are written. `NETWHY_WORLD=nat:` runs only the
//! worlds whose names contain that.

mod generate;

use generate::rp_filter;
use netwhy_judge::world::{Drops, Recipe, Row, World, judge, recipes};
use netwhy_model::{Netns, Patch};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

/// Files of worlds.
const FILES: &[(&str, &str)] = &[
    ("topologies", include_str!("worlds/topologies.txt")),
    ("br_netfilter", include_str!("worlds/br_netfilter.txt")),
    ("order", include_str!("worlds/order.txt")),
    ("conntrack", include_str!("worlds/conntrack.txt")),
    ("recorded", include_str!("worlds/recorded.txt")),
    ("masquerade", include_str!("worlds/masquerade.txt")),
    ("icmp", include_str!("worlds/icmp.txt")),
    ("local", include_str!("worlds/local.txt")),
    ("routes", include_str!("worlds/routes.txt")),
    ("neigh", include_str!("worlds/neigh.txt")),
    ("bridge", include_str!("worlds/bridge.txt")),
    ("vxlan", include_str!("worlds/vxlan.txt")),
    ("matches", include_str!("worlds/matches.txt")),
    ("headers", include_str!("worlds/headers.txt")),
    ("sets", include_str!("worlds/sets.txt")),
    ("targets", include_str!("worlds/targets.txt")),
    ("rp_filter", include_str!("worlds/rp_filter.txt")),
    ("nat", include_str!("worlds/nat.txt")),
    ("native", include_str!("worlds/native.txt")),
];

/// Known disagreements: world, question, reason. One that is gone must leave the list.
const SICKBAY: &[(&str, &str, &str)] = &[
    (
        "icmp: REJECT of each kind",
        "10.2.0.2:3",
        "no class for ENOPROTOOPT: shown as refused",
    ),
    (
        "neigh: a proxy entry for one address",
        "tcp",
        "`ip neigh show` does not list proxy entries, so no member has them",
    ),
];

/// Worlds that stand at the same time. They mostly wait.
const WORKERS: usize = 8;
/// One of so many worlds is read wholly by the collector.
const WHOLLY: usize = 8;

/// The capabilities that the worlds need: new network namespaces, and drop reasons.
fn missing() -> Option<&'static str> {
    static MISSING: OnceLock<Option<&'static str>> = OnceLock::new();
    *MISSING.get_or_init(find_missing)
}

fn find_missing() -> Option<&'static str> {
    if let Err(error) = netwhy_sys::Netns::create() {
        assert!(!is_root(), "root, but no network namespace: {error}");
        return Some("CAP_SYS_ADMIN");
    }
    if let Err(error) = Drops::of_this_thread() {
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
    all.extend(rp_filter());
    all.retain(|r| r.name.contains(&wanted));
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (all, next, results) = (&all, &next, &results);
            let work = move || {
                let mut drops = Drops::of_this_thread().unwrap();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(recipe) = all.get(at) else { break };
                    let result = judge(recipe, &mut drops, at % WHOLLY == 0);
                    let result = result.map_err(|why| format!("{}: {why}", recipe.name));
                    results.lock().unwrap().push(result);
                }
            };
            scope.spawn(work);
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
        .filter(|(w, a, _)| {
            !rows
                .iter()
                .any(|r| r.world == *w && r.ask.contains(a) && !r.wrong.is_empty())
        })
        .filter(|(w, ..)| w.contains(&wanted))
        .collect();
    println!(
        "{} worlds, {} questions, {} known disagreements",
        all.len(),
        rows.len(),
        SICKBAY.len()
    );
    assert!(
        broken.is_empty(),
        "worlds that could not be built: {broken:#?}\n{wrong}"
    );
    assert!(wrong.is_empty(), "{wrong}");
    assert!(healed.is_empty(), "no disagreement any more: {healed:#?}");
}

/// Trap 10: what else happens when a sysctl is written, as patches say and as the kernel does; each step after the other.
const WRITES: &[(&str, &str)] = &[
    ("net.ipv4.conf.all.accept_redirects", "0"),
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.eth0.forwarding", "0"),
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.forwarding", "1"),
    ("net.ipv4.ip_forward", "0"),
    ("net.ipv4.conf.eth0.forwarding", "1"),
    ("net.ipv4.conf.all.forwarding", "1"),
    ("net.ipv4.conf.eth1/7.forwarding", "0"),
    ("net.ipv4.conf.default.forwarding", "0"),
    ("net.ipv4.conf.all.accept_redirects", "1"),
    ("net.ipv4.conf.all.forwarding", "0"),
    ("net.ipv4.conf.all.rp_filter", "1"),
    ("net.ipv4.conf.eth0.rp_filter", "2"),
    ("net.ipv4.conf.default.rp_filter", "1"),
    ("net.ipv4.conf.all.route_localnet", "1"),
    ("net.ipv4.conf.eth0.send_redirects", "0"),
    ("net.ipv4.conf.all.proxy_arp", "1"),
    ("net.bridge.bridge-nf-call-iptables", "0"),
    ("net.ipv4.ip_forward", "2"),
    ("net.ipv4.ip_forward", "1"),
];

const TWO_LINKS: &str = "world two links
ns n node
ns x outside
veth n:eth0 x:eth0
veth n:eth1.7 x:eth1
n sysctl net.ipv4.ip_forward=0";

#[test]
fn a_written_sysctl_changes_what_a_patch_says() {
    if let Some(what) = missing() {
        eprintln!("not run: needs {what}");
        return;
    }
    let recipe: Recipe = recipes(&[("sysctl", TWO_LINKS)]).remove(0);
    let world = World::build(&recipe).unwrap();
    let mut before = world.cluster(true).unwrap();
    for (key, value) in WRITES {
        let netns = world.id(&before, "n").unwrap();
        let patch = Patch::Sysctl {
            netns,
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        let predicted = configuration(before.with(&[patch]).ns(netns));
        world.write("n", key, value).unwrap();
        let after = world.cluster(true).unwrap();
        let kernel = configuration(after.ns(netns));
        let differ: Vec<_> = kernel.iter().filter(|entry| !predicted.contains(entry)).collect();
        assert_eq!(kernel.len(), predicted.len(), "{key}={value}");
        assert!(kernel.len() > 100, "{}", kernel.len());
        assert!(differ.is_empty(), "{key}={value}: the kernel has {differ:#?}");
        before = after;
    }
}

/// Everything below `net.ipv4.conf`, and what is one variable with a part of it.
fn configuration(ns: &Netns) -> Vec<(String, String)> {
    let sysctls = ns.sysctl.as_ref().unwrap();
    let wanted =
        |key: &str| key.starts_with("net.ipv4.conf.") || key.starts_with("net.bridge.") || key == "net.ipv4.ip_forward";
    let values = sysctls.values.iter().filter(|(key, _)| wanted(key));
    values
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}
