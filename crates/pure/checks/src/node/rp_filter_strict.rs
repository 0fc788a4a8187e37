//! NW1004: the reverse-path filter of a node drops what comes in by another link than the one by which it would answer.

use crate::candidate::{Broken, Candidate, Fix, Object};
use crate::facts::{boot_evidence, host_node, hosts, ip_ingress, some, sysctl};
use crate::registry::{Check, no_statics};
use crate::report::Severity;
use netwhy_model::sysctl::Sysctls;
use netwhy_model::{Cluster, Netns, NetnsId, Patch};
use netwhy_sim::{Detail, DropReason};
use std::collections::BTreeMap;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW1004",
    name: "rp-filter-drops",
    severity: Severity::Error,
    page: include_str!("rp_filter_strict.md"),
    faults: &["rp-filter-strict-asym", "rp-filter-systemd-override"],
    applies,
    suspects,
    statics: no_statics,
};

const ALL: &str = "net.ipv4.conf.all.rp_filter";

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    let filters = |ns: &Netns| {
        ns.links
            .iter()
            .flat_map(|l| l.iter())
            .any(|l| l.conf.rp_filter != Ok(0))
    };
    if hosts(cluster).any(|(_, ns)| filters(ns)) {
        Ok(())
    } else {
        Err("no link of a node has the reverse-path filter on")
    }
}

fn suspects(broken: &Broken<'_>) -> Vec<Candidate> {
    let end = &broken.outcome.end;
    if end.reason != Some(DropReason::IpRpFilter) {
        return Vec::new();
    }
    let name = host_node(broken.cluster, end.netns);
    let found = name.and_then(|name| candidate(broken, end.netns, name));
    found.into_iter().collect()
}

fn candidate(broken: &Broken<'_>, id: NetnsId, name: &str) -> Option<Candidate> {
    let ns = broken.cluster.ns(id);
    let link = ip_ingress(broken.cluster, broken.outcome)?;
    if link.conf.rp_filter != Ok(1) {
        return None;
    }
    let key = Sysctls::conf_key(&link.name, "rp_filter");
    let now = (number(ns, ALL)?, number(ns, &key)?);
    let (wanted, norm) = peers(broken.cluster, name, &key).unwrap_or_else(|| {
        // The larger of the two counts: loose for this link alone.
        let loose = "kernel, ip-sysctl: loose mode (2) where the way back is by another link".to_owned();
        ((now.0, 2), loose)
    });
    let mut changes = Vec::new();
    if wanted.0 != now.0 {
        changes.push((ALL.to_owned(), wanted.0.to_string()));
    }
    if wanted.1 != now.1 {
        changes.push((key.clone(), wanted.1.to_string()));
    }
    let mut evidence = vec![format!(
        "{ALL} = {}, {key} = {}: the larger one counts, 1 is strict",
        now.0, now.1
    )];
    evidence.extend(way_back(broken, ns));
    // The one that makes it strict, and who writes it at boot.
    let (strict, value) = if now.1 == 1 {
        (key.as_str(), now.1)
    } else {
        (ALL, now.0)
    };
    if let Some(node) = broken.cluster.node(name) {
        evidence.extend(boot_evidence(node, strict, &value.to_string()));
    }
    // A file that sets it for links that come later, and not by their name: systemd's own default.
    let faults = if now.0 == 0 && now.1 == 1 {
        vec![CHECK.faults[1], CHECK.faults[0]]
    } else {
        vec![CHECK.faults[0]]
    };
    Some(Candidate {
        code: CHECK.code,
        faults,
        object: Object::node(name),
        node: Some(name.to_owned()),
        patches: changes
            .iter()
            .map(|(key, value)| Patch::Sysctl {
                netns: id,
                key: key.clone(),
                value: value.clone(),
            })
            .collect(),
        summary: format!(
            "{name} drops what comes in by {} from senders that it would answer by another link",
            link.name
        ),
        evidence,
        norm,
        fix: Fix::Sysctl {
            node: name.to_owned(),
            changes,
            modules: Vec::new(),
            routes_between: Vec::new(),
        },
        alike: false,
    })
}

/// The way by which the node would answer the packet that ended.
fn way_back(broken: &Broken<'_>, ns: &Netns) -> Option<String> {
    let end = &broken.outcome.end;
    let before = broken
        .outcome
        .steps
        .iter()
        .take_while(|s| !matches!(s.detail, Detail::Drop { .. } if s.netns == end.netns));
    let src = before
        .filter_map(|s| match s.detail {
            Detail::Packet { src, .. } | Detail::Untranslate { src, .. } => Some(src.0),
            Detail::Snat { to } => Some(to.0),
            _ => None,
        })
        .last()?;
    let main = ns.fib.as_ref().ok()?.tables.get(&254)?;
    let route = main.matching(src).next();
    Some(match route.and_then(|r| r.nexthops.first()) {
        Some(hop) => format!("{}/route.json: the way back to {src} is by {}", ns.dir, hop.dev),
        None => format!("{}/route.json: no way back to {src}", ns.dir),
    })
}

fn number(ns: &Netns, key: &str) -> Option<u8> {
    sysctl(ns, key)?.parse().ok()
}

/// The two values that most other nodes have, if they are not strict.
fn peers(cluster: &Cluster, name: &str, key: &str) -> Option<((u8, u8), String)> {
    let mut counts: BTreeMap<(u8, u8), Vec<String>> = BTreeMap::new();
    for (node, ns) in hosts(cluster).filter(|(n, _)| n.name != name) {
        // A pod's link has no counterpart of its name: what new links get.
        let own = number(ns, key).or_else(|| number(ns, "net.ipv4.conf.default.rp_filter"));
        if let (Some(all), Some(own)) = (number(ns, ALL), own) {
            counts.entry((all, own)).or_default().push(node.name.clone());
        }
    }
    let (values, nodes) = counts.into_iter().max_by_key(|(_, nodes)| nodes.len())?;
    (values.0.max(values.1) != 1).then(|| {
        let norm = format!(
            "{} and {} for all and this link, as on {}",
            values.0,
            values.1,
            some(&nodes)
        );
        (values, norm)
    })
}
