//! Patches, and that an empty list of them changes nothing.

use crate::family::Family;
use crate::fib::{NextHop, Route, RouteKind};
use crate::link::LinkKind;
use crate::netfilter::{Backend, TableName, Target};
use crate::{Cluster, NetnsId, Patch};
use netwhy_snapshot::{Meta, Snapshot};
use std::net::IpAddr;

const LINK: &str = r#"[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"link_type":"loopback"},
  {"ifindex":2,"ifname":"eth0","flags":["UP","LOWER_UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:01"},
  {"ifindex":3,"ifname":"vx.1","flags":["UP","LOWER_UP"],"mtu":1450,"link_type":"ether","address":"02:00:00:00:00:02",
   "linkinfo":{"info_kind":"vxlan","info_data":{"id":1,"local":"192.168.0.1","link":"eth0","port":8472,"learning":false}}}]"#;
const ADDR: &str = r#"[{"ifindex":2,"ifname":"eth0","addr_info":[{"family":"inet","local":"192.168.0.1","prefixlen":24,"scope":"global"}]},
  {"ifindex":3,"ifname":"vx.1","addr_info":[{"family":"inet","local":"10.1.0.1","prefixlen":24,"scope":"global"}]}]"#;
const ROUTE: &str = r#"[{"type":"unicast","dst":"default","gateway":"192.168.0.254","dev":"eth0","flags":[]},
  {"type":"unicast","dst":"10.1.0.0/24","dev":"vx.1","protocol":"kernel","scope":"link","prefsrc":"10.1.0.1","flags":[]},
  {"type":"local","dst":"10.1.0.1","dev":"vx.1","table":"local","protocol":"kernel","scope":"host","prefsrc":"10.1.0.1","flags":[]}]"#;
const SYSCTL: &str = "net.core.somaxconn = 4096\nnet.ipv4.tcp_syn_retries = 6\nnet.ipv4.ip_forward = 1\nnet.ipv4.conf.all.forwarding = 1\n\
  net.ipv4.conf.all.accept_redirects = 0\nnet.ipv4.conf.default.forwarding = 1\nnet.ipv4.conf.eth0.forwarding = 1\n\
  net.ipv4.conf.vx/1.forwarding = 0\nnet.ipv4.conf.all.rp_filter = 0\nnet.ipv4.conf.eth0.rp_filter = 1\n";
const SAVE: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 10.9.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.9:8080\n\
  COMMIT\n*filter\n:FORWARD DROP [0:0]\n-A FORWARD -j ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n";
const FDB: &str =
    r#"[{"mac":"02:00:00:00:00:09","ifname":"vx.1","dst":"192.168.0.2","flags":["self"],"state":"permanent"}]"#;
const NEIGH: &str = r#"[{"dst":"10.1.0.9","dev":"vx.1","lladdr":"02:00:00:00:00:09","state":["PERMANENT"]}]"#;

const A: NetnsId = NetnsId(0);

fn cluster() -> Cluster {
    let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
    let members = [
        ("link.json", LINK),
        ("addr.json", ADDR),
        ("route.json", ROUTE),
        ("sysctl.txt", SYSCTL),
        ("iptables-save", SAVE),
        ("iptables-legacy-save", ""),
        ("nft.json", ""),
        ("fdb.json", FDB),
        ("neigh.json", NEIGH),
        ("sockets.txt", "udp UNCONN 0 0 0.0.0.0:8472 0.0.0.0:*\n"),
    ];
    for (file, text) in members {
        snapshot.insert(format!("outside/a/{file}"), text);
    }
    Cluster::build(snapshot)
}

fn set(key: &str, value: &str) -> Patch {
    Patch::Sysctl {
        netns: A,
        key: key.into(),
        value: value.into(),
    }
}

fn forwarding(c: &Cluster) -> Vec<Option<bool>> {
    c.ns(A)
        .links
        .as_ref()
        .unwrap()
        .iter()
        .map(|l| l.conf.forwarding.ok())
        .collect()
}

#[test]
fn ip_forward_writes_every_link_if_it_changes() {
    let c = cluster();
    assert_eq!(forwarding(&c), [None, Some(true), Some(false)]);
    let same = c.with(&[set("net.ipv4.ip_forward", "1")]);
    assert_eq!(forwarding(&same), forwarding(&c), "the value stays, so nothing happens");
    let off = c.with(&[set("net.ipv4.ip_forward", "0")]);
    assert_eq!(forwarding(&off), [Some(false), Some(false), Some(false)]);
    let sysctl = off.ns(A).sysctl.as_ref().unwrap();
    assert_eq!(sysctl.get("net.ipv4.conf.all.accept_redirects"), Some("1"));
    assert_eq!(sysctl.get("net.ipv4.conf.default.forwarding"), Some("0"));
    assert_eq!(sysctl.get("net.ipv4.conf.all.forwarding"), Some("0"));
    assert_eq!(off.ns(A).links.as_ref().unwrap().all.forwarding, Ok(false));
    let on = off.with(&[set("net.ipv4.conf.all.forwarding", "1")]);
    assert_eq!(
        forwarding(&on),
        [Some(true), Some(true), Some(true)],
        "the link's own value is lost"
    );
    assert_eq!(on.ns(A).sysctl_flag("net.ipv4.ip_forward"), Ok(true));
}

#[test]
fn other_sysctls() {
    let c = cluster();
    assert_eq!(
        c.ns(A).sysctl_flag("net.bridge.bridge-nf-call-iptables"),
        Ok(false),
        "no such module"
    );
    let c = c.with(&[
        set("net.ipv4.conf.all.rp_filter", "2"),
        set("net.bridge.bridge-nf-call-iptables", "1"),
    ]);
    assert_eq!(c.ns(A).links.as_ref().unwrap().get(2).unwrap().conf.rp_filter, Ok(2));
    assert_eq!(c.ns(A).bridge_nf_call_iptables(7, Family::Inet), Ok(true));
}

#[test]
fn routes() {
    let c = cluster();
    let hop = NextHop {
        gateway: None,
        dev: "vx.1".into(),
        ifindex: 0,
        weight: 1,
        dead: false,
        onlink: true,
    };
    let route = Route {
        dst: "10.2.0.0/16".parse().unwrap(),
        src: None,
        tos: 0,
        kind: RouteKind::Unicast,
        metric: 0,
        scope: 0,
        protocol: "static".into(),
        prefsrc: None,
        mtu: None,
        advmss: None,
        nexthops: vec![hop],
        unsupported: None,
    };
    let to = |c: &Cluster| {
        let fib = c.ns(A).fib.as_ref().unwrap();
        fib.tables[&254]
            .matching(IpAddr::from([10, 2, 3, 4]))
            .next()
            .map(|r| (r.dst.prefix_len(), r.nexthops[0].ifindex))
    };
    assert_eq!(to(&c), Some((0, 2)));
    let added = c.with(&[Patch::RouteAdd {
        netns: A,
        table: 254,
        route: route.clone(),
    }]);
    assert_eq!(to(&added), Some((16, 3)));
    let again = added.with(&[Patch::RouteAdd {
        netns: A,
        table: 254,
        route,
    }]);
    assert_eq!(again.ns(A).fib.as_ref().unwrap().tables[&254].routes.len(), 3);
    let del = Patch::RouteDel {
        netns: A,
        table: 254,
        dst: "10.2.0.0/16".parse().unwrap(),
        metric: 0,
    };
    assert_eq!(to(&added.with(&[del])), Some((0, 2)));
}

#[test]
fn rules() {
    let c = cluster();
    let filter = |c: &Cluster| {
        let table = c
            .ns(A)
            .netfilter
            .tables
            .iter()
            .find(|t| t.name == TableName::Filter)
            .unwrap();
        let rules = table.chains[0]
            .rules
            .iter()
            .map(|r| r.target.clone())
            .collect::<Vec<_>>();
        (table.chains[0].policy, rules)
    };
    assert_eq!(filter(&c), (Some(false), vec![Target::Accept, Target::Drop]));
    let family = Family::Inet;
    let place = |number| (A, Backend::Nft, TableName::Filter, "FORWARD".to_owned(), number);
    let (netns, backend, table, chain, number) = place(0);
    let less = c.with(&[Patch::RuleDel {
        netns,
        family,
        backend,
        table,
        chain,
        number,
    }]);
    assert_eq!(filter(&less).1, [Target::Drop]);
    let rule = Box::new(c.ns(A).netfilter.tables[1].chains[0].rules[0].clone());
    let (netns, backend, table, chain, number) = place(9);
    let more = less.with(&[Patch::RuleInsert {
        netns,
        family,
        backend,
        table,
        chain,
        number,
        rule,
    }]);
    assert_eq!(filter(&more).1, [Target::Drop, Target::Accept]);
    let (netns, backend, table, chain, _) = place(0);
    let open = c.with(&[Patch::Policy {
        netns,
        family,
        backend,
        table,
        chain,
        accept: true,
    }]);
    assert_eq!(filter(&open).0, Some(true));
    assert_eq!(filter(&c).0, Some(false), "the original stays");
    let nat = Patch::RuleDel {
        netns: A,
        family,
        backend: Backend::Nft,
        table: TableName::Nat,
        chain: "PREROUTING".into(),
        number: 0,
    };
    assert_eq!(
        (
            c.ns(A).netfilter.inet.conntrack,
            c.with(&[nat]).ns(A).netfilter.inet.conntrack
        ),
        (Some(Ok(())), None)
    );
}

#[test]
fn retarget_listen_neighbour_fdb() {
    let c = cluster();
    let (old, new) = (IpAddr::from([10, 1, 0, 9]), IpAddr::from([10, 1, 0, 10]));
    let mac = "02:00:00:00:00:0a".parse().unwrap();
    let c = c.with(&[
        Patch::DnatRetarget {
            netns: A,
            from: (old, 8080),
            to: (new, 8081),
        },
        Patch::Listen {
            netns: A,
            protocol: 6,
            port: 80,
        },
        Patch::NeighSet {
            netns: A,
            link: 3,
            addr: new,
            lladdr: mac,
        },
        Patch::VxlanFdbSet {
            netns: A,
            link: 3,
            mac,
            addr: IpAddr::from([192, 168, 0, 3]),
        },
    ]);
    let ns = c.ns(A);
    let Target::Dnat(range) = &ns.netfilter.tables[0].chains[0].rules[0].target else {
        panic!()
    };
    assert_eq!((range.addrs, range.ports), (Some((new, new)), Some((8081, 8081))));
    assert_eq!(ns.sockets.as_ref().unwrap().list.last().unwrap().port, 80);
    assert_eq!(ns.neigh.as_ref().unwrap().entries[&(3, new)].lladdr, Some(mac));
    assert_eq!(
        ns.fdb.as_ref().unwrap().vxlan[&(3, mac)][0].addr,
        Some(IpAddr::from([192, 168, 0, 3]))
    );
}

#[test]
fn a_link_goes_down_and_up() {
    let c = cluster();
    let mut link = c.ns(A).links.as_ref().unwrap().get(3).unwrap().clone();
    assert!(matches!(link.kind, LinkKind::Vxlan(ref v) if v.port == 8472 && v.lower == Some(2)));
    link.up = false;
    let down = c.with(&[Patch::Link {
        netns: A,
        link: Box::new(link.clone()),
    }]);
    let ns = down.ns(A);
    let routes = |ns: &crate::Netns, table| ns.fib.as_ref().unwrap().tables[&table].routes.len();
    assert_eq!(
        (routes(ns, 254), routes(ns, 255)),
        (1, 1),
        "the connected route goes, the local one stays"
    );
    assert!(ns.neigh.as_ref().unwrap().entries.is_empty() && ns.sockets.as_ref().unwrap().list.is_empty());
    link.up = true;
    let up = down.with(&[Patch::Link {
        netns: A,
        link: Box::new(link),
    }]);
    let ns = up.ns(A);
    assert_eq!(
        (routes(ns, 254), routes(ns, 255)),
        (2, 2),
        "connected, local and broadcast"
    );
    assert_eq!(ns.sockets.as_ref().unwrap().list.len(), 1);
    assert!(
        ns.neigh.as_ref().unwrap().entries.is_empty(),
        "nobody brings the neighbours back"
    );
}

#[test]
fn what_was_not_read_stays_unknown() {
    let mut snapshot = Snapshot::new(Meta::new(Vec::new()));
    snapshot.insert("outside/a/resolv.conf", "");
    let c = Cluster::build(snapshot);
    let c = c.with(&[
        set("net.ipv4.ip_forward", "1"),
        Patch::Listen {
            netns: A,
            protocol: 6,
            port: 80,
        },
    ]);
    assert!(c.ns(A).sysctl.is_err() && c.ns(A).sockets.is_err() && c.ns(A).fib.is_err());
    let nowhere = Patch::Listen {
        netns: NetnsId(9),
        protocol: 6,
        port: 80,
    };
    assert_eq!(c.with(&[nowhere]).netns.len(), 1);
}
