//! Clusters that were recorded from real control planes, kube-proxies and kernels.

use netwhy_model::link::{LinkKind, PortState};
use netwhy_model::netfilter::{Backend, Hook, HookFn, Match, TableName, Target};
use netwhy_model::{Cluster, Family, Gap, GapId, Netns, NetnsId, NetnsKind, Patch};
use netwhy_snapshot::{Limits, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;

macro_rules! recording {
    ($name:literal) => {
        snapshot(include_bytes!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../tests/recordings/",
            $name,
            ".tar.zst"
        )))
    };
}

fn snapshot(bytes: &[u8]) -> Snapshot {
    Snapshot::from_archive(bytes, &Limits::default()).unwrap()
}

fn host<'c>(cluster: &'c Cluster, node: &str) -> &'c Netns {
    cluster.ns(cluster.node(node).and_then(|n| n.host).unwrap())
}

fn is_pod(ns: &Netns) -> bool {
    matches!(ns.kind, NetnsKind::Pod { .. })
}

/// Priorities of a hook with what runs there.
fn hook(ns: &Netns, hook: Hook) -> Vec<(i32, Option<(Backend, TableName)>)> {
    let list = ns.netfilter.inet.hooks[hook as usize].iter();
    list.map(|entry| match entry.run {
        HookFn::Table(number) => {
            let table = &ns.netfilter.tables[number as usize];
            (entry.priority, Some((table.backend, table.name)))
        }
        _ => (entry.priority, None),
    })
    .collect()
}

/// Hook functions that cannot be evaluated.
fn unknown(ns: &Netns) -> Vec<(Hook, i32, GapId)> {
    const HOOKS: [Hook; 5] = [
        Hook::PreRouting,
        Hook::LocalIn,
        Hook::Forward,
        Hook::LocalOut,
        Hook::PostRouting,
    ];
    let all = HOOKS
        .iter()
        .flat_map(|h| ns.netfilter.inet.hooks[*h as usize].iter().map(|e| (*h, e)));
    all.filter_map(|(h, e)| match e.run {
        HookFn::Table(_) | HookFn::Native { .. } | HookFn::Nat => None,
        HookFn::Unknown(gap) | HookFn::MayDrop(gap) => Some((h, e.priority, gap)),
    })
    .collect()
}

/// Why rules of a cluster are not modelled.
fn odd_rules(cluster: &Cluster) -> Vec<String> {
    let tables = cluster.netns.iter().flat_map(|n| &n.netfilter.tables);
    let mut odd = Vec::new();
    for rule in tables.flat_map(|t| &t.chains).flat_map(|c| &c.rules) {
        let matches = rule.matches.iter().filter_map(|m| {
            if let Match::Unsupported(gap) = m {
                Some(*gap)
            } else {
                None
            }
        });
        let target = match rule.target {
            Target::Unsupported(gap) | Target::Unmodelled(gap) => Some(gap),
            _ => None,
        };
        odd.extend(matches.chain(target).map(|gap| cluster.gaps.get(gap).why.clone()));
    }
    odd
}

/// Every veth of a pod, and every node's eth0, has the other end that has it.
fn wired(cluster: &Cluster) {
    for ns in &cluster.netns {
        for link in ns.links.as_ref().unwrap().iter() {
            let LinkKind::Veth { peer, .. } = link.kind else {
                continue;
            };
            let (far, index) = peer.unwrap_or_else(|| panic!("{} {} has no peer", ns.kind, link.name));
            let other = cluster.ns(far).links.as_ref().unwrap().get(index).unwrap();
            assert!(matches!(other.kind, LinkKind::Veth { peer, .. } if peer == Some((ns.id, link.index))));
            if is_pod(ns) {
                assert_eq!(
                    cluster.ns(far).kind,
                    NetnsKind::Host {
                        node: ns.kind.node().unwrap().to_owned()
                    }
                );
            }
        }
    }
}

fn same_names(cluster: &Cluster) -> bool {
    cluster.netns.windows(2).all(|w| w[0].dir < w[1].dir)
}

#[test]
fn healthy() {
    let cluster = Cluster::build(recording!("healthy"));
    assert_eq!(
        (cluster.name.as_str(), cluster.netns.len(), cluster.nodes.len()),
        ("lab-main", 41, 3)
    );
    assert!(same_names(&cluster));
    wired(&cluster);
    assert!(cluster.segments.is_empty());
    assert_eq!(odd_rules(&cluster), Vec::<String>::new());
    let ns = host(&cluster, "k8s-n1");
    let nft = |name| Some((Backend::Nft, name));
    assert_eq!(
        hook(ns, Hook::PreRouting),
        [(-150, nft(TableName::Mangle)), (-100, nft(TableName::Nat))]
    );
    assert_eq!(
        hook(ns, Hook::Forward),
        [(-150, nft(TableName::Mangle)), (0, nft(TableName::Filter))]
    );
    assert_eq!(
        hook(ns, Hook::PostRouting),
        [(-150, nft(TableName::Mangle)), (100, nft(TableName::Nat))]
    );
    assert_eq!(ns.netfilter.inet.conntrack, Some(Ok(())));
    assert_eq!(ns.member_of(&ns.netfilter.tables[0]), "nodes/k8s-n1/host/iptables-save");
    for ns in &cluster.netns {
        assert_eq!(unknown(ns), [], "{}", ns.kind);
        if is_pod(ns) {
            assert!(ns.netfilter.tables.is_empty() && ns.netfilter.inet.conntrack.is_none());
        }
        let fib = ns.fib.as_ref().unwrap();
        assert!(!fib.custom_rules && !fib.custom_local_routes && fib.rules_assumed.is_none());
        assert!(
            ns.links
                .as_ref()
                .unwrap()
                .iter()
                .all(|l| l.conf.forwarding.is_ok() && l.conf.rp_filter.is_ok())
        );
    }
    for (_, gap) in cluster.gaps.iter() {
        assert!(
            ["not collected", "not listed in it", "not recorded"].contains(&gap.why.as_str()),
            "{gap:?}"
        );
    }
}

#[test]
fn a_node_of_it() {
    let cluster = Cluster::build(recording!("healthy"));
    let node = cluster.node("k8s-n2").unwrap();
    assert_eq!(
        node.internal_ips,
        [IpAddr::from([172, 30, 0, 12]), "fd00:172:30::12".parse().unwrap()]
    );
    let cidrs = ["10.244.2.0/24", "fd00:10:244:2::/64"];
    assert_eq!(node.pod_cidrs, cidrs.map(|c| c.parse().unwrap()));
    assert!(node.files.is_err() && node.pods.len() == 11);
    let ns = host(&cluster, "k8s-n2");
    let links = ns.links.as_ref().unwrap();
    let LinkKind::Vxlan(vxlan) = &links.named("flannel.1").unwrap().kind else {
        panic!()
    };
    assert_eq!(
        (vxlan.vni, vxlan.port, vxlan.lower, vxlan.learning),
        (1, 8472, Some(2), false)
    );
    let bridge = links.named("cni0").unwrap();
    assert_eq!(ns.bridge_nf_call_iptables(bridge.index, Family::Inet), Ok(true));
    let fdb = ns.fdb.as_ref().unwrap();
    assert_eq!(fdb.bridge.get(&(bridge.index, bridge.mac)), Some(&bridge.index));
    // Each pod's MAC is behind its own port, each port's own MAC is the bridge's.
    for pod in cluster.node("k8s-n2").unwrap().pods.iter().map(|id| cluster.ns(*id)) {
        let eth0 = pod.links.as_ref().unwrap().named("eth0").unwrap();
        let LinkKind::Veth {
            peer: Some((_, port)), ..
        } = eth0.kind
        else {
            panic!()
        };
        assert!(
            fdb.bridge.get(&(bridge.index, eth0.mac)).is_none_or(|p| *p == port),
            "{}",
            pod.kind
        );
        let own = links.get(port).unwrap();
        assert_eq!(fdb.bridge.get(&(bridge.index, own.mac)), Some(&bridge.index));
        assert!(
            own.port
                .as_ref()
                .is_some_and(|p| p.state == PortState::Forwarding && p.hairpin && p.flood && !p.isolated)
        );
    }
    let vtep = host(&cluster, "k8s-n1")
        .links
        .as_ref()
        .unwrap()
        .named("flannel.1")
        .unwrap()
        .mac;
    let flannel = links.named("flannel.1").unwrap().index;
    let dst = &fdb.vxlan[&(flannel, vtep)];
    assert_eq!(
        dst.iter().filter_map(|d| d.addr).collect::<Vec<_>>(),
        [IpAddr::from([172, 30, 0, 11])]
    );
    assert_eq!(
        ns.neigh.as_ref().unwrap().entries[&(flannel, IpAddr::from([10, 244, 0, 0]))].lladdr,
        Some(vtep)
    );
}

#[test]
fn api_objects() {
    let cluster = Cluster::build(recording!("healthy"));
    let pods = cluster.api.pods.as_ref().unwrap();
    assert!(
        pods.iter()
            .all(|p| p.host_network || cluster.pod_netns(&p.namespace, &p.name).is_some() || p.phase != "Running")
    );
    let client = pods.iter().find(|p| p.name.starts_with("client-")).unwrap();
    let ns = cluster.ns(cluster.pod_netns(&client.namespace, &client.name).unwrap());
    assert_eq!(
        ns.links.as_ref().unwrap().named("eth0").unwrap().addrs[0].addr,
        client.ips[0]
    );
    let kubernetes = cluster.api.service("default", "kubernetes").unwrap();
    assert_eq!(
        (kubernetes.kind.as_str(), kubernetes.ports[0].port, kubernetes.headless),
        ("ClusterIP", 443, false)
    );
    let endpoints = |namespace, name| {
        cluster
            .api
            .slices_of(namespace, name)
            .map(|s| s.endpoints.len())
            .sum::<usize>()
    };
    assert!(endpoints("shop", "backend") > 0 && endpoints("default", "kubernetes") == 1);
    let local = cluster
        .api
        .services
        .as_ref()
        .unwrap()
        .iter()
        .filter(|s| s.external_local)
        .count();
    let sticky = cluster
        .api
        .services
        .as_ref()
        .unwrap()
        .iter()
        .filter(|s| s.affinity_s == Some(10800))
        .count();
    assert!(local > 0 && sticky > 0);
    assert!(!cluster.api.network_policies.as_ref().unwrap().is_empty());
}

#[test]
fn nothing_to_patch_shares_everything() {
    let cluster = Cluster::build(recording!("healthy"));
    let copy = cluster.with(&[]);
    assert!(cluster.netns.iter().zip(&copy.netns).all(|(a, b)| Arc::ptr_eq(a, b)));
    assert_eq!(format!("{:?}", cluster.gaps), format!("{:?}", copy.gaps));
    assert_eq!(format!("{:?}", cluster.nodes), format!("{:?}", copy.nodes));
    let patch = Patch::Listen {
        netns: NetnsId(1),
        protocol: 6,
        port: 1,
    };
    let copy = cluster.with(&[patch]);
    let changed: Vec<usize> = (0..41)
        .filter(|i| !Arc::ptr_eq(&cluster.netns[*i], &copy.netns[*i]))
        .collect();
    assert_eq!(changed, [1]);
    assert!(Arc::ptr_eq(&cluster.netns[1].netfilter, &copy.netns[1].netfilter));
}

fn forwarding(ns: &Netns) -> Vec<bool> {
    ns.links
        .as_ref()
        .unwrap()
        .iter()
        .map(|l| l.conf.forwarding.unwrap())
        .collect()
}

#[test]
fn ip_forward_off() {
    let broken = Cluster::build(recording!("ip-forward-off-n1"));
    let healthy = Cluster::build(recording!("healthy"));
    assert!(forwarding(host(&broken, "k8s-n1")).iter().all(|on| !on));
    assert!(forwarding(host(&broken, "k8s-n2")).iter().all(|on| *on));
    let write = |c: &Cluster, value: &str| {
        let netns = host(c, "k8s-n1").id;
        c.with(&[Patch::Sysctl {
            netns,
            key: "net.ipv4.ip_forward".into(),
            value: value.into(),
        }])
    };
    assert!(forwarding(host(&write(&broken, "1"), "k8s-n1")).iter().all(|on| *on));
    let off = write(&healthy, "0");
    let (a, b) = (host(&off, "k8s-n1"), host(&broken, "k8s-n1"));
    let conf = |ns: &Netns| -> Vec<(String, String)> {
        let values = ns.sysctl.as_ref().unwrap().values.iter();
        let relevant =
            |k: &str| k.starts_with("net.ipv4.conf.all") || k.ends_with(".forwarding") || k.ends_with("ip_forward");
        values
            .filter(|(k, _)| relevant(k))
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .collect()
    };
    assert_eq!(conf(a), conf(b), "the patch does what the kernel did");
}

#[test]
fn bridge_nf_off() {
    let cluster = Cluster::build(recording!("bridge-nf-off-n1"));
    let called = |node: &str| {
        let ns = host(&cluster, node);
        ns.bridge_nf_call_iptables(ns.links.as_ref().unwrap().named("cni0").unwrap().index, Family::Inet)
    };
    assert_eq!((called("k8s-n1"), called("k8s-n2")), (Ok(false), Ok(true)));
}

#[test]
fn routes_and_neighbours() {
    let to = |c: &Cluster, ns: &Netns, addr: [u8; 4]| {
        let fib = ns.fib.as_ref().unwrap();
        let route = fib.tables[&254].matching(addr.into()).next().map(|r| r.dst);
        assert!(c.netns.len() > 3);
        route.map(|d| d.prefix_len())
    };
    let healthy = Cluster::build(recording!("healthy"));
    assert_eq!(to(&healthy, host(&healthy, "k8s-n1"), [10, 244, 2, 5]), Some(24));
    let broken = Cluster::build(recording!("route-missing-n1-to-n2"));
    assert_eq!(to(&broken, host(&broken, "k8s-n1"), [10, 244, 2, 5]), Some(0));
    let broken = Cluster::build(recording!("pod-no-default-route"));
    let without: Vec<String> = broken
        .netns
        .iter()
        .filter(|n| to(&broken, n, [8, 8, 8, 8]).is_none())
        .map(|n| n.kind.to_string())
        .collect();
    assert!(
        without.len() == 2 && without[0].starts_with("pod/shop/client-"),
        "{without:?}"
    );
    let broken = Cluster::build(recording!("vtep-mac-wrong-n1"));
    let ns = host(&broken, "k8s-n1");
    let flannel = ns.links.as_ref().unwrap().named("flannel.1").unwrap().index;
    let vtep = host(&broken, "k8s-n2")
        .links
        .as_ref()
        .unwrap()
        .named("flannel.1")
        .unwrap();
    let entry = &ns.neigh.as_ref().unwrap().entries[&(flannel, vtep.addrs[0].addr)];
    assert_ne!(entry.lladdr, Some(vtep.mac));
}

/// Native tables with their base chains, and how many rules they have.
fn native(ns: &Netns) -> Vec<(String, usize, usize)> {
    let tables = ns.netfilter.native.iter();
    tables
        .map(|t| {
            let bases = t.chains.iter().filter(|c| c.base.is_some()).count();
            let rules = t.chains.iter().map(|c| c.rules.len()).sum();
            (t.name.to_string(), bases, rules)
        })
        .collect()
}

#[test]
fn native_tables() {
    let cluster = Cluster::build(recording!("nft-extra-table-drop-n2"));
    let gaps = cluster.gaps.iter().filter(|(_, gap)| gap.path.ends_with("nft.json"));
    assert_eq!(gaps.count(), 0);
    assert_eq!(native(host(&cluster, "k8s-n1")), []);
    let ns = host(&cluster, "k8s-n2");
    assert_eq!((unknown(ns), native(ns)), (vec![], vec![("hostfw".to_owned(), 1, 1)]));
    let table = &ns.netfilter.native[0];
    let rule = &table.chains[0].rules[0];
    let (place, text) = table.place_and_text(&cluster, rule);
    assert!(place.starts_with("nodes/k8s-n2/host/nft.json:1:"), "{place}");
    assert_eq!(text, "tcp dport 8080 drop");
    let open = cluster.with(&[Patch::NftRuleDel {
        netns: ns.id,
        family: table.family,
        table: "hostfw".to_owned(),
        chain: "hostforward".to_owned(),
        handle: rule.handle,
    }]);
    assert_eq!(native(host(&open, "k8s-n2")), [("hostfw".to_owned(), 1, 0)]);
    let cluster = Cluster::build(recording!("kubeproxy-1.36.2-nftables"));
    let ns = host(&cluster, "k8s-n3");
    assert_eq!(unknown(ns), []);
    let gaps: Vec<&str> = cluster.gaps.iter().map(|(_, gap)| gap.why.as_str()).collect();
    assert!(!gaps.iter().any(|why| why.contains("table ip kube-proxy")), "{gaps:?}");
    // One of each family.
    let found = native(ns);
    assert!(
        found
            .iter()
            .all(|(name, bases, _)| (name.as_str(), *bases) == ("kube-proxy", 8))
    );
    let rules: Vec<usize> = found.iter().map(|(.., rules)| *rules).collect();
    assert!(matches!(rules[..], [a, b] if a > 100 && b > 20), "{rules:?}");
    assert_eq!(ns.netfilter.inet.conntrack, Some(Ok(())));
    assert_eq!(ns.netfilter.inet6.conntrack, Some(Ok(())));
}

#[test]
fn legacy_backend() {
    let cluster = Cluster::build(recording!("kubeproxy-1.36.2-iptables-legacy"));
    wired(&cluster);
    assert_eq!(odd_rules(&cluster), Vec::<String>::new());
    let ns = host(&cluster, "k8s-n1");
    assert!(ns.netfilter.tables.iter().all(|t| t.backend == Backend::Legacy));
    assert_eq!(hook(ns, Hook::LocalIn).len(), 3);
    assert_eq!(
        ns.member_of(&ns.netfilter.tables[0]),
        "nodes/k8s-n1/host/iptables-legacy-save"
    );
}

#[test]
fn nodes_on_an_assumed_segment() {
    let cluster = Cluster::build(recording!("cni-flannel-vxlan"));
    assert_eq!(odd_rules(&cluster), Vec::<String>::new());
    let [segment] = cluster.segments.as_slice() else {
        panic!("{:?}", cluster.segments)
    };
    assert_eq!(segment.subnet, "172.31.0.0/24".parse().unwrap());
    assert_eq!(segment.ports.len(), 4);
    for (ns, index) in &segment.ports {
        let link = cluster.ns(*ns).links.as_ref().unwrap().get(*index).unwrap();
        assert!(matches!(
            link.kind,
            LinkKind::Veth {
                peer: None,
                segment: Some(_)
            }
        ));
    }
    assert!(
        cluster
            .node("r-n1")
            .unwrap()
            .files
            .as_ref()
            .unwrap()
            .contains_key("/run/flannel/subnet.env")
    );
}

/// Members of one namespace, one by one, missing or cut or nonsense: the model stands, and says so.
#[test]
fn damaged_members() {
    let whole = recording!("healthy");
    let dir = "nodes/k8s-n1/host/";
    let members: Vec<(String, Vec<u8>)> = whole
        .under(dir)
        .map(|(path, blob)| (path.to_owned(), blob.bytes().to_vec()))
        .collect();
    let known = Cluster::build(whole.clone()).gaps;
    for (path, bytes) in &members {
        let file = path.strip_prefix(dir).unwrap();
        let part = bytes.get(..bytes.len() * 3 / 5).unwrap_or_default().to_vec();
        for damaged in [None, Some(part), Some(b"{[\xff".to_vec()), Some(b"nonsense\n".to_vec())] {
            let mut snapshot = whole.clone();
            snapshot.remove(path);
            let text = damaged.is_some();
            if let Some(bytes) = damaged {
                snapshot.insert(path.clone(), bytes);
            }
            let cluster = Cluster::build(snapshot);
            let used = [
                "link.json",
                "addr.json",
                "route.json",
                "rule.json",
                "neigh.json",
                "fdb.json",
                "sockets.txt",
            ];
            let ns = host(&cluster, "k8s-n1");
            if used.contains(&file) || ["sysctl.txt", "iptables-save", "nft.json"].contains(&file) && text {
                let new = |gap: &Gap| gap.path.starts_with(path.as_str()) && known.iter().all(|(_, old)| old != gap);
                assert!(
                    cluster.gaps.iter().any(|(_, gap)| new(gap)) || bytes.is_empty(),
                    "{file}"
                );
            }
            match file {
                "route.json" => assert!(ns.fib.is_err()),
                "iptables-save" if text => assert!(!unknown(ns).is_empty()),
                "iptables-legacy-save" if !text => assert_eq!(unknown(ns).len(), 5),
                "nft.json" if !text => assert_eq!(unknown(ns).len(), 5),
                _ => {}
            }
        }
    }
}
