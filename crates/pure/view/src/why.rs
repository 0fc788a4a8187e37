//! The answer of `netwhy why`: what a symptom was read as, who would see it, and why.

use crate::report::FindingView;
use netwhy_intake::{Observation, candidates, questions};
use serde::Serialize;

/// Schema; its version changes only where a field goes or changes its meaning.
pub const SCHEMA: &str = "netwhy.dev/why/v1";

/// One answer.
#[derive(Clone, Debug, Serialize)]
pub struct WhyView {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was looked at; null without a cluster.
    pub target: Option<String>,
    /// What the symptom was read as.
    pub read_as: ReadAs,
    /// Who was asked, and what they would see now. Empty without a cluster.
    pub clients: Vec<ClientsView>,
    /// Causes of what fails, ranked.
    pub findings: Vec<FindingView>,
    /// Some client would see now what was seen; null without a cluster.
    pub confirmed: Option<bool>,
    /// What it could be by the symptom alone.
    pub candidates: Vec<CandidateView>,
    /// What parts the candidates, the cheapest first.
    pub decides: Vec<QuestionView>,
}

/// What a symptom was read as.
#[derive(Clone, Debug, Serialize)]
pub struct ReadAs {
    /// `connect timeout`.
    pub what: String,
    /// As a trace spells it, where there is such a word.
    pub client_sees: Option<&'static str>,
    /// Address or name, and port.
    pub to: Option<String>,
    /// What that is here: `svc/shop/api:3000`.
    pub name: Option<String>,
    /// The client, if the symptom or the question names it.
    pub from: Option<String>,
    /// The quoted piece.
    pub words: String,
}

/// Clients that see the same.
#[derive(Clone, Debug, Serialize)]
pub struct ClientsView {
    /// `worker-1`, `2 of 5 pods of worker-1`, `pod/shop/web`.
    pub from: String,
    /// One of them: `pod/shop/web`.
    pub example: String,
    /// What they see, as a trace spells it; null if not known.
    pub client_sees: Option<&'static str>,
    /// In words.
    pub text: String,
    /// It is what was seen.
    pub matches: bool,
    /// Index into `findings`.
    pub finding: Option<usize>,
}

/// What it could be.
#[derive(Clone, Debug, Serialize)]
pub struct CandidateView {
    /// From 1.
    pub rank: u8,
    /// Name of the problem.
    pub name: &'static str,
    /// In one line.
    pub sentence: &'static str,
    /// What confirms or refutes it.
    pub decides: &'static str,
}

/// A question that parts candidates.
#[derive(Clone, Debug, Serialize)]
pub struct QuestionView {
    /// What to look at.
    pub ask: &'static str,
    /// An answer, and the ranks that it leaves.
    pub answers: Vec<(&'static str, Vec<u8>)>,
}

impl WhyView {
    /// From a symptom alone.
    #[must_use]
    pub fn of(seen: &Observation) -> WhyView {
        let candidate = |c: netwhy_intake::Candidate| CandidateView {
            rank: c.rank,
            name: c.name,
            sentence: c.sentence,
            decides: c.decides,
        };
        let question = |q: netwhy_intake::Question| QuestionView {
            ask: q.ask,
            answers: q.answers,
        };
        WhyView {
            schema: SCHEMA,
            target: None,
            read_as: ReadAs {
                what: seen.kind.words().to_owned(),
                client_sees: seen.kind.client_sees(),
                to: seen.target.as_ref().map(ToString::to_string),
                name: None,
                from: seen.source.map(|s| s.to_string()),
                words: seen.words.clone(),
            },
            clients: Vec::new(),
            findings: Vec::new(),
            confirmed: None,
            candidates: candidates(seen).into_iter().map(candidate).collect(),
            decides: questions(seen).into_iter().map(question).collect(),
        }
    }
}
