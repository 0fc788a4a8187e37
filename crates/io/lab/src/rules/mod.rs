//! The iptables rules that kube-proxy, flanneld and the kubelet write on a node, as `iptables-save` prints them.
//!
//! Written from what those programs do and compared line for line with recordings of them; nothing here is shared
//! with the part of netwhy that judges such rules.

mod chains;
mod endpoints;
pub mod flannel;
pub mod kube_proxy;
#[cfg(test)]
mod kube_proxy_tests;
mod names;
pub mod nfacct;
mod service_port;
mod service_rules;

use crate::objects::{Lists, Node};
use crate::spec::Spec;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A whole IPv4 rule set: the tables mangle, filter and nat.
#[derive(Clone, Debug)]
pub struct Ruleset {
    /// `*mangle`.
    pub mangle: Table,
    /// `*filter`.
    pub filter: Table,
    /// `*nat`.
    pub nat: Table,
}

/// One table: its built-in chains and the chains that somebody made.
#[derive(Clone, Debug)]
pub struct Table {
    name: &'static str,
    builtin: Vec<(&'static str, Vec<String>)>,
    chains: BTreeMap<String, Vec<String>>,
}

impl Table {
    fn new(name: &'static str, builtin: &[&'static str]) -> Table {
        Table {
            name,
            builtin: builtin.iter().map(|chain| (*chain, Vec::new())).collect(),
            chains: BTreeMap::new(),
        }
    }

    /// Makes a chain, if it is not there yet.
    pub fn chain(&mut self, chain: &str) {
        self.rules_of(chain);
    }

    /// Appends a rule, written without its `-A CHAIN`; makes the chain, if it is not there yet.
    pub fn append(&mut self, chain: &str, rule: impl Into<String>) {
        let rule = rule.into();
        self.rules_of(chain).push(rule);
    }

    /// Puts a rule before all others of the chain, as `-I` does.
    pub fn insert(&mut self, chain: &str, rule: impl Into<String>) {
        let rule = rule.into();
        self.rules_of(chain).insert(0, rule);
    }

    fn rules_of(&mut self, chain: &str) -> &mut Vec<String> {
        match self.builtin.iter().position(|(name, _)| *name == chain) {
            Some(at) => &mut self.builtin[at].1,
            None => self.chains.entry(chain.to_owned()).or_default(),
        }
    }

    fn print(&self, out: &mut String) {
        let _ = writeln!(out, "*{}", self.name);
        for (chain, _) in &self.builtin {
            let _ = writeln!(out, ":{chain} ACCEPT [0:0]");
        }
        for chain in self.chains.keys() {
            let _ = writeln!(out, ":{chain} - [0:0]");
        }
        let builtin = self.builtin.iter().map(|(chain, rules)| (*chain, rules));
        let made = self.chains.iter().map(|(c, rules)| (c.as_str(), rules));
        for (chain, rules) in builtin.chain(made) {
            for rule in rules {
                let _ = writeln!(out, "-A {chain} {rule}");
            }
        }
        out.push_str("COMMIT\n");
    }
}

impl Default for Ruleset {
    fn default() -> Ruleset {
        let all = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];
        Ruleset {
            mangle: Table::new("mangle", &all),
            filter: Table::new("filter", &["INPUT", "FORWARD", "OUTPUT"]),
            nat: Table::new("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
        }
    }
}

impl Ruleset {
    /// The text for `iptables-restore`, in the order of `iptables-save`.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for table in [&self.mangle, &self.filter, &self.nat] {
            table.print(&mut out);
        }
        out
    }
}

/// The complete rules of a lab node as text for `iptables-restore`: flanneld's, kube-proxy's and the kubelet's.
///
/// The rules use accounting objects; [`nfacct::ensure`] makes them in the namespace of the node.
/// A node that is not in the lists gets the rules of a node that holds no endpoint, and none of flanneld.
pub fn node_iptables(spec: &Spec, lists: &Lists, node: &str) -> String {
    node_ruleset(spec, lists, node, true).print()
}

/// As [`node_iptables`], where the kernel may lack accounting (`nfacct` false): kube-proxy then leaves the match out.
pub fn node_ruleset(spec: &Spec, lists: &Lists, node: &str, nfacct: bool) -> Ruleset {
    let mut rules = Ruleset::default();
    let network = format!("{}/{}", spec.pod_network.addr, spec.pod_network.prefix);
    let found = lists.nodes.items.iter().find(|n| n.metadata.name == node);
    if let Some(subnet) = found.and_then(ipv4_pod_cidr) {
        flannel::write(&mut rules, &network, subnet);
    }
    let config = kube_proxy::Config {
        nfacct,
        ..kube_proxy::Config::new(node, kube_proxy::DetectLocal::ClusterCidr(network))
    };
    kube_proxy::write(&mut rules, lists, &config);
    kubelet(&mut rules);
    rules
}

fn ipv4_pod_cidr(node: &Node) -> Option<&str> {
    let mut cidrs = node.spec.pod_cidrs.iter().chain([&node.spec.pod_cidr]);
    cidrs.find(|c| c.contains('.') && !c.contains(':')).map(String::as_str)
}

/// The kubelet makes a chain that tells which iptables is in use, and one in each table to see a flush:
/// `pkg/kubelet/kubelet_network_linux.go: initNetworkUtil()`.
fn kubelet(rules: &mut Ruleset) {
    rules.mangle.chain("KUBE-IPTABLES-HINT");
    for table in [&mut rules.mangle, &mut rules.filter, &mut rules.nat] {
        table.chain("KUBE-KUBELET-CANARY");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects;

    fn rules(node: &str) -> String {
        let spec = Spec::default_with(3);
        node_iptables(&spec, &objects::lists(&spec), node)
    }

    #[test]
    fn kube_proxy_stands_before_flannel() {
        let text = rules("worker-2");
        let at = |needle: &str| text.find(needle).unwrap();
        assert!(at("-j KUBE-POSTROUTING") < at("-j FLANNEL-POSTRTG"));
        assert!(at("-A FORWARD -m conntrack") < at("-A FORWARD -m comment --comment \"flanneld"));
        assert!(text.contains("-s 10.244.2.0/24 -d 10.244.0.0/16"));
        assert!(text.contains(":KUBE-IPTABLES-HINT - [0:0]"));
    }

    #[test]
    fn the_empty_service_is_refused() {
        assert!(rules("worker-1").contains(
            "-A KUBE-SERVICES -d 10.0.77.5/32 -p tcp -m comment --comment \"shop/empty:http has no endpoints\" \
             -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\n"
        ));
    }

    #[test]
    fn without_accounting_no_match_of_it() {
        let spec = Spec::default_with(2);
        let text = node_ruleset(&spec, &objects::lists(&spec), "worker-1", false).print();
        assert!(!text.contains("nfacct"));
        assert!(text.contains("-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n"));
    }

    #[test]
    fn an_unknown_node_has_no_flannel() {
        assert!(!rules("nobody").contains("FLANNEL"));
    }
}
