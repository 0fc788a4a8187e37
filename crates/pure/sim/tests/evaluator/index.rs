//! Indexed and linear walks of the rules agree on every packet.

use crate::small::{ask, cluster, table};
use netwhy_model::Cluster;
use netwhy_model::netfilter::ChainIndex;
use std::sync::Arc;

/// A small generator (xorshift64*), so that a seed says everything.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.next() as usize % list.len()]
    }
}

/// Conditions that an index sorts by, and their look-alikes that it must not.
const CONDITIONS: [&str; 18] = [
    "-d 10.2.0.2/32",
    "-d 10.2.0.3/32",
    "! -d 10.2.0.2/32",
    "-d 10.2.0.2/31",
    "-d 10.2.0.0/24",
    "-s 10.1.0.2/32",
    "-p tcp -m tcp --dport 80",
    "-p tcp -m tcp --dport 81",
    "-p tcp -m tcp ! --dport 80",
    "-p tcp -m tcp --dport 80:81",
    "-p tcp -m tcp --sport 80",
    "-p udp -m udp --dport 80",
    "-d 10.2.0.3/32 -p tcp -m tcp --dport 80",
    "-d 10.2.0.2/32 -p udp -m udp --dport 53",
    "-p udp -m udp --dport 53",
    "! -p tcp",
    "-m mark --mark 0x1/0x1",
    "-i rc -p tcp -m multiport --dports 80,81",
];
const TARGETS: [&str; 10] = [
    "-j ACCEPT",
    "-j DROP",
    "-j RETURN",
    "-j REJECT --reject-with icmp-port-unreachable",
    "-j MARK --set-xmark 0x1/0x1",
    "-j ONE",
    "-j TWO",
    "-g TWO",
    "",
    "-j MARK --set-xmark 0x2/0x2",
];
const PLACES: [(u8, &str); 7] = [
    (6, "10.2.0.2:80"),
    (6, "10.2.0.3:80"),
    (6, "10.2.0.3:81"),
    (6, "10.2.0.4:99"),
    (17, "10.2.0.2:53"),
    (17, "10.2.0.2:80"),
    (1, "10.2.0.2:0"),
];

fn rules(random: &mut Random) -> String {
    let mut lines = vec![":ONE - [0:0]".to_owned(), ":TWO - [0:0]".to_owned()];
    for chain in ["FORWARD", "ONE", "TWO"] {
        for _ in 0..8 + random.next() % 12 {
            // Chains may only call later ones.
            let target = loop {
                let target = random.of(&TARGETS);
                let calls_one = target.ends_with("ONE") && chain != "FORWARD";
                let calls_two = target.ends_with("TWO") && chain == "TWO";
                if !calls_one && !calls_two {
                    break target;
                }
            };
            lines.push(
                format!("-A {chain} {} {target}", random.of(&CONDITIONS))
                    .trim()
                    .to_owned(),
            );
        }
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    table("filter", &lines)
}

fn linear(cluster: &Cluster) -> Cluster {
    let mut cluster = cluster.clone();
    for ns in &mut cluster.netns {
        for table in &mut Arc::make_mut(&mut Arc::make_mut(ns).netfilter).tables {
            for chain in &mut Arc::make_mut(table).chains {
                chain.index = ChainIndex::default();
            }
        }
    }
    cluster
}

#[test]
fn the_index_leaves_out_no_rule_that_matches() {
    const SEED: u64 = 0x6e65_7477_6879;
    let mut random = Random(SEED);
    let (mut indexed, mut ends) = (0, std::collections::BTreeSet::new());
    for round in 0..200 {
        let save = rules(&mut random);
        let with = cluster(&save);
        let without = linear(&with);
        indexed += with
            .netns
            .iter()
            .flat_map(|n| &n.netfilter.tables)
            .flat_map(|t| &t.chains)
            .filter(|c| c.index.on)
            .count();
        for (proto, to) in PLACES {
            let (one, other) = (ask(&with, proto, to), ask(&without, proto, to));
            assert_eq!(
                format!("{:?}", one.outcomes),
                format!("{:?}", other.outcomes),
                "seed {SEED:#x}, round {round}, {proto} {to}\n{save}"
            );
            ends.insert(one.first().client);
        }
    }
    assert!(indexed >= 600 && ends.len() >= 3, "{indexed} {ends:?}");
}
