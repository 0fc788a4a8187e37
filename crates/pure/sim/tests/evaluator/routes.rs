//! Order of rules, prefixes and metrics.

use crate::small::{ask, bundle, ns};
use netwhy_model::Cluster;
use netwhy_sim::{ClientSees, Detail, Disposition, DropReason};
use std::net::IpAddr;

const ROUTES: &str = "nodes/r/host/route.json";
const RULES: &str = "nodes/r/host/rule.json";

fn cluster(routes: &[&str], rules: &[&str]) -> Cluster {
    let mut snapshot = bundle("");
    let mut add = |path: &str, more: &[&str]| {
        let old = snapshot.text(path).unwrap().unwrap().trim_end_matches(']').to_owned();
        let all: Vec<&str> = std::iter::once(old.as_str()).chain(more.iter().copied()).collect();
        snapshot.insert(path, format!("{}]", all.join(",")));
    };
    add(ROUTES, routes);
    add(RULES, rules);
    Cluster::build(snapshot)
}

/// Where the router sends a packet.
fn gateway(cluster: &Cluster, to: &str) -> Option<IpAddr> {
    let router = ns(cluster, "nodes/r/host");
    let answer = ask(cluster, 6, to);
    let first = answer.first();
    first
        .steps
        .iter()
        .filter(|s| s.netns == router)
        .find_map(|s| match s.detail {
            Detail::Route { gateway, .. } => gateway,
            _ => None,
        })
}

fn via(dst: &str, last: u8, more: &str) -> String {
    format!(r#"{{"dst":"{dst}","gateway":"10.2.0.{last}","dev":"rs"{more}}}"#)
}

#[test]
fn the_longest_prefix_wins_whatever_its_metric() {
    let (wide, narrow) = (via("10.9.0.0/16", 2, ""), via("10.9.9.0/24", 3, r#","metric":999"#));
    let cluster = cluster(&[&wide, &narrow], &[]);
    assert_eq!(gateway(&cluster, "10.9.9.9:80"), Some([10, 2, 0, 3].into()));
    assert_eq!(gateway(&cluster, "10.9.8.9:80"), Some([10, 2, 0, 2].into()));
}

#[test]
fn among_equal_prefixes_the_lower_metric_wins_unless_it_is_dead() {
    let late = via("10.9.0.0/16", 2, r#","metric":20"#);
    let early = via("10.9.0.0/16", 3, r#","metric":10"#);
    assert_eq!(
        gateway(&cluster(&[&late, &early], &[]), "10.9.9.9:80"),
        Some([10, 2, 0, 3].into())
    );
    let dead = via("10.9.0.0/16", 3, r#","metric":10,"flags":["dead"]"#);
    assert_eq!(
        gateway(&cluster(&[&late, &dead], &[]), "10.9.9.9:80"),
        Some([10, 2, 0, 2].into())
    );
}

#[test]
fn rules_go_by_priority_and_an_empty_table_goes_on() {
    let (main, other) = (via("10.9.0.0/16", 2, ""), via("10.9.0.0/16", 3, r#","table":"77""#));
    let routes = [main.as_str(), other.as_str()];
    let to = "10.9.9.9:80";
    let early = r#"{"priority":100,"src":"all","table":"77"}"#;
    assert_eq!(gateway(&cluster(&routes, &[early]), to), Some([10, 2, 0, 3].into()));
    let late = r#"{"priority":40000,"src":"all","table":"77"}"#;
    assert_eq!(gateway(&cluster(&routes, &[late]), to), Some([10, 2, 0, 2].into()));
    let empty = r#"{"priority":100,"src":"all","table":"78"}"#;
    assert_eq!(gateway(&cluster(&routes, &[empty]), to), Some([10, 2, 0, 2].into()));
    let other_source = r#"{"priority":100,"src":"10.1.0.3","table":"77"}"#;
    assert_eq!(
        gateway(&cluster(&routes, &[other_source]), to),
        Some([10, 2, 0, 2].into())
    );
    let own_only = r#"{"priority":100,"src":"all","iif":"lo","table":"77"}"#;
    assert_eq!(gateway(&cluster(&routes, &[own_only]), to), Some([10, 2, 0, 2].into()));
}

#[test]
fn no_route_and_routes_that_are_errors() {
    let routes = [
        r#"{"type":"blackhole","dst":"10.50.0.0/24"}"#,
        r#"{"type":"unreachable","dst":"10.51.0.0/24"}"#,
        r#"{"type":"prohibit","dst":"10.52.0.0/24"}"#,
        r#"{"type":"throw","dst":"10.53.0.0/24"}"#,
    ];
    let cluster = cluster(&routes, &[]);
    let wanted = [
        (
            "10.50.0.1:80",
            ClientSees::Timeout,
            DropReason::NotSpecified,
            Disposition::Dropped,
        ),
        (
            "10.51.0.1:80",
            ClientSees::NoRoute,
            DropReason::NotSpecified,
            Disposition::Rejected,
        ),
        (
            "10.52.0.1:80",
            ClientSees::NoRoute,
            DropReason::NotSpecified,
            Disposition::Rejected,
        ),
        (
            "10.53.0.1:80",
            ClientSees::NetUnreachable,
            DropReason::IpInNoRoutes,
            Disposition::Rejected,
        ),
        (
            "10.54.0.1:80",
            ClientSees::NetUnreachable,
            DropReason::IpInNoRoutes,
            Disposition::Rejected,
        ),
    ];
    for (to, client, reason, disposition) in wanted {
        let answer = ask(&cluster, 6, to);
        let first = answer.first();
        assert_eq!((first.client, first.end.reason), (client, Some(reason)), "{to}");
        assert_eq!(first.end.disposition, disposition, "{to}");
    }
}
