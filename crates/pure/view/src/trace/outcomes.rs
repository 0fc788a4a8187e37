//! All that can happen, equal ends together.

use super::end;
use crate::name;
use netwhy_checks::Promise;
use netwhy_model::{Cluster, NetnsId};
use netwhy_sim::trace::ONE;
use netwhy_sim::{Detail, Disposition, Outcome, Trace};
use serde::Serialize;
use std::net::IpAddr;

/// Outcomes that end alike.
#[derive(Clone, Debug, Serialize)]
pub struct OutcomeView {
    /// Probability, 0 to 1.
    pub share: f64,
    /// The probability follows from what was read.
    pub share_known: bool,
    /// `delivered`, `dropped`, `rejected`, `left-model` or `unknown`.
    pub disposition: &'static str,
    /// What the client sees, as the contract spells it; null if not known.
    pub client_sees: Option<&'static str>,
    /// When, in ms.
    pub client_sees_after_ms: Option<u64>,
    /// Backends that end so, if the destination has any.
    pub backends: usize,
    /// Their names, where they are known.
    pub to: Vec<String>,
    /// Where and why it ends, in words; empty if delivered.
    pub end: String,
    /// Client addresses that the servers see.
    pub seen_client: Vec<String>,
}

/// The outcomes of a trace, counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Groups: failures first, then by share.
    pub groups: Vec<OutcomeView>,
    /// Backends of the destination; 0 if it is no Service.
    pub backends: usize,
    /// Index of the outcome whose way is shown.
    pub shown: usize,
    /// Share of connections that are not delivered.
    pub failing: f64,
}

impl Tally {
    /// Counts.
    pub(super) fn new(cluster: &Cluster, trace: &Trace, promise: &Promise) -> Tally {
        let backends = promise.backends.len();
        let mut groups: Vec<(Key, OutcomeView)> = Vec::new();
        for o in &trace.outcomes {
            let key = Key::of(o);
            match groups.iter_mut().find(|(k, _)| *k == key) {
                Some((_, group)) => add(cluster, group, o),
                None => groups.push((key, group(cluster, o))),
            }
        }
        for (_, g) in &mut groups {
            g.backends = (g.share * backends as f64).round() as usize;
            g.to.sort();
            g.to.dedup();
        }
        name_the_rest(cluster, promise, &mut groups);
        groups.sort_by(|(_, a), (_, b)| {
            (a.disposition == "delivered")
                .cmp(&(b.disposition == "delivered"))
                .then(b.share.total_cmp(&a.share))
        });
        let is_bad = |o: &Outcome| o.end.disposition != Disposition::Delivered;
        let worst = trace
            .outcomes
            .iter()
            .enumerate()
            .filter(|(_, o)| is_bad(o) && !o.steps.is_empty());
        let shown = worst.max_by_key(|(_, o)| o.weight).map_or(0, |(i, _)| i);
        Tally {
            failing: trace.outcomes.iter().filter(|o| is_bad(o)).map(share).sum(),
            groups: groups.into_iter().map(|(_, g)| g).collect(),
            backends,
            shown,
        }
    }

    /// Backends that do not answer, of all.
    #[must_use]
    pub fn failing_backends(&self) -> usize {
        (self.failing * self.backends as f64).round() as usize
    }
}

fn share(o: &Outcome) -> f64 {
    o.weight as f64 / ONE as f64
}

/// What makes two outcomes one line.
#[derive(PartialEq)]
struct Key {
    disposition: Disposition,
    sees: netwhy_sim::ClientSees,
    end: Option<(NetnsId, netwhy_sim::Stage, Option<netwhy_sim::DropReason>)>,
    rule: Option<netwhy_sim::trace::RuleRef>,
}

impl Key {
    fn of(o: &Outcome) -> Key {
        let bad = o.end.disposition != Disposition::Delivered;
        // A port that nobody listens on is one thing, on however many pods.
        let socket = o.end.reason == Some(netwhy_sim::DropReason::NoSocket) && !o.end.reply;
        Key {
            disposition: o.end.disposition,
            sees: o.client,
            end: (bad && !socket).then_some((o.end.netns, o.end.stage, o.end.reason)),
            rule: o.end.rule.filter(|_| bad),
        }
    }
}

fn group(cluster: &Cluster, o: &Outcome) -> OutcomeView {
    let mut group = OutcomeView {
        share: 0.0,
        share_known: true,
        disposition: o.end.disposition.as_str(),
        client_sees: (o.client != netwhy_sim::ClientSees::Unknown).then(|| o.client.as_str()),
        client_sees_after_ms: o.after_ms,
        backends: 0,
        to: Vec::new(),
        end: match o.end.disposition {
            Disposition::Delivered => String::new(),
            _ => end::place_and_reason(cluster, o),
        },
        seen_client: Vec::new(),
    };
    add(cluster, &mut group, o);
    group
}

fn add(cluster: &Cluster, group: &mut OutcomeView, o: &Outcome) {
    group.share += share(o);
    group.share_known &= o.weight_known;
    group.to.extend(receiver(cluster, o));
    if let Some(seen) = o.seen_client.filter(|_| o.end.disposition == Disposition::Delivered) {
        let seen = seen.to_string();
        if !group.seen_client.contains(&seen) {
            group.seen_client.push(seen);
        }
    }
}

/// Who receives it, or would have.
fn receiver(cluster: &Cluster, o: &Outcome) -> Option<String> {
    if let Some((id, _)) = o.delivered_to {
        return Some(name::receiver(cluster, id));
    }
    let to = o.steps.iter().rev().find_map(|s| match s.detail {
        Detail::Dnat { to } => Some(to.0),
        _ => None,
    })?;
    Some(owner(cluster, to))
}

fn owner(cluster: &Cluster, addr: IpAddr) -> String {
    netwhy_intent::owner_of(cluster, addr).map_or_else(|| addr.to_string(), |id| name::receiver(cluster, id))
}

/// Equal ends are merged by the simulator, which keeps the way of one of them only. Where one group lacks names, they are
/// those that no other group has.
fn name_the_rest(cluster: &Cluster, promise: &Promise, groups: &mut [(Key, OutcomeView)]) {
    let short: Vec<usize> = (0..groups.len())
        .filter(|i| groups[*i].1.to.len() < groups[*i].1.backends)
        .collect();
    let [one] = short[..] else { return };
    let named: Vec<String> = groups
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != one)
        .flat_map(|(_, (_, g))| g.to.clone())
        .collect();
    let mut rest: Vec<String> = promise.backends.iter().map(|b| owner(cluster, b.addr)).collect();
    rest.retain(|name| !named.contains(name));
    rest.sort();
    rest.dedup();
    if rest.len() == groups[one].1.backends {
        groups[one].1.to = rest;
    }
}
