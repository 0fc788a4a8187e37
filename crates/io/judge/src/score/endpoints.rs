//! Who may answer for an address: from the API lists alone, never from rules or routes.

use netwhy_model::api::{Endpoint, EndpointSlice, Pod, Service, ServicePort};
use netwhy_model::{Cluster, NetnsId};
use netwhy_view::FlowAnswer;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The receivers that Kubernetes, or who holds the address, allows for a destination: `pod/NAMESPACE/NAME`, `node/NAME` or
/// `outside/NAME`. Endpoints of the Service that the address and port belong to; the pod with this `hostPort`; else whoever
/// holds the address.
pub fn endpoints(cluster: &Cluster, proto: u8, ip: IpAddr, port: u16) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_service = false;
    for service in cluster.api.services.iter().flatten() {
        for wanted in service.ports.iter().filter(|p| p.protocol == proto) {
            if belongs(cluster, service, wanted, ip, port) {
                is_service = true;
                found.extend(of_service(cluster, service, wanted));
            }
        }
    }
    found.extend(host_ports(cluster, proto, ip, port));
    if found.is_empty() && !is_service {
        found.extend(holders(cluster, ip));
    }
    found
}

/// Address and port are the Service's own, an external one, or a node port of this cluster.
fn belongs(cluster: &Cluster, service: &Service, wanted: &ServicePort, ip: IpAddr, port: u16) -> bool {
    let own = [&service.cluster_ips, &service.external_ips, &service.lb_ips];
    let own = own.iter().any(|list| list.contains(&ip)) && wanted.port == port;
    own || (wanted.node_port != 0 && wanted.node_port == port && is_node(cluster, ip))
}

fn is_node(cluster: &Cluster, ip: IpAddr) -> bool {
    let of_api = cluster.nodes.iter().any(|n| n.internal_ips.contains(&ip));
    let held = |id: NetnsId| addresses(cluster, id).any(|a| a == ip);
    of_api || ip.is_loopback() || cluster.nodes.iter().filter_map(|n| n.host).any(held)
}

fn of_service<'a>(
    cluster: &'a Cluster,
    service: &'a Service,
    wanted: &'a ServicePort,
) -> impl Iterator<Item = String> + 'a {
    let carries = |slice: &&EndpointSlice| {
        let same = |(name, proto, _): &(String, u8, Option<u16>)| *name == wanted.name && *proto == wanted.protocol;
        slice.ports.iter().any(same)
    };
    let slices = cluster.api.slices_of(&service.namespace, &service.name).filter(carries);
    let all: Vec<&Endpoint> = slices.flat_map(|s| &s.endpoints).collect();
    let any_ready = all.iter().any(|e| e.ready);
    // Terminating ones take over where no ready one is left (KEP-1669).
    let usable = move |e: &&Endpoint| if any_ready { e.ready } else { e.serving && e.terminating };
    all.into_iter().filter(usable).flat_map(|e| receivers(cluster, e))
}

fn receivers(cluster: &Cluster, endpoint: &Endpoint) -> BTreeSet<String> {
    let pod = endpoint.pod.as_ref().and_then(|(ns, name)| cluster.api.pod(ns, name));
    match pod {
        Some(pod) => [receiver(pod)].into(),
        None => holders(cluster, endpoint.addr),
    }
}

fn receiver(pod: &Pod) -> String {
    match pod.host_network {
        true => format!("node/{}", pod.node),
        false => format!("pod/{}/{}", pod.namespace, pod.name),
    }
}

fn host_ports(cluster: &Cluster, proto: u8, ip: IpAddr, port: u16) -> impl Iterator<Item = String> {
    let of = move |pod: &&Pod| {
        let here = cluster.node(&pod.node).is_some_and(|n| {
            let held = n.host.is_some_and(|h| addresses(cluster, h).any(|a| a == ip));
            n.internal_ips.contains(&ip) || held
        });
        here && pod
            .ports
            .iter()
            .any(|p| p.protocol == proto && p.host_port == port && port != 0)
    };
    cluster.api.pods.iter().flatten().filter(of).map(receiver)
}

/// Whoever has the address on an interface.
fn holders(cluster: &Cluster, ip: IpAddr) -> BTreeSet<String> {
    let all = cluster.netns.iter();
    all.filter(|ns| addresses(cluster, ns.id).any(|a| a == ip))
        .map(|ns| ns.kind.to_string())
        .collect()
}

fn addresses(cluster: &Cluster, id: NetnsId) -> impl Iterator<Item = IpAddr> {
    let links = cluster.ns(id).links.as_ref().ok();
    let links = links.into_iter().flat_map(|l| l.iter());
    links.flat_map(|l| l.addrs.iter().chain(&l.addrs6).map(|a| a.addr))
}

/// Receivers that an answer names and that are not endpoints of what was asked: this address and port.
pub fn strangers(cluster: &Cluster, answer: &FlowAnswer, proto: u8, ip: IpAddr, port: u16) -> Vec<String> {
    let outcomes = answer.outcomes.iter().filter_map(|o| o.delivered_to.as_deref());
    let named: BTreeSet<&str> = outcomes.chain(answer.delivered_to.as_deref()).collect();
    if named.is_empty() {
        return Vec::new();
    }
    let allowed = endpoints(cluster, proto, ip, port);
    let strange = named.into_iter().filter(|n| !allowed.contains(*n));
    strange.map(str::to_owned).collect()
}
