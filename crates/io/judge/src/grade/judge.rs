//! A report on a lab, compared with what was injected.

use super::Case;
use netwhy_lab::names::contains;
use netwhy_lab::spec::{Service, Spec};
use netwhy_view::report::FindingView;
use std::collections::BTreeSet;

/// What a lab has wrong by itself: its Services without endpoints.
#[derive(Clone, Debug, Default)]
pub struct Baseline(BTreeSet<(String, String)>);

impl Baseline {
    /// Of a lab of this shape.
    pub fn of(spec: &Spec) -> Baseline {
        let has_pods = |service: &Service| {
            let selected = |labels: &std::collections::BTreeMap<String, String>| {
                service.selector.iter().all(|(k, v)| labels.get(k) == Some(v))
            };
            let mut own = spec.pods.iter().filter(|p| p.namespace == service.namespace);
            own.any(|p| selected(&p.labels))
        };
        let without = spec.services.iter().filter(|s| !has_pods(s));
        Baseline(without.map(|s| (s.namespace.clone(), s.name.clone())).collect())
    }

    /// Whether a finding is about it.
    pub fn explains(&self, finding: &FindingView) -> bool {
        let object = &finding.object;
        let (Some(namespace), Some(name)) = (&object.namespace, &object.name) else {
            return false;
        };
        matches!(object.kind, "Service" | "EndpointSlice") && self.0.contains(&(namespace.clone(), name.clone()))
    }
}

/// How a report compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// The first finding beyond the baseline, in words.
    pub first: Option<String>,
    /// Its index in the report.
    pub first_at: Option<usize>,
    /// It names the injected fault.
    pub right_cause: bool,
    /// It names the place.
    pub right_place: bool,
    /// Errors and warnings that neither the fault nor the baseline explains.
    pub unexplained: Vec<String>,
}

/// Judges a report on a lab with this in it; `None`: with nothing in it.
pub fn judge_findings(findings: &[FindingView], case: Option<&Case>, baseline: &Baseline, spec: &Spec) -> Judged {
    let beyond = findings.iter().enumerate().filter(|(_, f)| !baseline.explains(f));
    let beyond: Vec<(usize, &FindingView)> = beyond.collect();
    let fault = case.filter(|c| !c.decoy);
    let cause = |f: &FindingView| fault.is_some_and(|c| f.faults.contains(&c.fault));
    let place = |f: &FindingView| fault.is_some_and(|c| is_at(f, c, spec));
    let right: BTreeSet<&str> = beyond
        .iter()
        .filter(|(_, f)| cause(f) && place(f))
        .map(|(_, f)| f.code)
        .collect();
    let explained = |f: &FindingView| (cause(f) && place(f)) || f.caused_by.is_some_and(|code| right.contains(code));
    let alarms = beyond.iter().map(|(_, f)| *f);
    let alarms = alarms.filter(|f| f.severity != "info" && !explained(f));
    let first = beyond.first();
    Judged {
        first: first.map(|(_, f)| in_words(f)),
        first_at: first.map(|(at, _)| *at),
        right_cause: first.is_some_and(|(_, f)| cause(f)),
        right_place: first.is_some_and(|(_, f)| place(f)),
        unexplained: alarms.map(in_words).collect(),
    }
}

/// Whether a finding points where a fault was injected: its node, its pod or its Service.
fn is_at(finding: &FindingView, case: &Case, spec: &Spec) -> bool {
    let object = &finding.object;
    let full = || Some(format!("{}/{}", object.namespace.as_deref()?, object.name.as_deref()?));
    let at = |kinds: &[&str], wanted: &String| kinds.contains(&object.kind) && full().as_ref() == Some(wanted);
    if let Some(pod) = case.args.get("pod") {
        let node = spec.pods.iter().find(|p| *pod == format!("{}/{}", p.namespace, p.name));
        let same_node = node.is_none_or(|p| finding.node.as_ref().is_none_or(|n| *n == p.node));
        return at(&["Pod"], pod) && same_node;
    }
    if let Some(service) = case.args.get("service") {
        return at(&["Service", "EndpointSlice"], service);
    }
    let Some(node) = case.args.get("node") else {
        return false;
    };
    let named = finding
        .node
        .as_ref()
        .or(object.name.as_ref().filter(|_| object.kind == "Node"));
    named == Some(node) && names_peer(finding, case, spec) && names_interface(finding, case)
}

/// Where a fault is on one interface, the finding must tell which; in keys, a dot of its name is a slash.
fn names_interface(finding: &FindingView, case: &Case) -> bool {
    let Some(interface) = case.args.get("iface") else {
        return true;
    };
    let key = interface.replace('.', "/");
    let is_name = |word: &str| word == interface || word.split('.').any(|part| part == key);
    let mut texts = finding.evidence.iter().chain([&finding.summary]);
    texts.any(|t| t.split([' ', ',', ':', '(', ')', '=']).any(is_name))
}

/// Where a fault is between two nodes, the evidence must tell which one the other is: by name, network or address.
fn names_peer(finding: &FindingView, case: &Case, spec: &Spec) -> bool {
    let Some(peer) = case.args.get("peer") else { return true };
    let Some(node) = spec.nodes.iter().find(|n| n.name == *peer) else {
        return false;
    };
    let texts = || finding.evidence.iter().chain([&finding.summary]);
    let mentions = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let addr = word.split('/').next().and_then(|a| a.parse().ok());
        word == peer || addr.is_some_and(|a| a == node.ip || contains(node.pod_cidr, a))
    };
    texts().any(|t| t.split([' ', ',', ':', '(', ')', '=', '→']).any(mentions))
}

/// `NW1001 ip-forward-disabled error on Node/worker-1`
pub(super) fn in_words(finding: &FindingView) -> String {
    let object = &finding.object;
    let name = match (&object.namespace, &object.name) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (_, name) => name.clone().unwrap_or_default(),
    };
    let (code, title, severity) = (finding.code, finding.name, finding.severity);
    format!("{code} {title} {severity} on {}/{name}", object.kind)
}
