//! A living lab: read into a cluster of the model, and probed.

use crate::predict::{Disagreement, Prober, compare};
use netwhy_collect::{Budget, Collected, Detail, NetnsRef, NodeFiles, Plan, Role, Target, collect};
use netwhy_lab::matrix::{self, Cell, Pair};
use netwhy_lab::{Kind, Lab, LabError, State};
use netwhy_model::Cluster;
use netwhy_sys::{Netns, NfNetlink};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Why a lab could not be read or probed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveError {
    /// The lab says no.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A namespace could not be entered.
    #[error("probing: {0}")]
    Probe(#[from] std::io::Error),
}

/// What to read of a lab: all of its namespaces, the files of its nodes, and its API lists. `now` is RFC 3339.
pub fn plan(lab: &Lab, state: &State, now: &str, made_by: &str) -> Plan {
    let target = |ns: &netwhy_lab::Namespace| Target {
        dir: ns.bundle_folder(),
        netns: NetnsRef::Path(lab.netns_path(&ns.name)),
        role: match ns.kind {
            Kind::Node => Role::Host,
            Kind::Pod => Role::Pod,
            Kind::Switch => Role::Outside("underlay switch".to_owned()),
            Kind::Outside => Role::Outside("external host and default gateway".to_owned()),
        },
        resolv_conf: None,
    };
    let files = state.spec.nodes.iter().map(|node| NodeFiles {
        node: node.name.clone(),
        root: lab.node_root(&node.name),
    });
    Plan {
        cluster_name: state.name.clone(),
        made_by: made_by.to_owned(),
        now: now.to_owned(),
        namespaces: state.namespaces.iter().map(target).collect(),
        files: files.collect(),
        cluster_files: Some(lab.cluster_folder()),
        only: None,
        detail: Detail::Path,
        budget: Budget::default(),
    }
}

/// Reads a lab.
///
/// # Errors
/// The lab is gone. What could not be read of it is in the bundle's `not_read`.
pub fn read(lab: &Lab, clock: &(dyn Fn() -> String + Sync)) -> Result<Collected, LiveError> {
    let plan = plan(lab, &lab.state()?, &clock(), "netwhy");
    Ok(collect(&plan, clock))
}

/// Probes pairs of a lab with new connections only: what its namespaces tracked before is forgotten first. A datagram
/// whose source port a connection of earlier probes had (UDP is tracked for 30 s and more) would belong to that one, and
/// pass where a new one is dropped.
///
/// # Errors
/// A namespace of the lab cannot be entered, or may not forget.
pub fn probe(lab: &Lab, pairs: &[Pair], options: &matrix::Options) -> Result<Vec<Cell>, LiveError> {
    for ns in &lab.state()?.namespaces {
        let netns = Netns::open(&lab.netns_path(&ns.name))?;
        netns.run(|| NfNetlink::open()?.forget_connections())??;
    }
    Ok(matrix::probe(&netns_folder(lab), pairs, options)?)
}

/// Compares the matrix of a lab with the predicted one. What differs is probed again after a while, first together, then
/// each by itself: a busy machine is slow, and the kernel limits the rate of its ICMP errors. What differs each time is
/// returned.
///
/// # Errors
/// A namespace of the lab cannot be entered.
pub fn disagreements(
    lab: &Lab,
    cluster: &Cluster,
    pairs: &[Pair],
    cells: &[Cell],
    options: &matrix::Options,
) -> Result<Vec<Disagreement>, LiveError> {
    let prober = Prober {
        patience: options.patience,
    };
    let mut found = compare(cluster, pairs, cells, &prober);
    for together in [usize::MAX, 1] {
        let named: BTreeSet<_> = found.iter().map(|d| (&d.source, &d.target)).collect();
        let is_named = |p: &&Pair| named.contains(&(&p.source.name, &p.target.name));
        let these: Vec<Pair> = pairs.iter().filter(is_named).cloned().collect();
        if these.is_empty() || these.len() > ALONE {
            break;
        }
        let mut cells = Vec::new();
        for part in these.chunks(together.min(these.len())) {
            std::thread::sleep(PAUSE);
            cells.extend(probe(lab, part, options)?);
        }
        found = compare(cluster, &these, &cells, &prober);
    }
    Ok(found)
}

/// After this time an ICMP error is sent to a host again. `ip_error()` and `icmpv4_xrlim_allow()` take a second's worth
/// each out of the same bucket of the same peer (`net.ipv4.route.error_cost`, `net.ipv4.icmp_ratelimit`), and a SYN that
/// is sent again within the patience takes another.
pub(crate) const PAUSE: Duration = Duration::from_millis(3500);
/// With more pairs than this it is not the machine that is slow.
const ALONE: usize = 30;

/// The folder of the files of a lab's namespaces.
pub fn netns_folder(lab: &Lab) -> PathBuf {
    lab.netns_path("")
}
