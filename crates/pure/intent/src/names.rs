//! From what a person types to namespaces and addresses, and back.

use crate::services::{Vip, behind};
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use std::net::IpAddr;

/// One end of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its network namespace, if the snapshot has it.
    pub netns: Option<NetnsId>,
    /// As it is written: `pod/shop/web`, `node/worker-1`, `outside/client`.
    pub name: String,
}

/// Where a flow goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// As it is written: `svc/shop/api:3000`, `pod/shop/web:80`, `10.0.0.1:80`.
    pub name: String,
    /// Address.
    pub addr: IpAddr,
    /// Port, if one is known.
    pub port: Option<u16>,
    /// The Service behind it, if there is one.
    pub vip: Option<Vip>,
}

/// Who holds an address: a pod, a node or a host outside. Host-network pods share their node's.
#[must_use]
pub fn owner_of(cluster: &Cluster, addr: IpAddr) -> Option<NetnsId> {
    let api = cluster
        .api
        .pods
        .iter()
        .flatten()
        .find(|p| !p.host_network && p.ips.contains(&addr));
    if let Some(id) = api.and_then(|p| cluster.pod_netns(&p.namespace, &p.name)) {
        return Some(id);
    }
    cluster
        .netns
        .iter()
        .filter(|n| n.links.as_ref().is_ok_and(|l| l.holding(addr).is_some()))
        .min_by_key(|n| matches!(n.kind, NetnsKind::Outside { .. }))
        .map(|n| n.id)
}

/// A client: `pod/NS/NAME`, `NS/NAME`, `pod/NAME` or `NAME` in a default namespace, `node/NAME`, `outside/NAME`.
///
/// # Errors
/// A sentence that says what is wrong, with names that come near.
pub fn source(cluster: &Cluster, text: &str, namespace: &str) -> Result<Peer, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (ns, name) = match parts[..] {
        ["node" | "no" | "nodes", name] => {
            let node = cluster.node(name).ok_or_else(|| {
                format!(
                    "node \"{name}\" not found{}",
                    near(name, cluster.nodes.iter().map(|n| n.name.as_str()))
                )
            })?;
            return Ok(Peer {
                netns: node.host,
                name: format!("node/{name}"),
            });
        }
        ["outside", name] => {
            let id = cluster
                .outside(name)
                .ok_or_else(|| format!("outside host \"{name}\" not found"))?;
            return Ok(Peer {
                netns: Some(id),
                name: format!("outside/{name}"),
            });
        }
        ["pod" | "po" | "pods", ns, name] | [ns, name] if !matches!(ns, "pod" | "po" | "pods") => (ns, name),
        ["pod" | "po" | "pods", name] | [name] => (namespace, name),
        _ => {
            return Err(format!(
                "\"{text}\" is no source: want pod/NAMESPACE/NAME, node/NAME or outside/NAME"
            ));
        }
    };
    let known = cluster.api.pod(ns, name).is_some() || cluster.pod_netns(ns, name).is_some();
    if !known {
        let all: Vec<&str> = cluster
            .api
            .pods
            .iter()
            .flatten()
            .filter(|p| p.namespace == ns)
            .map(|p| p.name.as_str())
            .collect();
        return Err(format!(
            "pod \"{name}\" not found in namespace \"{ns}\"{}",
            near(name, all.into_iter())
        ));
    }
    Ok(Peer {
        netns: cluster.pod_netns(ns, name),
        name: format!("pod/{ns}/{name}"),
    })
}

/// An address, of IPv6 also in brackets.
fn ip(text: &str) -> Option<IpAddr> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    inner.unwrap_or(text).parse().ok()
}

/// A destination: `svc/NS/NAME[:PORT]`, `pod/NS/NAME[:PORT]`, `node/NAME[:PORT]`, `outside/NAME[:PORT]`, `IP[:PORT]`.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn target(cluster: &Cluster, text: &str, namespace: &str, protocol: u8) -> Result<Target, String> {
    let (base, port) = match text.rsplit_once(':') {
        // An address of IPv6 alone has colons of its own.
        _ if text.parse::<IpAddr>().is_ok() => (text, None),
        Some((base, port)) => (base, Some(port)),
        None => (text, None),
    };
    if let Some(addr) = ip(base) {
        let port = port.map(number).transpose()?;
        let vip = port.and_then(|p| behind(cluster, addr, p, protocol));
        return Ok(Target {
            name: text.to_owned(),
            addr,
            port,
            vip,
        });
    }
    let parts: Vec<&str> = base.split('/').collect();
    match parts[..] {
        ["svc" | "service" | "services", ns, name] => service(cluster, ns, name, port, protocol),
        ["svc" | "service" | "services", name] => service(cluster, namespace, name, port, protocol),
        _ => {
            let peer = source(cluster, base, namespace)?;
            let addr =
                address(cluster, &peer).ok_or_else(|| format!("{} has no address in this snapshot", peer.name))?;
            let port = port.map(number).transpose()?;
            Ok(Target {
                name: format!("{}{}", peer.name, port.map_or(String::new(), |p| format!(":{p}"))),
                addr,
                port,
                vip: None,
            })
        }
    }
}

fn number(port: &str) -> Result<u16, String> {
    port.parse().map_err(|_| format!("\"{port}\" is no port"))
}

fn service(cluster: &Cluster, ns: &str, name: &str, port: Option<&str>, protocol: u8) -> Result<Target, String> {
    let service = cluster.api.service(ns, name).ok_or_else(|| {
        let all: Vec<&str> = cluster
            .api
            .services
            .iter()
            .flatten()
            .filter(|s| s.namespace == ns)
            .map(|s| s.name.as_str())
            .collect();
        format!(
            "service \"{name}\" not found in namespace \"{ns}\"{}",
            near(name, all.into_iter())
        )
    })?;
    let of_protocol = || service.ports.iter().filter(|p| p.protocol == protocol);
    let found = match port {
        None => of_protocol().next(),
        Some(p) => of_protocol().find(|q| q.name == p || q.port.to_string() == p),
    };
    let found = found.ok_or_else(|| {
        let other = port.and_then(|p| service.ports.iter().find(|q| q.name == p || q.port.to_string() == p));
        match other {
            Some(q) if q.protocol == 17 => {
                format!("service \"{ns}/{name}\" port {} is UDP: ask with --proto udp", q.port)
            }
            Some(q) if q.protocol == 6 => {
                format!("service \"{ns}/{name}\" port {} is TCP: ask with --proto tcp", q.port)
            }
            _ => format!("service \"{ns}/{name}\" has no such port (it has {})", ports(service)),
        }
    })?;
    let addr = service
        .cluster_ips
        .first()
        .copied()
        .ok_or_else(|| match service.headless {
            true => format!("service \"{ns}/{name}\" is headless: it has no address of its own; ask for a pod"),
            false if service.kind == "ExternalName" => {
                format!("service \"{ns}/{name}\" is an alias for {}", service.external_name)
            }
            false => format!("service \"{ns}/{name}\" has no address"),
        })?;
    let reference = crate::services::reference(service, found);
    let vip = Vip {
        service: reference.clone(),
        kind: crate::services::VipKind::ClusterIp,
        addr,
        port: found.port,
    };
    Ok(Target {
        name: reference.to_string(),
        addr,
        port: Some(found.port),
        vip: Some(vip),
    })
}

fn ports(service: &netwhy_model::api::Service) -> String {
    let proto = |p: u8| match p {
        6 => "TCP",
        17 => "UDP",
        132 => "SCTP",
        _ => "?",
    };
    service
        .ports
        .iter()
        .map(|p| format!("{}/{}", p.port, proto(p.protocol)))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The address of a peer: a pod's or node's from the API, else the first global one of its namespace.
#[must_use]
pub fn address(cluster: &Cluster, peer: &Peer) -> Option<IpAddr> {
    let parts: Vec<&str> = peer.name.split('/').collect();
    let api = match parts[..] {
        ["pod", ns, name] => cluster.api.pod(ns, name).and_then(|p| p.ips.first().copied()),
        ["node", name] => cluster.node(name).and_then(|n| n.internal_ips.first().copied()),
        _ => None,
    };
    api.or_else(|| {
        let links = cluster.ns(peer.netns?).links.as_ref().ok()?;
        links
            .iter()
            .flat_map(|l| l.addrs.iter().chain(&l.addrs6))
            .find(|a| a.scope == 0 && !a.addr.is_loopback())
            .map(|a| a.addr)
    })
}

/// ` (near: a, b)` for names that resemble what was typed.
fn near<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut close: Vec<&str> = names
        .filter(|n| n.starts_with(typed) || typed.starts_with(*n) || n.contains(typed))
        .collect();
    close.sort_unstable();
    close.truncate(3);
    if close.is_empty() {
        String::new()
    } else {
        format!(" (near: {})", close.join(", "))
    }
}
