//! Oddities that break nothing. They are there so that a diagnosis which names whatever looks odd is found out.

use super::{Args, Fault, arg, each_node, site};
use crate::Change;
use crate::spec::Spec;

/// An address of the range for documentation (RFC 5737): nobody has it.
const NOBODY: &str = "203.0.113.77";

pub(super) const LEGACY_RULE: Fault = Fault {
    id: "legacy-rule-never-matches",
    does: "puts a DROP for an address that nobody has into iptables-legacy on a node",
    decoy: true,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |_, _, args| {
        let rule = format!("-s {NOBODY}/32 -j DROP");
        Ok(vec![Change::rule(
            arg(args, "node")?,
            "iptables-legacy",
            "filter",
            "FORWARD",
            &rule,
        )])
    },
};

pub(super) const RP_FILTER: Fault = Fault {
    id: "rp-filter-1-harmless",
    does: "sets rp_filter=1 on an interface of a node where every packet comes in as its answer goes out",
    decoy: true,
    params: &["node", "iface"],
    options: &[],
    sites: |spec| on_interfaces(spec, &["eth0", "cni0"]),
    plan: |lab, _, args| {
        let key = format!("net.ipv4.conf.{}.rp_filter", arg(args, "iface")?);
        Ok(vec![Change::sysctl(lab, arg(args, "node")?, &key, "1")?])
    },
};

pub(super) const SPARE_SYSCTL: Fault = Fault {
    id: "spare-sysctl",
    does: "tunes keepalive and the port range on a node, with a drop-in file, as guides for busy servers advise",
    decoy: true,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |lab, _, args| {
        let node = arg(args, "node")?;
        let text = "# Tuning for busy servers\nnet.ipv4.tcp_keepalive_time = 600\nnet.ipv4.tcp_fin_timeout = 30\n";
        Ok(vec![
            Change::file(lab, node, "etc/sysctl.d/90-tuning.conf", text)?,
            Change::sysctl(lab, node, "net.ipv4.tcp_keepalive_time", "600")?,
            Change::sysctl(lab, node, "net.ipv4.tcp_fin_timeout", "30")?,
        ])
    },
};

pub(super) const UNUSED_ROUTE: Fault = Fault {
    id: "unused-route",
    does: "adds a route to a network that nobody talks to on a node",
    decoy: true,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |_, state, args| {
        let route = format!("203.0.113.0/24 via {} dev eth0", state.spec.outside.ip);
        Ok(vec![Change::Route {
            ns: arg(args, "node")?.to_owned(),
            route,
        }])
    },
};

fn on_interfaces(spec: &Spec, names: &[&str]) -> Vec<Args> {
    let of = |node: &str| {
        names
            .iter()
            .map(|iface| site([("node", node), ("iface", iface)]))
            .collect::<Vec<_>>()
    };
    spec.nodes.iter().flat_map(|node| of(&node.name)).collect()
}
