//! The score on the recorded clusters that the repository holds.

use netwhy_judge::score::{CheckScore, FlowScore, Recordings, Score, print_checks, print_flows, score};
use std::path::Path;
use std::sync::OnceLock;

const FOLLOWED: [&str; 11] = [
    "healthy",
    "ip-forward-off-n1",
    "bridge-nf-off-n1",
    "route-missing-n1-to-n2",
    "vtep-mac-wrong-n1",
    "vxlan-udp-blocked-in-n2",
    "pod-no-default-route",
    "kubeproxy-1.36.2-iptables-nft",
    "kubeproxy-1.36.2-iptables-legacy",
    "kubeproxy-1.36.2-nftables",
    "nft-extra-table-drop-n2",
];

fn recordings() -> &'static Recordings {
    static OPEN: OnceLock<Recordings> = OnceLock::new();
    OPEN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/recordings");
        Recordings::open(&folder).unwrap()
    })
}

fn run(name: &str) -> Score {
    score(recordings(), name).unwrap()
}

#[test]
fn answers_are_what_was_measured() {
    let scores: Vec<(String, FlowScore)> = FOLLOWED
        .map(|name| {
            let score = run(name);
            assert!(score.strangers.is_empty(), "{name}: {:#?}", score.strangers);
            (score.name, score.flows)
        })
        .into();
    let table = print_flows(&scores, 5);
    println!("{table}");
    for (name, score) in &scores {
        assert!(
            score.judged > 1000 && score.single > 500 && score.missing == 0,
            "{name}"
        );
        assert!(score.percent_right() >= 99.9, "{name}\n{table}");
        assert!(score.mean_single() >= 0.98, "{name}\n{table}");
        assert!(score.single_hedged * 100 <= score.single, "{name}\n{table}");
    }
}

/// Faults whose cause must come first, at the right place.
const NAMED: [&str; 8] = [
    "nft-extra-table-drop-n2",
    "vtep-mac-wrong-n1",
    "kube-proxy-stale-n1",
    "ip-forward-off-n1",
    "bridge-nf-off-n1",
    "route-missing-n1-to-n2",
    "vxlan-udp-blocked-in-n2",
    "pod-no-default-route",
];
const HEALTHY: [&str; 4] = [
    "kubeproxy-1.36.2-nftables",
    "healthy",
    "kubeproxy-1.36.2-iptables-nft",
    "kubeproxy-1.36.2-iptables-legacy",
];

fn report(name: &str) -> (String, CheckScore) {
    (name.to_owned(), run(name).check)
}

#[test]
fn the_right_cause_comes_first() {
    let scores: Vec<_> = NAMED.map(report).into();
    let table = print_checks(&scores, 5);
    println!("{table}");
    for (name, score) in &scores {
        assert_eq!((score.rank, score.place_first), (Some(1), true), "{name}\n{table}");
        assert!(score.alarms.is_empty(), "{name}\n{table}");
    }
}

#[test]
fn silent_where_nothing_is_wrong() {
    let scores: Vec<_> = HEALTHY.map(report).into();
    let table = print_checks(&scores, 5);
    println!("{table}");
    assert!(scores.iter().all(|(_, score)| score.alarms.is_empty()), "{table}");
}
