//! From one run to the whole answer: random choices enumerated, worlds compared.

use crate::engine::{Engine, Item};
use crate::flow::{Flow, Options};
use crate::oracle::{Oracle, World};
use crate::reason::Stage;
use crate::sock;
use crate::state::Client;
use crate::trace::{ClientSees, Disposition, End, Outcome, Trace};
use netwhy_model::{Cluster, Family, GapId, NetnsId};
use std::collections::BTreeSet;

/// What happens to a flow: every outcome with its probability, or the gaps that decide.
#[must_use]
pub fn trace(cluster: &Cluster, flow: &Flow, options: &Options) -> Trace {
    let (base, asked) = explore(cluster, flow, options, Vec::new());
    let mut deciding = BTreeSet::new();
    let mut footnotes: BTreeSet<GapId> = asked.iter().map(|(q, _)| q.gap).collect();
    deciding.extend(base.iter().filter_map(|o| o.end.gap));
    let reference = summary(&base);
    let mut worlds: Vec<World> = others(&Vec::new(), &asked);
    let mut tried = 0;
    while let Some(world) = worlds.pop() {
        tried += 1;
        let Some(last) = world.last().map(|(q, _)| q.gap) else {
            continue;
        };
        if tried > options.worlds_max {
            deciding.insert(last);
            continue;
        }
        if deciding.contains(&last) {
            continue;
        }
        let quiet = Options {
            steps: false,
            ..*options
        };
        let (outcomes, asked) = explore(cluster, flow, &quiet, world.clone());
        if summary(&outcomes) == reference {
            footnotes.extend(asked.iter().map(|(q, _)| q.gap));
            worlds.extend(others(&world, &asked));
        } else {
            deciding.insert(last);
        }
    }
    footnotes.retain(|g| !deciding.contains(g));
    let mut outcomes = base;
    outcomes.sort_by_key(|o| std::cmp::Reverse(o.weight));
    Trace {
        flow: *flow,
        outcomes,
        deciding: deciding.into_iter().collect(),
        footnotes: footnotes.into_iter().collect(),
    }
}

/// Worlds that differ from one by one more answer, to a question that came up after those it answers already.
fn others(world: &World, asked: &[(crate::oracle::Question, u8)]) -> Vec<World> {
    let after = world
        .last()
        .and_then(|(q, _)| asked.iter().position(|(a, _)| a == q))
        .map_or(0, |i| i + 1);
    let mut list = Vec::new();
    for (question, arity) in asked.iter().skip(after) {
        if world.iter().any(|(q, _)| q == question) {
            continue;
        }
        for answer in 1..*arity {
            let mut next = world.clone();
            next.push((*question, answer));
            list.push(next);
        }
    }
    list
}

/// What the client sees, how it ends, who receives, and whether what they say arrives.
type Alike = (ClientSees, Disposition, Option<(NetnsId, u16)>, bool);

/// What makes two worlds alike for the one who asks: what the client sees, and who receives.
fn summary(outcomes: &[Outcome]) -> BTreeSet<Alike> {
    let receiver = |o: &Outcome| o.delivered_to.filter(|_| o.client == ClientSees::Ok);
    outcomes
        .iter()
        .map(|o| (o.client, o.end.disposition, receiver(o), o.silence.is_some()))
        .collect()
}

/// All random paths of one world, equal ones merged.
fn explore(
    cluster: &Cluster,
    flow: &Flow,
    options: &Options,
    world: World,
) -> (Vec<Outcome>, Vec<(crate::oracle::Question, u8)>) {
    let mut oracle = Oracle::new(world);
    let mut outcomes: Vec<Outcome> = Vec::new();
    for _ in 0..options.paths_max {
        oracle.rewind();
        let outcome = run(cluster, flow, options, &mut oracle);
        if outcome.weight > 0 {
            merge(&mut outcomes, outcome);
        }
        if !oracle.advance() {
            break;
        }
    }
    let sum: u64 = outcomes.iter().map(|o| o.weight).sum();
    if let Some(first) = outcomes.first_mut().filter(|_| sum < crate::trace::ONE) {
        // Cut by the limit: the rest is not known. Rounding inside the oracle loses nothing.
        let rest = crate::trace::ONE - sum;
        let cut = Outcome {
            weight: rest,
            client: ClientSees::Unknown,
            end: End {
                disposition: Disposition::Unknown,
                ..first.end.clone()
            },
            silence: None,
            delivered_to: None,
            steps: Vec::new(),
            ..first.clone()
        };
        outcomes.push(cut);
    }
    (outcomes, oracle.asked().to_vec())
}

/// Equal suffixes and equal receivers are one outcome.
fn merge(outcomes: &mut Vec<Outcome>, new: Outcome) {
    let same = outcomes.iter_mut().find(|o| {
        o.client == new.client
            && o.delivered_to == new.delivered_to
            && o.end == new.end
            && o.silence == new.silence
            && o.seen_client == new.seen_client
            && o.redraws == new.redraws
            && o.after_ms == new.after_ms
    });
    match same {
        Some(old) => {
            old.weight += new.weight;
            old.weight_known &= new.weight_known;
        }
        None => outcomes.push(new),
    }
}

fn run(cluster: &Cluster, flow: &Flow, options: &Options, oracle: &mut Oracle) -> Outcome {
    let client = Client {
        netns: flow.from,
        proto: flow.proto,
        local: (Family::of(flow.dst).any(), 0),
        remote: (flow.dst, flow.dport),
        result: None,
        answered: false,
        heard: false,
        choices: 0,
        syn: None,
    };
    let mut eng = Engine::new(cluster, oracle, *options, client);
    eng.ports_known = flow.sport != 0;
    sock::connect(&mut eng, flow);
    eng.run();
    if eng.client.result.is_none() && eng.undecided.is_none() && eng.conns.iter().any(|c| c.marked && c.confirmed) {
        tcp_retransmit_timer(&mut eng);
    }
    finish(eng)
}

/// The initial timeout of a SYN (ms).
const TCP_TIMEOUT_INIT_MS: u64 = 1000;

/// The SYN again, by the entries that the first one left: a mark that nat chains set is not set again, so that rules on
/// marks may now decide otherwise.
fn tcp_retransmit_timer(eng: &mut Engine<'_>) {
    let Some(mut skb) = eng.client.syn.clone() else { return };
    let ns = eng.ns(eng.client.netns);
    let first = (eng.end.take(), eng.refusal_end.take(), eng.delivered.take());
    let (steps, now_ms) = (eng.steps.len(), std::mem::replace(&mut eng.now_ms, TCP_TIMEOUT_INIT_MS));
    eng.begin(ns, &mut skb);
    eng.push(Item::LocalOut { netns: ns.id, skb });
    eng.run();
    if eng.client.result.is_none() {
        // As lost as the first.
        (eng.end, eng.refusal_end, eng.delivered) = first;
        eng.steps.truncate(steps);
        eng.now_ms = now_ms;
    }
}

/// The verdict at the client's socket.
fn finish(eng: Engine<'_>) -> Outcome {
    let here = |disposition| End {
        disposition,
        netns: eng.client.netns,
        stage: Stage::TcpV4Rcv.of(Family::of(eng.client.remote.0)),
        reason: None,
        rule: None,
        reply: false,
        gap: None,
        left_to: None,
    };
    let (client, after_ms, end) = match (&eng.undecided, eng.client.result) {
        (_, Some((ClientSees::Ok, at))) => (ClientSees::Ok, Some(at), here(Disposition::Delivered)),
        (Some(end), _) => (ClientSees::Unknown, None, end.clone()),
        (None, Some((sees, at))) => {
            let mut end = eng.end.clone().unwrap_or_else(|| here(Disposition::Rejected));
            end.disposition = Disposition::Rejected;
            (sees, Some(at), end)
        }
        (None, None) => {
            // A refusal that never arrives is silence: it ended where the refusal was lost.
            let lost = eng.refusal_end.clone().filter(|_| eng.end.is_some());
            let end = lost
                .or_else(|| eng.end.clone())
                .unwrap_or_else(|| here(Disposition::Dropped));
            let left = end.disposition == Disposition::LeftModel;
            let silence = if eng.client.proto == 6 {
                Some(syn_gives_up_ms(&eng))
            } else {
                None
            };
            if left {
                (ClientSees::Unknown, None, end)
            } else {
                (ClientSees::Timeout, silence, end)
            }
        }
    };
    let silent = client == ClientSees::Ok && eng.client.proto == 6 && !eng.client.heard;
    let silence = silent.then(|| eng.silence.clone().unwrap_or_else(|| here(Disposition::Dropped)));
    let (weight, weight_known) = eng.oracle.weight();
    // What is lost after the handshake is sent again, and draws again.
    let weight_known = weight_known && (client != ClientSees::Ok || eng.oracle.choices() == eng.client.choices);
    let redraws = client == ClientSees::Timeout
        && !end.reply
        && eng.conns.iter().any(|c| c.drew && !c.confirmed)
        && !eng.conns.iter().any(|c| c.drew && c.confirmed);
    let delivered = eng.delivered;
    Outcome {
        weight,
        weight_known,
        client,
        after_ms,
        end,
        silence,
        delivered_to: delivered.map(|d| (d.0, d.1)),
        seen_client: delivered.map(|d| d.2),
        steps: eng.steps,
        assumed: eng.assumed,
        redraws,
    }
}

/// When `connect()` gives up without any answer (ms): 134.6 s where `tcp_syn_linear_timeouts` exists (6.5 and later), 130.9 s
/// before, with the default number of retries (kernel-facts section 7, lab note 0005).
fn syn_gives_up_ms(eng: &Engine<'_>) -> u64 {
    let ns = eng.ns(eng.client.netns);
    let linear = ns
        .sysctl
        .as_ref()
        .ok()
        .and_then(|s| s.number("net.ipv4.tcp_syn_linear_timeouts"));
    match linear {
        Some(0) => 130_900,
        _ => 134_600,
    }
}
