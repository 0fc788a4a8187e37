//! From broken promises with causes to findings: one for each cause, with everything that it breaks.

use crate::candidate::{Candidate, Object};
use crate::cause::key;
use crate::engine::BrokenPromise;
use crate::promise::{Promise, PromiseKind, Strength};
use crate::registry::{UNEXPLAINED, by_code};
use crate::report::{Certainty, Finding, Severity};
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use netwhy_reach::Classes;
use netwhy_sim::{Disposition, End};
use std::collections::{BTreeMap, BTreeSet};

/// Examples that a finding names.
const EXAMPLES_MAX: usize = 3;

/// A finding that grows.
struct Group {
    finding: Finding,
    pods: BTreeSet<NetnsId>,
    /// Names by what says most to a person: a Service before a pod before the rest.
    examples: BTreeSet<(u8, usize, String)>,
}

/// One finding for each cause; promises with several alternatives count for each, and make it only likely.
pub(crate) fn group(cluster: &Cluster, explained: &[BrokenPromise], classes: &Classes) -> Vec<Finding> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut at = |name: String, first: &dyn Fn() -> Finding, promise: &Promise, more: &dyn Fn(&mut Finding)| {
        let group = groups.entry(name).or_insert_with(|| Group {
            finding: first(),
            pods: BTreeSet::new(),
            examples: BTreeSet::new(),
        });
        group.finding.broken += promise.members;
        group.pods.extend(ends(cluster, promise, classes));
        let rank = match promise.kind {
            PromiseKind::Service => 0,
            PromiseKind::PodToPod => 1,
            PromiseKind::NodePort | PromiseKind::HostPort => 2,
            _ => 3,
        };
        if group.examples.iter().filter(|e| e.0 <= rank).count() < EXAMPLES_MAX {
            group
                .examples
                .insert((rank, group.examples.len(), promise.name(cluster)));
        }
        let severity = if promise.strength == Strength::Peers {
            Severity::Warning
        } else {
            Severity::Error
        };
        group.finding.severity = group.finding.severity.max(severity);
        more(&mut group.finding);
    };
    for b in explained {
        if b.causes.is_empty() {
            // One line for each place of the cluster, not for each pod that is met there.
            let place = cluster.ns(b.end.netns).kind.node();
            let name = format!("{place:?} {:?} {:?} {:?}", b.end.stage, b.end.reason, b.end.disposition);
            at(name, &|| unexplained(cluster, &b.end), &b.promise, &|_| {});
        }
        for set in &b.causes {
            for c in set {
                at(key(c), &|| finding(c), &b.promise, &|f| {
                    join(f, c, set, b.causes.len() > 1)
                });
            }
        }
    }
    let mut list: Vec<Finding> = groups
        .into_values()
        .map(|g| Finding {
            broken_pods: g.pods.len(),
            examples: g.examples.into_iter().take(EXAMPLES_MAX).map(|e| e.2).collect(),
            ..g.finding
        })
        .collect();
    for f in &mut list {
        f.also.sort();
        f.also.dedup();
    }
    fold(explained, &mut list);
    list
}

/// What one more cause set adds to the finding of one of its members.
fn join(f: &mut Finding, c: &Candidate, set: &[Candidate], alternatives: bool) {
    f.also.extend(
        set.iter()
            .filter(|o| key(o) != key(c))
            .map(|o| format!("{} on {}", o.code, o.object)),
    );
    if alternatives || c.alike {
        f.certainty = f.certainty.min(Certainty::Likely);
    }
    for patch in &c.patches {
        if !f.patches.contains(patch) {
            f.patches.push(patch.clone());
        }
    }
}

/// The pods at both ends of a promise: those that the client speaks for, and the receivers.
fn ends(cluster: &Cluster, promise: &Promise, classes: &Classes) -> Vec<NetnsId> {
    let alike = |id: NetnsId| {
        classes
            .class_of(id)
            .map_or_else(|| vec![id], |c| classes.get(c).members.clone())
    };
    let mut all = alike(promise.flow.from);
    match promise.kind {
        PromiseKind::PodToPod | PromiseKind::NodeToPod => all.extend(promise.receivers.iter().flat_map(|r| alike(*r))),
        _ => all.extend(&promise.receivers),
    }
    all.retain(|id| matches!(cluster.ns(*id).kind, NetnsKind::Pod { .. }));
    all
}

/// An alternative that explains strictly less than another one for the same promises is folded under it.
fn fold(explained: &[BrokenPromise], list: &mut [Finding]) {
    let reach: Vec<(usize, &'static str)> = list.iter().map(|f| (f.broken, f.code)).collect();
    for (i, f) in list.iter_mut().enumerate() {
        let is_mine = |c: &Candidate| c.code == f.code && c.object == f.object && c.node == f.node;
        let mine: Vec<&BrokenPromise> = explained
            .iter()
            .filter(|b| b.causes.iter().flatten().any(is_mine))
            .collect();
        if mine.is_empty() || mine.iter().any(|b| b.causes.len() < 2) {
            continue;
        }
        let explains_all = |code: &str| mine.iter().all(|b| b.causes.iter().flatten().any(|c| c.code == code));
        let wider = reach
            .iter()
            .enumerate()
            .filter(|(j, (broken, code))| *j != i && *broken > f.broken && explains_all(code));
        if let Some((_, (_, code))) = wider.max_by_key(|(j, (broken, _))| (*broken, std::cmp::Reverse(*j))) {
            f.caused_by = Some(code);
            f.certainty = Certainty::Possible;
        }
    }
}

fn finding(c: &Candidate) -> Finding {
    let check = by_code(c.code).unwrap_or(&UNEXPLAINED);
    Finding {
        severity: Severity::Info,
        faults: c.faults.clone(),
        node: c.node.clone(),
        norm: c.norm.clone(),
        fix: Some(c.fix.clone()),
        ..Finding::standing(check, c.object.clone(), c.summary.clone(), c.evidence.clone())
    }
}

fn unexplained(cluster: &Cluster, end: &End) -> Finding {
    let ns = cluster.ns(end.netns);
    let node = ns.kind.node().map(str::to_owned);
    let reason = end.reason.map_or(String::new(), |r| format!(", {}", r.as_str()));
    let object = match node.as_deref() {
        Some(node) => Object::node(node),
        None => Object {
            kind: "Cluster",
            namespace: None,
            name: None,
        },
    };
    let summary = match end.disposition {
        Disposition::Delivered => {
            "packets arrive, and not at those who were meant or not as was promised; no known cause heals it".to_owned()
        }
        Disposition::LeftModel => format!(
            "packets leave {} for a host that is not in the snapshot, and no known cause heals it",
            ns.kind
        ),
        _ => format!(
            "packets end in {} on {}{reason}, and no known cause heals it",
            end.stage.as_str(),
            ns.kind
        ),
    };
    let rule = end.rule.and_then(|r| crate::facts::rule_place(ns, r));
    let evidence = rule
        .map(|(place, chain)| vec![format!("{place}  {chain}")])
        .unwrap_or_default();
    Finding {
        severity: Severity::Info,
        certainty: Certainty::Possible,
        node,
        ..Finding::standing(&UNEXPLAINED, object, summary, evidence)
    }
}
