//! Made-up cells against made-up predictions.

use super::*;
use netwhy_lab::server::BIG;
use std::net::Ipv4Addr;

const WEB: Ipv4Addr = Ipv4Addr::new(10, 244, 1, 7);

fn way(weight: f64, backend: &str) -> Expected {
    Expected {
        weight,
        class: Class::Ok,
        time: TimeClass::Instant,
        bytes: BIG,
        backend: Some(backend.to_owned()),
        seen_client: Some(WEB.into()),
        limited: false,
    }
}

fn lost(weight: f64) -> Expected {
    Expected {
        weight,
        class: Class::Timeout,
        time: TimeClass::Never,
        bytes: 0,
        backend: None,
        seen_client: None,
        limited: false,
    }
}

fn cell(backends: &[&str], tries: u32) -> Cell {
    Cell {
        source: "pod/shop/web".to_owned(),
        target: "svc/shop/api:3000".to_owned(),
        protocol: Protocol::Tcp,
        class: Class::Ok,
        errno: None,
        time: TimeClass::Instant,
        bytes: BIG,
        answered_by: backends.first().map(|b| (*b).to_owned()),
        seen_client: Some(WEB),
        backends: backends.iter().map(|b| ((*b).to_owned(), WEB)).collect(),
        outcomes: [(Class::Ok, tries)].into(),
    }
}

fn kinds(cell: &Cell, ways: &[Expected]) -> Vec<Kind> {
    differences(cell, ways).into_iter().map(|d| d.0).collect()
}

#[test]
fn what_is_predicted_agrees() {
    let ways = [way(0.5, "shop/a"), way(0.3, "shop/b"), way(0.2, "shop/c")];
    assert_eq!(kinds(&cell(&["shop/a", "shop/b", "shop/c"], 40), &ways), []);
    // Two tries say nothing about who never answers.
    assert_eq!(kinds(&cell(&["shop/a"], 2), &ways), []);
}

#[test]
fn backends_that_never_or_should_not_answer() {
    let ways = [way(0.8, "shop/a"), way(0.2, "shop/b")];
    assert_eq!(kinds(&cell(&["shop/a"], 40), &ways), [Kind::NeverBackend]);
    assert_eq!(
        kinds(&cell(&["shop/a", "shop/b", "shop/c"], 40), &ways),
        [Kind::Backend]
    );
    let rare = [way(0.9, "shop/a"), way(0.1, "shop/b")];
    assert_eq!(kinds(&cell(&["shop/a"], 40), &rare), []);
    // A single one has no choice.
    assert_eq!(kinds(&cell(&[], 1), &[way(1.0, "shop/a")]), [Kind::NeverBackend]);
}

#[test]
fn another_client_address() {
    let mut masqueraded = cell(&["shop/a"], 1);
    masqueraded
        .backends
        .insert("shop/a".to_owned(), Ipv4Addr::new(10, 244, 1, 1));
    assert_eq!(kinds(&masqueraded, &[way(1.0, "shop/a")]), [Kind::SeenClient]);
}

#[test]
fn classes_of_the_first_and_of_all_tries() {
    let mut refused = cell(&[], 1);
    refused.class = Class::Refused;
    refused.outcomes = [(Class::Refused, 1)].into();
    assert_eq!(kinds(&refused, &[lost(1.0)]), [Kind::Class]);
    let half = [way(0.5, "shop/a"), lost(0.5)];
    assert_eq!(kinds(&cell(&["shop/a"], 40), &half), [Kind::NeverClass]);
    let mut mixed = cell(&["shop/a"], 30);
    mixed.outcomes.insert(Class::Timeout, 10);
    assert_eq!(kinds(&mixed, &half), []);
    assert_eq!(kinds(&mixed, &[way(1.0, "shop/a")]), [Kind::Class]);
}

#[test]
fn time_and_bytes() {
    let mut slow = cell(&["shop/a"], 1);
    slow.time = TimeClass::OneSecond;
    assert_eq!(kinds(&slow, &[way(1.0, "shop/a")]), [Kind::Time]);
    let mut cut = cell(&["shop/a"], 1);
    cut.bytes = 1000;
    assert_eq!(kinds(&cut, &[way(1.0, "shop/a")]), [Kind::Bytes]);
}

#[test]
fn of_many_icmp_errors_some_are_not_sent() {
    let refused = Expected {
        class: Class::Refused,
        time: TimeClass::Instant,
        limited: true,
        ..lost(0.5)
    };
    let ways = [way(0.5, "shop/a"), refused.clone()];
    let mut many = cell(&["shop/a"], 20);
    many.outcomes.insert(Class::Timeout, 20);
    assert_eq!(kinds(&many, &ways), []);
    let mut alone = cell(&[], 1);
    (alone.class, alone.time, alone.bytes) = (Class::Timeout, TimeClass::Never, 0);
    alone.outcomes = [(Class::Timeout, 1)].into();
    assert_eq!(kinds(&alone, &[Expected { weight: 1.0, ..refused }]), [Kind::Class]);
}
