//! The answer in one line.

use super::{Tally, end};
use crate::name;
use netwhy_checks::Report;
use netwhy_model::Cluster;
use netwhy_sim::{ClientSees, Disposition, Outcome, Trace};
use serde::Serialize;

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// To everybody that the destination stands for.
    Delivered,
    /// To some, or to somebody that it should not be.
    Partly,
    /// To nobody.
    Failed,
    /// To a host that is not in the snapshot.
    Left,
    /// It depends on what was not read.
    Unknown,
}

/// The answer.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictView {
    /// Kind.
    pub kind: Verdict,
    /// In words.
    pub text: String,
    /// Of the most probable outcome.
    pub disposition: &'static str,
    /// What the client sees in the most probable failure, or `ok`; null if not known.
    pub client_sees: Option<&'static str>,
    /// When, in ms.
    pub client_sees_after_ms: Option<u64>,
}

impl VerdictView {
    pub(super) fn new(cluster: &Cluster, trace: &Trace, tally: &Tally, report: &Report) -> VerdictView {
        let kind = kind(trace, tally, report);
        let shown = trace.outcomes.get(tally.shown).unwrap_or(trace.first());
        let known = kind != Verdict::Unknown && shown.client != ClientSees::Unknown;
        VerdictView {
            kind,
            text: text(kind, cluster, tally, shown),
            disposition: match kind {
                Verdict::Unknown => Disposition::Unknown.as_str(),
                _ => trace.first().end.disposition.as_str(),
            },
            client_sees: known.then(|| shown.client.as_str()),
            client_sees_after_ms: shown.after_ms.filter(|_| known),
        }
    }
}

fn kind(trace: &Trace, tally: &Tally, report: &Report) -> Verdict {
    let ends = |d: Disposition| trace.outcomes.iter().any(|o| o.end.disposition == d);
    if !trace.deciding.is_empty() || ends(Disposition::Unknown) {
        Verdict::Unknown
    } else if trace
        .outcomes
        .iter()
        .all(|o| o.end.disposition == Disposition::LeftModel)
    {
        Verdict::Left
    } else if tally.failing > 0.0 {
        match ends(Disposition::Delivered) {
            true => Verdict::Partly,
            false => Verdict::Failed,
        }
    } else if report.coverage.broken > 0 {
        Verdict::Partly
    } else {
        Verdict::Delivered
    }
}

fn text(kind: Verdict, cluster: &Cluster, tally: &Tally, shown: &Outcome) -> String {
    match kind {
        Verdict::Delivered => delivered(cluster, tally, shown),
        Verdict::Unknown => "depends on what was not read".to_owned(),
        Verdict::Left => {
            let to = shown.end.left_to.map_or(String::new(), |a| format!(" for {a}"));
            format!(
                "leaves what the snapshot holds at {}{to}",
                end::short_place(cluster, shown.end.netns)
            )
        }
        Verdict::Failed => format!("{}; {}", end::what_happens(cluster, shown), client(shown)),
        Verdict::Partly if tally.failing == 0.0 => "delivered, but not to an endpoint of what was asked".to_owned(),
        Verdict::Partly => partly(tally, shown),
    }
}

fn delivered(cluster: &Cluster, tally: &Tally, shown: &Outcome) -> String {
    match tally.backends {
        0 => match shown.delivered_to {
            Some((id, port)) if shown.end.netns != id || port != 0 => {
                format!(
                    "delivered to {}, and the answer comes back",
                    short(&name::receiver(cluster, id))
                )
            }
            _ => "delivered, and the answer comes back".to_owned(),
        },
        1 => "delivered to its only backend, and the answer comes back".to_owned(),
        n => {
            let reached: usize = tally.groups.iter().map(|g| g.to.len()).sum();
            format!(
                "delivered to {} of {n} backends, and the answers come back",
                reached.min(n)
            )
        }
    }
}

/// `2 of 5 backends fail: 40 % of connections time out`.
fn partly(tally: &Tally, shown: &Outcome) -> String {
    let percent = (tally.failing * 100.0).round();
    let bad = tally.groups.iter().filter(|g| g.disposition != "delivered");
    let known = tally.groups.iter().all(|g| g.share_known);
    let one_way = bad.clone().all(|g| g.client_sees == Some(shown.client.as_str()));
    let how = if one_way { verb(shown.client) } else { "fail" };
    let share = match known {
        true => format!("{percent} % of connections {how}"),
        false => format!("some connections {how}"),
    };
    match (tally.backends, tally.failing_backends()) {
        (0, _) | (_, 0) => share,
        (n, 1) => format!("1 of {n} backends fails: {share}"),
        (n, failing) => format!("{failing} of {n} backends fail: {share}"),
    }
}

fn verb(sees: ClientSees) -> &'static str {
    match sees {
        ClientSees::Timeout => "time out",
        ClientSees::Refused => "are refused",
        ClientSees::Reset => "are reset",
        _ => "fail",
    }
}

fn client(o: &Outcome) -> String {
    match o.client {
        ClientSees::Unknown => "what the client sees is not known".to_owned(),
        ClientSees::Timeout if o.after_ms.is_none() => "the client gets no answer".to_owned(),
        sees => format!("the client sees \"{}\"", sees.strerror()),
    }
}

/// Pods without their kind, as the first line of an answer names them.
#[must_use]
pub fn short(name: &str) -> &str {
    name.strip_prefix("pod/").unwrap_or(name)
}
