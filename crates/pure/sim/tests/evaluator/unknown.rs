//! What was not read: tried both ways, certain where it does not matter, named where it decides.

use crate::small::{ask, ask_with, bundle, cluster, names, table};
use netwhy_model::Cluster;
use netwhy_sim::{ClientSees, HOOK_ORDER, Options, Trace};

fn without(path: &str, line: &str) -> Cluster {
    let mut snapshot = bundle("");
    let text = snapshot.text(path).unwrap().unwrap();
    let kept: Vec<&str> = text.lines().filter(|l| !l.starts_with(line)).collect();
    assert_eq!(kept.len() + 1, text.lines().count(), "{line}");
    snapshot.insert(path, kept.join("\n"));
    Cluster::build(snapshot)
}

const SYSCTLS: &str = "nodes/r/host/sysctl.txt";

#[test]
fn an_unread_switch_decides_where_the_packet_is_forwarded() {
    let cluster = without(SYSCTLS, "net.ipv4.conf.rc.forwarding");
    let answer = ask(&cluster, 6, "10.2.0.2:80");
    assert_eq!(answer.deciding.len(), 1);
    assert!(
        names(&cluster, &answer.deciding)[0].starts_with(SYSCTLS),
        "{:?}",
        names(&cluster, &answer.deciding)
    );
}

#[test]
fn it_decides_nothing_where_the_packet_ends_before() {
    let cluster = without(SYSCTLS, "net.ipv4.conf.rc.forwarding");
    let answer = ask(&cluster, 6, "10.1.0.1:80");
    assert_eq!((answer.first().client, answer.deciding.len()), (ClientSees::Ok, 0));
}

/// The rule has a match that is not modelled, before another rule.
fn unmodelled(target: &str, next: &str) -> (Cluster, Trace) {
    let rule = format!("-A FORWARD -i rc -m bpf --bytecode 1 -j {target}");
    let next = format!("-A FORWARD -i rc -j {next}");
    let cluster = cluster(&table("filter", &[&rule, &next]));
    let answer = ask(&cluster, 6, "10.2.0.2:80");
    (cluster, answer)
}

#[test]
fn an_unmodelled_match_is_a_footnote_where_both_ways_end_alike() {
    for (target, client) in [("ACCEPT", ClientSees::Ok), ("DROP", ClientSees::Timeout)] {
        let (cluster, answer) = unmodelled(target, target);
        assert_eq!((answer.first().client, answer.deciding.len()), (client, 0));
        let footnotes = names(&cluster, &answer.footnotes);
        assert!(
            footnotes.iter().any(|f| f.starts_with("nodes/r/host/iptables-save")),
            "{footnotes:?}"
        );
    }
}

#[test]
fn an_unmodelled_match_decides_where_they_do_not() {
    for (target, next) in [("ACCEPT", "DROP"), ("DROP", "ACCEPT")] {
        let (cluster, answer) = unmodelled(target, next);
        let deciding = names(&cluster, &answer.deciding);
        assert!(
            deciding.len() == 1 && deciding[0].starts_with("nodes/r/host/iptables-save:"),
            "{deciding:?}"
        );
    }
}

#[test]
fn two_unread_facts_that_only_together_matter_are_both_tried() {
    // Either rule alone changes nothing; only if both do not match is the packet dropped.
    let rules = [
        "-A FORWARD -i rc -m bpf --bytecode 1 -j ACCEPT",
        "-A FORWARD -i rc -m bpf --bytecode 2 -j ACCEPT",
        "-A FORWARD -i rc -j DROP",
    ];
    let answer = ask(&cluster(&table("filter", &rules)), 6, "10.2.0.2:80");
    assert_eq!(answer.deciding.len(), 2, "{:?}", answer.deciding);
    // Both must match for the drop: no single change from "neither matches" shows it.
    let rules = [
        ":INNER - [0:0]",
        "-A FORWARD -i rc -m bpf --bytecode 1 -j INNER",
        "-A INNER -m bpf --bytecode 2 -j DROP",
    ];
    let answer = ask(&cluster(&table("filter", &rules)), 6, "10.2.0.2:80");
    assert_eq!(answer.first().client, ClientSees::Ok);
    assert!(!answer.deciding.is_empty(), "a world of two answers is a world");
}

#[test]
fn a_spent_budget_is_no_answer() {
    let options = Options {
        worlds_max: 0,
        ..Options::default()
    };
    let rules = [
        "-A FORWARD -i rc -m bpf --bytecode 1 -j ACCEPT",
        "-A FORWARD -i rc -j ACCEPT",
    ];
    let cluster = cluster(&table("filter", &rules));
    assert!(ask(&cluster, 6, "10.2.0.2:80").deciding.is_empty());
    assert_eq!(ask_with(&cluster, 6, "10.2.0.2:80", &options).deciding.len(), 1);
}

#[test]
fn a_spent_number_of_steps_is_no_answer() {
    let options = Options {
        steps_max: 3,
        ..Options::default()
    };
    let answer = ask_with(&cluster(""), 6, "10.2.0.2:80", &options);
    assert_eq!(answer.first().client, ClientSees::Unknown);
}

#[test]
fn unread_rules_may_do_anything_and_unread_sockets_too() {
    for member in [
        "iptables-save",
        "nft.json",
        "sockets.txt",
        "route.json",
        "iptables-legacy-save",
    ] {
        let mut snapshot = bundle("");
        let dir = if member == "sockets.txt" {
            "outside/s"
        } else {
            "nodes/r/host"
        };
        let path = format!("{dir}/{member}");
        snapshot.remove(&path).unwrap();
        if member == "iptables-save" {
            // It would prove that there is nothing to print.
            snapshot.remove("nodes/r/host/nft.json").unwrap();
        }
        let cluster = Cluster::build(snapshot);
        let answer = ask(&cluster, 6, "10.2.0.2:80");
        let deciding = names(&cluster, &answer.deciding);
        assert!(deciding.iter().any(|d| d.starts_with(&path)), "{member}: {deciding:?}");
    }
}

#[test]
fn the_order_of_two_backends_is_a_gap_of_its_own() {
    let mut snapshot = bundle(&table(
        "filter",
        &["-A FORWARD -i rc -j REJECT --reject-with icmp-port-unreachable"],
    ));
    let legacy = table("filter", &["-A FORWARD -i rc -j DROP"])
        .replace("iptables-nft-save v1.8.9 (nf_tables)", "iptables-save v1.8.9");
    snapshot.insert("nodes/r/host/iptables-legacy-save", legacy);
    let answer = ask(&Cluster::build(snapshot), 6, "10.2.0.2:80");
    assert_eq!(answer.deciding, [HOOK_ORDER]);
}

/// Who is asked for by ARP must hear it, and be heard.
#[test]
fn tables_of_arp_decide_where_a_neighbour_is_asked_for() {
    let with = |verdict: &str| {
        let mut snapshot = bundle("");
        let chain = r#"{"chain":{"family":"arp","table":"f","name":"in","type":"filter","hook":"input","prio":0,"policy":"accept"}}"#;
        let rule = format!(
            r#"{{"rule":{{"family":"arp","table":"f","chain":"in","handle":2,"expr":[{{"{verdict}":null}}]}}}}"#
        );
        let text = format!(r#"{{"nftables":[{{"table":{{"family":"arp","name":"f"}}}},{chain},{rule}]}}"#);
        snapshot.insert("nodes/r/host/nft.json", text);
        let cluster = Cluster::build(snapshot);
        let answer = ask(&cluster, 6, "10.2.0.2:80");
        let why = |gap: &netwhy_model::GapId| cluster.gaps.get(*gap).why.clone();
        answer.deciding.iter().map(why).collect::<Vec<_>>()
    };
    assert!(with("accept").is_empty());
    assert_eq!(with("drop"), ["native nftables table arp f chain in is not modelled"]);
}
