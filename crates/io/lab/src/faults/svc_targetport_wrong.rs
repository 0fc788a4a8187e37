//! The Service names a port on which nobody listens.

use super::{Args, Fault, arg, full_name, site};
use crate::spec::{Pod, Protocol, Service, Spec};
use crate::{Change, LabError};

pub(super) const FAULT: Fault = Fault {
    id: "svc-targetport-wrong",
    does: "changes the targetPort of a Service to a port on which its pods do not listen; EndpointSlices and rules follow",
    decoy: false,
    params: &["service"],
    options: &[],
    sites,
    plan: |_, state, args| {
        let name = arg(args, "service")?;
        let services = &state.spec.services;
        let found = services.iter().find(|s| full_name(&s.namespace, &s.name) == name);
        let before =
            found.ok_or_else(|| LabError::unknown("Service", name, services.iter().map(|s| s.name.as_str())))?;
        Ok(vec![Change::Service {
            before: before.clone(),
            after: with_wrong_port(&state.spec, before),
        }])
    },
};

fn sites(spec: &Spec) -> Vec<Args> {
    let breakable =
        |s: &&Service| s.ports.iter().any(|p| p.protocol == Protocol::Tcp) && endpoints(spec, s).next().is_some();
    let services = spec.services.iter().filter(breakable);
    services
        .map(|s| site([("service", &full_name(&s.namespace, &s.name))]))
        .collect()
}

fn endpoints<'a>(spec: &'a Spec, service: &'a Service) -> impl Iterator<Item = &'a Pod> {
    let selected = |pod: &&Pod| {
        service
            .selector
            .iter()
            .all(|(key, value)| pod.labels.get(key) == Some(value))
    };
    spec.pods
        .iter()
        .filter(move |pod| pod.namespace == service.namespace)
        .filter(selected)
}

/// A typing error: the next number on which none of the pods listens.
fn with_wrong_port(spec: &Spec, service: &Service) -> Service {
    let mut wrong = service.clone();
    let used = |port: u16| endpoints(spec, service).any(|pod| pod.ports.iter().any(|p| p.port == port));
    for port in wrong.ports.iter_mut().filter(|p| p.protocol == Protocol::Tcp) {
        let next = (1..1000)
            .map(|i| port.target_port.wrapping_add(i).max(1))
            .find(|port| !used(*port));
        port.target_port = next.unwrap_or(1);
    }
    wrong
}
