//! A report of `check`, compared with what was injected. It is read as the JSON that machines get.

use super::recorded::{BaselineEntry, BundleTruth, ObjectRef};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// How a report compares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckScore {
    /// Findings in all.
    pub findings: usize,
    /// Gaps in all.
    pub gaps: usize,
    /// Position of the right cause, from 1, when baseline findings are left out; `None` if it was not found.
    pub rank: Option<usize>,
    /// The first finding that is not baseline names the right place.
    pub place_first: bool,
    /// Errors and warnings that nothing explains: neither the cause, nor what follows from it, nor the baseline.
    pub alarms: Vec<String>,
}

/// A finding, as far as it is judged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Finding {
    code: String,
    name: String,
    severity: String,
    faults: Vec<String>,
    object: Object,
    node: Option<String>,
    caused_by: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Object {
    kind: String,
    namespace: Option<String>,
    name: Option<String>,
}

/// `*` stands for any; no name and an empty one are the same.
fn same(pattern: Option<&str>, value: Option<&str>) -> bool {
    let some = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(str::to_owned);
    pattern == Some("*") || some(pattern) == some(value)
}

impl Finding {
    fn is_at(&self, place: &ObjectRef) -> bool {
        let (name, namespace) = (place.name.as_deref(), place.namespace.as_deref());
        let global = matches!(place.kind.as_str(), "Node" | "Namespace" | "Cluster");
        let here = self.object.kind == place.kind
            && same(name, self.object.name.as_deref())
            && (global || same(namespace, self.object.namespace.as_deref()));
        here || (place.kind == "Node" && self.node.is_some() && same(name, self.node.as_deref()))
    }

    fn is_any<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> bool {
        let fits = |id: &String| match id.strip_suffix('*') {
            Some(start) => self.faults.iter().any(|f| f.starts_with(start)),
            None => self.faults.contains(id),
        };
        ids.into_iter().any(fits)
    }

    fn is_cause(&self, truth: &BundleTruth) -> bool {
        let right = self.is_any(truth.accept.iter().chain(truth.proposed_ids.keys()));
        right && truth.places.iter().any(|p| self.is_at(p))
    }

    fn is_baseline(&self, baseline: &[&BaselineEntry]) -> bool {
        baseline.iter().any(|entry| {
            // Facts that are no mistakes must not be called errors.
            let strong_enough = entry.strength == "real" || self.severity != "error";
            let of_namespace = |o: &ObjectRef| self.object.kind == "Namespace" && o.namespace == self.object.name;
            let here = |o: &ObjectRef| self.is_at(o) || of_namespace(o);
            let cluster = self.object.kind == "Cluster";
            self.is_any(&entry.faults) && strong_enough && (cluster || entry.objects.iter().any(here))
        })
    }

    fn is_alarm(&self) -> bool {
        matches!(self.severity.as_str(), "error" | "warning")
    }

    fn in_words(&self) -> String {
        let (object, text) = (&self.object, |t: &Option<String>| t.clone().unwrap_or_default());
        format!(
            "{} {} {} on {}/{}/{} node {:?} faults {:?}",
            self.code,
            self.name,
            self.severity,
            object.kind,
            text(&object.namespace),
            text(&object.name),
            text(&self.node),
            self.faults
        )
    }
}

/// Judges a report: what has not the form of the contract counts as a finding that nothing explains.
pub fn judge_report(report: &Value, truth: &BundleTruth, baseline: &[&BaselineEntry]) -> CheckScore {
    let list = |key: &str| report.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let raw = list("findings");
    let mut score = CheckScore {
        findings: raw.len(),
        gaps: list("gaps").len(),
        ..CheckScore::default()
    };
    let mut findings = Vec::new();
    for value in raw {
        match serde_json::from_value::<Finding>(value.clone()) {
            Ok(finding) => findings.push(finding),
            Err(why) => score.alarms.push(format!("not readable: {why}: {value}")),
        }
    }
    let right: BTreeSet<String> = findings
        .iter()
        .filter(|f| f.is_cause(truth))
        .map(|f| f.code.clone())
        .collect();
    let mut rank = 0;
    for finding in &findings {
        let cause = finding.is_cause(truth);
        if !cause && finding.is_baseline(baseline) {
            continue;
        }
        rank += 1;
        if rank == 1 {
            score.place_first = truth.places.iter().any(|p| finding.is_at(p));
        }
        if cause {
            score.rank = score.rank.or(Some(rank));
            continue;
        }
        let folded = finding.caused_by.as_ref().is_some_and(|code| right.contains(code));
        if finding.is_alarm() && !folded && !finding.is_any(&truth.consequences) {
            score.alarms.push(finding.in_words());
        }
    }
    score
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn truth() -> BundleTruth {
        serde_json::from_value(json!({
            "group": "g", "kind": "fault", "accept": ["ip-forward-off"], "consequences": ["readiness-*"],
            "places": [{"kind": "Node", "namespace": null, "name": "n1"}],
        }))
        .unwrap()
    }

    fn finding(code: &str, fault: &str, object: Value) -> Value {
        json!({"code": code, "name": "x", "severity": "error", "faults": [fault], "object": object, "node": null})
    }

    fn node(name: &str) -> Value {
        json!({"kind": "Node", "name": name})
    }

    #[test]
    fn the_rank_leaves_out_the_baseline() {
        let entry: BaselineEntry = serde_json::from_value(json!({
            "faults": ["lb-pending"], "objects": [{"kind": "Service", "namespace": "edge", "name": "lb"}],
        }))
        .unwrap();
        let lb = finding(
            "NW5",
            "lb-pending",
            json!({"kind": "Service", "namespace": "edge", "name": "lb"}),
        );
        let report = json!({"findings": [lb, finding("NW1", "ip-forward-off", node("n1"))], "gaps": ["a"]});
        let score = judge_report(&report, &truth(), &[&entry]);
        assert_eq!((score.rank, score.place_first, score.gaps), (Some(1), true, 1));
        assert_eq!(score.alarms, [""; 0]);
        let without = judge_report(&report, &truth(), &[]);
        assert_eq!(
            (without.rank, without.place_first, without.alarms.len()),
            (Some(2), false, 1)
        );
    }

    #[test]
    fn the_wrong_place_is_an_alarm() {
        let report = json!({"findings": [finding("NW1", "ip-forward-off", node("n2"))]});
        let score = judge_report(&report, &truth(), &[]);
        assert_eq!((score.rank, score.place_first, score.alarms.len()), (None, false, 1));
    }

    #[test]
    fn what_follows_is_no_alarm() {
        let mut folded = finding("NW9", "other", node("n2"));
        folded["caused_by"] = "NW1".into();
        let mut mild = finding("NW8", "other", node("n2"));
        mild["severity"] = "info".into();
        let follows = finding("NW7", "readiness-fails", node("n2"));
        let report = json!({"findings": [finding("NW1", "ip-forward-off", node("n1")), folded, mild, follows, 7]});
        let score = judge_report(&report, &truth(), &[]);
        assert_eq!((score.rank, score.findings), (Some(1), 5));
        assert!(
            score.alarms.len() == 1 && score.alarms[0].starts_with("not readable"),
            "{:?}",
            score.alarms
        );
    }

    #[test]
    fn a_fact_must_not_be_called_an_error() {
        let entry: BaselineEntry = serde_json::from_value(json!({
            "faults": ["vip-*"], "objects": [{"kind": "Service", "namespace": "edge", "name": "*"}], "strength": "info",
        }))
        .unwrap();
        let mut vip = finding(
            "NW5",
            "vip-arp-not-answered",
            json!({"kind": "Service", "namespace": "edge", "name": "lb"}),
        );
        assert_eq!(
            judge_report(&json!({"findings": [vip.clone()]}), &truth(), &[&entry])
                .alarms
                .len(),
            1
        );
        vip["severity"] = "warning".into();
        assert_eq!(
            judge_report(&json!({"findings": [vip]}), &truth(), &[&entry])
                .alarms
                .len(),
            0
        );
    }
}
