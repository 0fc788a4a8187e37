//! From a symptom alone: what it could be, in the order in which it is met, and what decides. A table; nothing here knows a
//! cluster, so nothing here is more than a candidate.
//!
//! The rows follow the measured flow signatures: which errors each fault gives, and when (lab notes 0001, 0002, 0005).

mod table;

use crate::address::{AddressHint, hint};
use crate::observation::{Client, DnsError, Kind, Observation, TimeClass};
use table::{QUESTIONS, Row};

/// What it could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// From 1.
    pub rank: u8,
    /// A name of the problem; that of the check's finding where there is such a check.
    pub name: &'static str,
    /// Ids of the fault catalogue, the nearest first.
    pub faults: &'static [&'static str],
    /// In one line.
    pub sentence: &'static str,
    /// The observation that confirms or refutes it.
    pub decides: &'static str,
}

/// A question whose answers part the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What to look at.
    pub ask: &'static str,
    /// An answer, and the ranks of the candidates that it leaves.
    pub answers: Vec<(&'static str, Vec<u8>)>,
}

/// More are not offered.
const CANDIDATES_MAX: usize = 7;

/// What an observation could be, the likeliest first.
#[must_use]
pub fn candidates(seen: &Observation) -> Vec<Candidate> {
    let mut rows: Vec<&'static Row> = Vec::new();
    for list in lists(seen) {
        for row in *list {
            if fits(row, seen) && rows.iter().all(|r| r.name != row.name) {
                rows.push(row);
            }
        }
    }
    let ranked = (1u8..).zip(rows.into_iter().take(CANDIDATES_MAX));
    ranked
        .map(|(rank, row)| Candidate {
            rank,
            name: row.name,
            faults: row.faults,
            sentence: row.sentence,
            decides: row.decides,
        })
        .collect()
}

/// The questions that part the candidates of an observation, the cheapest first. Answers that leave none or all are left
/// out.
#[must_use]
pub fn questions(seen: &Observation) -> Vec<Question> {
    let all = candidates(seen);
    let mut asked = Vec::new();
    for (ask, answers) in QUESTIONS {
        let ranks =
            |names: &[&str]| -> Vec<u8> { all.iter().filter(|c| names.contains(&c.name)).map(|c| c.rank).collect() };
        let answers: Vec<_> = answers.iter().map(|(words, names)| (*words, ranks(names))).collect();
        let parts = answers
            .iter()
            .filter(|(_, ranks)| !ranks.is_empty() && ranks.len() < all.len())
            .count();
        if parts >= 1 && answers.iter().any(|(_, ranks)| !ranks.is_empty()) && parts == answers.len() {
            asked.push(Question { ask, answers });
        }
    }
    asked
}

/// The lists of the table that an observation opens.
fn lists(seen: &Observation) -> &'static [&'static [Row]] {
    use table::{ANSWERED_ELSEWHERE, DNS_FAST, DNS_NAME, DNS_SERVFAIL, DNS_SILENT, HANG, INVALID, NET_UNREACHABLE};
    use table::{NO_ROUTE_ARP, NO_ROUTE_AT_ONCE, PROBE, PROHIBITED, REFUSED, RESET, TIMEOUT};
    let at_once = matches!(seen.time_class, TimeClass::AtOnce | TimeClass::OneSecond);
    let arp = seen.time_class == TimeClass::ThreeSeconds;
    match seen.kind {
        Kind::ConnectTimeout if seen.client == Client::Kubelet => &[PROBE, TIMEOUT],
        Kind::ConnectTimeout => &[TIMEOUT],
        Kind::Refused => &[REFUSED],
        Kind::NoRoute if at_once => &[NO_ROUTE_AT_ONCE],
        Kind::NoRoute if arp => &[NO_ROUTE_ARP],
        Kind::NoRoute => &[NO_ROUTE_ARP, NO_ROUTE_AT_ONCE],
        Kind::NetUnreachable => &[NET_UNREACHABLE],
        Kind::Prohibited => &[PROHIBITED],
        Kind::InvalidArgument => &[INVALID],
        Kind::Reset => &[RESET],
        Kind::Tls | Kind::Hang => &[HANG],
        Kind::AnsweredElsewhere => &[ANSWERED_ELSEWHERE],
        Kind::ConnectFailed if at_once => &[REFUSED, NO_ROUTE_AT_ONCE, NET_UNREACHABLE],
        Kind::ConnectFailed if arp => &[NO_ROUTE_ARP],
        Kind::ConnectFailed => &[TIMEOUT, REFUSED],
        Kind::Timeout => &[TIMEOUT, HANG],
        Kind::Dns(DnsError::NotFound) => &[DNS_NAME],
        Kind::Dns(DnsError::ServFail) => &[DNS_SERVFAIL],
        Kind::Dns(DnsError::Refused) => &[DNS_FAST],
        Kind::Dns(DnsError::Unanswered) => &[DNS_SILENT, DNS_FAST],
        Kind::Dns(DnsError::Unspecified) => &[DNS_NAME, DNS_FAST, DNS_SILENT],
    }
}

/// Where a row applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Only {
    Always,
    /// Not for an address that is a pod's, or outside the cluster.
    Service,
    /// Only for an address outside the cluster.
    Outside,
    /// Not for an address outside the cluster.
    Inside,
}

fn fits(row: &Row, seen: &Observation) -> bool {
    let ip = seen.target.as_ref().and_then(crate::Target::ip);
    let hint = ip.map(hint);
    match row.only {
        Only::Always => true,
        Only::Service => !matches!(hint, Some(AddressHint::Pod(_) | AddressHint::Public)) && !seen.is_probe(),
        Only::Outside => matches!(hint, Some(AddressHint::Public)),
        Only::Inside => !matches!(hint, Some(AddressHint::Public)),
    }
}

impl Observation {
    fn is_probe(&self) -> bool {
        self.client == Client::Kubelet
    }
}

#[cfg(test)]
mod tests;
