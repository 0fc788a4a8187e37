//! The answer to one flow, as `netwhy trace --flows FILE -o jsonl` prints it.

use crate::name;
use netwhy_model::Cluster;
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, Disposition, Outcome, Trace};
use serde::Serialize;

/// One line of the answer.
#[derive(Clone, Debug, Serialize)]
pub struct FlowAnswer {
    /// Echo of the question's id.
    pub id: String,
    /// `delivered`, `dropped`, `rejected`, `left-model` or `unknown`, of the most probable outcome.
    pub disposition: &'static str,
    /// What the client sees, or null where that is not known.
    pub client_sees: Option<&'static str>,
    /// When, in ms.
    pub client_sees_after_ms: Option<u64>,
    /// Where it ended, if it was not delivered.
    #[serde(rename = "where")]
    pub place: Option<Place>,
    /// Drop reason as `skb:kfree_skb` spells it.
    pub reason: Option<&'static str>,
    /// Receiver, if there is one outcome.
    pub delivered_to: Option<String>,
    /// Client address that the receiver sees.
    pub seen_client: Option<String>,
    /// All that can happen; probabilities add up to 1.
    pub outcomes: Vec<FlowOutcome>,
    /// What is not known and decides.
    pub gaps: Vec<String>,
}

/// A place on the way.
#[derive(Clone, Debug, Serialize)]
pub struct Place {
    /// Node, or null outside the cluster.
    pub node: Option<String>,
    /// `host`, `pod/NS/NAME` or `outside/NAME`.
    pub netns: String,
    /// Kernel function.
    pub stage: &'static str,
}

/// One outcome.
#[derive(Clone, Debug, Serialize)]
pub struct FlowOutcome {
    /// Probability, 0 to 1.
    pub probability: f64,
    /// What the client sees, or null.
    pub client_sees: Option<&'static str>,
    /// When, in ms.
    pub client_sees_after_ms: Option<u64>,
    /// Receiver.
    pub delivered_to: Option<String>,
    /// Client address that the receiver sees.
    pub seen_client: Option<String>,
}

impl FlowAnswer {
    /// From a trace.
    #[must_use]
    pub fn new(id: String, cluster: &Cluster, trace: &Trace) -> Self {
        let first = trace.first();
        let unknown = !trace.deciding.is_empty();
        let gaps = trace.deciding.iter().map(|g| gap_text(cluster, *g)).collect();
        if unknown {
            return FlowAnswer {
                id,
                disposition: Disposition::Unknown.as_str(),
                client_sees: None,
                client_sees_after_ms: None,
                place: place(cluster, first),
                reason: None,
                delivered_to: None,
                seen_client: None,
                outcomes: Vec::new(),
                gaps,
            };
        }
        let outcomes: Vec<FlowOutcome> = trace.outcomes.iter().map(|o| outcome(cluster, o)).collect();
        let one = outcomes[0].clone();
        FlowAnswer {
            id,
            disposition: first.end.disposition.as_str(),
            client_sees: one.client_sees,
            client_sees_after_ms: one.client_sees_after_ms,
            place: place(cluster, first),
            reason: first.end.reason.map(|r| r.as_str()),
            delivered_to: one.delivered_to.clone(),
            seen_client: one.seen_client.clone(),
            outcomes: if outcomes.len() > 1 { outcomes } else { Vec::new() },
            gaps,
        }
    }

    /// For a question that cannot be asked: an unknown client, say.
    #[must_use]
    pub fn impossible(id: String, why: String) -> Self {
        FlowAnswer {
            id,
            disposition: Disposition::Unknown.as_str(),
            client_sees: None,
            client_sees_after_ms: None,
            place: None,
            reason: None,
            delivered_to: None,
            seen_client: None,
            outcomes: Vec::new(),
            gaps: vec![why],
        }
    }
}

/// `path: why` of a gap.
#[must_use]
pub fn gap_text(cluster: &Cluster, gap: netwhy_model::GapId) -> String {
    if gap == netwhy_sim::HOOK_ORDER {
        return "the order of rule sets of equal priority at a hook: in no snapshot".to_owned();
    }
    let gap = cluster.gaps.get(gap);
    format!("{}: {}", gap.path, gap.why)
}

fn place(cluster: &Cluster, outcome: &Outcome) -> Option<Place> {
    if outcome.end.disposition == Disposition::Delivered {
        return None;
    }
    let (node, netns) = name::place(cluster, outcome.end.netns);
    Some(Place {
        node,
        netns,
        stage: outcome.end.stage.as_str(),
    })
}

fn outcome(cluster: &Cluster, o: &Outcome) -> FlowOutcome {
    let known = o.client != ClientSees::Unknown;
    FlowOutcome {
        probability: o.weight as f64 / ONE as f64,
        client_sees: known.then(|| o.client.as_str()),
        client_sees_after_ms: o.after_ms,
        delivered_to: o
            .delivered_to
            .filter(|_| o.client == ClientSees::Ok)
            .map(|d| name::receiver(cluster, d.0)),
        seen_client: o
            .seen_client
            .filter(|_| o.client == ClientSees::Ok)
            .map(|a| a.to_string()),
    }
}
