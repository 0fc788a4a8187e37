//! Connections that were recorded, and a table that is full of them. What the kernel does stands in
//! `crates/io/judge/tests/traps/worlds/recorded.txt`, and for the full table in the rows that were measured: unreplied
//! entries make room, assured ones do not.

use crate::small::{ask, bundle, names, ns, table};
use netwhy_model::Cluster;
use netwhy_sim::{ClientSees, DropReason, Flow, Options, Stage, Trace, trace};

const SERVICE: &str = "-A PREROUTING -d 10.96.0.10/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.2.0.2:53";
const CONNTRACK: &str = "nodes/r/host/conntrack.txt";
const SYSCTL: &str = "nodes/r/host/sysctl.txt";

fn udp(sport: u16, more: &str) -> String {
    format!(
        "ipv4     2 udp      17 99 src=10.1.0.2 dst=10.96.0.10 sport={sport} dport=53 [UNREPLIED] src=10.2.0.3 dst=10.1.0.2 \
         sport=54 dport={sport} {more}mark=0 use=1\n"
    )
}

fn with(save: &str, members: &[(&str, &str)]) -> Cluster {
    let mut snapshot = bundle(save);
    for (path, text) in members {
        snapshot.insert(*path, *text);
    }
    Cluster::build(snapshot)
}

fn ask_from(cluster: &Cluster, sport: u16) -> Trace {
    let flow = Flow {
        sport,
        ..Flow::new(ns(cluster, "outside/c"), 17, [10, 96, 0, 10].into(), 53)
    };
    trace(cluster, &flow, &Options::default())
}

fn decided(cluster: &Cluster, answer: &Trace) -> Vec<String> {
    names(cluster, &answer.deciding)
}

#[test]
fn the_port_of_a_recorded_connection_leads_to_its_backend() {
    let cluster = with(&table("nat", &[SERVICE]), &[(CONNTRACK, &udp(5000, ""))]);
    // Nobody listens on the old one.
    assert_eq!(ask_from(&cluster, 5000).first().client, ClientSees::Refused);
    assert_eq!(ask_from(&cluster, 5001).first().client, ClientSees::Ok);
}

#[test]
fn a_port_of_the_kernels_choice_meets_none() {
    // The port that stands for any is no port to meet.
    let all: String = (43200..43220).map(|port| udp(port, "")).collect();
    let cluster = with(&table("nat", &[SERVICE]), &[(CONNTRACK, &all)]);
    let answer = ask_from(&cluster, 0);
    assert_eq!((answer.outcomes.len(), answer.first().client), (1, ClientSees::Ok));
    assert!(answer.deciding.is_empty() && answer.footnotes.is_empty());
}

#[test]
fn what_was_not_read_decides_where_the_port_is_known() {
    let save = table("nat", &[SERVICE]);
    let cluster = with(&save, &[]);
    assert_eq!(decided(&cluster, &ask_from(&cluster, 5000)), [CONNTRACK]);
    assert!(ask_from(&cluster, 0).deciding.is_empty());
    // A line that is not understood may be that of this connection.
    let cluster = with(&save, &[(CONNTRACK, "tcp what is this\n")]);
    assert_eq!(decided(&cluster, &ask_from(&cluster, 5000)), [format!("{CONNTRACK}:1")]);
    let cluster = with(&save, &[(CONNTRACK, "")]);
    assert!(ask_from(&cluster, 5000).deciding.is_empty());
}

#[test]
fn a_connection_of_a_flow_table_is_not_known() {
    let lines = udp(5000, "[OFFLOAD] ");
    let cluster = with(&table("nat", &[SERVICE]), &[(CONNTRACK, &lines)]);
    assert_eq!(decided(&cluster, &ask_from(&cluster, 5000)), [format!("{CONNTRACK}:1")]);
    assert!(ask_from(&cluster, 5001).deciding.is_empty());
}

#[test]
fn the_one_port_of_a_translation_is_taken_whatever_the_clients_is() {
    let one = "-A POSTROUTING -o rs -p tcp -j SNAT --to-source 10.2.0.1:5000";
    let line = "ipv4     2 tcp      6 99 ESTABLISHED src=10.1.0.9 dst=10.2.0.2 sport=5000 dport=80 src=10.2.0.2 dst=10.2.0.1 \
                sport=80 dport=5000 [ASSURED] mark=0 use=1\n";
    let cluster = with(&table("nat", &[one]), &[(CONNTRACK, line)]);
    let answer = ask(&cluster, 6, "10.2.0.2:80");
    let end = &answer.first().end;
    assert_eq!(
        (end.stage, end.reason),
        (Stage::NfHookSlow, Some(DropReason::NetfilterDrop))
    );
    assert_eq!(ask(&cluster, 6, "10.2.0.2:81").first().client, ClientSees::Ok);
}

/// A router that tracks, with so many connections of so many.
fn full(count: u32, conntrack: Option<&str>, rule: &str) -> Cluster {
    let save = table("filter", &[rule]);
    let snapshot = bundle("");
    let sysctl = snapshot.text(SYSCTL).unwrap().unwrap().to_owned()
        + &format!("net.netfilter.nf_conntrack_count = {count}\nnet.netfilter.nf_conntrack_max = 3\n");
    let mut members = vec![(SYSCTL, sysctl.as_str())];
    members.extend(conntrack.map(|text| (CONNTRACK, text)));
    with(&save, &members)
}

const TRACKS: &str = "-A FORWARD -m conntrack --ctstate INVALID -j DROP";

fn tcp(state: &str) -> String {
    format!(
        "ipv4     2 tcp      6 99 {state} src=10.1.0.9 dst=10.2.0.2 sport=7 dport=80 src=10.2.0.2 dst=10.1.0.9 sport=80 dport=7 \
         [ASSURED] mark=0 use=1\n"
    )
}

#[test]
fn a_table_full_of_assured_connections_takes_no_other() {
    let cluster = full(3, Some(&tcp("ESTABLISHED")), TRACKS);
    let answer = ask(&cluster, 6, "10.2.0.2:80");
    let first = answer.first();
    assert_eq!((answer.outcomes.len(), first.client), (1, ClientSees::Timeout));
    assert_eq!(
        (first.end.netns, first.end.stage, first.end.reason, first.end.rule),
        (
            ns(&cluster, "nodes/r/host"),
            Stage::NfHookSlow,
            Some(DropReason::NetfilterDrop),
            None
        )
    );
}

#[test]
fn a_full_table_makes_room_if_it_finds_one_that_is_not_assured() {
    for line in [udp(5000, ""), tcp("TIME_WAIT")] {
        let answer = ask(&full(3, Some(&line), TRACKS), 6, "10.2.0.2:80");
        let mut seen: Vec<_> = answer.outcomes.iter().map(|o| (o.client, o.weight_known)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(ClientSees::Ok, false), (ClientSees::Timeout, false)], "{line}");
    }
}

#[test]
fn a_full_table_that_was_not_read_decides() {
    let cluster = full(3, None, TRACKS);
    assert_eq!(decided(&cluster, &ask(&cluster, 6, "10.2.0.2:80")), [CONNTRACK]);
}

#[test]
fn room_is_room_and_who_does_not_track_needs_none() {
    for cluster in [
        full(2, Some(&tcp("ESTABLISHED")), TRACKS),
        full(3, Some(&tcp("ESTABLISHED")), "-A FORWARD -p tcp -j ACCEPT"),
    ] {
        let answer = ask(&cluster, 6, "10.2.0.2:80");
        assert_eq!((answer.outcomes.len(), answer.first().client), (1, ClientSees::Ok));
    }
}

#[test]
fn zones_keep_connections_apart() {
    let raw = |rules: &[&str]| table("raw", rules) + &table("nat", &[SERVICE]);
    let zone = udp(5000, "zone=5 ").replace("mark=0 use=1", "use=1");
    for (rules, client) in [
        (vec![], ClientSees::Ok),
        (vec!["-A PREROUTING -j CT --zone 6"], ClientSees::Ok),
        (vec!["-A PREROUTING -j CT --zone 5"], ClientSees::Refused),
    ] {
        let cluster = with(&raw(&rules), &[(CONNTRACK, &zone)]);
        assert_eq!(ask_from(&cluster, 5000).first().client, client, "{rules:?}");
    }
    // The answer comes by the other link, and belongs to no zone.
    let cluster = with(&raw(&["-A PREROUTING -i rc -j CT --zone 5"]), &[]);
    assert_eq!(ask_from(&cluster, 0).first().client, ClientSees::Timeout);
}
