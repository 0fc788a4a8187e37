//! Answers to flows, compared with what was measured.

use super::SAID;
use super::recorded::{Measured, Results};
use netwhy_view::FlowAnswer;
use std::collections::{BTreeMap, BTreeSet};

/// Class of an answer that does not know.
const UNKNOWN: &str = "unknown";
/// Errors that a client may learn only after the probe has given up.
const ERRORS: [&str; 5] = [
    "no-route",
    "net-unreachable",
    "refused",
    "prohibited",
    "invalid-argument",
];

/// How an answer compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Class and pod.
    Right,
    /// The class is right, the pod that answered was not named.
    OtherBackend,
    /// It says that it does not know.
    Unknown,
    /// Something else happened.
    Wrong,
}

/// One outcome of an answer.
struct Said<'a> {
    class: &'a str,
    probability: f64,
    delivered_to: Option<&'a str>,
    after_ms: Option<u64>,
    seen_client: Option<&'a str>,
}

/// One flow, judged.
#[derive(Clone, Debug)]
pub struct FlowVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// All classes that were said.
    pub classes: BTreeSet<String>,
    /// Probability that was given to what was measured.
    pub probability: f64,
    /// Whether the pod that answered was named; `None` where it is not known or not asked.
    pub backend: Option<bool>,
    /// Whether the client address that the server saw was said; `None` likewise.
    pub seen_client: Option<bool>,
    /// Pods that were named as receivers.
    pub named: BTreeSet<String>,
}

/// All flows of a recording.
#[derive(Clone, Debug, Default)]
pub struct FlowScore {
    /// Flows that count.
    pub judged: usize,
    /// Class and backend right.
    pub right: usize,
    /// The class only.
    pub other_backend: usize,
    /// Not known.
    pub unknown: usize,
    /// Wrong.
    pub wrong: usize,
    /// Without an answer.
    pub missing: usize,
    /// Got more than one class.
    pub hedged: usize,
    /// Named a backend that never answered for this target.
    pub surplus: usize,
    /// Sum of the probabilities given to what was measured.
    pub probability: f64,
    /// Flows to a target that has at most one backend.
    pub single: usize,
    /// Of these: sum of the probabilities given to what was measured.
    pub single_probability: f64,
    /// Of these: got more than one class.
    pub single_hedged: usize,
    /// Flows of which the answering pod is known, and of these the right ones.
    pub backend: (usize, usize),
    /// Flows of which the client address at the server is known and was said, and of these the right ones.
    pub seen_client: (usize, usize),
    /// Flows that the fault changed, and of these the right ones.
    pub changed: (usize, usize),
    /// By measured class: flows, right ones, unknown ones.
    pub by_class: BTreeMap<String, (usize, usize, usize)>,
    /// Each flow that is wrong or names another backend, in words.
    pub list: Vec<String>,
}

/// The same for the one who asks: the connection was made.
fn class(result: &str) -> &str {
    match result {
        "connected-noreply" | "closed" => "ok",
        other => other,
    }
}

fn said(answer: &FlowAnswer) -> Vec<Said<'_>> {
    let likely = answer.outcomes.iter().filter(|o| o.probability >= SAID);
    let mut said: Vec<Said<'_>> = likely
        .map(|o| Said {
            class: o.client_sees.map_or(UNKNOWN, class),
            probability: o.probability,
            delivered_to: o.delivered_to.as_deref(),
            after_ms: o.client_sees_after_ms.or(answer.client_sees_after_ms),
            seen_client: o.seen_client.as_deref(),
        })
        .collect();
    if said.is_empty() {
        said.push(Said {
            class: answer.client_sees.map_or(UNKNOWN, class),
            probability: 1.0,
            delivered_to: answer.delivered_to.as_deref(),
            after_ms: answer.client_sees_after_ms,
            seen_client: answer.seen_client.as_deref(),
        });
    }
    said
}

/// Whether an outcome is what was measured, or is accepted in its place.
fn fits(measured: &str, said: &Said<'_>, flow: &Measured, patience_ms: u64) -> bool {
    let late = said.after_ms.is_some_and(|ms| ms > patience_ms);
    said.class == measured
        || flow.accept.iter().any(|a| class(a) == said.class)
        // The probe gave up before the error came.
        || (measured == "timeout" && ERRORS.contains(&said.class) && late)
}

/// Judges one answer; no answer at all is like not knowing.
pub fn judge_flow(flow: &Measured, answer: Option<&FlowAnswer>, patience_ms: u64) -> FlowVerdict {
    let said = answer.map(said).unwrap_or_default();
    let measured: BTreeSet<&str> = flow.result.all().map(class).collect();
    let fits = |m: &str, s: &Said<'_>| fits(m, s, flow, patience_ms);
    let classes: BTreeSet<String> = match said.is_empty() {
        true => [UNKNOWN.to_owned()].into(),
        false => said.iter().map(|s| s.class.to_owned()).collect(),
    };
    let given = said.iter().filter(|s| measured.iter().any(|m| fits(m, s)));
    let class_right = measured.iter().all(|m| said.iter().any(|s| fits(m, s)));
    let by: BTreeSet<&str> = flow.answered_by.iter().flat_map(Results::all).collect();
    let node = flow.answered_by_node.as_deref();
    let to: BTreeSet<&str> = said
        .iter()
        .filter(|s| s.class == "ok")
        .filter_map(|s| s.delivered_to)
        .collect();
    let backend = (!by.is_empty() && measured.contains("ok") && class_right)
        .then(|| by.is_subset(&to) || node.is_some_and(|n| to.contains(n)));
    let verdict = match (class_right, backend) {
        (true, Some(false)) => Verdict::OtherBackend,
        (true, _) => Verdict::Right,
        (false, _) if classes.contains(UNKNOWN) => Verdict::Unknown,
        (false, _) => Verdict::Wrong,
    };
    FlowVerdict {
        verdict,
        probability: given.map(|s| s.probability).sum::<f64>().min(1.0),
        backend,
        seen_client: seen_client(flow, &said, &by, node),
        named: to.into_iter().map(str::to_owned).collect(),
        classes,
    }
}

fn seen_client(flow: &Measured, said: &[Said<'_>], by: &BTreeSet<&str>, node: Option<&str>) -> Option<bool> {
    let Some(Results::One(seen)) = &flow.seen_client else {
        return None;
    };
    let right = |s: &Said<'_>| {
        let by_this = |to: &str| by.contains(to) || node == Some(to);
        s.class == "ok" && s.seen_client == Some(seen) && (by.is_empty() || s.delivered_to.is_some_and(by_this))
    };
    said.iter()
        .any(|s| s.seen_client.is_some())
        .then(|| said.iter().any(right))
}

/// The target of a flow, for [`judge_flows`]: the same Service on another address is another target only if it has no name.
fn target(flow: &Measured) -> (&str, &str, u16) {
    let name = flow.to_name.as_deref().unwrap_or(&flow.question.to_ip);
    (name, &flow.question.proto, flow.question.to_port)
}

/// Judges the answers to all flows of a recording; `answer` gives the one to a flow, `single` whether its target has at
/// most one backend, so that nothing is left to chance.
pub fn judge_flows<'a>(
    flows: &'a [Measured],
    answer: impl Fn(&Measured) -> Option<&'a FlowAnswer>,
    single: impl Fn(&Measured) -> bool,
    patience_ms: u64,
) -> FlowScore {
    let mut known: BTreeMap<(&str, &str, u16), BTreeSet<String>> = BTreeMap::new();
    for flow in flows {
        let who = known.entry(target(flow)).or_default();
        who.extend(flow.answered_by.iter().flat_map(Results::all).map(str::to_owned));
        let node = flow.answered_by_node.as_deref();
        who.extend(node.map(|n| format!("node/{}", n.trim_start_matches("node/"))));
    }
    let mut score = FlowScore::default();
    for flow in flows.iter().filter(|f| f.judge) {
        let answer = answer(flow);
        let verdict = judge_flow(flow, answer, patience_ms);
        score.missing += usize::from(answer.is_none());
        let known = known.get(&target(flow)).filter(|k| !k.is_empty());
        score.surplus += usize::from(known.is_some_and(|k| !verdict.named.is_subset(k)));
        score.add(flow, &verdict, single(flow));
    }
    score
}

impl FlowScore {
    fn add(&mut self, flow: &Measured, found: &FlowVerdict, single: bool) {
        let right = found.verdict == Verdict::Right;
        let hedged = found.classes.iter().filter(|c| *c != UNKNOWN).count() > 1;
        self.judged += 1;
        self.probability += found.probability;
        self.hedged += usize::from(hedged);
        if single {
            self.single += 1;
            self.single_probability += found.probability;
            self.single_hedged += usize::from(hedged);
        }
        let count = |pair: &mut (usize, usize), yes: bool| {
            pair.0 += 1;
            pair.1 += usize::from(yes);
        };
        if let Some(yes) = found.backend {
            count(&mut self.backend, yes);
        }
        if let Some(yes) = found.seen_client {
            count(&mut self.seen_client, yes);
        }
        if flow.differs.is_some() {
            count(&mut self.changed, right);
        }
        let classes: BTreeSet<&str> = flow.result.all().map(class).collect();
        let classes: Vec<&str> = classes.into_iter().collect();
        let by_class = self.by_class.entry(classes.join("+")).or_default();
        by_class.0 += 1;
        by_class.1 += usize::from(right);
        by_class.2 += usize::from(found.verdict == Verdict::Unknown);
        match found.verdict {
            Verdict::Right => self.right += 1,
            Verdict::OtherBackend => self.other_backend += 1,
            Verdict::Unknown => self.unknown += 1,
            Verdict::Wrong => self.wrong += 1,
        }
        if matches!(found.verdict, Verdict::Wrong | Verdict::OtherBackend) {
            self.list.push(in_words(flow, found));
        }
    }

    /// Class and backend right, of all that count, in percent.
    pub fn percent_right(&self) -> f64 {
        100.0 * ratio(self.right as f64, self.judged)
    }

    /// Mean probability given to what was measured, over flows to a target that has at most one backend.
    pub fn mean_single(&self) -> f64 {
        ratio(self.single_probability, self.single)
    }

    /// Adds another score, for totals. The words are not carried over.
    pub fn merge(&mut self, other: &FlowScore) {
        let pair = |a: &mut (usize, usize), b: (usize, usize)| *a = (a.0 + b.0, a.1 + b.1);
        self.judged += other.judged;
        self.right += other.right;
        self.other_backend += other.other_backend;
        self.unknown += other.unknown;
        self.wrong += other.wrong;
        self.missing += other.missing;
        self.hedged += other.hedged;
        self.surplus += other.surplus;
        self.probability += other.probability;
        self.single += other.single;
        self.single_probability += other.single_probability;
        self.single_hedged += other.single_hedged;
        pair(&mut self.backend, other.backend);
        pair(&mut self.seen_client, other.seen_client);
        pair(&mut self.changed, other.changed);
        for (class, (all, right, unknown)) in &other.by_class {
            let sum = self.by_class.entry(class.clone()).or_default();
            *sum = (sum.0 + all, sum.1 + right, sum.2 + unknown);
        }
    }
}

fn ratio(sum: f64, count: usize) -> f64 {
    if count == 0 { 1.0 } else { sum / count as f64 }
}

fn in_words(flow: &Measured, found: &FlowVerdict) -> String {
    let q = &flow.question;
    format!(
        "{} {} -> {} {}:{} ({} {}): measured {:?} by {:?}, said {:?} by {:?}",
        q.id,
        q.from,
        q.proto,
        q.to_ip,
        q.to_port,
        flow.kind,
        flow.to_name.as_deref().unwrap_or("-"),
        flow.result.all().collect::<Vec<_>>(),
        flow.answered_by.iter().flat_map(Results::all).collect::<Vec<_>>(),
        found.classes,
        found.named
    )
}
