//! NW5001: a Service leads to a port on which its pods do not listen, and which they do not declare.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{hosts, some};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_intent::Backend;
use netwhy_model::{Cluster, NetnsId, Patch};
use netwhy_sim::{ClientSees, Stage};
use std::collections::BTreeSet;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW5001",
    name: "service-target-port-wrong",
    severity: Severity::Error,
    page: include_str!("target_port_wrong.md"),
    faults: &["svc-targetport-wrong", "app-listens-wrong-port"],
    applies,
    suspects,
    statics: no_statics,
};

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    match &cluster.api.services {
        Ok(list) if list.is_empty() => Err("there are no Services"),
        Ok(_) => Ok(()),
        Err(_) => Err("Services were not collected"),
    }
}

/// The pod's own kernel refused: nothing listens there.
pub(crate) fn refused_by_backend<'a>(broken: &'a Broken<'_>) -> Option<(&'a Backend, NetnsId)> {
    let end = &broken.outcome.end;
    if broken.outcome.client != ClientSees::Refused
        || !matches!(
            end.stage,
            Stage::TcpV4Rcv | Stage::UdpRcv | Stage::TcpV6Rcv | Stage::Udp6LibRcv
        )
        || end.reply
        || end.rule.is_some()
    {
        return None;
    }
    let at = end.netns;
    let backend = broken
        .promise
        .backends
        .iter()
        .find(|b| netwhy_intent::owner_of(broken.cluster, b.addr) == Some(at))?;
    Some((backend, at))
}

/// Ports of the pod's containers.
pub(crate) fn declared(cluster: &Cluster, backend: &Backend, protocol: u8) -> Vec<u16> {
    let pod = backend.pod.as_ref().and_then(|(ns, name)| cluster.api.pod(ns, name));
    pod.map(|p| {
        p.ports
            .iter()
            .filter(|p| p.protocol == protocol)
            .map(|p| p.port)
            .collect()
    })
    .unwrap_or_default()
}

/// Ports on which somebody listens in a namespace, for all addresses.
pub(crate) fn listening(cluster: &Cluster, id: NetnsId, protocol: u8) -> BTreeSet<u16> {
    let sockets = cluster.ns(id).sockets.as_ref().ok();
    sockets
        .into_iter()
        .flat_map(|s| &s.list)
        .filter(|s| s.protocol == protocol && s.addr.is_none_or(|a| !a.is_loopback()))
        .map(|s| s.port)
        .collect()
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let Some((backend, at)) = refused_by_backend(broken) else {
        return Vec::new();
    };
    let Some(service) = &broken.promise.service else {
        return Vec::new();
    };
    let protocol = service.protocol;
    let ports = declared(broken.cluster, backend, protocol);
    if ports.contains(&backend.port) {
        return Vec::new();
    }
    let open = listening(broken.cluster, at, protocol);
    // A declared port that is open is what was meant; else any open one.
    let Some(meant) = ports
        .iter()
        .copied()
        .find(|p| open.contains(p))
        .or_else(|| open.iter().next().copied())
    else {
        return Vec::new();
    };
    let patches = hosts(broken.cluster)
        .flat_map(|(_, ns)| {
            broken.promise.backends.iter().map(move |b| Patch::DnatRetarget {
                netns: ns.id,
                from: (b.addr, b.port),
                to: (b.addr, meant),
            })
        })
        .collect();
    let target = broken.cluster.api.service(&service.namespace, &service.name);
    let written = target
        .and_then(|s| {
            s.ports
                .iter()
                .find(|p| p.port == service.port && p.protocol == protocol)
        })
        .map(|p| p.target_port.clone())
        .unwrap_or_default();
    let listed: Vec<String> = open.iter().map(u16::to_string).collect();
    let declares: Vec<String> = ports.iter().map(u16::to_string).collect();
    vec![Candidate {
        code: CHECK.code,
        faults: CHECK.faults.to_vec(),
        object: Object::namespaced("Service", &service.namespace, &service.name),
        node: None,
        patches,
        summary: format!(
            "{service} leads to port {}, where its pods do not listen; they listen on {}",
            backend.port,
            some(&listed)
        ),
        evidence: vec![
            format!("spec.ports: port {}, targetPort {written}", service.port),
            format!(
                "containerPorts of the selected pods: {}",
                if declares.is_empty() {
                    "none".to_owned()
                } else {
                    some(&declares)
                }
            ),
            format!("{}/sockets.txt: nothing on {}", broken.cluster.ns(at).dir, backend.port),
        ],
        norm: "targetPort is a port of the selected pods".to_owned(),
        fix: Fix::Manual {
            at: "cluster".to_owned(),
            commands: vec![format!(
                "kubectl -n {} patch service {} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/spec/ports/{}/targetPort\",\"value\":{meant}}}]'",
                service.namespace,
                service.name,
                target
                    .and_then(|s| s
                        .ports
                        .iter()
                        .position(|p| p.port == service.port && p.protocol == protocol))
                    .unwrap_or(0)
            )],
            note: "change it where the Service is declared (chart, overlay), or the next rollout brings it back"
                .to_owned(),
        },
        alike: false,
    }]
}
