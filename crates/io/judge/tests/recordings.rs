//! The score on the recorded clusters that the repository holds.

use netwhy_judge::question::protocol;
use netwhy_judge::report_json;
use netwhy_judge::score::{
    CheckScore, FlowScore, Measured, Recordings, endpoints, judge_flows, judge_report, print_checks, print_flows,
    strangers,
};
use netwhy_model::Cluster;
use netwhy_view::FlowAnswer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

const FOLLOWED: [&str; 9] = [
    "healthy",
    "ip-forward-off-n1",
    "bridge-nf-off-n1",
    "route-missing-n1-to-n2",
    "vtep-mac-wrong-n1",
    "vxlan-udp-blocked-in-n2",
    "pod-no-default-route",
    "kubeproxy-1.36.2-iptables-nft",
    "kubeproxy-1.36.2-iptables-legacy",
];

fn recordings() -> &'static Recordings {
    static OPEN: OnceLock<Recordings> = OnceLock::new();
    OPEN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/recordings");
        Recordings::open(&folder).unwrap()
    })
}

/// The answers to all IPv4 flows of a recording, judged; and receivers that are no endpoint of what was asked.
fn run(name: &str) -> (FlowScore, Vec<String>) {
    let recorded = recordings().load(name).unwrap();
    let cluster = Cluster::build(recorded.snapshot);
    let flows: Vec<Measured> = recorded.flows.into_iter().filter(Measured::is_ipv4).collect();
    let answers: BTreeMap<&str, FlowAnswer> = flows
        .iter()
        .map(|f| (f.question.id.as_str(), f.question.answer(&cluster)))
        .collect();
    let (mut strange, mut single) = (Vec::new(), BTreeSet::new());
    for flow in &flows {
        let q = &flow.question;
        let (proto, ip) = (protocol(&q.proto).unwrap(), q.to_ip.parse().unwrap());
        let found = strangers(&cluster, &answers[q.id.as_str()], proto, ip, q.to_port);
        strange.extend(
            found
                .into_iter()
                .map(|s| format!("{}: {}:{} by {s}", q.id, q.to_ip, q.to_port)),
        );
        if endpoints(&cluster, proto, ip, q.to_port).len() <= 1 {
            single.insert(q.id.as_str());
        }
    }
    let patience = recordings().truth.probe_timeout_ms;
    let answer = |f: &Measured| answers.get(f.question.id.as_str());
    let score = judge_flows(&flows, answer, |f| single.contains(f.question.id.as_str()), patience);
    (score, strange)
}

#[test]
fn answers_are_what_was_measured() {
    let mut scores = Vec::new();
    for name in FOLLOWED {
        let (score, strange) = run(name);
        assert!(
            strange.is_empty(),
            "{name}: no endpoint of what was asked: {strange:#?}"
        );
        scores.push((name.to_owned(), score));
    }
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

/// A rule set that is not modelled: not knowing is right, a wrong answer is not.
#[test]
fn an_unknown_rule_set_makes_no_answer_wrong() {
    let (score, strange) = run("nft-extra-table-drop-n2");
    assert!(strange.is_empty(), "{strange:#?}");
    assert_eq!((score.wrong, score.other_backend), (0, 0), "{:#?}", score.list);
    assert!(score.unknown > 0 && score.right > score.judged / 3, "{score:?}");
}

/// Faults whose cause must come first, at the right place.
const NAMED: [&str; 7] = [
    "vtep-mac-wrong-n1",
    "kube-proxy-stale-n1",
    "ip-forward-off-n1",
    "bridge-nf-off-n1",
    "route-missing-n1-to-n2",
    "vxlan-udp-blocked-in-n2",
    "pod-no-default-route",
];
const HEALTHY: [&str; 3] = [
    "healthy",
    "kubeproxy-1.36.2-iptables-nft",
    "kubeproxy-1.36.2-iptables-legacy",
];

fn report(name: &str) -> (String, CheckScore) {
    let cluster = Cluster::build(recordings().snapshot(name).unwrap());
    let baseline = recordings().baseline(name);
    let score = judge_report(&report_json(&cluster), recordings().truth(name).unwrap(), &baseline);
    (name.to_owned(), score)
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
