//! Every match and target as `iptables-save` 1.8.9 prints it.

mod matches;
mod saves;
mod sets;
mod sockets;
mod targets;

use crate::netfilter::{Hook, IfPattern, Match, Netfilter, Not, Rule, Target};
use crate::{Cluster, Gaps};
use ipnet::IpNet;
use netwhy_snapshot::{Meta, Snapshot};
use std::net::IpAddr;

const SETS: &str = "create good hash:net family inet hashsize 1024 maxelem 65536\nadd good 10.0.0.0/8\nadd good 10.1.1.1\n\
    create holes hash:net family inet\nadd holes 10.0.0.0/8\nadd holes 10.1.0.0/16 nomatch\n\
    create pairs hash:ip,port family inet\nadd pairs 10.0.0.1,tcp:80\n";

fn cluster(members: &[(&str, &str)]) -> Cluster {
    let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
    for (file, text) in members {
        snapshot.insert(format!("outside/a/{file}"), *text);
    }
    Cluster::build(snapshot)
}

fn netfilter(members: &[(&str, &str)]) -> (Netfilter, Gaps) {
    let cluster = cluster(members);
    let netfilter = Netfilter::clone(&cluster.netns[0].netfilter);
    (netfilter, cluster.gaps)
}

/// The rules of FORWARD in the filter table.
fn rules(lines: &str) -> (Vec<Rule>, Gaps) {
    let text = format!("*filter\n:FORWARD ACCEPT [0:0]\n:user - [0:0]\n{lines}\nCOMMIT\n");
    let (netfilter, gaps) = netfilter(&[
        ("iptables-save", &text),
        ("iptables-legacy-save", ""),
        ("nft.json", ""),
        ("ipset.save", SETS),
    ]);
    let table = &netfilter.tables[0];
    let forward = table.base[Hook::Forward as usize].unwrap();
    (table.chains[forward.0 as usize].rules.clone(), gaps)
}

fn rule(words: &str) -> Rule {
    let (rules, _) = rules(&format!("-A FORWARD {words}"));
    assert_eq!(rules.len(), 1, "{words}");
    rules.into_iter().next().unwrap()
}

fn one(words: &str) -> Match {
    let mut rule = rule(words);
    assert_eq!(rule.matches.len(), 1, "{words}: {rule:?}");
    rule.matches.remove(0)
}

fn target(words: &str) -> Target {
    rule(&format!("-j {words}")).target
}

/// Why a rule is not modelled.
fn odd(words: &str) -> String {
    let (rules, gaps) = rules(&format!("-A FORWARD {words}"));
    let rule = &rules[0];
    let gap = rule.matches.iter().find_map(|m| {
        if let Match::Unsupported(gap) = m {
            Some(*gap)
        } else {
            None
        }
    });
    let gap = gap.or(match rule.target {
        Target::Unsupported(gap) | Target::Unmodelled(gap) => Some(gap),
        _ => None,
    });
    let gap = gaps.get(gap.unwrap_or_else(|| panic!("{words} is modelled: {rule:?}")));
    format!("{}: {}", gap.path, gap.why)
}

fn is<T>(value: T) -> Option<Not<T>> {
    Some(Not { value, not: false })
}

fn isnt<T>(value: T) -> Option<Not<T>> {
    Some(Not { value, not: true })
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn link(name: &str, prefix: bool) -> IfPattern {
    IfPattern {
        name: name.into(),
        prefix,
    }
}

#[test]
fn fields() {
    let r = rule("-s 10.0.0.0/8 ! -d 10.0.0.1/32 -i eth+ ! -o lo -p tcp -j ACCEPT");
    assert_eq!(r.src, Some((net("10.0.0.0/8"), false)));
    assert_eq!(r.dst, Some((net("10.0.0.1/32"), true)));
    assert_eq!(r.iif, Some((link("eth", true), false)));
    assert_eq!(r.oif, Some((link("lo", false), true)));
    assert_eq!((r.proto, r.target, r.line), (Some((6, false)), Target::Accept, 4));
    assert_eq!(rule("! -p udp").proto, Some((17, true)));
    assert_eq!(rule("-f").fragment, Some(true));
    assert_eq!(rule("! -f").fragment, Some(false));
    assert_eq!(rule("-s 10.0.0.0/255.0.0.0").src, Some((net("10.0.0.0/8"), false)));
    let numbers = [
        ("ipencap", 4),
        ("ipip", 94),
        ("esp", 50),
        ("ah", 51),
        ("gre", 47),
        ("253", 253),
        ("sctp", 132),
    ];
    for (name, number) in numbers {
        assert_eq!(rule(&format!("-p {name}")).proto, Some((number, false)), "{name}");
    }
    assert_eq!(rule("-p all").proto, None);
    assert_eq!(
        odd("-s 10.0.0.0/255.0.255.0"),
        "outside/a/iptables-save:4: -s \"10.0.0.0/255.0.255.0\" is not modelled"
    );
    assert!(odd("-p nonsense -j ACCEPT").contains("nonsense"));
}

#[test]
fn counters_and_comments() {
    let (list, _) =
        rules("[12:3456] -A FORWARD -m comment --comment \"a \\\"q\\\" -j DROP\" -j user\n-A FORWARD -g user");
    assert_eq!(list[0].packets, 12);
    assert_eq!(list[0].matches, [Match::Comment("a \"q\" -j DROP".into())]);
    assert!(matches!(list[0].target, Target::Jump(id) if id.0 == 1));
    assert!(matches!(list[1].target, Target::Goto(id) if id.0 == 1));
    assert_eq!(one("-m comment --comment -j -j ACCEPT"), Match::Comment("-j".into()));
    assert_eq!(one("-m comment --comment ! -j ACCEPT"), Match::Comment("!".into()));
}
