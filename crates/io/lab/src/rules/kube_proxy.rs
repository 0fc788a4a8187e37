//! The rules of kube-proxy 1.36 in iptables mode, IPv4: `pkg/proxy/iptables/proxier.go: syncProxyRules()`, v1.36.2.
//!
//! Not written: rules for `nodePortAddresses` (every address of the node takes node ports, the default) and the shorter
//! form for clusters above 1,000 endpoints.

use super::endpoints::{Place, gather};
use super::nfacct::INVALID_DROPPED;
use super::service_port::ports;
use super::service_rules::Writer;
use super::{Ruleset, Table};
use crate::objects::{Lists, Node};
use std::net::Ipv4Addr;

/// How kube-proxy tells traffic of this node's or cluster's pods (`detectLocalMode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetectLocal {
    /// Source address in this network: mode `ClusterCIDR`, or `NodeCIDR` with the node's own network.
    ClusterCidr(String),
    /// Comes in by this bridge.
    BridgeInterface(String),
    /// Comes in by an interface whose name begins so.
    InterfaceNamePrefix(String),
    /// Not at all.
    Nothing,
}

/// What of `KubeProxyConfiguration` decides the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `hostnameOverride`: the node.
    pub node: String,
    /// `detectLocalMode` with its parameter.
    pub detect_local: DetectLocal,
    /// `iptables.masqueradeAll`.
    pub masquerade_all: bool,
    /// `1 << iptables.masqueradeBit`.
    pub masquerade_mark: u32,
    /// `iptables.localhostNodePorts`.
    pub localhost_node_ports: bool,
    /// The kernel has accounting objects.
    pub nfacct: bool,
    /// `conntrack.tcpBeLiberal`.
    pub tcp_be_liberal: bool,
}

impl Config {
    /// The defaults, for this node.
    pub fn new(node: &str, detect_local: DetectLocal) -> Config {
        Config {
            node: node.to_owned(),
            detect_local,
            masquerade_all: false,
            masquerade_mark: 1 << 14,
            localhost_node_ports: true,
            nfacct: true,
            tcp_be_liberal: false,
        }
    }

    /// Matches of traffic that comes from a pod.
    pub(super) fn pods_match(&self) -> Option<String> {
        match &self.detect_local {
            DetectLocal::ClusterCidr(net) => Some(format!("-s {net} ")),
            DetectLocal::BridgeInterface(bridge) => Some(format!("-i {bridge} ")),
            DetectLocal::InterfaceNamePrefix(prefix) => Some(format!("-i {prefix}+ ")),
            DetectLocal::Nothing => None,
        }
    }

    /// Matches of traffic to `to` that comes from somewhere else, in the order of iptables-save.
    pub(super) fn others_match(&self, to: Ipv4Addr) -> Option<String> {
        Some(match &self.detect_local {
            DetectLocal::ClusterCidr(net) => format!("! -s {net} -d {to}/32 "),
            DetectLocal::BridgeInterface(bridge) => format!("-d {to}/32 ! -i {bridge} "),
            DetectLocal::InterfaceNamePrefix(prefix) => format!("-d {to}/32 ! -i {prefix}+ "),
            DetectLocal::Nothing => return None,
        })
    }

    fn mark(&self) -> String {
        format!("{0:#x}/{0:#x}", self.masquerade_mark)
    }
}

/// Writes all chains and rules of kube-proxy on one node.
pub fn write(rules: &mut Ruleset, lists: &Lists, config: &Config) {
    write_base(rules, config);
    let node = lists.nodes.items.iter();
    let node = node.into_iter().find(|n| n.metadata.name == config.node);
    let zone = node.and_then(|n| n.metadata.labels.get("topology.kubernetes.io/zone"));
    let mut writer = Writer {
        rules,
        config,
        place: Place {
            node: &config.node,
            zone: zone.map_or("", String::as_str),
        },
        node_ips: node.map(node_ips).unwrap_or_default(),
    };
    let backends = gather(&lists.endpoint_slices.items, &config.node);
    for service in &lists.services.items {
        for port in ports(service) {
            writer.service_port(&port, &backends);
        }
    }
    rules.nat.append(
        "KUBE-SERVICES",
        format!(
            "{} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
            comment("kubernetes service nodeports; NOTE: this must be the last rule in this chain")
        ),
    );
}

fn node_ips(node: &Node) -> Vec<Ipv4Addr> {
    let addresses = node.status.addresses.iter();
    addresses.filter_map(|a| a.address.parse().ok()).collect()
}

/// The match that carries a comment.
pub(super) fn comment(text: &str) -> String {
    format!("-m comment --comment \"{text}\"")
}

/// The chains that are there without any Service.
fn write_base(rules: &mut Ruleset, config: &Config) {
    for table in [&mut rules.mangle, &mut rules.filter, &mut rules.nat] {
        table.chain("KUBE-PROXY-CANARY");
    }
    let filter = &mut rules.filter;
    write_filter_jumps(filter);
    filter.append(
        "KUBE-FIREWALL",
        format!(
            "! -s 127.0.0.0/8 -d 127.0.0.0/8 {} -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
            comment("block incoming localnet connections")
        ),
    );
    if !config.tcp_be_liberal {
        let count = accounting(config, INVALID_DROPPED);
        filter.append("KUBE-FORWARD", format!("-m conntrack --ctstate INVALID{count} -j DROP"));
    }
    let forwarding = comment("kubernetes forwarding rules");
    filter.append(
        "KUBE-FORWARD",
        format!("{forwarding} -m mark --mark {} -j ACCEPT", config.mark()),
    );
    filter.append(
        "KUBE-FORWARD",
        format!(
            "{} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
            comment("kubernetes forwarding conntrack rule")
        ),
    );
    write_nat_base(&mut rules.nat, config);
}

/// kube-proxy prepends its jumps one by one, so that the last of its list stands first.
fn write_filter_jumps(filter: &mut Table) {
    for chain in [
        "KUBE-EXTERNAL-SERVICES",
        "KUBE-NODEPORTS",
        "KUBE-PROXY-FIREWALL",
        "KUBE-SERVICES",
    ] {
        filter.chain(chain);
    }
    let new = "-m conntrack --ctstate NEW";
    let portals = comment("kubernetes service portals");
    let external = comment("kubernetes externally-visible service portals");
    let firewall = comment("kubernetes load balancer firewall");
    let health = comment("kubernetes health check service ports");
    let forwarding = comment("kubernetes forwarding rules");
    for (chain, rule) in [
        ("INPUT", format!("{new} {external} -j KUBE-EXTERNAL-SERVICES")),
        ("FORWARD", format!("{new} {external} -j KUBE-EXTERNAL-SERVICES")),
        ("INPUT", format!("{health} -j KUBE-NODEPORTS")),
        ("FORWARD", format!("{new} {portals} -j KUBE-SERVICES")),
        ("OUTPUT", format!("{new} {portals} -j KUBE-SERVICES")),
        ("FORWARD", format!("{forwarding} -j KUBE-FORWARD")),
        ("INPUT", format!("{new} {firewall} -j KUBE-PROXY-FIREWALL")),
        ("FORWARD", format!("{new} {firewall} -j KUBE-PROXY-FIREWALL")),
        ("OUTPUT", format!("{new} {firewall} -j KUBE-PROXY-FIREWALL")),
        ("INPUT", "-j KUBE-FIREWALL".to_owned()),
        ("OUTPUT", "-j KUBE-FIREWALL".to_owned()),
    ] {
        filter.insert(chain, rule);
    }
}

fn write_nat_base(nat: &mut Table, config: &Config) {
    nat.chain("KUBE-NODEPORTS");
    nat.chain("KUBE-SERVICES");
    let portals = comment("kubernetes service portals");
    nat.insert("PREROUTING", format!("{portals} -j KUBE-SERVICES"));
    nat.insert("OUTPUT", format!("{portals} -j KUBE-SERVICES"));
    let postrouting = comment("kubernetes postrouting rules");
    nat.insert("POSTROUTING", format!("{postrouting} -j KUBE-POSTROUTING"));
    let mark = config.mark();
    nat.append("KUBE-MARK-MASQ", format!("-j MARK --set-xmark {mark}"));
    for rule in [
        format!("-m mark ! --mark {mark} -j RETURN"),
        format!("-j MARK --set-xmark {:#x}/0x0", config.masquerade_mark),
        format!(
            "{} -j MASQUERADE --random-fully",
            comment("kubernetes service traffic requiring SNAT")
        ),
    ] {
        nat.append("KUBE-POSTROUTING", rule);
    }
}

/// The counting match; two blanks, because iptables-save prints them so.
pub(super) fn accounting(config: &Config, object: &str) -> String {
    if config.nfacct {
        format!(" -m nfacct --nfacct-name  {object}")
    } else {
        String::new()
    }
}
