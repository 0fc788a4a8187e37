//! Whether a spec can be built. Names become files and arguments of programs, so they are checked before anything else.

use crate::LabError;
use crate::names::{contains, mask, pod_netns};
use crate::spec::{Net, Spec};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Checks names, ranges, addresses and references.
pub fn validate(spec: &Spec) -> Result<(), LabError> {
    let bad = |why: String| Err(LabError::BadSpec(why));
    if spec.topology != "flannel-vxlan" {
        return bad(format!(
            "topology {:?} is not known; there is flannel-vxlan",
            spec.topology
        ));
    }
    if !(2..=5).contains(&spec.nodes.len()) {
        return bad(format!("{} nodes; 2 to 5 are possible", spec.nodes.len()));
    }
    if !(576..=9000).contains(&spec.underlay_mtu) || spec.vni == 0 || spec.vni >= 1 << 24 || spec.vxlan_port == 0 {
        return bad("MTU, VNI or VXLAN port out of range".into());
    }
    names(spec)?;
    networks(spec)?;
    addresses(spec)
}

/// A DNS label, as Kubernetes demands of nodes, namespaces and pods here.
pub fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.len() <= 63 && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn names(spec: &Spec) -> Result<(), LabError> {
    let nodes = spec
        .nodes
        .iter()
        .map(|n| n.name.as_str())
        .chain([spec.outside.name.as_str()]);
    let pods = spec.pods.iter().flat_map(|p| [p.namespace.as_str(), p.name.as_str()]);
    let services = spec
        .services
        .iter()
        .flat_map(|s| [s.namespace.as_str(), s.name.as_str()]);
    for name in nodes.clone().chain(pods).chain(services) {
        if !is_label(name) {
            return Err(LabError::BadSpec(format!("{name:?} is no DNS label")));
        }
    }
    let own = nodes.map(str::to_owned).chain([crate::names::SWITCH.to_owned()]);
    unique(own.chain(spec.pods.iter().map(|p| pod_netns(&p.namespace, &p.name))))?;
    unique(
        spec.services
            .iter()
            .map(|s| format!("Service {}/{}", s.namespace, s.name)),
    )?;
    match spec.pods.iter().find(|p| spec.nodes.iter().all(|n| n.name != p.node)) {
        Some(pod) => Err(LabError::BadSpec(format!(
            "pod {}/{} is on no node",
            pod.namespace, pod.name
        ))),
        None => Ok(()),
    }
}

fn unique(names: impl Iterator<Item = String>) -> Result<(), LabError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if seen.contains(&name) {
            return Err(LabError::BadSpec(format!("{name} appears twice")));
        }
        seen.insert(name);
    }
    Ok(())
}

fn networks(spec: &Spec) -> Result<(), LabError> {
    let cluster = [
        ("pod network", spec.pod_network),
        ("service network", spec.service_network),
        ("underlay", spec.underlay),
    ];
    for (name, net) in cluster
        .into_iter()
        .chain(spec.nodes.iter().map(|n| (n.name.as_str(), n.pod_cidr)))
    {
        if net.prefix > 30 || u32::from(net.addr) & !mask(net) != 0 {
            return Err(LabError::BadSpec(format!(
                "{name}: {}/{} is no network",
                net.addr, net.prefix
            )));
        }
    }
    let cidrs: Vec<_> = spec.nodes.iter().map(|n| n.pod_cidr).collect();
    let apart = |nets: &[Net]| {
        nets.iter()
            .enumerate()
            .all(|(i, a)| nets[..i].iter().all(|b| !overlap(*a, *b)))
    };
    if !apart(&cidrs)
        || !apart(&cluster.map(|(_, net)| net))
        || cidrs.iter().any(|c| !contains(spec.pod_network, c.addr))
    {
        return Err(LabError::BadSpec(
            "networks overlap, or a podCIDR lies outside the pod network".into(),
        ));
    }
    Ok(())
}

fn overlap(a: Net, b: Net) -> bool {
    contains(a, b.addr) || contains(b, a.addr)
}

fn addresses(spec: &Spec) -> Result<(), LabError> {
    let mut all: Vec<(Ipv4Addr, Net)> = spec.nodes.iter().map(|n| (n.ip, spec.underlay)).collect();
    all.push((spec.outside.ip, spec.underlay));
    for pod in spec.pods.iter().filter(|p| !p.host_network) {
        let node = spec.nodes.iter().find(|n| n.name == pod.node).map(|n| n.pod_cidr);
        all.extend(node.map(|cidr| (pod.ip, cidr)));
    }
    all.extend(spec.services.iter().map(|s| (s.cluster_ip, spec.service_network)));
    for (ip, net) in &all {
        let host = u32::from(*ip) & !mask(*net);
        if !contains(*net, *ip) || host == 0 || host == !mask(*net) {
            return Err(LabError::BadSpec(format!(
                "{ip} is no host of {}/{}",
                net.addr, net.prefix
            )));
        }
    }
    let gateways = spec.nodes.iter().map(|n| crate::names::nth(n.pod_cidr, 1));
    unique(all.iter().map(|(ip, _)| *ip).chain(gateways).map(|ip| ip.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_in_all_sizes() {
        for nodes in 2..=5 {
            validate(&Spec::default_with(nodes)).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        type Damage = fn(&mut Spec);
        let broken: [(&str, Damage); 7] = [
            ("appears twice", |s| s.nodes[1].name = s.nodes[0].name.clone()),
            ("no DNS label", |s| s.nodes[0].name = "../etc".into()),
            ("no DNS label", |s| s.pods[0].name = "a_b".into()),
            ("is on no node", |s| s.pods[0].node = "elsewhere".into()),
            ("no host of", |s| s.pods[0].ip = Ipv4Addr::new(192, 0, 2, 1)),
            ("overlap", |s| s.nodes[1].pod_cidr = s.nodes[0].pod_cidr),
            ("1 nodes", |s| s.nodes.truncate(1)),
        ];
        for (expected, change) in broken {
            let mut spec = Spec::default_with(3);
            change(&mut spec);
            let error = validate(&spec).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}: not {expected}");
        }
    }
}
