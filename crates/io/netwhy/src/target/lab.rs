//! Reading a lab from inside.

use super::{made_by, now};
use anyhow::Result;
use netwhy_collect::plan::{Detail, NodeFiles, Target as NetnsTarget};
use netwhy_collect::{NetnsRef, Plan, Role};
use netwhy_lab::{Kind, Lab, Labs, Namespace, State};
use netwhy_snapshot::Snapshot;
use std::collections::BTreeSet;

/// How much of a lab is read.
#[derive(Clone, Copy, Debug)]
pub enum LabScope<'a> {
    /// Everything that the bundle format names.
    Full,
    /// What decides the paths of packets.
    Paths,
    /// The same, but of the pods only those whose name occurs in one of the texts, and those behind Services.
    Between(&'a str, &'a str),
}

/// Enters the lab and reads it. Returns inside only.
pub fn open_lab(name: &str, scope: LabScope<'_>) -> Result<Snapshot> {
    let labs = Labs::here();
    labs.enter(name).map_err(crate::verbs::lab::failure)?;
    let lab = Lab::inside().map_err(crate::verbs::lab::failure)?;
    let state = lab.state().map_err(crate::verbs::lab::failure)?;
    Ok(netwhy_collect::collect(&plan(&lab, &state, scope), &now).snapshot)
}

fn plan(lab: &Lab, state: &State, scope: LabScope<'_>) -> Plan {
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
        only: only(state, scope),
        detail: match scope {
            LabScope::Full => Detail::Full,
            _ => Detail::Path,
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

/// Folders of what can lie on the way between two names; `None`: all.
fn only(state: &State, scope: LabScope<'_>) -> Option<BTreeSet<String>> {
    let LabScope::Between(src, dst) = scope else {
        return None;
    };
    let spec = &state.spec;
    let named = |pod: &netwhy_lab::spec::Pod, text: &str| {
        let base = text.rsplit_once(':').map_or(text, |(base, _)| base);
        base.rsplit('/').next() == Some(pod.name.as_str()) || base == pod.ip.to_string()
    };
    // A name of a Service, or any address that is no pod's, can lead to every pod behind a Service.
    let is_pod = |text: &str| spec.pods.iter().any(|p| named(p, text)) && !text.starts_with("svc");
    let behind = |pod: &netwhy_lab::spec::Pod| {
        let selected = spec.services.iter().filter(|s| mentions(s, dst));
        selected
            .into_iter()
            .any(|s| !s.selector.is_empty() && s.selector.iter().all(|(k, v)| pod.labels.get(k) == Some(v)))
    };
    let wanted = |pod: &netwhy_lab::spec::Pod| named(pod, src) || named(pod, dst) || (!is_pod(dst) && behind(pod));
    let folders = state.namespaces.iter().filter(|n| match n.kind {
        Kind::Pod => spec
            .pods
            .iter()
            .any(|p| n.name == netwhy_lab::names::pod_netns(&p.namespace, &p.name) && wanted(p)),
        _ => true,
    });
    Some(folders.map(Namespace::bundle_folder).collect())
}

/// A text can mean a Service: by its name, its address, or a port of a node.
fn mentions(service: &netwhy_lab::spec::Service, text: &str) -> bool {
    let (base, port) = text.rsplit_once(':').unwrap_or((text, ""));
    base.rsplit('/').next() == Some(service.name.as_str())
        || base == service.cluster_ip.to_string()
        || service
            .ports
            .iter()
            .any(|p| p.node_port != 0 && p.node_port.to_string() == port)
}
