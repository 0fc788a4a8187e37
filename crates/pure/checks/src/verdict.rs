//! Is a promise kept?

use crate::promise::Promise;
use netwhy_model::GapId;
use netwhy_sim::{ClientSees, Disposition, Outcome, Stage, Trace};

/// The verdict on one promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    /// Index of the most probable outcome that breaks it.
    Broken(usize),
    /// Gaps that decide.
    Unknown(Vec<GapId>),
    /// It leaves what the snapshot holds.
    Left,
}

pub(crate) fn judge(promise: &Promise, trace: &Trace) -> Verdict {
    if !trace.deciding.is_empty() {
        return Verdict::Unknown(trace.deciding.clone());
    }
    let bad = trace.outcomes.iter().enumerate().filter(|(_, o)| !holds(promise, o));
    match bad.max_by_key(|(_, o)| o.weight) {
        None => Verdict::Kept,
        Some((_, o)) if o.end.disposition == Disposition::LeftModel && promise.kind == crate::PromiseKind::Egress => {
            Verdict::Left
        }
        Some((i, _)) => Verdict::Broken(i),
    }
}

/// One outcome satisfies the post-condition.
pub(crate) fn holds(promise: &Promise, o: &Outcome) -> bool {
    let right_receiver = |id| promise.receivers.is_empty() || promise.receivers.contains(&id);
    let refused_by_pod = o.client == ClientSees::Refused
        && matches!(
            o.end.stage,
            Stage::TcpV4Rcv | Stage::UdpRcv | Stage::TcpV6Rcv | Stage::Udp6LibRcv
        )
        && o.end.rule.is_none()
        && !o.end.reply
        && right_receiver(o.end.netns);
    if promise.arrival && refused_by_pod {
        return true;
    }
    o.end.disposition == Disposition::Delivered
        && o.delivered_to.is_some_and(|(id, _)| right_receiver(id))
        && promise.seen_client.is_none_or(|want| o.seen_client == Some(want))
}
