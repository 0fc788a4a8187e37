//! Who could have seen it, and what they would see now.

use super::symptom::Asked;
use crate::cli::WhyArgs;
use crate::fail::Fail;
use crate::target::Opened;
use crate::verbs::trace::UNEXPLAINED;
use anyhow::Result;
use netwhy_checks::{CheckOptions, asked, check_flow};
use netwhy_intake::{Client, Observation};
use netwhy_intent::{names, owner_of};
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, Disposition, Flow, Options, Outcome, Trace, trace};
use netwhy_view::FindingView;
use netwhy_view::why::ClientsView;
use std::collections::BTreeMap;

/// More clients are not asked.
const CLIENTS_MAX: usize = 2000;

/// Namespaces by the node that they lie on.
pub(super) struct Clients {
    by_node: BTreeMap<String, Vec<NetnsId>>,
    one: Option<String>,
}

impl Clients {
    /// The only client, if it was named.
    pub fn named(&self) -> Option<String> {
        self.one.clone()
    }
}

/// An answer for some clients.
pub(super) struct Answer {
    pub view: ClientsView,
    pub findings: Vec<FindingView>,
}

/// The client that was named, by `--from` or by its address; else every pod.
pub(super) fn possible(opened: &Opened, args: &WhyArgs, seen: &Observation) -> Result<Clients> {
    let cluster = &opened.cluster;
    let one = match &args.from {
        Some(name) => {
            let peer = names::source(cluster, name, &args.namespace).map_err(|why| Fail::new(why, ""))?;
            let why = || Fail::new(format!("{}: its network namespace was not read", peer.name), "");
            Some(peer.netns.ok_or_else(why)?)
        }
        None => match seen.source.map(|s| s.ip()) {
            Some(addr) => owner_of(cluster, addr),
            None => None,
        },
    };
    let mut by_node: BTreeMap<String, Vec<NetnsId>> = BTreeMap::new();
    let node = |id: NetnsId| cluster.ns(id).kind.node().unwrap_or_default().to_owned();
    if let Some(id) = one {
        by_node.entry(node(id)).or_default().push(id);
        let one = Some(cluster.ns(id).kind.to_string());
        return Ok(Clients { by_node, one });
    }
    // The kubelet asks its own node's pods from the node itself.
    let from_nodes = seen.client == Client::Kubelet;
    let wanted = |kind: &NetnsKind| match kind {
        NetnsKind::Pod { .. } => !from_nodes,
        NetnsKind::Host { .. } => from_nodes,
        NetnsKind::Outside { .. } => false,
    };
    for ns in cluster.netns.iter().filter(|n| wanted(&n.kind)).take(CLIENTS_MAX) {
        by_node.entry(node(ns.id)).or_default().push(ns.id);
    }
    Ok(Clients { by_node, one: None })
}

/// What each of them sees now. Clients of one node that see the same are one line; nodes that see the same with the same
/// cause stay apart, because their cause may lie on them.
pub(super) fn ask(cluster: &Cluster, clients: &Clients, to: &Asked, seen: Option<&str>) -> Vec<Answer> {
    let quiet = Options {
        steps: false,
        ..Options::default()
    };
    let mut answers = Vec::new();
    for (node, all) in &clients.by_node {
        let mut groups: BTreeMap<Sees, Vec<NetnsId>> = BTreeMap::new();
        for id in all {
            let flow = Flow::new(*id, to.proto, to.addr, to.port);
            groups
                .entry(sees(&trace(cluster, &flow, &quiet)))
                .or_default()
                .push(*id);
        }
        for (what, members) in groups {
            let from = match (&clients.one, members.len() == all.len()) {
                (Some(one), _) => one.clone(),
                (None, true) => node.clone(),
                (None, false) => format!("{node} ({} of {} pods)", members.len(), all.len()),
            };
            let flow = Flow::new(example(cluster, &members, to), to.proto, to.addr, to.port);
            answers.push(answer(cluster, flow, from, what, seen));
        }
    }
    join_delivered(answers)
}

/// A client that stands for many: one of the namespace that is asked, where there is one.
fn example(cluster: &Cluster, members: &[NetnsId], to: &Asked) -> NetnsId {
    let asked = to.name.as_deref().and_then(|n| n.split('/').nth(1)).unwrap_or_default();
    let of_it =
        |id: &&NetnsId| matches!(&cluster.ns(**id).kind, NetnsKind::Pod { namespace, .. } if namespace == asked);
    members.iter().find(of_it).copied().unwrap_or(members[0])
}

/// What clients see: the worst of it, and of how many connections in a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sees {
    /// `None` if it is not known.
    what: Option<&'static str>,
    percent: u8,
}

fn sees(t: &Trace) -> Sees {
    let what = |o: &Outcome| (o.client != ClientSees::Unknown).then(|| o.client.as_str());
    if !t.deciding.is_empty() {
        return Sees {
            what: None,
            percent: 100,
        };
    }
    let bad = || {
        t.outcomes
            .iter()
            .filter(|o| o.end.disposition != Disposition::Delivered)
    };
    let share: f64 = bad().map(|o| o.weight as f64 / ONE as f64).sum();
    match bad().max_by_key(|o| o.weight) {
        // A small share is not none, and a large one not all.
        Some(worst) if share < 1.0 => Sees {
            what: what(worst),
            percent: ((share * 100.0).round() as u8).clamp(1, 99),
        },
        Some(worst) => Sees {
            what: what(worst),
            percent: 100,
        },
        None => Sees {
            what: what(t.first()),
            percent: 100,
        },
    }
}

fn answer(cluster: &Cluster, flow: Flow, from: String, sees: Sees, seen: Option<&str>) -> Answer {
    let report = match sees.what {
        Some("ok") => None,
        _ => Some(check_flow(cluster, asked(cluster, flow), &CheckOptions::default())),
    };
    let counts = |f: &&netwhy_checks::Finding| f.caused_by.is_none() && (sees.what.is_some() || f.code != UNEXPLAINED);
    let findings = report.iter().flat_map(|r| &r.findings).filter(counts);
    Answer {
        view: ClientsView {
            from,
            example: cluster.ns(flow.from).kind.to_string(),
            client_sees: sees.what,
            text: match sees.percent {
                100 => words(sees.what).to_owned(),
                percent => format!("{percent} %: {}", words(sees.what)),
            },
            matches: sees.what.is_some() && sees.what == seen,
            finding: None,
        },
        findings: findings.map(FindingView::new).collect(),
    }
}

fn words(client_sees: Option<&'static str>) -> &'static str {
    match client_sees {
        Some("ok") => "delivered",
        Some("timeout") => "times out",
        Some("refused") => "refused",
        Some("no-route") => "no route to host",
        Some("net-unreachable") => "network is unreachable",
        Some("reset") => "reset",
        Some(other) => other,
        None => "not known",
    }
}

/// Nodes from which it is delivered are one line.
fn join_delivered(answers: Vec<Answer>) -> Vec<Answer> {
    let (good, mut rest): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|a| a.view.client_sees == Some("ok"));
    rest.sort_by_key(|a| !a.view.matches);
    let names: Vec<String> = good.iter().map(|a| a.view.from.clone()).collect();
    if let Some(mut first) = good.into_iter().next() {
        first.view.from = names.join(", ");
        rest.push(first);
    }
    rest
}
