//! Small questions that several checks ask of a cluster.

use netwhy_model::link::{Link, LinkKind};
use netwhy_model::netfilter::Backend;
use netwhy_model::{Cluster, Netns, NetnsId, NetnsKind, Node};
use netwhy_sim::{Detail, Outcome};
use std::net::IpAddr;

/// The node whose own namespace it is.
pub(crate) fn host_node(cluster: &Cluster, id: NetnsId) -> Option<&str> {
    match &cluster.ns(id).kind {
        NetnsKind::Host { node } => Some(node),
        _ => None,
    }
}

/// Nodes with their own namespaces.
pub(crate) fn hosts(cluster: &Cluster) -> impl Iterator<Item = (&Node, &Netns)> {
    cluster.nodes.iter().filter_map(|n| Some((n, cluster.ns(n.host?))))
}

/// A link by index.
pub(crate) fn link(cluster: &Cluster, id: NetnsId, index: u32) -> Option<&Link> {
    cluster.ns(id).links.as_ref().ok()?.get(index)
}

/// VXLAN devices of a namespace.
pub(crate) fn vxlans(ns: &Netns) -> impl Iterator<Item = (&Link, &netwhy_model::link::Vxlan)> {
    ns.links.iter().flat_map(|l| l.iter()).filter_map(|l| match &l.kind {
        LinkKind::Vxlan(v) if !v.external => Some((l, v)),
        _ => None,
    })
}

/// The namespace of a node that holds an address.
pub(crate) fn host_of(cluster: &Cluster, addr: IpAddr) -> Option<(&Node, &Netns)> {
    hosts(cluster).find(|(_, ns)| ns.links.as_ref().is_ok_and(|l| l.holding(addr).is_some()))
}

/// The link on which the packet that ended was last received in its namespace.
pub(crate) fn last_receive<'a>(cluster: &'a Cluster, outcome: &Outcome) -> Option<&'a Link> {
    let id = outcome.end.netns;
    let index = outcome
        .steps
        .iter()
        .rev()
        .filter(|s| s.netns == id)
        .find_map(|s| match s.detail {
            Detail::Receive { link } => Some(link),
            Detail::Bridge { bridge, port: 0 } => Some(bridge),
            _ => None,
        })?;
    link(cluster, id, index)
}

/// The last link that passed the packet to IP in the namespace where it ended: the bridge, for what came by one of its ports.
pub(crate) fn ip_ingress<'a>(cluster: &'a Cluster, outcome: &Outcome) -> Option<&'a Link> {
    let last = last_receive(cluster, outcome)?;
    match last.master.and_then(|m| link(cluster, outcome.end.netns, m)) {
        Some(master) if matches!(master.kind, LinkKind::Bridge { .. }) => Some(master),
        _ => Some(last),
    }
}

/// `path:line` of a rule.
pub(crate) fn rule_place(ns: &Netns, rule: netwhy_sim::trace::RuleRef) -> Option<(String, String)> {
    if let Some(table) = ns.netfilter.native_table(rule.table) {
        let chain = table.chains.get(rule.chain.0 as usize)?;
        return Some((table.path.to_string(), chain.name.to_string()));
    }
    let table = ns.netfilter.tables.get(rule.table as usize)?;
    let chain = table.chains.get(rule.chain.0 as usize)?;
    let line = chain.rules.get(rule.rule as usize).map(|r| r.line);
    let place = line.map_or_else(|| table.path.to_string(), |l| format!("{}:{l}", table.path));
    Some((place, chain.name.to_string()))
}

/// The text of a line of a member.
pub(crate) fn line_text(cluster: &Cluster, place: &str) -> Option<String> {
    let (path, line) = place.rsplit_once(':')?;
    let number: usize = line.parse().ok()?;
    let text = cluster.snapshot.text(path)?.ok()?;
    text.lines().nth(number.checked_sub(1)?).map(str::to_owned)
}

/// A chain that Kubernetes or a network plugin writes.
pub(crate) fn is_managed(chain: &str) -> bool {
    ["KUBE-", "FLANNEL-", "cali-", "CNI-", "WEAVE", "CILIUM_", "kube-"]
        .iter()
        .any(|p| chain.starts_with(p))
}

/// What the files of a node do to a sysctl at boot, as evidence lines. Where the files were not recorded, one line says so.
pub(crate) fn boot_evidence(node: &Node, key: &str, now: &str) -> Vec<String> {
    let recorded = node.files.as_ref().ok().filter(|files| has_sysctl_files(files));
    let Some(files) = recorded else {
        return vec![
            "sysctl files of the node were not recorded: who set it, and what the next boot does, is not known"
                .to_owned(),
        ];
    };
    let settings = netwhy_model::sysctl_d::who_sets(files, key);
    let Some(first) = settings.first() else {
        return vec![format!("no file sets {key}: it has its default after every boot")];
    };
    let mut lines = if first.value == now {
        vec![format!(
            "{}:{} sets it to {} at every boot",
            first.file, first.line, first.value
        )]
    } else {
        vec![format!(
            "{}:{} sets it to {} at boot: it was changed afterwards",
            first.file, first.line, first.value
        )]
    };
    if let (Some(a), Some(b)) = (settings.systemd.value(), settings.procps.value())
        && a != b
        && let Some(winner) = &settings.procps.winner
    {
        lines.push(format!(
            "{}:{} sets it to {b} at `sysctl --system`",
            winner.file, winner.line
        ));
    }
    lines
}

/// A short list: the first three, and how many more.
pub(crate) fn some(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [a] => a.clone(),
        [a, b] => format!("{a} and {b}"),
        [a, b, c] => format!("{a}, {b} and {c}"),
        [a, b, c, rest @ ..] => format!("{a}, {b}, {c} and {} more", rest.len()),
    }
}

/// A sysctl as read.
pub(crate) fn sysctl<'a>(ns: &'a Netns, key: &str) -> Option<&'a str> {
    ns.sysctl.as_ref().ok()?.get(key)
}

/// Names of the links between which a node forwards.
pub(crate) fn forwarding_links(ns: &Netns) -> Vec<String> {
    let ports = |l: &&Link| l.master.is_none() && !matches!(l.kind, LinkKind::Loopback) && l.up;
    ns.links
        .iter()
        .flat_map(|l| l.iter())
        .filter(ports)
        .map(|l| l.name.to_string())
        .collect()
}

/// Whether the files that set sysctls at boot are among the recorded ones: a dump without any such folder says nothing of them.
pub(crate) fn has_sysctl_files(files: &std::collections::BTreeMap<String, String>) -> bool {
    files
        .keys()
        .any(|path| path.contains("/sysctl.d") || path == "/etc/sysctl.conf")
}

/// The other backend of iptables has rules too, so that the usual listing does not show this one.
pub(crate) fn hidden_from_the_other(ns: &Netns, backend: Backend) -> Option<String> {
    let other =
        |t: &netwhy_model::netfilter::Table| t.backend != backend && t.chains.iter().any(|c| !c.rules.is_empty());
    if !ns.netfilter.tables.iter().any(|t| other(t)) {
        return None;
    }
    let (own, usual) = match backend {
        Backend::Legacy => ("iptables-legacy", "iptables-nft"),
        Backend::Nft => ("iptables-nft", "iptables-legacy"),
    };
    Some(format!(
        "both backends of iptables have rules here: `{usual} -S` does not show this one, `{own} -S` does"
    ))
}

/// A VXLAN device of a namespace: the one of this name, else the only one.
pub(crate) fn vxlan_named<'a>(ns: &'a Netns, name: &str) -> Option<(&'a Link, &'a netwhy_model::link::Vxlan)> {
    let mut all = vxlans(ns);
    let named = vxlans(ns).find(|(l, _)| &*l.name == name);
    named.or_else(|| all.next().filter(|_| all.next().is_none()))
}

/// Where the packet that ended was going: the outer destination inside a tunnel.
pub(crate) fn destination(outcome: &Outcome) -> Option<IpAddr> {
    let end = &outcome.end;
    let (mut inner, mut outer) = (None, None);
    for step in &outcome.steps {
        match step.detail {
            // What follows is about the error that goes back.
            Detail::Drop { stage, .. } if stage == end.stage && step.netns == end.netns => break,
            Detail::Packet { dst, .. } | Detail::Untranslate { dst, .. } => (inner, outer) = (Some(dst.0), None),
            Detail::Dnat { to } => (inner, outer) = (Some(to.0), None),
            Detail::VxlanXmit { remote, .. } => outer = Some(remote),
            Detail::VxlanRcv { .. } => outer = None,
            _ => {}
        }
    }
    outer.or(inner)
}
