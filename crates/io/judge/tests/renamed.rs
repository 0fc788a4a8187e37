//! Understand, do not fit: a recording under other names gives the same answers, under the other names.

use netwhy_judge::rename::Renaming;
use netwhy_judge::report_json;
use netwhy_judge::score::{Measured, Recordings};
use netwhy_model::Cluster;
use netwhy_view::FlowAnswer;
use serde_json::Value;
use std::path::Path;

const RENAMED: [(&str, u64); 9] = [
    ("healthy", 1),
    ("bridge-nf-off-n1", 2),
    ("vxlan-udp-blocked-in-n2", 3),
    ("kubeproxy-1.36.2-iptables-legacy", 4),
    ("kubeproxy-1.36.2-iptables-nft", 5),
    ("ip-forward-off-n1", 6),
    ("route-missing-n1-to-n2", 7),
    ("vtep-mac-wrong-n1", 8),
    ("pod-no-default-route", 9),
];

fn recordings() -> Recordings {
    Recordings::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/recordings")).unwrap()
}

/// As JSON, with what has no order in an order that both have.
fn sorted(answer: &FlowAnswer) -> Value {
    let mut answer = answer.clone();
    answer.outcomes.sort_by_key(|o| format!("{o:?}"));
    answer.gaps.sort();
    serde_json::to_value(&answer).unwrap()
}

#[test]
fn other_names_same_answers() {
    let recordings = recordings();
    for (name, seed) in RENAMED {
        let recorded = recordings.load(name).unwrap();
        let renaming = Renaming::new(&recorded.snapshot, seed);
        let renamed = Cluster::build(renaming.snapshot(&recorded.snapshot));
        let cluster = Cluster::build(recorded.snapshot);
        let mut differing = Vec::new();
        for flow in recorded.flows.iter().filter(|f| Measured::is_ipv4(f)) {
            let question = renaming.question(&flow.question);
            assert_ne!(
                (&question.from, &question.to_ip),
                (&flow.question.from, &flow.question.to_ip)
            );
            let expected = sorted(&renaming.answer(&flow.question.answer(&cluster)));
            let found = sorted(&question.answer(&renamed));
            if expected != found {
                differing.push(format!("{question:?}\n  expected {expected}\n  found    {found}"));
            }
        }
        let all = differing.len();
        differing.truncate(5);
        assert!(all == 0, "{name}: {all} answers differ\n{}", differing.join("\n"));
    }
}

/// Otherwise the test above would compare a cluster with itself.
#[test]
fn nothing_keeps_its_name() {
    let snapshot = recordings().snapshot("healthy").unwrap();
    let renamed = Renaming::new(&snapshot, 1).snapshot(&snapshot);
    assert_eq!(renamed.paths().count(), snapshot.paths().count());
    for (path, blob) in renamed.members() {
        let text = blob.text().unwrap();
        for old in ["10.244.", "172.30.0.", "10.96.", "shop/", "\"k8s-n1\"", "\"edge\""] {
            // What kubectl remembers of its input is JSON in a string, and no name of it is used.
            let used = text.lines().filter(|l| !l.contains("last-applied"));
            let used: Vec<&str> = used.filter(|l| l.contains(old)).take(1).collect();
            assert!(
                used.is_empty() || path.starts_with("cluster/"),
                "{path}: {old}: {used:?}"
            );
        }
        assert!(!path.contains("k8s-n") && !path.contains("shop_"), "{path}");
    }
}

/// What a finding says to machines, but for the words.
fn findings(report: &Value, rename: impl Fn(&Value) -> Value) -> Vec<String> {
    let list = report["findings"].as_array().unwrap().iter().map(rename);
    let keys = [
        "code",
        "severity",
        "certainty",
        "faults",
        "object",
        "node",
        "broken",
        "broken_pods",
        "caused_by",
    ];
    let mut list: Vec<String> = list
        .map(|f| keys.map(|key| format!("{key} {}", f[key])).join(", "))
        .collect();
    list.sort();
    list
}

#[test]
fn other_names_same_findings() {
    let recordings = recordings();
    for (name, seed) in RENAMED {
        let snapshot = recordings.snapshot(name).unwrap();
        let renaming = Renaming::new(&snapshot, seed);
        let found = report_json(&Cluster::build(renaming.snapshot(&snapshot)));
        let expected = report_json(&Cluster::build(snapshot));
        assert_eq!(
            findings(&found, Value::clone),
            findings(&expected, |f| renaming.finding(f)),
            "{name}"
        );
        assert_eq!(found["findings"][0]["code"], expected["findings"][0]["code"], "{name}");
    }
}
