//! The whole check: promises, verdicts, causes, findings.

use crate::cause::{CauseSet, Search, key};
use crate::group::group;
use crate::owed::promises;
use crate::promise::{Promise, PromiseKind, Strength};
use crate::registry::{CHECKS, UNEXPLAINED};
use crate::report::{Coverage, Finding, Report, Severity};
use crate::verdict::{Verdict, judge};
use netwhy_model::{Cluster, Family, GapId, NetnsId};
use netwhy_reach::Classes;
use netwhy_sim::trace::Assumption;
use netwhy_sim::{End, Flow, Options, trace};
use std::collections::{BTreeMap, BTreeSet};

/// Bounds of a check.
#[derive(Clone, Copy, Debug)]
pub struct CheckOptions {
    /// Promises that are traced at most; what is cut counts as not judged.
    pub promises_max: usize,
    /// Kept promises that a change is tried against.
    pub regression_max: usize,
    /// Lay candidates over the model. Without it every change changes nothing, so no cause may be claimed: a test.
    pub counterfactuals: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        CheckOptions {
            promises_max: 200_000,
            regression_max: 5_000,
            counterfactuals: true,
        }
    }
}

/// A broken promise with its causes.
pub(crate) struct BrokenPromise {
    pub promise: Promise,
    pub end: End,
    pub causes: Vec<CauseSet>,
}

/// Sweeps everything that the cluster owes.
#[must_use]
pub fn check(cluster: &Cluster, options: &CheckOptions) -> Report {
    let classes = Classes::of(cluster);
    let mut all = promises(cluster, &classes);
    let mut report = Report::default();
    if all.list.len() > options.promises_max {
        let cut = all.list.split_off(options.promises_max);
        all.not_judged
            .push(("the budget was used up".to_owned(), cut.iter().map(|p| p.members).sum()));
    }
    report.coverage.not_judged = all.not_judged;
    report.coverage.unread = all.unread;
    sweep(cluster, all.list, options, &classes, &mut report);
    report.gaps.extend(&all.missing);
    report.deciding.extend(&all.missing);
    for check in CHECKS {
        report.findings.extend((check.statics)(cluster));
    }
    finish(cluster, &mut report);
    report
}

/// Judges one flow that somebody asks for, with its causes.
#[must_use]
pub fn check_flow(cluster: &Cluster, promise: Promise, options: &CheckOptions) -> Report {
    let mut report = Report::default();
    sweep(cluster, vec![promise], options, &Classes::default(), &mut report);
    finish(cluster, &mut report);
    report
}

fn sweep(cluster: &Cluster, list: Vec<Promise>, options: &CheckOptions, classes: &Classes, report: &mut Report) {
    let quiet = Options {
        steps: false,
        ..Options::default()
    };
    let mut kept: Vec<Promise> = Vec::new();
    let mut broken: Vec<Promise> = Vec::new();
    let mut gaps: BTreeSet<GapId> = BTreeSet::new();
    let mut deciding: BTreeSet<GapId> = BTreeSet::new();
    let mut assumed = BTreeSet::new();
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    report.coverage.classes = list.len();
    for promise in list {
        let trace = trace(cluster, &promise.flow, &quiet);
        gaps.extend(trace.footnotes.iter().chain(&trace.deciding));
        assumed.extend(trace.outcomes.iter().flat_map(|o| o.assumed.iter().cloned()));
        match judge(&promise, &trace) {
            Verdict::Kept => kept.push(promise),
            Verdict::Broken(_) => broken.push(promise),
            Verdict::Unknown(why) => {
                deciding.extend(&why);
                *refused.entry("depends on what was not read".to_owned()).or_default() += promise.members;
                report.coverage.unread += promise.members;
            }
            Verdict::Left => *refused.entry("leaves the snapshot".to_owned()).or_default() += promise.members,
        }
    }
    let mut search = Search::new(cluster, options.counterfactuals);
    let mut explained: Vec<BrokenPromise> = Vec::new();
    let mut excused: Vec<(Promise, End)> = Vec::new();
    for promise in broken {
        let at = trace(cluster, &promise.flow, &Options::default());
        let Verdict::Broken(which) = judge(&promise, &at) else {
            continue;
        };
        let causes = search.causes(&promise);
        let end = at.outcomes[which].end.clone();
        if causes.is_empty() && is_excused(&promise, &kept) {
            excused.push((promise, end));
            continue;
        }
        explained.push(BrokenPromise { promise, end, causes });
    }
    disqualify(&mut search, &mut explained, &kept, options);
    let causes = distinct(&explained);
    for (promise, end) in excused {
        match causes.iter().find(|set| heals(&mut search, set, &promise)) {
            Some(set) => explained.push(BrokenPromise {
                promise,
                end,
                causes: vec![set.clone()],
            }),
            None => *refused.entry(excuse(&promise).to_owned()).or_default() += promise.members,
        }
    }
    report.coverage.kept = kept.iter().map(|p| p.members).sum();
    report.coverage.broken = explained.iter().map(|b| b.promise.members).sum();
    report.coverage.unexplained = explained
        .iter()
        .filter(|b| b.causes.is_empty())
        .map(|b| b.promise.members)
        .sum();
    report.coverage.not_judged.extend(refused);
    report.findings.extend(group(cluster, &explained, classes));
    report.gaps = gaps.into_iter().collect();
    report.deciding = deciding.into_iter().collect();
    report.assumed = assumed.into_iter().map(|a| assumption(cluster, &a)).collect();
}

/// What breaks promises of others, each once.
fn distinct(explained: &[BrokenPromise]) -> Vec<CauseSet> {
    let name = |set: &CauseSet| set.iter().map(key).collect::<Vec<_>>().join(" + ");
    let sets = explained.iter().flat_map(|b| &b.causes);
    let sets: BTreeMap<String, &CauseSet> = sets.map(|set| (name(set), set)).collect();
    sets.into_values().take(CAUSES_TRIED).cloned().collect()
}

/// Causes that are tried at promises that could be somebody's will.
const CAUSES_TRIED: usize = 32;

/// A promise that a policy may refuse is broken by a cause of others if that cause alone breaks it: no policy then does.
fn heals(search: &mut Search<'_>, set: &CauseSet, promise: &Promise) -> bool {
    let quiet = Options {
        steps: false,
        ..Options::default()
    };
    !set.is_empty() && judge(promise, &trace(search.with(set), &promise.flow, &quiet)) == Verdict::Kept
}

/// Broken, without a cause, and nobody's fault that netwhy could name: a policy whose verdict is not evaluated, or a way out
/// that no other pod has either.
fn is_excused(promise: &Promise, kept: &[Promise]) -> bool {
    if promise.kind == PromiseKind::Asked {
        return false;
    }
    let peers_keep = || {
        kept.iter()
            .any(|k| k.kind == promise.kind && k.flow.dst == promise.flow.dst)
    };
    promise.policy || promise.strength == Strength::Peers && !peers_keep()
}

fn excuse(promise: &Promise) -> &'static str {
    if promise.strength == Strength::Peers {
        "no pod reaches this host outside"
    } else {
        "a NetworkPolicy may select an end (policies are not evaluated)"
    }
}

/// A change that breaks what holds is no cause.
fn disqualify(search: &mut Search<'_>, explained: &mut [BrokenPromise], kept: &[Promise], options: &CheckOptions) {
    let quiet = Options {
        steps: false,
        ..Options::default()
    };
    let mut verdicts: BTreeMap<String, bool> = BTreeMap::new();
    for b in explained.iter_mut() {
        b.causes.retain(|set| {
            let name = set.iter().map(key).collect::<Vec<_>>().join(" + ");
            *verdicts.entry(name).or_insert_with(|| {
                let patched = search.with(set);
                kept.iter()
                    .take(options.regression_max)
                    .all(|p| judge(p, &trace(patched, &p.flow, &quiet)) == Verdict::Kept)
            })
        });
    }
}

fn assumption(cluster: &Cluster, a: &Assumption) -> String {
    let name = |id: &NetnsId| cluster.ns(*id).kind.to_string();
    match a {
        Assumption::SharedSegment(x, y) => format!("{} and {} share a segment", name(x), name(y)),
        Assumption::UnderlayPasses(x, y, port) => {
            format!("the network between {} and {} passes UDP {port}", name(x), name(y))
        }
    }
}

/// Rank, and the coverage of checks and nodes.
fn finish(cluster: &Cluster, report: &mut Report) {
    report.findings.sort_by(|a, b| {
        let rank = |f: &Finding| {
            (
                f.severity,
                f.caused_by.is_none(),
                f.code != UNEXPLAINED.code,
                f.broken,
                f.certainty,
            )
        };
        rank(b)
            .cmp(&rank(a))
            .then_with(|| (a.code, &a.object).cmp(&(b.code, &b.object)))
    });
    let mut coverage = std::mem::take(&mut report.coverage);
    for check in CHECKS {
        match (check.applies)(cluster) {
            Ok(()) => coverage.checks_run += 1,
            Err(why) => coverage.not_applicable.push((check.code, why)),
        }
    }
    coverage.nodes_read = (
        cluster.nodes.iter().filter(|n| n.host.is_some()).count(),
        cluster.nodes.len(),
    );
    report.coverage = coverage;
}

/// A promise for a flow that somebody asks for: delivered to whom the API says, or to anybody.
#[must_use]
pub fn asked(cluster: &Cluster, flow: Flow) -> Promise {
    let vip = netwhy_intent::services::behind(cluster, flow.dst, flow.dport, flow.proto);
    let mut promise = Promise::new(PromiseKind::Asked, Strength::Api, flow, Vec::new());
    promise.service = vip.as_ref().map(|v| v.service.clone());
    let service = vip
        .as_ref()
        .and_then(|v| cluster.api.service(&v.service.namespace, &v.service.name));
    if let (Some(service), Some(vip)) = (service, &vip) {
        let port = service
            .ports
            .iter()
            .find(|p| p.port == vip.service.port && p.protocol == vip.service.protocol);
        let ends = port
            .map(|p| netwhy_intent::Endpoints::of(cluster, service, p, Family::of(flow.dst)))
            .unwrap_or_default();
        promise.receivers = ends
            .backends
            .iter()
            .filter_map(|b| netwhy_intent::owner_of(cluster, b.addr))
            .collect();
        promise.backends = ends.backends;
    }
    promise
}

/// Everything that a report rests on, for a caller that wants to know how a coverage line came about.
impl Report {
    /// The first finding that is a cause.
    #[must_use]
    pub fn first_cause(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|f| f.severity == Severity::Error && f.caused_by.is_none())
    }

    /// What was judged.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}
