//! The whole check: promises, verdicts, causes, findings.

use crate::candidate::Candidate;
use crate::cause::{CauseSet, Search, key};
use crate::promise::{Promise, PromiseKind, Strength, promises};
use crate::registry::{CHECKS, UNEXPLAINED, by_code};
use crate::report::{Certainty, Coverage, Finding, Report, Severity};
use crate::verdict::{Verdict, judge};
use netwhy_model::{Cluster, GapId, NetnsId};
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
struct BrokenPromise {
    promise: Promise,
    end: End,
    causes: Vec<CauseSet>,
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
    let size = |id: NetnsId| classes.class_of(id).map_or(1, |c| classes.get(c).members.len());
    sweep(cluster, all.list, options, &size, &mut report);
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
    sweep(cluster, vec![promise], options, &|_| 1, &mut report);
    finish(cluster, &mut report);
    report
}

fn sweep(
    cluster: &Cluster,
    list: Vec<Promise>,
    options: &CheckOptions,
    size: &dyn Fn(NetnsId) -> usize,
    report: &mut Report,
) {
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
            }
            Verdict::Left => *refused.entry("leaves the snapshot".to_owned()).or_default() += promise.members,
        }
    }
    let mut search = Search::new(cluster, options.counterfactuals);
    let mut explained: Vec<BrokenPromise> = Vec::new();
    for promise in broken {
        let at = trace(cluster, &promise.flow, &Options::default());
        let Verdict::Broken(which) = judge(&promise, &at) else {
            continue;
        };
        let causes = search.causes(&promise);
        let end = at.outcomes[which].end.clone();
        if causes.is_empty() && is_excused(&promise, &kept) {
            *refused.entry(excuse(&promise).to_owned()).or_default() += promise.members;
            continue;
        }
        explained.push(BrokenPromise { promise, end, causes });
    }
    disqualify(&mut search, &mut explained, &kept, options);
    report.coverage.kept = kept.iter().map(|p| p.members).sum();
    report.coverage.broken = explained.iter().map(|b| b.promise.members).sum();
    report.coverage.unexplained = explained
        .iter()
        .filter(|b| b.causes.is_empty())
        .map(|b| b.promise.members)
        .sum();
    report.coverage.not_judged.extend(refused);
    report.findings.extend(group(cluster, &explained, size));
    report.gaps = gaps.into_iter().collect();
    report.deciding = deciding.into_iter().collect();
    report.assumed = assumed.into_iter().map(|a| assumption(cluster, &a)).collect();
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

/// One finding for each cause; promises with several alternatives count for each, and make it only likely.
fn group(cluster: &Cluster, explained: &[BrokenPromise], size: &dyn Fn(NetnsId) -> usize) -> Vec<Finding> {
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    for b in explained {
        if b.causes.is_empty() {
            let finding = findings
                .entry(format!("{:?} {:?} {:?}", b.end.netns, b.end.stage, b.end.reason))
                .or_insert_with(|| unexplained(cluster, &b.end));
            count(cluster, finding, &b.promise, size);
        }
        for set in &b.causes {
            for c in set {
                let others = set
                    .iter()
                    .filter(|o| key(o) != key(c))
                    .map(|o| format!("{} on {}", o.code, o.object));
                let finding = findings.entry(key(c)).or_insert_with(|| finding(c));
                finding.also.extend(others);
                if b.causes.len() > 1 || c.alike {
                    finding.certainty = finding.certainty.min(Certainty::Likely);
                }
                if b.promise.strength == Strength::Peers {
                    finding.severity = finding.severity.max(Severity::Warning);
                } else {
                    finding.severity = Severity::Error;
                }
                for patch in &c.patches {
                    if !finding.patches.iter().any(|p| format!("{p:?}") == format!("{patch:?}")) {
                        finding.patches.push(patch.clone());
                    }
                }
                count(cluster, finding, &b.promise, size);
            }
        }
    }
    let mut list: Vec<Finding> = findings.into_values().collect();
    for f in &mut list {
        f.also.sort();
        f.also.dedup();
    }
    fold(explained, &mut list);
    list
}

/// An alternative that explains strictly less than another one for the same promises is folded under it.
fn fold(explained: &[BrokenPromise], list: &mut [Finding]) {
    let reach: Vec<(usize, &'static str)> = list.iter().map(|f| (f.broken, f.code)).collect();
    for (i, f) in list.iter_mut().enumerate() {
        let mut wider: Option<usize> = None;
        let mine: Vec<&BrokenPromise> = explained
            .iter()
            .filter(|b| {
                b.causes.iter().any(|s| {
                    s.iter()
                        .any(|c| c.code == f.code && c.object == f.object && c.node == f.node)
                })
            })
            .collect();
        if mine.is_empty() || mine.iter().any(|b| b.causes.len() < 2) {
            continue;
        }
        for (j, (broken, code)) in reach.iter().enumerate() {
            if j != i
                && *broken > f.broken
                && mine
                    .iter()
                    .all(|b| b.causes.iter().any(|s| s.iter().any(|c| c.code == *code)))
            {
                wider = wider.filter(|w| reach[*w].0 >= *broken).or(Some(j));
            }
        }
        if let Some(w) = wider {
            f.caused_by = Some(reach[w].1);
            f.certainty = Certainty::Possible;
        }
    }
}

fn finding(c: &Candidate) -> Finding {
    Finding {
        code: c.code,
        name: by_code(c.code).map_or("", |k| k.name),
        severity: Severity::Info,
        certainty: Certainty::Certain,
        faults: c.faults.clone(),
        object: c.object.clone(),
        node: c.node.clone(),
        summary: c.summary.clone(),
        evidence: c.evidence.clone(),
        norm: c.norm.clone(),
        broken: 0,
        broken_pods: 0,
        examples: Vec::new(),
        caused_by: None,
        also: Vec::new(),
        fix: Some(c.fix.clone()),
        patches: Vec::new(),
    }
}

fn unexplained(cluster: &Cluster, end: &End) -> Finding {
    let ns = cluster.ns(end.netns);
    let node = ns.kind.node().map(str::to_owned);
    let reason = end.reason.map_or(String::new(), |r| format!(", {}", r.as_str()));
    let object = node.as_deref().map_or(
        crate::Object {
            kind: "Cluster",
            namespace: None,
            name: None,
        },
        crate::Object::node,
    );
    Finding {
        code: UNEXPLAINED.code,
        name: UNEXPLAINED.name,
        severity: Severity::Error,
        certainty: Certainty::Possible,
        faults: Vec::new(),
        object,
        node,
        summary: format!(
            "packets end in {} on {}{reason}, and no known cause heals them",
            end.stage.as_str(),
            ns.kind
        ),
        evidence: end
            .rule
            .and_then(|r| crate::facts::rule_place(ns, r))
            .map(|(place, chain)| vec![format!("{place}  {chain}")])
            .unwrap_or_default(),
        norm: String::new(),
        broken: 0,
        broken_pods: 0,
        examples: Vec::new(),
        caused_by: None,
        also: Vec::new(),
        fix: None,
        patches: Vec::new(),
    }
}

/// Examples that a finding names.
const EXAMPLES_MAX: usize = 3;

fn count(cluster: &Cluster, finding: &mut Finding, promise: &Promise, size: &dyn Fn(NetnsId) -> usize) {
    finding.broken += promise.members;
    finding.broken_pods = finding.broken_pods.max(size(promise.flow.from));
    if finding.examples.len() < EXAMPLES_MAX {
        finding.examples.push(promise.name(cluster));
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
    let mut promise = Promise {
        kind: PromiseKind::Asked,
        strength: Strength::Api,
        flow,
        members: 1,
        receivers: Vec::new(),
        backends: Vec::new(),
        seen_client: None,
        arrival: false,
        service: vip.as_ref().map(|v| v.service.clone()),
        policy: false,
        peers: None,
    };
    let service = vip
        .as_ref()
        .and_then(|v| cluster.api.service(&v.service.namespace, &v.service.name));
    if let (Some(service), Some(vip)) = (service, &vip) {
        let port = service
            .ports
            .iter()
            .find(|p| p.port == vip.service.port && p.protocol == vip.service.protocol);
        let ends = port
            .map(|p| netwhy_intent::Endpoints::of(cluster, service, p))
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
