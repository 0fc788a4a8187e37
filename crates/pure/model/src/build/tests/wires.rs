//! Peers of veths, and assumed segments.

use super::cluster;
use crate::link::LinkKind;
use crate::{Cluster, NetnsId};

/// A veth in the form of `link.json`.
fn veth(index: u32, far: u32, mac: u8, master: &str) -> String {
    format!(
        r#"{{"ifindex":{index},"ifname":"v{index}","link_index":{far},"link_netnsid":0,"flags":["UP"],"mtu":1500,
        "link_type":"ether","address":"02:00:00:00:00:{mac:02x}"{master},"linkinfo":{{"info_kind":"veth"}}}}"#
    )
}

fn card(index: u32, name: &str) -> String {
    format!(
        r#"{{"ifindex":{index},"ifname":"{name}","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:01:01"}}"#
    )
}

fn build(namespaces: &[(&str, &[String])], more: &[(&str, &str)]) -> Cluster {
    let texts: Vec<(String, String)> = namespaces
        .iter()
        .flat_map(|(dir, links)| {
            let text = format!("[{}]", links.join(","));
            [
                (format!("{dir}/link.json"), text.clone()),
                (format!("{dir}/addr.json"), text),
            ]
        })
        .collect();
    let mut members: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    members.extend(more);
    cluster(&members)
}

fn peer(c: &Cluster, dir: &str, index: u32) -> Option<(String, u32)> {
    let ns = c.netns.iter().find(|n| n.dir == dir).unwrap();
    match ns.links.as_ref().unwrap().get(index).unwrap().kind {
        LinkKind::Veth { peer, .. } => peer.map(|(ns, index): (NetnsId, u32)| (c.ns(ns).dir.clone(), index)),
        _ => None,
    }
}

#[test]
fn both_indexes_must_agree() {
    let c = build(
        &[
            ("nodes/n1/host", &[veth(10, 2, 1, ""), veth(11, 2, 2, "")]),
            ("nodes/n1/pods/a_b", &[veth(2, 10, 3, "")]),
            ("nodes/n2/pods/a_c", &[veth(2, 11, 4, "")]),
        ],
        &[],
    );
    assert_eq!(peer(&c, "nodes/n1/host", 10), Some(("nodes/n1/pods/a_b".into(), 2)));
    assert_eq!(peer(&c, "nodes/n1/pods/a_b", 2), Some(("nodes/n1/host".into(), 10)));
    assert_eq!(
        (peer(&c, "nodes/n1/host", 11), peer(&c, "nodes/n2/pods/a_c", 2)),
        (None, None),
        "another node's pod"
    );
}

#[test]
fn macs_decide_between_candidates() {
    let fdb = r#"[{"mac":"02:00:00:00:00:05","ifname":"v3","master":"br0","state":"","flags":[]}]"#;
    let bridge = r#"{"ifindex":9,"ifname":"br0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:09","linkinfo":{"info_kind":"bridge"}}"#;
    let port = |index| veth(index, 2, 0x20 + index as u8, r#","master":"br0""#);
    let namespaces: &[(&str, &[String])] = &[
        ("nodes/n1/host", &[veth(2, 3, 4, "")]),
        ("nodes/n2/host", &[veth(2, 3, 5, "")]),
        ("outside/sw", &[bridge.to_owned(), port(3)]),
    ];
    let c = build(namespaces, &[]);
    assert_eq!(
        peer(&c, "outside/sw", 3),
        None,
        "two claim it, and nothing tells them apart"
    );
    let c = build(namespaces, &[("outside/sw/fdb.json", fdb)]);
    assert_eq!(peer(&c, "outside/sw", 3), Some(("nodes/n2/host".into(), 2)));
    assert_eq!(peer(&c, "nodes/n1/host", 2), None);
}

#[test]
fn a_refuted_pair_is_none() {
    // The node's port leads to a pod that is not in the bundle; a client has the same numbers by chance.
    let fdb = r#"[{"mac":"0a:00:00:00:00:01","ifname":"v10","master":"br0","state":"","flags":[]}]"#;
    let bridge = r#"{"ifindex":9,"ifname":"br0","flags":["UP"],"mtu":1500,"link_type":"ether","address":"02:00:00:00:00:09","linkinfo":{"info_kind":"bridge"}}"#;
    let c = build(
        &[
            (
                "nodes/n1/host",
                &[bridge.to_owned(), veth(10, 2, 1, r#","master":"br0""#)],
            ),
            ("outside/client", &[veth(2, 10, 7, "")]),
        ],
        &[("nodes/n1/host/fdb.json", fdb)],
    );
    assert_eq!(
        (peer(&c, "nodes/n1/host", 10), peer(&c, "outside/client", 2)),
        (None, None)
    );
}

#[test]
fn both_ends_in_one_namespace() {
    let end = |index, far: &str| {
        format!(
            r#"{{"ifindex":{index},"ifname":"v{index}","link":"{far}","flags":["UP"],"mtu":1500,"link_type":"ether",
            "address":"02:00:00:00:00:0{index}","linkinfo":{{"info_kind":"veth"}}}}"#
        )
    };
    let c = build(&[("nodes/n1/host", &[end(4, "v5"), end(5, "v4")])], &[]);
    assert_eq!(peer(&c, "nodes/n1/host", 4), Some(("nodes/n1/host".into(), 5)));
    assert_eq!(peer(&c, "nodes/n1/host", 5), Some(("nodes/n1/host".into(), 4)));
}

#[test]
fn segments_by_subnet() {
    let addr = |ip: &str| {
        format!(
            r#"[{{"ifindex":2,"ifname":"eth0","addr_info":[{{"family":"inet","local":"{ip}","prefixlen":24,"scope":"global"}}]}}]"#
        )
    };
    let link = format!("[{}]", card(2, "eth0"));
    let texts: Vec<(String, String)> = ["192.168.1.1", "192.168.1.2", "192.168.2.1"]
        .iter()
        .enumerate()
        .flat_map(|(i, ip)| {
            [
                (format!("nodes/n{i}/host/link.json"), link.clone()),
                (format!("nodes/n{i}/host/addr.json"), addr(ip)),
            ]
        })
        .collect();
    let members: Vec<(&str, &str)> = texts
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let c = cluster(&members);
    let ports: Vec<(String, usize)> = c
        .segments
        .iter()
        .map(|s| (s.subnet.to_string(), s.ports.len()))
        .collect();
    assert_eq!(
        ports,
        [("192.168.1.0/24".to_owned(), 2), ("192.168.2.0/24".to_owned(), 1)]
    );
    let kind = &c.netns[2].links.as_ref().unwrap().get(2).unwrap().kind;
    assert!(matches!(kind, LinkKind::Device { segment: Some(id) } if id.0 == 1));
}
