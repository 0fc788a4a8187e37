//! Reading a lab from inside.

use super::{made_by, now};
use anyhow::Result;
use netwhy_collect::plan::{Detail, NodeFiles, Target as NetnsTarget};
use netwhy_collect::{NetnsRef, Plan, Role};
use netwhy_lab::{Kind, Lab, Labs, Namespace, State};
use netwhy_snapshot::Snapshot;

/// How much of a lab is read.
#[derive(Clone, Copy, Debug)]
pub enum LabScope {
    /// Everything that the bundle format names.
    Full,
    /// What decides the paths of packets.
    Paths,
}

/// Enters the lab and reads it. Returns inside only.
pub fn open_lab(name: &str, scope: LabScope) -> Result<Snapshot> {
    let labs = Labs::here();
    labs.enter(name).map_err(crate::verbs::lab::failure)?;
    let lab = Lab::inside().map_err(crate::verbs::lab::failure)?;
    let state = lab.state().map_err(crate::verbs::lab::failure)?;
    Ok(netwhy_collect::collect(&plan(&lab, &state, scope), &now).snapshot)
}

fn plan(lab: &Lab, state: &State, scope: LabScope) -> Plan {
    let nodes = state.namespaces.iter().filter_map(|n| {
        Some(NodeFiles {
            node: n.name.clone(),
            root: n.root.clone()?,
        })
    });
    Plan {
        cluster_name: state.name.clone(),
        made_by: made_by(),
        now: now(),
        namespaces: state.namespaces.iter().map(target).collect(),
        files: nodes.collect(),
        cluster_files: Some(lab.cluster_folder()),
        detail: match scope {
            LabScope::Full => Detail::Full,
            LabScope::Paths => Detail::Path,
        },
        ..Plan::default()
    }
}

fn target(n: &Namespace) -> NetnsTarget {
    let outside = |what: &str| Role::Outside(what.to_owned());
    NetnsTarget {
        dir: n.bundle_folder(),
        netns: NetnsRef::Path(n.path.clone()),
        role: match n.kind {
            Kind::Switch => outside("the segment between the nodes"),
            Kind::Outside => outside("a host outside the cluster"),
            Kind::Node => Role::Host,
            Kind::Pod => Role::Pod,
        },
        resolv_conf: None,
    }
}
