//! NW9001: a ready pod on whose declared port nothing listens.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::some;
use crate::registry::{Check, always, no_statics};
use crate::report::Severity;
use crate::services::target_port_wrong::{declared, listening, refused_by_backend};
use netwhy_model::Patch;
use std::net::SocketAddr;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW9001",
    name: "application-not-listening",
    severity: Severity::Error,
    page: include_str!("not_listening.md"),
    faults: &["app-not-listening", "app-listens-localhost"],
    applies: always,
    suspects,
    statics: no_statics,
};

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let Some((backend, at)) = refused_by_backend(broken) else {
        return Vec::new();
    };
    let Some(service) = &broken.promise.service else {
        return Vec::new();
    };
    let Some((namespace, name)) = &backend.pod else {
        return Vec::new();
    };
    let open = listening(broken.cluster, at, service.protocol);
    if !declared(broken.cluster, backend, service.protocol).contains(&backend.port) && !open.is_empty() {
        return Vec::new();
    }
    let open: Vec<String> = open.iter().map(u16::to_string).collect();
    let sockets = broken.cluster.ns(at).sockets.iter().flat_map(|s| &s.list);
    let mut same_port = sockets.filter(|s| s.protocol == service.protocol && s.port == backend.port);
    let local = same_port.find_map(|s| s.addr.filter(|a| a.is_loopback()));
    let listeners = match (local, &open[..]) {
        (Some(addr), _) => format!("listens on {} only", SocketAddr::new(addr, backend.port)),
        (None, []) => "no listener".to_owned(),
        (None, open) => format!("listeners on {} only", some(open)),
    };
    vec![Candidate {
        code: CHECK.code,
        faults: vec![if local.is_some() { "app-listens-localhost" } else { "app-not-listening" }],
        object: Object::namespaced("Pod", namespace, name),
        node: Some(backend.node.clone()),
        patches: vec![Patch::Listen { netns: at, protocol: service.protocol, port: backend.port }],
        summary: format!("nothing listens on port {} of pod {namespace}/{name}: it refuses, not the network", backend.port),
        evidence: vec![format!("{}/sockets.txt: {listeners}", broken.cluster.ns(at).dir)],
        norm: format!("{service} has this pod as an endpoint, and the pod is ready"),
        fix: Fix::Manual {
            at: format!("pod/{namespace}/{name}"),
            commands: vec![format!("kubectl -n {namespace} logs {name}")],
            note: "the process is not up, or listens on another port or on 127.0.0.1 only; a readiness probe on this port would have kept it out of the Service".to_owned(),
        },
        alike: false,
    }]
}
