//! What no recording shows: endings, ranges that hold the node, other ways to tell pods.

use super::Ruleset;
use super::kube_proxy::{Config, DetectLocal, write};
use crate::objects::{self, Endpoint, Ingress, Lists};
use crate::spec::Spec;

const API: &str = "KUBE-SVC-";

fn lists() -> Lists {
    objects::lists(&Spec::default_with(3))
}

fn written(lists: &Lists, change: impl FnOnce(&mut Config)) -> String {
    let local = DetectLocal::ClusterCidr("10.244.0.0/16".to_owned());
    let mut config = Config::new("worker-1", local);
    change(&mut config);
    let mut rules = Ruleset::default();
    write(&mut rules, lists, &config);
    rules.print()
}

fn endpoints(lists: &mut Lists, service: &str, change: impl Fn(&mut Endpoint)) {
    for slice in &mut lists.endpoint_slices.items {
        if slice.metadata.generate_name == format!("{service}-") {
            slice.endpoints.iter_mut().for_each(&change);
        }
    }
}

/// The addresses to which a chain of `shop/api` balances.
fn balanced(text: &str) -> Vec<&str> {
    let rules = text
        .lines()
        .filter(|l| l.contains(&format!("-A {API}")) && l.contains("shop/api:http ->"));
    rules.filter_map(|l| l.split("-> ").nth(1)?.split('"').next()).collect()
}

#[test]
fn ending_pods_are_the_last_resort() {
    let mut lists = lists();
    let end = |e: &mut Endpoint| {
        e.conditions.ready = Some(false);
        e.conditions.terminating = Some(true);
    };
    endpoints(&mut lists, "api", |e| {
        if e.node_name.as_deref() == Some("worker-2") {
            end(e);
        }
    });
    assert_eq!(
        balanced(&written(&lists, |_| {})),
        ["10.244.1.8:3000", "10.244.3.10:3000"]
    );
    endpoints(&mut lists, "api", end);
    assert_eq!(balanced(&written(&lists, |_| {})).len(), 3);
    endpoints(&mut lists, "api", |e| e.conditions.serving = Some(false));
    let text = written(&lists, |_| {});
    assert!(text.contains("\"shop/api:http has no endpoints\" -m tcp --dport 3000 -j REJECT"));
}

#[test]
fn local_policy_without_an_endpoint_here_drops() {
    let mut lists = lists();
    let front = lists.service_mut("edge", "front").unwrap();
    front.spec.external_traffic_policy = "Local".to_owned();
    let text = written(&lists, |_| {});
    assert!(text.contains(
        "\"edge/front:http has no local endpoints\" -m addrtype --dst-type LOCAL -m tcp --dport 30080 -j DROP"
    ));
    assert!(!text.contains("KUBE-SVL-"));
    assert!(
        text.contains(
            "-s 10.244.0.0/16 -m comment --comment \"pod traffic for edge/front:http external destinations\""
        )
    );
}

#[test]
fn a_source_range_that_holds_the_node_admits_the_balancer_address() {
    let mut lists = lists();
    let front = lists.service_mut("edge", "front").unwrap();
    front.spec.kind = "LoadBalancer".to_owned();
    front.spec.load_balancer_source_ranges = vec!["192.168.50.0/24 ".to_owned(), "2001:db8::/32".to_owned()];
    front.status.load_balancer.ingress = vec![Ingress {
        ip: "203.0.113.10".to_owned(),
        ip_mode: "VIP".to_owned(),
    }];
    let text = written(&lists, |_| {});
    let firewall: Vec<&str> = text
        .lines()
        .filter(|l| l.starts_with("-A KUBE-FW-"))
        .filter_map(|l| l.split_once("-s ")?.1.split(' ').next())
        .collect();
    assert_eq!(firewall, ["192.168.50.0/24", "203.0.113.10/32"]);
}

#[test]
fn other_ways_to_tell_pods() {
    let lists = lists();
    let to = "-d 10.0.21.231/32";
    let rest = "-p tcp -m comment --comment \"shop/api:http cluster IP\" -m tcp --dport 3000 -j KUBE-MARK-MASQ\n";
    let bridge = written(&lists, |c| {
        c.detect_local = DetectLocal::BridgeInterface("cni0".to_owned());
    });
    assert!(bridge.contains(&format!("{to} ! -i cni0 {rest}")));
    let prefix = written(&lists, |c| {
        c.detect_local = DetectLocal::InterfaceNamePrefix("veth".to_owned());
    });
    assert!(prefix.contains(&format!("{to} ! -i veth+ {rest}")));
    let nothing = written(&lists, |c| c.detect_local = DetectLocal::Nothing);
    assert!(!nothing.contains(rest));
    let all = written(&lists, |c| c.masquerade_all = true);
    assert!(all.contains(&format!(" {to} {rest}")));
}

#[test]
fn proxied_by_somebody_else_or_by_nobody() {
    let mut lists = lists();
    let labels = &mut lists.service_mut("shop", "api").unwrap().metadata.labels;
    let label = "service.kubernetes.io/service-proxy-name";
    labels.insert(label.to_owned(), "other".to_owned());
    lists.service_mut("edge", "front").unwrap().spec.cluster_ip = "None".to_owned();
    let text = written(&lists, |_| {});
    assert!(!text.contains("shop/api:"));
    assert!(!text.contains("edge/front:"));
}
