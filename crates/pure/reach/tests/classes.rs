//! Two members of a class give equal traces, up to their own names: the promise that lets one speak for all.
#![allow(clippy::disallowed_methods, reason = "tests read recordings")]

use netwhy_model::{Cluster, Family, NetnsId};
use netwhy_reach::{Classes, classes::ClassKind};
use netwhy_sim::{Flow, Options, trace};
use netwhy_snapshot::Snapshot;
use std::net::IpAddr;

fn cluster(name: &str) -> Cluster {
    let path = format!(
        "{}/../../../tests/recordings/{name}.tar.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = std::fs::read(path).expect("recording");
    Cluster::build(Snapshot::from_archive(&bytes, &Default::default()).expect("bundle"))
}

fn addresses(cluster: &Cluster, id: NetnsId) -> Vec<IpAddr> {
    let links = cluster.ns(id).links.iter().flat_map(|l| l.iter());
    let all = links.flat_map(|l| l.addrs.iter().chain(&l.addrs6)).map(|a| a.addr);
    all.filter(|a| !a.is_loopback()).collect()
}

/// Everything that a caller may see of a trace, with the client's own namespace and address replaced, and its sibling's.
fn seen(cluster: &Cluster, from: NetnsId, twin: NetnsId, flow: &Flow) -> Vec<String> {
    let own = addresses(cluster, from);
    let name = |id: NetnsId| {
        if id == from {
            "self".to_owned()
        } else if id == twin {
            "twin".to_owned()
        } else {
            cluster.ns(id).kind.to_string()
        }
    };
    let t = trace(
        cluster,
        flow,
        &Options {
            steps: false,
            ..Options::default()
        },
    );
    let mut lines: Vec<String> = t
        .outcomes
        .iter()
        .map(|o| {
            let client = o.seen_client.map(|a| {
                if own.contains(&a) {
                    "self".to_owned()
                } else {
                    a.to_string()
                }
            });
            let receiver = o.delivered_to.map(|(id, port)| format!("{}:{port}", name(id)));
            let end = (
                o.end.disposition,
                name(o.end.netns),
                o.end.stage,
                o.end.reason,
                o.end.reply,
            );
            // The rules of equal backends have probabilities that differ in the last digits.
            let percent = (o.weight as f64 * 1e4 / (1u64 << 62) as f64).round();
            format!(
                "{percent} {:?} {:?} {end:?} {receiver:?} {client:?}",
                o.client, o.after_ms
            )
        })
        .collect();
    lines.sort();
    lines
}

/// All targets that matter: every Service port and every address of another pod or node.
fn targets(cluster: &Cluster) -> Vec<(u8, IpAddr, u16)> {
    let services = cluster.api.services.iter().flatten();
    let mut list: Vec<(u8, IpAddr, u16)> = services
        .flat_map(|s| {
            s.ports
                .iter()
                .flat_map(|p| s.cluster_ips.iter().map(move |ip| (p.protocol, *ip, p.port)))
        })
        .collect();
    list.retain(|t| matches!(t.0, 6 | 17));
    list.extend(
        cluster
            .netns
            .iter()
            .filter_map(|n| Some((6, addresses(cluster, n.id).first().copied()?, 8080))),
    );
    list.push((6, Family::Inet.loopback(), 8080));
    list
}

#[test]
fn members_of_a_class_are_alike() {
    let mut pairs = 0;
    for name in [
        "healthy",
        "ip-forward-off-n1",
        "pod-no-default-route",
        "bridge-nf-off-n1",
    ] {
        let cluster = cluster(name);
        let classes = Classes::of(&cluster);
        for class in classes
            .list
            .iter()
            .filter(|c| c.kind == ClassKind::Pods && c.members.len() > 1)
        {
            let first = class.members[0];
            for other in &class.members[1..] {
                for (proto, dst, port) in targets(&cluster) {
                    // Asking itself and asking a sibling are different questions for two siblings.
                    if [first, *other].iter().any(|id| addresses(&cluster, *id).contains(&dst)) {
                        continue;
                    }
                    let a = seen(&cluster, first, *other, &Flow::new(first, proto, dst, port));
                    let b = seen(&cluster, *other, first, &Flow::new(*other, proto, dst, port));
                    assert_eq!(
                        a,
                        b,
                        "{name}: {} and {} to {dst}:{port}",
                        cluster.ns(first).kind,
                        cluster.ns(*other).kind
                    );
                    pairs += 1;
                }
            }
        }
    }
    assert!(pairs > 100, "classes with several members exist: {pairs}");
}

/// One pod with a dead link, another neighbour, or an own rule must not share its siblings' class.
#[test]
fn the_odd_one_falls_out() {
    let cluster = cluster("pod-no-default-route");
    let classes = Classes::of(&cluster);
    let odd = cluster
        .pod_netns("shop", "client-5556f849f5-bs4fx")
        .expect("the pod without a default route");
    let class = classes.class_of(odd).expect("it has a class");
    assert_eq!(classes.get(class).members, [odd]);
}

/// A rule of the node that names one pod by its address in a set, its MAC, or the port that it hangs on.
#[test]
fn a_rule_that_singles_out_a_pod_makes_a_class() {
    let path = format!(
        "{}/../../../tests/recordings/healthy.tar.zst",
        env!("CARGO_MANIFEST_DIR")
    );
    let bytes = std::fs::read(path).expect("recording");
    let snapshot = Snapshot::from_archive(&bytes, &Default::default()).expect("bundle");
    let before = Cluster::build(snapshot.clone());
    let classes = Classes::of(&before);
    let pods = |c: &&netwhy_reach::Class| c.kind == ClassKind::Pods && c.members.len() > 1;
    let class = classes.list.iter().find(pods).expect("a class with several members");
    let odd = class.members[0];
    let dir = format!("nodes/{}/host", class.node);
    let host = before.netns.iter().find(|n| n.dir == dir).expect("its node");
    let link = before.ns(odd).links.as_ref().unwrap().named("eth0").unwrap();
    let port = before
        .ns(odd)
        .links
        .iter()
        .flat_map(|l| l.iter())
        .find_map(|l| match l.kind {
            netwhy_model::link::LinkKind::Veth {
                peer: Some((_, index)), ..
            } => Some(index),
            _ => None,
        });
    let port = host.links.as_ref().unwrap().get(port.unwrap()).unwrap().name.clone();
    let addr = addresses(&before, odd)[0];
    let rules = [
        "-m set --match-set one src".to_owned(),
        "-m set --match-set two src,dst".to_owned(),
        format!("-m mac --mac-source {}", link.mac),
        format!("-m iprange --src-range {addr}-{addr}"),
        format!("-i {port}"),
        format!("-m physdev --physdev-in {port}"),
        format!("-m conntrack --ctorigsrc {addr}"),
    ];
    let sets = format!(
        "create one hash:ip family inet\nadd one {addr}\ncreate two hash:ip,port family inet\nadd two {addr},tcp:80\n"
    );
    let member = format!("{dir}/iptables-save");
    let save = snapshot
        .get(&member)
        .map(|b| String::from_utf8_lossy(b.bytes()).into_owned())
        .unwrap();
    for rule in rules {
        let mut changed = snapshot.clone();
        let line = format!("-A FORWARD {rule} -j DROP\n");
        let at = save.find("*filter").unwrap();
        let at = at + save[at..].find("-A ").unwrap();
        changed.insert(member.clone(), format!("{}{line}{}", &save[..at], &save[at..]));
        changed.insert(format!("{dir}/ipset.save"), sets.clone());
        let after = Cluster::build(changed);
        let classes = Classes::of(&after);
        assert_eq!(classes.get(classes.class_of(odd).unwrap()).members, [odd], "{rule}");
    }
}
