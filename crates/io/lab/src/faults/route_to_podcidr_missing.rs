//! Flannel did not hear of a node, or somebody has removed its route.

use super::{Args, Fault, arg, site};
use crate::names::cidr;
use crate::spec::Spec;
use crate::{Change, LabError};

pub(super) const FAULT: Fault = Fault {
    id: "route-to-podcidr-missing",
    does: "removes a node's route to the pods of one other node (peer)",
    decoy: false,
    params: &["node", "peer"],
    options: &[],
    sites,
    plan: |lab, state, args| {
        let (node, peer) = (arg(args, "node")?, arg(args, "peer")?);
        let nodes = &state.spec.nodes;
        let found = nodes.iter().find(|n| n.name == peer);
        let peer = found.ok_or_else(|| LabError::unknown("node", peer, nodes.iter().map(|n| n.name.as_str())))?;
        Ok(vec![Change::route_gone(lab, node, &cidr(peer.pod_cidr))?])
    },
};

fn sites(spec: &Spec) -> Vec<Args> {
    let pairs = spec
        .nodes
        .iter()
        .flat_map(|a| spec.nodes.iter().map(move |b| (&a.name, &b.name)));
    pairs
        .filter(|(a, b)| a != b)
        .map(|(node, peer)| site([("node", node), ("peer", peer)]))
        .collect()
}
