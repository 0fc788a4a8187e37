//! Links, neighbours, forwarding tables.

use super::{alone, only};
use crate::family::bits;
use crate::link::{BridgePort, LinkKind, PortState};
use crate::neigh::NudState;
use netwhy_wire::Mac;
use std::net::IpAddr;

const LINK: &str = r#"[
 {"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"link_type":"loopback","address":"00:00:00:00:00:00"},
 {"ifindex":2,"ifname":"br0","flags":["UP","LOWER_UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:02",
  "linkinfo":{"info_kind":"bridge","info_data":{"nf_call_iptables":1,"vlan_filtering":0}}},
 {"ifindex":3,"ifname":"p1","link_index":9,"link_netnsid":0,"flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:03",
  "master":"br0","linkinfo":{"info_kind":"veth","info_slave_kind":"bridge",
  "info_slave_data":{"state":"blocking","hairpin":true,"isolated":true,"learning":false,"flood":false}}},
 {"ifindex":4,"ifname":"p2","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:04","master":"br0",
  "linkinfo":{"info_kind":"veth","info_slave_kind":"bridge"}},
 {"ifindex":5,"ifname":"tunl0","flags":["NOARP"],"mtu":1480,"link_type":"ipip","address":"0.0.0.0","linkinfo":{"info_kind":"ipip"}},
 {"ifindex":6,"ifname":"eth0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:06","xdp":{"mode":1}},
 {"ifindex":7,"ifname":"bond0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:07","linkinfo":{"info_kind":"bond"}},
 {"ifindex":8,"ifname":"what","link_index":3,"flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:08"}
]"#;
const ADDR: &str = r#"[{"ifindex":2,"ifname":"br0","addr_info":[
  {"family":"inet","local":"10.0.0.1","prefixlen":24,"scope":"global"},
  {"family":"inet","local":"10.0.0.2","prefixlen":24,"scope":"link","secondary":true},
  {"family":"inet6","local":"fe80::1","prefixlen":64,"scope":"link"}]},{}]"#;

#[test]
fn kinds_and_ports() {
    let c = alone(&[("link.json", LINK), ("addr.json", ADDR)]);
    let links = only(&c).links.as_ref().unwrap();
    let kind = |name: &str| &links.named(name).unwrap().kind;
    assert_eq!(kind("lo"), &LinkKind::Loopback);
    assert_eq!(
        kind("br0"),
        &LinkKind::Bridge {
            nf_call_iptables: true,
            nf_call_ip6tables: false,
            vlan_filtering: false
        }
    );
    assert_eq!(kind("bond0"), &LinkKind::Device { segment: None });
    for name in ["tunl0", "what"] {
        let LinkKind::Other(gap) = kind(name) else {
            panic!("{name}")
        };
        assert!(c.gaps.get(*gap).why.contains(name));
    }
    let set = BridgePort {
        state: PortState::Closed,
        hairpin: true,
        isolated: true,
        learning: false,
        flood: false,
        mcast_flood: true,
        bcast_flood: true,
        proxy_arp: false,
        neigh_suppress: false,
    };
    assert_eq!(links.get(3).unwrap().port, Some(set));
    let default = BridgePort {
        state: PortState::Forwarding,
        hairpin: false,
        isolated: false,
        learning: true,
        flood: true,
        mcast_flood: true,
        bcast_flood: true,
        proxy_arp: false,
        neigh_suppress: false,
    };
    assert_eq!(
        (links.get(4).unwrap().port.as_ref(), links.get(4).unwrap().master),
        (Some(&default), Some(2))
    );
    assert!(links.get(6).unwrap().program.is_some() && links.get(7).unwrap().program.is_none());
    let addrs: Vec<_> = links
        .get(2)
        .unwrap()
        .addrs
        .iter()
        .map(|a| (bits(a.addr) >> 96 & 0xff, a.scope, a.secondary))
        .collect();
    assert_eq!(addrs, [(1, 0, false), (2, 253, true)]);
    assert_eq!(links.holding(IpAddr::from([10, 0, 0, 2])).unwrap().index, 2);
}

#[test]
fn bridge_link_decides_over_slave_data() {
    let ports = r#"[{"ifindex":3,"link":"eth0","ifname":"p1","master":"br0","state":"forwarding","hairpin":false}]"#;
    let c = alone(&[("link.json", LINK), ("addr.json", ADDR), ("bridge-link.json", ports)]);
    let port = only(&c).links.as_ref().unwrap().get(3).unwrap().port.clone().unwrap();
    assert_eq!(
        (port.state, port.hairpin, port.isolated),
        (PortState::Forwarding, false, true)
    );
}

#[test]
fn one_of_the_two_members() {
    let c = alone(&[("addr.json", LINK)]);
    assert_eq!(
        only(&c).links.as_ref().unwrap().iter().count(),
        8,
        "addr.json has the attributes too"
    );
    let c = alone(&[("link.json", LINK)]);
    let gap = *only(&c).links.as_ref().unwrap_err();
    assert_eq!(
        c.gaps.get(gap).path,
        "outside/a/addr.json",
        "links without addresses would be a false fact"
    );
    let cut = LINK.get(..900).unwrap();
    let c = alone(&[("link.json", cut), ("addr.json", LINK)]);
    assert_eq!(only(&c).links.as_ref().unwrap().iter().count(), 8);
    assert!(c.gaps.iter().any(|(_, g)| g.path.starts_with("outside/a/link.json")));
    let c = alone(&[("link.json", cut), ("addr.json", cut)]);
    assert!(only(&c).links.is_err());
}

#[test]
fn neighbours() {
    let neigh = r#"[{"dst":"10.0.0.9","dev":"br0","lladdr":"02:00:00:00:00:09","state":["STALE"]},
      {"dst":"10.0.0.8","dev":"br0","state":["FAILED"]},{"dst":"10.0.0.7","dev":"br0","lladdr":"02:00:00:00:00:07","state":["PERMANENT"]},
      {"dst":"10.0.0.6","dev":"br0","lladdr":"02:00:00:00:00:06","state":["NOARP"]},
      {"dst":"fe80::1","dev":"br0","lladdr":"02:00:00:00:00:05","state":["REACHABLE"]},
      {"dst":"10.0.0.5","dev":"br0","proxy":null}]"#;
    let c = alone(&[("link.json", LINK), ("addr.json", ADDR), ("neigh.json", neigh)]);
    let neigh = only(&c).neigh.as_ref().unwrap();
    let state = |last| neigh.entries.get(&(2, IpAddr::from([10, 0, 0, last]))).map(|n| n.state);
    assert_eq!((state(9), state(8)), (Some(NudState::Valid), Some(NudState::Failed)));
    assert_eq!((state(7), state(6)), (Some(NudState::Permanent), Some(NudState::Noarp)));
    assert_eq!(
        (neigh.entries.len(), neigh.proxy.as_slice()),
        (5, &[(2, IpAddr::from([10, 0, 0, 5]))][..])
    );
}

#[test]
fn forwarding_tables() {
    let vxlan = LINK.replace(
        r#""linkinfo":{"info_kind":"ipip"}"#,
        r#""linkinfo":{"info_kind":"vxlan","info_data":{"id":7,"port":4789,"local":"10.0.0.1","link":"eth0"}}"#,
    );
    let fdb = r#"[{"mac":"33:33:00:00:00:01","ifname":"p1","flags":["self"],"state":"permanent"},
      {"mac":"02:00:00:00:00:03","ifname":"p1","flags":[],"master":"br0","state":"permanent"},
      {"mac":"02:00:00:00:00:03","ifname":"p1","vlan":1,"flags":[],"master":"br0","state":"permanent"},
      {"mac":"02:00:00:00:00:02","ifname":"br0","flags":[],"master":"br0","state":"permanent"},
      {"mac":"0a:00:00:00:00:01","ifname":"p1","flags":[],"master":"br0","state":""},
      {"mac":"0a:00:00:00:00:02","ifname":"p2","flags":["self"],"state":""},
      {"mac":"0a:00:00:00:00:03","ifname":"tunl0","dst":"10.9.9.9","flags":["self"],"state":"permanent"},
      {"mac":"00:00:00:00:00:00","ifname":"tunl0","dst":"10.9.9.8","port":4790,"vni":8,"flags":["self"],"state":"permanent"},
      {"mac":"00:00:00:00:00:00","ifname":"tunl0","dst":"fd00::1","flags":["self"],"state":"permanent"}]"#;
    let c = alone(&[("link.json", &vxlan), ("addr.json", ADDR), ("fdb.json", fdb)]);
    let fdb = only(&c).fdb.as_ref().unwrap();
    let port = |mac: &str| fdb.bridge.get(&(2, mac.parse().unwrap())).copied();
    assert_eq!(
        (port("02:00:00:00:00:03"), port("02:00:00:00:00:02")),
        (Some(2), Some(2)),
        "passed up"
    );
    assert_eq!((port("0a:00:00:00:00:01"), port("0a:00:00:00:00:02")), (Some(3), None));
    assert_eq!(fdb.bridge.len(), 3);
    let flood = &fdb.vxlan[&(5, Mac::ZERO)];
    assert_eq!(
        (flood.len(), flood[0].port, flood[0].vni, flood[1].addr),
        (2, Some(4790), Some(8), Some("fd00::1".parse().unwrap()))
    );
    assert_eq!(fdb.vxlan.len(), 2);
}
