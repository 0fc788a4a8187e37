//! The page of each check is its test: every example is carried out on a recorded healthy lab and must show exactly what it
//! says.
//!
//! `NETWHY_PAGE=NW1001 cargo test -p netwhy-checks --test pages examples` runs the examples of one page.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::disallowed_types,
    reason = "a test reads files and prints what is covered"
)]

mod support;

use netwhy_checks::{CHECKS, Check, CheckOptions, Severity, check};
use netwhy_model::Cluster;
use std::collections::{BTreeMap, BTreeSet};
use support::page::{Example, Kind, Page};
use support::{Shown, base, change, own};

/// Sections that every page has, in this order.
const SECTIONS: &[&str] = &[
    "What one sees",
    "What it causes",
    "How to diagnose",
    "How to fix",
    "Not to be confused with",
    "When to ignore",
    "Examples",
    "Sources",
];

/// All ids of the catalogue of faults, sorted.
const FAULT_IDS: &str = include_str!("fault_ids.txt");

fn page(check: &Check) -> Page {
    Page::parse(check.page).unwrap_or_else(|e| panic!("the page of {}: {e}", check.code))
}

/// The pages that the environment asks for, or all.
fn pages() -> Vec<(&'static Check, Page)> {
    let only = std::env::var("NETWHY_PAGE").unwrap_or_default();
    let wanted = CHECKS.iter().filter(|c| only.is_empty() || c.code == only);
    wanted.map(|c| (*c, page(c))).collect()
}

fn snapshot_of(example: &Example) -> Result<netwhy_snapshot::Snapshot, String> {
    let mut snapshot = base();
    let mut lines = example.changes.iter().filter(|(_, l)| !l.trim().is_empty());
    match lines.next() {
        Some((_, first)) if first.trim() == "base: healthy" => {}
        other => return Err(format!("a snapshot begins with `base: healthy`, not {other:?}")),
    }
    for (number, line) in lines {
        change::apply(&mut snapshot, line.trim()).map_err(|e| format!("line {number}: {line}: {e}"))?;
    }
    Ok(snapshot)
}

/// What the example shows beyond the base's own.
fn shown(example: &Example) -> Result<Shown, String> {
    Ok(Shown::of(snapshot_of(example)?).0.beyond(own()))
}

/// What differs from what the page says.
fn differences(example: &Example, found: &Shown) -> Vec<String> {
    let mut list = Vec::new();
    if example.findings != found.findings {
        list.push(format!(
            "findings\n  page  {:#?}\n  found {:#?}",
            example.findings, found.findings
        ));
    }
    if example.gaps != found.gaps {
        list.push(format!("gaps\n  page  {:#?}\n  found {:#?}", example.gaps, found.gaps));
    }
    for line in example.not_applicable.difference(&found.not_applicable) {
        list.push(format!("not applicable {line}: found {:?}", found.not_applicable));
    }
    list
}

#[test]
fn every_page_is_whole() {
    for check in CHECKS {
        let page = page(check);
        assert_eq!((page.code.as_str(), page.name.as_str()), (check.code, check.name));
        assert_eq!(page.sections, SECTIONS, "sections of {}", check.code);
        let lines = check.page.lines().count();
        assert!(lines <= 140, "the page of {} has {lines} lines", check.code);
    }
}

#[test]
fn every_page_shows_the_check_firing_silent_and_unknown() {
    for check in CHECKS {
        let page = page(check);
        for kind in [Kind::Fires, Kind::Silent, Kind::Unknown] {
            assert!(page.of_kind(kind) > 0, "{} has no example {kind:?}", check.code);
        }
        for example in &page.examples {
            let at = format!("{} \"{}\"", check.code, example.title);
            let named = example.findings.iter().any(|f| f.starts_with(check.code));
            let certain = example
                .findings
                .iter()
                .any(|f| f.starts_with(check.code) && f.ends_with(" certain"));
            match example.kind {
                Kind::Fires => assert!(named, "{at} does not list the check"),
                Kind::Silent => assert!(!named, "{at} lists the check"),
                Kind::Unknown => {
                    assert!(!certain, "{at} lists the check as certain");
                    let says_why = !example.gaps.is_empty() || !example.not_applicable.is_empty() || named;
                    assert!(says_why, "{at} names neither a gap nor why the check does not apply");
                }
            }
        }
    }
}

#[test]
fn every_example_shows_what_it_says() {
    let mut wrong = Vec::new();
    for (check, page) in pages() {
        for example in &page.examples {
            let differs = match shown(example) {
                Ok(found) => differences(example, &found),
                Err(e) => vec![e],
            };
            for text in differs {
                wrong.push(format!(
                    "{} line {} \"{}\": {text}",
                    check.code, example.line, example.title
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} examples differ:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn the_healthy_base_has_only_its_own_finding() {
    let (shown, report) = Shown::of(base());
    assert_eq!(shown.findings, ["NW5003 svc/shop/empty warning certain"]);
    assert!(shown.gaps.is_empty(), "{:?}", shown.gaps);
    assert_eq!((report.coverage.broken, report.coverage.unexplained), (0, 0));
    assert!(report.coverage.kept > 100, "{:?}", report.coverage);
}

#[test]
fn a_change_of_nothing_changes_nothing() {
    let cluster = Cluster::build(base());
    let same = cluster.with(&[]);
    let (a, b) = (
        check(&cluster, &CheckOptions::default()),
        check(&same, &CheckOptions::default()),
    );
    assert_eq!(Shown::from(&cluster, &a), Shown::from(&same, &b));
    assert_eq!(a.coverage, b.coverage);
    // And of a broken one.
    let mut snapshot = base();
    change::apply(&mut snapshot, "sysctl worker-1 net.ipv4.ip_forward = 0").unwrap();
    let cluster = Cluster::build(snapshot);
    let same = cluster.with(&[]);
    let (a, b) = (
        check(&cluster, &CheckOptions::default()),
        check(&same, &CheckOptions::default()),
    );
    assert_eq!(format!("{:?}", a.findings), format!("{:?}", b.findings));
}

/// What no change heals has no cause: with counterfactuals that change nothing, only "unexplained" remains of the errors.
#[test]
fn without_counterfactuals_no_cause_is_claimed() {
    let blind = CheckOptions {
        counterfactuals: false,
        ..CheckOptions::default()
    };
    let mut broken = 0;
    for (check, page) in pages() {
        for example in page.examples.iter().filter(|e| e.kind == Kind::Fires) {
            let (_, report) = Shown::with(snapshot_of(example).unwrap(), &blind);
            for finding in report.findings.iter().filter(|f| f.severity == Severity::Error) {
                broken += 1;
                let at = format!("{} \"{}\"", check.code, example.title);
                assert_eq!(
                    finding.code, "NW0001",
                    "{at} claims {} on {}",
                    finding.code, finding.object
                );
                assert!(finding.patches.is_empty(), "{at}");
            }
        }
    }
    assert!(broken > 0, "no example breaks a promise");
}

/// Every change that a finding rests on is needed: taken back, the promises are broken again.
#[test]
fn the_proven_changes_heal() {
    for (check_, page) in pages() {
        for example in page.examples.iter().filter(|e| e.kind == Kind::Fires) {
            let cluster = Cluster::build(snapshot_of(example).unwrap());
            let before = check(&cluster, &CheckOptions::default());
            let certain = |f: &&netwhy_checks::Finding| f.severity == Severity::Error && f.code != "NW0001";
            let patches: Vec<_> = before
                .findings
                .iter()
                .filter(certain)
                .flat_map(|f| f.patches.clone())
                .collect();
            if patches.is_empty() {
                continue;
            }
            let after = check(&cluster.with(&patches), &CheckOptions::default());
            let at = format!("{} \"{}\"", check_.code, example.title);
            let left = after
                .findings
                .iter()
                .filter(|f| f.severity == Severity::Error && f.code != "NW0001");
            assert_eq!(left.count(), 0, "{at}: {:?}", after.findings);
            assert_eq!(after.coverage.broken, after.coverage.unexplained, "{at}");
        }
    }
}

#[test]
fn no_check_is_dead() {
    let fired: BTreeSet<String> = pages()
        .iter()
        .flat_map(|(_, page)| &page.examples)
        .flat_map(|e| &e.findings)
        .filter_map(|f| f.split(' ').next().map(str::to_owned))
        .collect();
    if std::env::var_os("NETWHY_PAGE").is_none() {
        for check in CHECKS {
            assert!(fired.contains(check.code), "{} fires in no example", check.code);
        }
    }
}

#[test]
fn codes_and_names_are_unique() {
    let codes: BTreeSet<&str> = CHECKS.iter().map(|c| c.code).collect();
    let names: BTreeSet<&str> = CHECKS.iter().map(|c| c.name).collect();
    assert_eq!((codes.len(), names.len()), (CHECKS.len(), CHECKS.len()));
    for code in codes {
        let digits = code.strip_prefix("NW").unwrap_or_default();
        assert!(
            digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit()),
            "{code}"
        );
    }
}

#[test]
fn the_ids_of_faults_exist() {
    let known: BTreeSet<&str> = FAULT_IDS.lines().collect();
    for check in CHECKS {
        for fault in check.faults {
            assert!(
                known.contains(fault),
                "{} covers {fault}, which is in no catalogue",
                check.code
            );
        }
    }
}

/// Prints, for each id of the catalogue, the checks that cover it: `cargo test -p netwhy-checks --test pages coverage -- --nocapture`.
#[test]
fn coverage_of_the_catalogue() {
    let mut covered: BTreeMap<&str, Vec<&str>> = FAULT_IDS.lines().map(|id| (id, Vec::new())).collect();
    for check in CHECKS {
        for fault in check.faults {
            covered.entry(fault).or_default().push(check.code);
        }
    }
    let (with, without): (Vec<_>, Vec<_>) = covered.iter().partition(|(_, checks)| !checks.is_empty());
    for (id, checks) in &with {
        println!("{id}: {}", checks.join(" "));
    }
    for (id, _) in &without {
        println!("{id}: not covered");
    }
    println!(
        "{} of {} faults of the catalogue are covered by a check",
        with.len(),
        covered.len()
    );
    assert!(with.len() >= 25, "coverage shrank to {}", with.len());
}

/// The harness itself: an example that says something else than what is found is told so.
#[test]
fn an_example_that_is_wrong_is_found() {
    let of = |changes: &str, findings: &str| {
        let text = format!(
            "# NW1001 x\n## Examples\n### Fires: x\n```snapshot\nbase: healthy\n{changes}\n```\n```findings\n{findings}\n```\n"
        );
        let page = Page::parse(&text).unwrap();
        let example = page.examples.first().unwrap().clone();
        shown(&example).map(|found| differences(&example, &found))
    };
    let off = "sysctl worker-1 net.ipv4.ip_forward = 0";
    let right = "NW1001 node/worker-1 error certain";
    assert_eq!(of(off, right), Ok(Vec::new()));
    assert_ne!(of(off, "NW1001 node/worker-2 error certain"), Ok(Vec::new()));
    assert_ne!(of(off, "NW1001 node/worker-1 error likely"), Ok(Vec::new()));
    assert_ne!(of(off, "nothing"), Ok(Vec::new()));
    assert_ne!(
        of(off, &format!("{right}\nNW1001 node/worker-2 error certain")),
        Ok(Vec::new())
    );
    assert_ne!(
        of(off, &format!("{right}\ngap nodes/worker-1/host/sysctl.txt")),
        Ok(Vec::new())
    );
    assert_ne!(of("", "not applicable NW1001: x"), Ok(Vec::new()));
    for wrong in [
        "sysctl nobody net.ipv4.ip_forward = 0",
        "sysctl worker-1 no.such.key = 0",
        "remove nodes/nobody/*",
        "x",
    ] {
        assert!(of(wrong, "nothing").is_err(), "{wrong}");
    }
}

/// The kernel's side effects of `ip_forward`, as the directive writes them.
#[test]
fn ip_forward_writes_every_link() {
    let value = |snapshot: &netwhy_snapshot::Snapshot, key: &str| {
        let text = snapshot.text("nodes/worker-1/host/sysctl.txt").unwrap().unwrap();
        let line = text
            .lines()
            .find(|l| l.split(" = ").next() == Some(key))
            .map(str::to_owned);
        line.and_then(|l| l.split(" = ").nth(1).map(str::to_owned))
    };
    let mut snapshot = base();
    let cni0 = "net.ipv4.conf.cni0.forwarding";
    change::apply(&mut snapshot, &format!("sysctl worker-1 {cni0} = 0")).unwrap();
    // Writing what is there already changes nothing.
    change::apply(&mut snapshot, "sysctl worker-1 net.ipv4.ip_forward = 1").unwrap();
    assert_eq!(value(&snapshot, cni0).as_deref(), Some("0"));
    change::apply(&mut snapshot, "sysctl worker-1 net.ipv4.ip_forward = 0").unwrap();
    for key in ["all", "default", "cni0", "eth0", "flannel/1"] {
        assert_eq!(
            value(&snapshot, &format!("net.ipv4.conf.{key}.forwarding")).as_deref(),
            Some("0"),
            "{key}"
        );
    }
    assert_eq!(
        value(&snapshot, "net.ipv4.conf.all.accept_redirects").as_deref(),
        Some("1")
    );
    change::apply(&mut snapshot, "sysctl worker-1 net.ipv4.ip_forward = 1").unwrap();
    assert_eq!(value(&snapshot, cni0).as_deref(), Some("1"));
}

/// A rule of one backend beside the rules of the other: the evidence says that the usual listing does not show it.
#[test]
fn a_rule_that_the_usual_listing_hides_is_called_so() {
    let hidden = |directive: &str| {
        let mut snapshot = base();
        change::apply(&mut snapshot, directive).unwrap();
        let (_, report) = Shown::of(snapshot);
        let first = report.first_cause().unwrap();
        let said = first.evidence.iter().any(|e| e.contains("does not show this one"));
        (said, first.faults.first() == Some(&"iptables-legacy-nft-mix"))
    };
    for rule in [
        "filter -A FORWARD -d 10.244.2.0/24 -p tcp -j DROP",
        "filter -P FORWARD DROP",
        "filter -P INPUT DROP",
    ] {
        assert_eq!(
            hidden(&format!("iptables-legacy worker-2 {rule}")),
            (true, true),
            "{rule}"
        );
    }
    let alone = "iptables worker-2 filter -P INPUT DROP";
    assert_eq!(hidden(alone), (false, false), "{alone}");
}

/// A policy of a native table is a cause as a rule of one is, and is not looked for in iptables.
#[test]
fn the_policy_of_a_native_table() {
    let mut snapshot = base();
    for object in [
        r#"{"table": {"family": "inet", "name": "hostfw"}}"#,
        r#"{"chain": {"family": "inet", "table": "hostfw", "name": "fwd", "type": "filter", "hook": "forward", "prio": 10, "policy": "drop"}}"#,
    ] {
        change::apply(&mut snapshot, &format!("nft worker-2 {object}")).unwrap();
    }
    let (_, report) = Shown::of(snapshot);
    let first = report.first_cause().unwrap();
    assert_eq!((first.code, first.faults.first()), ("NW4003", Some(&"native-nft-drop")));
    assert!(
        first.summary.contains("nftables chain inet hostfw fwd is drop"),
        "{}",
        first.summary
    );
}
