//! From a trace to what a prober with little patience sees.

use super::Prober;
use crate::question::source;
use netwhy_lab::matrix::{Class, Pair, TimeClass};
use netwhy_lab::server::BIG;
use netwhy_lab::spec::Protocol;
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, Detail, Flow, Options, Outcome, Step, trace};
use netwhy_view::flow::gap_text;
use std::net::IpAddr;
use std::time::Duration;

/// One way that a try can go.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Probability.
    pub weight: f64,
    /// What the client sees.
    pub class: Class,
    /// When.
    pub time: TimeClass,
    /// Bytes of the answer to the first try; 0 for UDP.
    pub bytes: usize,
    /// `NAMESPACE/NAME` of the pod that answers.
    pub backend: Option<String>,
    /// The client address that it sees.
    pub seen_client: Option<IpAddr>,
    /// The client is told by an ICMP error. The kernel sends few of them to the same host within a short time
    /// (`net.ipv4.icmp_ratelimit`, `net.ipv4.route.error_burst`): of many tries, most get silence instead.
    pub limited: bool,
}

/// When a SYN without an answer is sent again (ms): `tcp_syn_linear_timeouts` = 4, and an initial timeout of a second.
const SYN_AGAIN_MS: [u64; 5] = [1000, 2000, 3000, 4000, 5000];

/// All ways that a try of this pair can go.
///
/// # Errors
/// A text for people: the simulator does not know, and why.
pub fn expected(cluster: &Cluster, pair: &Pair, prober: &Prober) -> Result<Vec<Expected>, String> {
    let from = source(cluster, &pair.source.name)?;
    let proto = match pair.target.protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    };
    let flow = Flow::new(from, proto, pair.target.ip.into(), pair.target.port);
    let trace = trace(cluster, &flow, &Options::default());
    if !trace.deciding.is_empty() {
        let gaps = trace.deciding.iter().map(|g| gap_text(cluster, *g));
        return Err(gaps.collect::<Vec<_>>().join("; "));
    }
    let view = View {
        cluster,
        proto,
        patience: prober.patience,
    };
    let mut all = Vec::new();
    for outcome in &trace.outcomes {
        view.push(&mut all, outcome, outcome.weight as f64 / ONE as f64, 0)?;
        view.redraw(&mut all, &trace.outcomes, outcome)?;
    }
    Ok(merged(all))
}

struct View<'a> {
    cluster: &'a Cluster,
    proto: u8,
    patience: Duration,
}

impl View<'_> {
    fn push(&self, all: &mut Vec<Expected>, outcome: &Outcome, weight: f64, since_ms: u64) -> Result<(), String> {
        let class = class(outcome)?;
        let after = outcome.after_ms.map(|ms| Duration::from_millis(ms + since_ms));
        let in_time = after.filter(|a| *a <= self.patience);
        let ok = class == Class::Ok && in_time.is_some();
        all.push(Expected {
            weight,
            // Whatever comes later than the patience is silence.
            class: if in_time.is_some() { class } else { Class::Timeout },
            time: in_time.map_or(TimeClass::Never, TimeClass::of),
            bytes: if ok && self.proto == 6 { BIG } else { 0 },
            backend: outcome.delivered_to.filter(|_| ok).map(|(ns, port)| self.pod(ns, port)),
            seen_client: outcome.seen_client.filter(|_| ok),
            limited: !ok && outcome.steps.iter().any(is_icmp_error),
        });
        Ok(())
    }

    /// Where a SYN left no connection, the next one draws again: the last one pushed is split.
    fn redraw(&self, all: &mut Vec<Expected>, outcomes: &[Outcome], of: &Outcome) -> Result<(), String> {
        let patience = self.patience.as_millis() as u64;
        if !of.redraws || self.proto != 6 {
            return Ok(());
        }
        let again = SYN_AGAIN_MS.iter().filter(|ms| **ms < patience);
        let own = of.weight as f64 / ONE as f64;
        let mut left = all.last().map_or(0.0, |last| last.weight);
        let mut ways = Vec::new();
        for at in again {
            for other in outcomes.iter().filter(|o| !o.redraws) {
                self.push(&mut ways, other, left * other.weight as f64 / ONE as f64, *at)?;
            }
            left *= own;
        }
        // What draws badly each time.
        let drawn: f64 = ways.iter().map(|w| w.weight).sum();
        if let Some(last) = all.last_mut() {
            last.weight = (last.weight - drawn).max(0.0);
        }
        all.extend(ways);
        Ok(())
    }

    /// The pod behind a socket: the one of the namespace, or, on a node, the one on its network that has this port.
    fn pod(&self, netns: NetnsId, port: u16) -> String {
        let kind = &self.cluster.ns(netns).kind;
        match kind {
            NetnsKind::Pod { namespace, name, .. } => format!("{namespace}/{name}"),
            NetnsKind::Host { node } => {
                let mut pods = self.cluster.api.pods.iter().flatten();
                let here = pods.find(|p| p.host_network && p.node == *node && p.ports.iter().any(|c| c.port == port));
                here.map_or(kind.to_string(), |p| format!("{}/{}", p.namespace, p.name))
            }
            NetnsKind::Outside { .. } => kind.to_string(),
        }
    }
}

fn is_icmp_error(step: &Step) -> bool {
    matches!(&step.detail, Detail::Packet { what, .. } if what.starts_with("ICMP"))
}

fn class(outcome: &Outcome) -> Result<Class, String> {
    Ok(match outcome.client {
        ClientSees::Ok => Class::Ok,
        ClientSees::Timeout => Class::Timeout,
        ClientSees::Refused => Class::Refused,
        ClientSees::NoRoute => Class::NoRoute,
        ClientSees::NetUnreachable => Class::NetUnreachable,
        ClientSees::Prohibited | ClientSees::NotPermitted | ClientSees::AddressNotAvailable => Class::Prohibited,
        ClientSees::InvalidArgument => Class::InvalidArgument,
        ClientSees::Reset => Class::Reset,
        ClientSees::Unknown => {
            let end = &outcome.end;
            return Err(match end.left_to {
                Some(to) => format!("the packet leaves the model to {to}"),
                None => format!("ends unknown in {}", end.stage.as_str()),
            });
        }
    })
}

/// Equal ways are one.
fn merged(all: Vec<Expected>) -> Vec<Expected> {
    let mut merged: Vec<Expected> = Vec::new();
    for one in all.into_iter().filter(|e| e.weight > 0.0) {
        let same = |old: &&mut Expected| {
            let weight = one.weight;
            Expected {
                weight,
                ..(**old).clone()
            } == one
        };
        match merged.iter_mut().find(same) {
            Some(old) => old.weight += one.weight,
            None => merged.push(one),
        }
    }
    merged
}
