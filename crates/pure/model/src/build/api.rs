//! `cluster/*.json`: API objects.

use super::Ctx;
use crate::api::{Api, ApiNode, ContainerPort, Endpoint, EndpointSlice, Pod, Service, ServicePort};
use crate::fact::{Fact, GapId};
use netwhy_snapshot::format::kube_list::{self as kube, TargetPort};
use netwhy_wire::Proto;
use serde::de::DeserializeOwned;
use std::net::IpAddr;

pub(super) fn build(ctx: &mut Ctx<'_>) -> Api {
    let mut incomplete = Vec::new();
    let ctx = &mut Lists {
        ctx,
        incomplete: &mut incomplete,
    };
    let key = |namespace: &str, name: &str| (namespace.to_owned(), name.to_owned());
    let api = Api {
        pods: list(ctx, "pods", pod).map(|l| sorted(l, |p| key(&p.namespace, &p.name))),
        services: list(ctx, "services", service).map(|l| sorted(l, |s| key(&s.namespace, &s.name))),
        slices: list(ctx, "endpointslices", slice).map(|l| sorted(l, |s| key(&s.namespace, &s.name))),
        nodes: list(ctx, "nodes", node).map(|l| sorted(l, |n| key("", &n.name))),
        network_policies: list(ctx, "networkpolicies", |p: kube::NetworkPolicy| {
            Some((p.metadata.namespace, p.metadata.name))
        })
        .map(|l| sorted(l, Clone::clone)),
        incomplete: Vec::new(),
    };
    Api { incomplete, ..api }
}

/// Where lists are read, and which of them are not whole.
struct Lists<'c, 's> {
    ctx: &'c mut Ctx<'s>,
    incomplete: &'c mut Vec<GapId>,
}

/// RFC 1123 subdomain, as the API demands of names (`IsDNS1123Subdomain()`, apimachinery `validation.go`): nothing else gets into
/// a command that is printed for a shell.
fn is_name(name: &str) -> bool {
    let alphanumeric = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inner = |c: u8| alphanumeric(c) || matches!(c, b'-' | b'.' | b':');
    let (first, last) = (name.bytes().next(), name.bytes().last());
    name.len() <= 253 && name.bytes().all(inner) && first.is_some_and(alphanumeric) && last.is_some_and(alphanumeric)
}

/// The objects of a kind. One that cannot be read, or has no valid name, is a gap of its own, and the others are used.
fn list<K, T>(lists: &mut Lists<'_, '_>, kind: &str, convert: impl Fn(K) -> Option<T>) -> Fact<Vec<T>>
where
    K: DeserializeOwned + kube::Object,
{
    let path = format!("cluster/{kind}.json");
    let ctx = &mut *lists.ctx;
    let parsed = kube::parse::<K>(ctx.text(&path)?).map_err(|p| ctx.problem(&path, &p))?;
    let mut gaps: Vec<GapId> = parsed.problems.iter().map(|p| ctx.problem(&path, p)).collect();
    let mut items = Vec::with_capacity(parsed.items.len());
    for item in parsed.items {
        if is_name(item.name()) && (item.namespace().is_empty() || is_name(item.namespace())) {
            items.extend(convert(item));
        } else {
            gaps.push(
                ctx.gaps
                    .add(path.as_str(), format!("an object has no valid name: {:?}", item.name())),
            );
        }
    }
    if matches!(kind, "pods" | "services" | "endpointslices") {
        lists.incomplete.extend(gaps);
    }
    Ok(items)
}

fn sorted<T, K: Ord>(mut list: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
    list.sort_by_cached_key(|item| key(item));
    list
}

fn addresses<'a>(list: impl IntoIterator<Item = &'a str>) -> Vec<IpAddr> {
    list.into_iter().filter_map(|text| text.parse().ok()).collect()
}

/// Protocols of the API; an empty one is TCP.
fn protocol(text: &str) -> u8 {
    match text {
        "UDP" => Proto::UDP.0,
        "SCTP" => Proto::SCTP.0,
        _ => Proto::TCP.0,
    }
}

fn pod(raw: kube::Pod) -> Option<Pod> {
    let ready = raw.is_ready();
    let ips = addresses(raw.ips());
    let sidecar = |c: &&kube::Container| c.restart_policy.as_deref() == Some("Always");
    let containers = raw
        .spec
        .containers
        .iter()
        .chain(raw.spec.init_containers.iter().filter(sidecar));
    let port = |p: &kube::ContainerPort| ContainerPort {
        name: p.name.clone(),
        protocol: protocol(&p.protocol),
        port: p.container_port,
        host_port: p.host_port,
    };
    let ports = containers.flat_map(|c| &c.ports).map(port).collect();
    Some(Pod {
        namespace: raw.metadata.namespace,
        name: raw.metadata.name,
        uid: raw.metadata.uid,
        labels: raw.metadata.labels,
        node: raw.spec.node_name,
        host_network: raw.spec.host_network,
        phase: raw.status.phase,
        ready,
        deleting: raw.metadata.deletion_timestamp.is_some(),
        ips,
        ports,
    })
}

fn service(raw: kube::Service) -> Option<Service> {
    let vip = |i: &&kube::LoadBalancerIngress| i.ip_mode.as_deref().is_none_or(|mode| mode == "VIP");
    let lb_ips = addresses(
        raw.status
            .load_balancer
            .ingress
            .iter()
            .filter(vip)
            .map(|i| i.ip.as_str()),
    );
    let mut external_ips = addresses(raw.spec.external_ips.iter().map(String::as_str));
    external_ips.extend(lb_ips.iter().copied());
    let affinity = raw.spec.session_affinity == "ClientIP";
    let cluster_ips = addresses(raw.ips());
    let headless = raw.is_headless();
    let other_proxy = raw
        .metadata
        .labels
        .contains_key("service.kubernetes.io/service-proxy-name");
    let spec = raw.spec;
    Some(Service {
        namespace: raw.metadata.namespace,
        name: raw.metadata.name,
        kind: if spec.kind.is_empty() {
            "ClusterIP".to_owned()
        } else {
            spec.kind
        },
        cluster_ips,
        headless,
        external_ips,
        lb_ips,
        selector: spec.selector,
        ports: spec.ports.into_iter().map(service_port).collect(),
        external_local: spec.external_traffic_policy == "Local",
        internal_local: spec.internal_traffic_policy == "Local",
        affinity_s: affinity.then(|| spec.session_affinity_config.client_ip.timeout_seconds.unwrap_or(10800)),
        publish_not_ready: spec.publish_not_ready_addresses,
        external_name: spec.external_name,
        other_proxy,
        source_ranges: spec.load_balancer_source_ranges,
    })
}

fn service_port(raw: kube::ServicePort) -> ServicePort {
    let target_port = match raw.target_port {
        None | Some(TargetPort::Number(0)) => String::new(),
        Some(TargetPort::Number(number)) => number.to_string(),
        Some(TargetPort::Name(name)) => name,
    };
    ServicePort {
        name: raw.name,
        protocol: protocol(&raw.protocol),
        port: raw.port,
        target_port,
        node_port: raw.node_port,
    }
}

/// A slice of addresses; names are not looked at.
fn slice(raw: kube::EndpointSlice) -> Option<EndpointSlice> {
    if !matches!(raw.address_type.as_str(), "IPv4" | "IPv6" | "") {
        return None;
    }
    let service = raw.service().unwrap_or_default().to_owned();
    Some(EndpointSlice {
        namespace: raw.metadata.namespace,
        name: raw.metadata.name,
        service,
        ports: raw
            .ports
            .into_iter()
            .map(|p| (p.name, protocol(&p.protocol), p.port))
            .collect(),
        endpoints: raw.endpoints.into_iter().filter_map(endpoint).collect(),
    })
}

fn endpoint(raw: kube::Endpoint) -> Option<Endpoint> {
    let addr = raw.addresses.first()?.parse().ok()?;
    let pod = raw
        .target_ref
        .filter(|t| t.kind == "Pod")
        .map(|t| (t.namespace, t.name));
    Some(Endpoint {
        addr,
        ready: raw.conditions.is_ready(),
        serving: raw.conditions.is_serving(),
        terminating: raw.conditions.is_terminating(),
        node: raw.node_name.unwrap_or_default(),
        pod,
    })
}

fn node(raw: kube::Node) -> Option<ApiNode> {
    let mut cidrs: Vec<&str> = raw.spec.pod_cidrs.iter().map(String::as_str).collect();
    if cidrs.is_empty() {
        cidrs.push(&raw.spec.pod_cidr);
    }
    let pod_cidrs = cidrs.iter().filter_map(|c| c.parse().ok()).collect();
    let (internal_ips, ready) = (addresses(raw.addresses("InternalIP")), raw.is_ready());
    Some(ApiNode {
        name: raw.metadata.name,
        labels: raw.metadata.labels,
        annotations: raw.metadata.annotations,
        internal_ips,
        pod_cidrs,
        ready,
    })
}
