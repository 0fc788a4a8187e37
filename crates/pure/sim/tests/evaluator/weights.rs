//! Probabilities.

use crate::small::{ask, ask_with, bundle, cluster, table};
use netwhy_model::Cluster;
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, Options};

/// A Service of some backends, as kube-proxy writes it.
fn service(backends: usize) -> Cluster {
    let mut lines = Vec::new();
    for n in 0..backends {
        let left = backends - n;
        let chance = match left {
            1 => String::new(),
            _ => format!("-m statistic --mode random --probability {:.11} ", 1.0 / left as f64),
        };
        let to = 2 + n % 4;
        lines.push(format!(
            "-A PREROUTING -d 10.96.0.10/32 -p tcp {chance}-j DNAT --to-destination 10.2.0.{to}:{}",
            80 + n / 4
        ));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    cluster(&table("nat", &lines))
}

#[test]
fn all_ways_together_are_certain() {
    for backends in 1..=8 {
        let answer = ask(&service(backends), 6, "10.96.0.10:80");
        let sum: u64 = answer.outcomes.iter().map(|o| o.weight).sum();
        assert_eq!(sum, ONE, "{backends}");
        assert!(answer.all_delivered() && answer.deciding.is_empty(), "{backends}");
    }
}

#[test]
fn equal_ends_are_one_outcome() {
    // Eight backends, but one host with two ports.
    let answer = ask(&service(8), 6, "10.96.0.10:80");
    let mut ports: Vec<u16> = answer
        .outcomes
        .iter()
        .filter_map(|o| o.delivered_to)
        .map(|d| d.1)
        .collect();
    ports.sort_unstable();
    assert_eq!(ports, [80, 81]);
    for outcome in &answer.outcomes {
        let share = outcome.weight as f64 / ONE as f64;
        assert!((share - 0.5).abs() < 1e-6 && outcome.weight_known, "{share}");
    }
}

#[test]
fn what_the_limit_cuts_off_is_unknown_with_the_rest_of_the_weight() {
    let options = Options {
        paths_max: 3,
        ..Options::default()
    };
    let answer = ask_with(&service(6), 6, "10.96.0.10:80", &options);
    let sum: u64 = answer.outcomes.iter().map(|o| o.weight).sum();
    assert_eq!(sum, ONE);
    let cut: Vec<_> = answer
        .outcomes
        .iter()
        .filter(|o| o.client == ClientSees::Unknown)
        .collect();
    assert_eq!(cut.len(), 1);
    assert!((cut[0].weight as f64 / ONE as f64 - 0.5).abs() < 1e-6);
    assert!(cut[0].delivered_to.is_none());
}

#[test]
fn what_keeps_a_state_has_no_weight() {
    let rules = ["-A FORWARD -i rc -p tcp -m statistic --mode nth --every 3 --packet 0 -j DROP"];
    let answer = ask(&cluster(&table("filter", &rules)), 6, "10.2.0.2:80");
    let ends: Vec<_> = answer.outcomes.iter().map(|o| (o.client, o.weight_known)).collect();
    assert!(
        ends.contains(&(ClientSees::Ok, false)) && ends.contains(&(ClientSees::Timeout, false)),
        "{ends:?}"
    );
    assert_eq!(answer.outcomes.iter().map(|o| o.weight).sum::<u64>(), ONE);
}

#[test]
fn next_hops_share_by_weight() {
    let mut snapshot = bundle("");
    let path = "nodes/r/host/route.json";
    let old = snapshot.text(path).unwrap().unwrap().trim_end_matches(']').to_owned();
    let hops = r#"{"gateway":"10.2.0.2","dev":"rs","weight":3},{"gateway":"10.2.0.99","dev":"rs","weight":1}"#;
    snapshot.insert(path, format!(r#"{old},{{"dst":"10.2.7.0/24","nexthops":[{hops}]}}]"#));
    let answer = ask(&Cluster::build(snapshot), 6, "10.2.7.7:80");
    // The server does not forward, and nobody is .99.
    let shares: Vec<f64> = answer.outcomes.iter().map(|o| o.weight as f64 / ONE as f64).collect();
    assert_eq!(shares, [0.75, 0.25]);
}
