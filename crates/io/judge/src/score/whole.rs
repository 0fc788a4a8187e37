//! A whole recording scored, and all of them as a table.

use super::{CheckScore, FlowScore, Measured, Recordings, ScoreError};
use super::{endpoints, judge_flows, judge_report, print_checks, print_flows, strangers};
use crate::question::protocol;
use crate::report_json;
use netwhy_model::Cluster;
use netwhy_view::FlowAnswer;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The score of one recording.
#[derive(Clone, Debug)]
pub struct Score {
    /// Its name.
    pub name: String,
    /// The answers to its flows.
    pub flows: FlowScore,
    /// Receivers that answers name and that are not endpoints of what was asked, in words.
    pub strangers: Vec<String>,
    /// The report on it.
    pub check: CheckScore,
}

/// Answers the flows of a recording, checks it, and judges both.
///
/// # Errors
/// The recording cannot be read.
pub fn score(recordings: &Recordings, name: &str) -> Result<Score, ScoreError> {
    let recorded = recordings.load(name)?;
    let cluster = Cluster::build(recorded.snapshot);
    let flows: Vec<Measured> = recorded.flows;
    let id = |flow: &Measured| flow.question.id.clone();
    let answers: BTreeMap<String, FlowAnswer> = flows.iter().map(|f| (id(f), f.question.answer(&cluster))).collect();
    let (mut strange, mut single) = (Vec::new(), BTreeSet::new());
    for flow in &flows {
        let q = &flow.question;
        let (Ok(proto), Ok(ip), Some(answer)) = (protocol(&q.proto), q.to_ip.parse(), answers.get(&q.id)) else {
            continue;
        };
        let found = strangers(&cluster, answer, proto, ip, q.to_port).into_iter();
        strange.extend(found.map(|s| format!("{}: {ip}:{} by {s}", q.id, q.to_port)));
        if endpoints(&cluster, proto, ip, q.to_port).len() <= 1 {
            single.insert(q.id.as_str());
        }
    }
    let patience = recordings.truth.probe_timeout_ms;
    let is_single = |f: &Measured| single.contains(f.question.id.as_str());
    Ok(Score {
        name: name.to_owned(),
        flows: judge_flows(&flows, |f| answers.get(&f.question.id), is_single, patience),
        strangers: strange,
        check: judge_report(
            &report_json(&cluster),
            recordings.truth(name)?,
            &recordings.baseline(name),
        ),
    })
}

/// Scores these recordings of a folder, or all that have flows, and prints the tables; `wrong` wrong answers and alarms of
/// each are listed.
///
/// # Errors
/// A recording cannot be read.
pub fn print(folder: &Path, only: &[String], wrong: usize) -> Result<String, ScoreError> {
    let recordings = Recordings::open(folder)?;
    let (mut flows, mut checks) = (Vec::new(), Vec::new());
    for name in recordings.truth.bundles.keys() {
        let wanted = only.is_empty() || only.contains(name);
        if wanted && folder.join(format!("{name}.flows.jsonl.zst")).exists() {
            let score = score(&recordings, name)?;
            flows.push((score.name.clone(), score.flows));
            checks.push((score.name, score.check));
        }
    }
    Ok(format!(
        "{}\n{}",
        print_flows(&flows, wrong),
        print_checks(&checks, wrong)
    ))
}
