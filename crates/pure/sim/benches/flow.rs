//! One flow through the rules of 10,000 Services, engine only: `cargo bench -p netwhy-sim`.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a benchmark reads, times and prints"
)]
#![allow(missing_docs)]

use netwhy_model::Cluster;
use netwhy_sim::{Flow, Options, trace};
use netwhy_snapshot::Snapshot;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

const SERVICES: u32 = 10_000;
const SAVE: &str = "nodes/k8s-n1/host/iptables-save";

fn main() {
    let path = format!(
        "{}/../../../tests/recordings/healthy.tar.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = std::fs::read(path).expect("recording");
    let mut snapshot = Snapshot::from_archive(&bytes, &Default::default()).expect("bundle");
    let save = snapshot.text(SAVE).expect("save").expect("text").to_owned();
    snapshot.insert(SAVE, with_services(&save).into_bytes());
    let started = Instant::now();
    let cluster = Cluster::build(snapshot);
    println!(
        "build     {:>8.1} ms   {SERVICES} Services of three backends on one node",
        started.elapsed().as_secs_f64() * 1e3
    );
    let from = cluster
        .pod_netns("shop", "client-5556f849f5-bs4fx")
        .expect("client pod");
    for (what, full, steps) in [
        ("one backend's way, all enumerated", false, false),
        ("with steps kept", false, true),
    ] {
        let options = Options {
            steps,
            full_size: full,
            ..Options::default()
        };
        let flows: Vec<Flow> = (0..1000)
            .map(|i| Flow::new(from, 6, address(i * 7 % SERVICES), 80))
            .collect();
        let mut best = f64::MAX;
        let mut outcomes = 0;
        for _ in 0..20 {
            let started = Instant::now();
            outcomes = flows.iter().map(|f| trace(&cluster, f, &options).outcomes.len()).sum();
            best = best.min(started.elapsed().as_secs_f64());
        }
        println!(
            "flow      {:>8.2} us   both directions, {} outcomes a flow, {what}",
            best * 1e6 / flows.len() as f64,
            outcomes / flows.len()
        );
    }
}

fn address(i: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(Ipv4Addr::new(10, 112, 0, 0).to_bits() + i))
}

/// The recorded rules, and those of many Services in kube-proxy's shape: ten pods of the recording serve them.
fn with_services(save: &str) -> String {
    let backends: Vec<String> = save
        .lines()
        .filter_map(|l| l.split("--to-destination ").nth(1))
        .filter(|b| b.starts_with("10.244.") && b.ends_with(":8080"))
        .map(str::to_owned)
        .take(10)
        .collect();
    let (mut chains, mut rules) = (String::new(), String::new());
    for i in 0..SERVICES {
        let _ = writeln!(chains, ":KUBE-SVC-{i:016} - [0:0]");
        let _ = writeln!(
            rules,
            "-A KUBE-SERVICES -d {}/32 -p tcp -m comment --comment \"bench/s{i}:http cluster IP\" -m tcp --dport 80 -j KUBE-SVC-{i:016}",
            address(i)
        );
        for b in 0..3usize {
            let _ = writeln!(chains, ":KUBE-SEP-{i:014}{b:02} - [0:0]");
            let to = &backends[(i as usize + b) % backends.len()];
            let odds = [
                "-m statistic --mode random --probability 0.33333333349 ",
                "-m statistic --mode random --probability 0.50000000000 ",
                "",
            ][b];
            let _ = writeln!(
                rules,
                "-A KUBE-SVC-{i:016} -m comment --comment \"bench/s{i}:http -> {to}\" {odds}-j KUBE-SEP-{i:014}{b:02}"
            );
            let ip = to.split(':').next().unwrap_or_default();
            let _ = writeln!(
                rules,
                "-A KUBE-SEP-{i:014}{b:02} -s {ip}/32 -m comment --comment \"bench/s{i}:http\" -j KUBE-MARK-MASQ"
            );
            let _ = writeln!(
                rules,
                "-A KUBE-SEP-{i:014}{b:02} -p tcp -m comment --comment \"bench/s{i}:http\" -m tcp -j DNAT --to-destination {to}"
            );
        }
    }
    let nat = save.find("*nat\n").expect("nat table");
    let (head, table) = save.split_at(nat);
    let end = table.find("COMMIT").expect("end of nat");
    let last_service_rule = table
        .find("-A KUBE-SERVICES")
        .map_or(end, |i| table[..i].rfind('\n').map_or(i, |n| n + 1));
    let first_rule = table[..end]
        .find("-A ")
        .and_then(|i| table[..i].rfind('\n'))
        .map_or(end, |n| n + 1);
    format!(
        "{head}{}{chains}{}{rules}{}",
        &table[..first_rule],
        &table[first_rule..last_service_rule],
        &table[last_service_rule..]
    )
}
