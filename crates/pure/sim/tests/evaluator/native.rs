//! Native nftables in conversations: what the kernel draws, counts and remembers. (What it does with a packet is asked of it
//! in the worlds of `crates/io/judge/tests/traps`.)

use crate::small::{ask, bundle};
use netwhy_model::Cluster;
use netwhy_sim::trace::ONE;
use netwhy_sim::{ClientSees, HOOK_ORDER, Trace};

/// The router with a table `ip t` of these base chains (name, type, hook, priority) and rules (chain, statements).
fn router(sets: &str, chains: &[(&str, &str, &str, i32)], rules: &[(&str, &str)]) -> Cluster {
    let mut all = vec![r#"{"table":{"family":"ip","name":"t"}}"#.to_owned()];
    all.extend(chains.iter().map(|(name, kind, hook, priority)| {
        let hooked = match *hook {
            "" => String::new(),
            hook => format!(r#","type":"{kind}","hook":"{hook}","prio":{priority},"policy":"accept""#),
        };
        format!(r#"{{"chain":{{"family":"ip","table":"t","name":"{name}"{hooked}}}}}"#)
    }));
    if !sets.is_empty() {
        all.push(sets.to_owned());
    }
    all.extend((1..).zip(rules).map(|(handle, (chain, expr))| {
        format!(r#"{{"rule":{{"family":"ip","table":"t","chain":"{chain}","handle":{handle},"expr":[{expr}]}}}}"#)
    }));
    let mut snapshot = bundle("");
    let text = format!(r#"{{"nftables":[{}]}}"#, all.join(","));
    snapshot.insert("nodes/r/host/nft.json", text);
    Cluster::build(snapshot)
}

const PRE: (&str, &str, &str, i32) = ("pre", "nat", "prerouting", -100);
const FORWARD: (&str, &str, &str, i32) = ("f", "filter", "forward", 0);

/// Only the first packet: without connection tracking each one is asked anew.
const SYN: &str = r#"{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"flags"}},"right":"syn"}}"#;

fn shares(answer: &Trace) -> Vec<(ClientSees, f64, bool)> {
    let share = |o: &netwhy_sim::Outcome| (o.client, o.weight as f64 / ONE as f64, o.weight_known);
    answer.outcomes.iter().map(share).collect()
}

fn numgen(mode: &str, modulus: u32, data: &str) -> String {
    format!(r#"{{"key":{{"numgen":{{"mode":"{mode}","mod":{modulus},"offset":0}}}},"data":{{"set":[{data}]}}}}"#)
}

#[test]
fn numbers_are_drawn_with_exact_weights() {
    let data = r#"[{"range":[0,2]},"10.2.0.2"],[3,"10.2.0.9"]"#;
    let map = numgen("random", 4, data);
    let dnat = format!(r#"{{"dnat":{{"family":"ip","addr":{{"map":{map}}}}}}}"#);
    let answer = ask(&router("", &[PRE], &[("pre", &dnat)]), 6, "10.96.0.10:80");
    assert_eq!(
        shares(&answer),
        [(ClientSees::Ok, 0.75, true), (ClientSees::NoRoute, 0.25, true)]
    );
    // More numbers than anybody would follow one by one.
    let data = r#"[{"range":[0,999]},{"accept":null}],[{"range":[1000,3999]},{"drop":null}]"#;
    let vmap = format!(r#"{SYN},{{"vmap":{}}}"#, numgen("random", 4000, data));
    let answer = ask(&router("", &[FORWARD], &[("f", &vmap)]), 6, "10.2.0.2:80");
    assert_eq!(
        shares(&answer),
        [(ClientSees::Timeout, 0.75, true), (ClientSees::Ok, 0.25, true)]
    );
    let left = r#"{"numgen":{"mode":"random","mod":100,"offset":0}}"#;
    let below = format!(r#"{SYN},{{"match":{{"op":"<","left":{left},"right":25}}}},{{"drop":null}}"#);
    let answer = ask(&router("", &[FORWARD], &[("f", &below)]), 6, "10.2.0.2:80");
    assert_eq!(
        shares(&answer),
        [(ClientSees::Ok, 0.75, true), (ClientSees::Timeout, 0.25, true)]
    );
}

#[test]
fn what_stands_in_no_snapshot_is_tried_both_ways() {
    let limit = &format!(r#"{SYN},{{"limit":{{"rate":1,"per":"second"}}}},{{"drop":null}}"#);
    let answer = ask(&router("", &[FORWARD], &[("f", limit)]), 6, "10.2.0.2:80");
    let sees: Vec<_> = shares(&answer).iter().map(|(sees, _, known)| (*sees, *known)).collect();
    assert_eq!(sees.len(), 2);
    assert!(sees.contains(&(ClientSees::Ok, false)) && sees.contains(&(ClientSees::Timeout, false)));
    let gap = r#"{"match":{"op":"==","left":{"meta":{"key":"cgroup"}},"right":1}},{"drop":null}"#;
    let cluster = router("", &[FORWARD], &[("f", gap)]);
    let answer = ask(&cluster, 6, "10.2.0.2:80");
    let why: Vec<&str> = answer
        .deciding
        .iter()
        .map(|g| cluster.gaps.get(*g).why.as_str())
        .collect();
    assert_eq!(
        why,
        ["meta cgroup of the rule with handle 1 in table ip t chain f is not modelled"]
    );
    let tproxy = r#"{"tproxy":{"port":80}}"#;
    assert_eq!(
        ask(&router("", &[FORWARD], &[("f", tproxy)]), 6, "10.2.0.2:80")
            .deciding
            .len(),
        1
    );
    // It cannot matter to a packet that something else drops.
    let rules = [("f", gap), ("f", r#"{"drop":null}"#)];
    let answer = ask(&router("", &[FORWARD], &rules), 6, "10.2.0.2:80");
    assert_eq!((answer.first().client, answer.deciding.len()), (ClientSees::Timeout, 0));
}

/// kube-proxy's affinity: who is in the set goes where it went before; others are put in.
#[test]
fn affinity_by_a_set() {
    let set = |elem: &str| {
        format!(
            r#"{{"set":{{"family":"ip","name":"seen","table":"t","type":"ipv4_addr","flags":["timeout"],"timeout":600,"elem":[{elem}]}}}}"#
        )
    };
    let saddr = r#"{"payload":{"protocol":"ip","field":"saddr"}}"#;
    let known = format!(r#"{{"match":{{"op":"==","left":{saddr},"right":"@seen"}}}},{{"goto":{{"target":"one"}}}}"#);
    let put = format!(
        r#"{{"set":{{"op":"update","elem":{saddr},"set":"@seen"}}}},{{"dnat":{{"addr":"10.2.0.2","port":80}}}}"#
    );
    let drawn = format!(
        r#"{{"vmap":{}}}"#,
        numgen(
            "random",
            2,
            r#"[0,{"goto":{"target":"one"}}],[1,{"goto":{"target":"two"}}]"#
        )
    );
    let two = r#"{"dnat":{"addr":"10.2.0.3","port":80}}"#;
    let rules = [("pre", known.as_str()), ("pre", &drawn), ("one", &put), ("two", two)];
    let chains = [PRE, ("one", "", "", 0), ("two", "", "", 0)];
    let seen = set(r#"{"elem":{"val":"10.1.0.2","expires":500}}"#);
    let answer = ask(&router(&seen, &chains, &rules), 6, "10.96.0.10:80");
    assert_eq!(shares(&answer), [(ClientSees::Ok, 1.0, true)]);
    let dnat = |o: &netwhy_sim::Outcome| {
        o.steps.iter().find_map(|s| match s.detail {
            netwhy_sim::Detail::Dnat { to } => Some(to.0.to_string()),
            _ => None,
        })
    };
    assert_eq!(dnat(answer.first()).as_deref(), Some("10.2.0.2"));
    let other = set(r#""10.1.0.77""#);
    let answer = ask(&router(&other, &chains, &rules), 6, "10.96.0.10:80");
    assert!(
        answer.all_delivered() && answer.first().weight == ONE,
        "both are one host: {answer:#?}"
    );
}

#[test]
fn the_order_of_equal_priorities_matters_only_where_it_does() {
    let twin = ("twin", "nat", "prerouting", -100);
    let to = |addr: &str| {
        format!(
            r#"{{"match":{{"op":"==","left":{{"payload":{{"protocol":"ip","field":"daddr"}}}},"right":"10.96.0.10"}}}},{{"dnat":{{"addr":"{addr}"}}}}"#
        )
    };
    let (here, nowhere) = (to("10.2.0.2"), to("10.2.0.9"));
    let both = router("", &[PRE, twin], &[("pre", &here), ("twin", &nowhere)]);
    assert_eq!(ask(&both, 6, "10.96.0.10:80").deciding, [HOOK_ORDER]);
    let other = ask(&both, 6, "10.2.0.2:80");
    assert!(
        other.deciding.is_empty() && other.footnotes.is_empty(),
        "neither touches it"
    );
    let one = router("", &[PRE, twin], &[("twin", &here)]);
    let answer = ask(&one, 6, "10.96.0.10:80");
    assert_eq!((answer.first().client, answer.deciding.len()), (ClientSees::Ok, 0));
}

/// Where others have a port, a ping has its checksum: one value of 65,536 is no answer of a diagnosis.
#[test]
fn what_has_no_port_is_not_in_a_map_of_ports() {
    let key = r#"{"concat":[{"payload":{"protocol":"ip","field":"daddr"}},{"meta":{"key":"l4proto"}},{"payload":{"protocol":"th","field":"dport"}}]}"#;
    let map = |proto: &str| {
        let elem = format!(r#"[{{"concat":["10.2.0.2","{proto}",80]}},{{"drop":null}}]"#);
        let vmap = format!(r#"{{"vmap":{{"key":{key},"data":{{"set":[{elem}]}}}}}}"#);
        let answer = ask(&router("", &[FORWARD], &[("f", &vmap)]), 1, "10.2.0.2:0");
        (shares(&answer), answer.deciding)
    };
    let passes = (vec![(ClientSees::Ok, 1.0, true)], Vec::new());
    assert_eq!(map("tcp"), passes);
    assert_eq!(map("icmp"), passes);
}
