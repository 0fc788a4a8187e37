use super::*;
use crate::read_text;

fn seen(text: &str) -> Observation {
    read_text(text).into_iter().next().unwrap()
}

fn names(text: &str) -> Vec<&'static str> {
    candidates(&seen(text)).into_iter().map(|c| c.name).collect()
}

#[test]
fn the_article_and_what_decides() {
    let text = "curl: (7) Failed to connect to 10.0.21.231 port 3000: Connection timed out";
    let first = [
        "ip-forward-disabled",
        "vxlan-udp-blocked",
        "policy-drops",
        "forward-policy-drop",
        "kube-proxy-rules-stale",
    ];
    assert_eq!(names(text)[..5], first);
    let asked = questions(&seen(text));
    assert_eq!(
        asked[0].ask,
        "does the same connection work from a pod on another node?"
    );
    assert_eq!(
        asked[0].answers,
        [("yes", vec![1, 4, 5, 7]), ("no", vec![2, 3, 6])].map(|(a, r)| (a, r))
    );
    assert_eq!(asked[1].answers[0], ("SYN on cni0 only", vec![1, 4, 7]));
}

#[test]
fn address_and_time_choose() {
    for (text, first) in [
        ("dial tcp 10.244.2.9:3000: i/o timeout", "ip-forward-disabled"),
        ("dial tcp 8.8.8.8:443: i/o timeout", "masquerade-missing"),
        (
            "dial tcp 10.96.0.1:443: connect: connection refused",
            "service-selects-nothing",
        ),
        (
            "dial tcp 10.244.2.9:3000: connect: connection refused",
            "application-not-listening",
        ),
        (
            "curl: (7) Failed to connect to 10.96.0.9 port 80 after 3070 ms: Couldn't connect to server",
            "endpoint-gone",
        ),
        ("no route to host after 2 ms", "firewall-rejects"),
        ("connect: Network is unreachable", "pod-no-default-route"),
        (
            "Readiness probe failed: dial tcp 10.244.1.7:8080: i/o timeout",
            "probes-blocked",
        ),
        (
            "Operation timed out after 6001 milliseconds with 33 out of 60033 bytes received",
            "mtu-blackhole",
        ),
        (
            "socket.gaierror: [Errno -3] Temporary failure in name resolution",
            "dns-path-broken",
        ),
        ("** server can't find api: NXDOMAIN", "name-wrong"),
    ] {
        assert_eq!(names(text)[0], first, "{text}");
    }
    assert!(
        !names("dial tcp 10.244.2.9:3000: i/o timeout").contains(&"kube-proxy-rules-stale"),
        "a pod's address"
    );
    assert!(
        !names("dial tcp 8.8.8.8:443: i/o timeout").contains(&"vxlan-udp-blocked"),
        "outside"
    );
}

#[test]
fn every_kind_has_candidates_ranked_from_one() {
    use DnsError::{NotFound, ServFail, Unanswered, Unspecified};
    let base = seen("connection refused");
    let dns = [NotFound, ServFail, DnsError::Refused, Unanswered, Unspecified].map(Kind::Dns);
    let kinds = [
        Kind::ConnectTimeout,
        Kind::Refused,
        Kind::NoRoute,
        Kind::NetUnreachable,
        Kind::Prohibited,
        Kind::InvalidArgument,
        Kind::Reset,
        Kind::Tls,
        Kind::Hang,
        Kind::AnsweredElsewhere,
        Kind::ConnectFailed,
        Kind::Timeout,
    ];
    for kind in kinds.into_iter().chain(dns) {
        for ms in [None, Some(0), Some(3_050), Some(134_000)] {
            let seen = Observation {
                kind,
                after_ms: ms,
                time_class: TimeClass::of(ms),
                ..base.clone()
            };
            let all = candidates(&seen);
            assert!(!all.is_empty() && all.len() <= CANDIDATES_MAX, "{kind:?}");
            assert!(
                all.iter()
                    .zip(1..)
                    .all(|(c, rank)| c.rank == rank && !c.faults.is_empty())
            );
            for question in questions(&seen) {
                assert!(
                    question
                        .answers
                        .iter()
                        .all(|(_, ranks)| !ranks.is_empty() && ranks.len() < all.len())
                );
            }
        }
    }
}

/// A name that no row has would never be an answer.
#[test]
fn questions_use_names_of_the_table() {
    use table::{ANSWERED_ELSEWHERE, DNS_FAST, DNS_NAME, DNS_SERVFAIL, DNS_SILENT, HANG, INVALID, NET_UNREACHABLE};
    use table::{NO_ROUTE_ARP, NO_ROUTE_AT_ONCE, PROBE, PROHIBITED, REFUSED, RESET, TIMEOUT};
    let lists = [
        TIMEOUT,
        PROBE,
        REFUSED,
        NO_ROUTE_AT_ONCE,
        NO_ROUTE_ARP,
        NET_UNREACHABLE,
        PROHIBITED,
        INVALID,
        RESET,
        HANG,
        ANSWERED_ELSEWHERE,
        DNS_NAME,
        DNS_SERVFAIL,
        DNS_FAST,
        DNS_SILENT,
    ];
    let rows: Vec<&str> = lists.iter().flat_map(|list| list.iter().map(|row| row.name)).collect();
    for (ask, answers) in QUESTIONS {
        for name in answers.iter().flat_map(|(_, names)| names.iter()) {
            assert!(rows.contains(name), "{ask}: {name}");
        }
    }
}
