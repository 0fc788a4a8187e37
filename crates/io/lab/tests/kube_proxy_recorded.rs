//! The writers of kube-proxy's and flanneld's rules against real ones: fed with the API lists of a recording, they give
//! each node's recorded `iptables-save`, line for line.
//!
//! Aside are left: counters, the order in which kube-proxy came to the Services (it goes through a map), and the chains
//! of the portmap plugin (CNI-*).

mod support;

use netwhy_lab::objects::Lists;
use netwhy_lab::rules::kube_proxy::{Config, DetectLocal, write};
use netwhy_lab::rules::{Ruleset, flannel};
use std::collections::BTreeMap;
use support::{lists, members};

/// The lines of one chain, sorted into groups by what a Service decides; the order inside a group stays.
type Chains = BTreeMap<(String, String), BTreeMap<String, Vec<String>>>;

/// Chains through which kube-proxy goes Service by Service.
const BY_SERVICE: [&str; 4] = [
    "KUBE-SERVICES",
    "KUBE-NODEPORTS",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-PROXY-FIREWALL",
];

fn chains(save: &str) -> Chains {
    let mut chains = Chains::new();
    let mut table = String::new();
    for line in save.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.to_owned();
        } else if let Some(declared) = line.strip_prefix(':') {
            let chain = declared.split(' ').next().unwrap_or_default();
            if !chain.starts_with("CNI-") {
                chains.entry((table.clone(), chain.to_owned())).or_default();
            }
        } else if let Some(at) = line.find("-A ") {
            let rule = &line[at..];
            let chain = rule.split(' ').nth(1).unwrap_or_default().to_owned();
            if !rule.contains("CNI-") {
                let group = group(&chain, rule);
                let groups = chains.entry((table.clone(), chain)).or_default();
                groups.entry(group).or_default().push(rule.to_owned());
            }
        }
    }
    chains
}

fn group(chain: &str, rule: &str) -> String {
    if !BY_SERVICE.contains(&chain) {
        return String::new();
    }
    let comment = rule.split('"').nth(1).unwrap_or_default();
    comment.split(' ').next().unwrap_or_default().to_owned()
}

fn written(lists: &Lists, node: &str) -> String {
    let mut rules = Ruleset::default();
    let is_node = |n: &&netwhy_lab::objects::Node| n.metadata.name == node;
    let found = lists.nodes.items.iter().find(is_node).expect("node");
    flannel::write(&mut rules, "10.244.0.0/16", &found.spec.pod_cidr);
    let config = Config::new(node, DetectLocal::ClusterCidr("10.244.0.0/16".to_owned()));
    write(&mut rules, lists, &config);
    rules.print()
}

fn compare(recording: &str, save: &str, nodes: [&str; 3], at_least: usize) {
    let members = members(recording);
    for node in nodes {
        let recorded = &members[&format!("nodes/{node}/host/{save}")];
        let ours = written(&lists(&members), node);
        assert_eq!(last_of_services(&ours), last_of_services(recorded));
        let (recorded, ours) = (chains(recorded), chains(&ours));
        let rules = |chains: &Chains| -> usize { chains.values().flat_map(BTreeMap::values).map(Vec::len).sum() };
        assert!(rules(&recorded) > at_least, "{node}: too few rules");
        let of = |all: &Chains, key| all.get(key).cloned();
        for key in recorded.keys().chain(ours.keys()) {
            assert_eq!(of(&ours, key), of(&recorded, key), "{recording} {node} {key:?}");
        }
    }
}

/// The one rule of KUBE-SERVICES whose place matters among the Services.
fn last_of_services(save: &str) -> Option<&str> {
    let mut rules = save
        .lines()
        .filter_map(|l| l.find("-A KUBE-SERVICES ").map(|at| &l[at..]));
    rules.next_back()
}

const LAB: [&str; 3] = ["k8s-n1", "k8s-n2", "k8s-n3"];

#[test]
fn healthy() {
    compare("healthy", "iptables-save", LAB, 500);
}

#[test]
fn iptables_nft() {
    compare("kubeproxy-1.36.2-iptables-nft", "iptables-save", LAB, 500);
}

#[test]
fn iptables_legacy() {
    let recording = "kubeproxy-1.36.2-iptables-legacy";
    compare(recording, "iptables-legacy-save", LAB, 500);
}

/// Here flanneld is real too.
#[test]
fn flannel_vxlan() {
    let nodes = ["r-n1", "r-n2", "r-n3"];
    compare("cni-flannel-vxlan", "iptables-save", nodes, 50);
}

/// The comparison sees what it should: another node's rules, one changed port.
#[test]
fn a_difference_is_seen() {
    let members = members("healthy");
    let mut lists = lists(&members);
    let recorded = chains(&members["nodes/k8s-n2/host/iptables-save"]);
    assert_eq!(chains(&written(&lists, "k8s-n2")), recorded);
    assert_ne!(chains(&written(&lists, "k8s-n1")), recorded);
    let np = lists.service_mut("edge", "np").expect("Service");
    np.spec.ports[0].node_port += 1;
    assert_ne!(chains(&written(&lists, "k8s-n2")), recorded);
}
