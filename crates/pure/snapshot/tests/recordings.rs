//! Every member of every recording is read without a problem, and printed again as it was.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the test reads the recordings from files"
)]

use netwhy_snapshot::format::ip_json::{self, parse_list, print_list};
use netwhy_snapshot::format::kube_list::{self, Object};
use netwhy_snapshot::format::{conntrack, ipset_save, iptables_save, nft_json, snmp, ss, sysctl};
use netwhy_snapshot::{Limits, NetnsKind, Snapshot, allow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// The recordings that all crates share, and one of Calico (ipsets, tunnels, files) that only this test reads.
const FOLDERS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/recordings"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"),
];

fn recordings() -> impl Iterator<Item = (String, Snapshot)> {
    let folder = |folder: &str| std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = FOLDERS
        .into_iter()
        .flat_map(folder)
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.to_string_lossy().ends_with(".tar.zst"))
        .map(|path| {
            let snapshot = Snapshot::from_archive(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
            assert_eq!(snapshot.problems, [], "{path:?}");
            (path.file_name().unwrap().to_string_lossy().into_owned(), snapshot)
        })
}

/// Calls `check` once for every distinct content, with the member's name and a place to print.
fn members(mut check: impl FnMut(&str, &str, &str)) -> BTreeMap<String, u32> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for (recording, snapshot) in recordings() {
        let mut blobs = vec![false; snapshot.blobs()];
        for (path, blob) in snapshot.members() {
            let name = path.rsplit('/').next().unwrap();
            // The same content under another name is another text.
            if name != "route.json"
                && std::mem::replace(&mut blobs[blob.id().0 as usize], true)
                && blob.bytes().len() > 10
            {
                continue;
            }
            *seen.entry(name.to_owned()).or_default() += 1;
            check(name, blob.text().unwrap(), &format!("{recording}: {path}"));
        }
    }
    seen
}

#[test]
fn archives_there_and_back() {
    let mut count = 0;
    for (name, snapshot) in recordings() {
        let again = Snapshot::from_archive(&snapshot.to_archive().unwrap(), &Limits::default()).unwrap();
        let list = |snapshot: &Snapshot| {
            snapshot
                .members()
                .map(|(path, blob)| (path.to_owned(), blob.clone()))
                .collect::<Vec<_>>()
        };
        assert!(
            list(&snapshot) == list(&again) && snapshot.meta == again.meta && again.problems.is_empty(),
            "{name}"
        );
        let dirs = snapshot.netns_dirs();
        let hosts = dirs
            .iter()
            .filter(|dir| matches!(dir.kind, NetnsKind::Host { .. }))
            .count();
        assert_eq!(hosts, snapshot.meta.nodes.len(), "{name}");
        assert!(
            dirs.iter()
                .any(|dir| matches!(&dir.kind, NetnsKind::Pod { namespace, .. } if !namespace.is_empty()))
        );
        count += 1;
    }
    assert!(count >= 12, "{count} recordings");
}

#[test]
fn texts_there_and_back() {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let seen = members(|name, text, place| match name {
        "iptables-save" | "ip6tables-save" | "iptables-legacy-save" | "ip6tables-legacy-save" => {
            let save = iptables_save::parse(text);
            assert_eq!(save.problems, [], "{place}");
            assert!(save.view(text).print(true) == text, "{place}");
            assert!(save.tables.iter().all(|table| table.commit.is_some()), "{place}");
            let backend = (!text.is_empty()).then_some(match name.contains("legacy") {
                true => iptables_save::Backend::Legacy,
                false => iptables_save::Backend::Nft,
            });
            assert_eq!(save.backend, backend, "{place}");
        }
        "sysctl.txt" => {
            let sysctl = sysctl::parse(text);
            assert!(
                sysctl.problems.is_empty() && sysctl::print(&sysctl) == text,
                "{place}: {:?}",
                sysctl.problems
            );
            assert!(sysctl.number("net.ipv4.ip_forward").is_some(), "{place}");
        }
        "sockets.txt" | "sockets-all.txt" => {
            let (sockets, problems) = ss::parse(text);
            assert_eq!(problems, [], "{place}");
            assert_eq!(squeeze(&ss::print(&sockets)), squeeze(text), "{place}");
        }
        "conntrack.txt" => {
            let (entries, problems) = conntrack::parse(text);
            assert_eq!(problems, [], "{place}");
            assert!(conntrack::print(&entries) == text, "{place}");
        }
        "snmp.txt" => {
            let snmp = snmp::parse(text);
            assert!(snmp.problems.is_empty() && snmp::print(&snmp) == text, "{place}");
            assert!(snmp.get("IpInAddrErrors").is_some() && snmp.get("TcpExtListenDrops").is_some());
        }
        "ipset.save" => {
            let sets = ipset_save::parse(text);
            assert!(sets.problems.is_empty() && ipset_save::print(&sets) == text, "{place}");
        }
        "nft.json" => {
            let set = nft_json::parse(text);
            assert_eq!(set.problems, [], "{place}");
            let count = set.tables.len()
                + set.chains.len()
                + set.rules.len()
                + set.sets.len()
                + set.maps.len()
                + set.other.len();
            let all =
                serde_json::from_str::<Value>(text).map_or(0, |value| value["nftables"].as_array().unwrap().len() - 1);
            assert_eq!(count, all, "{place}");
        }
        _ => {}
    });
    for name in [
        "iptables-save",
        "iptables-legacy-save",
        "sysctl.txt",
        "sockets.txt",
        "conntrack.txt",
        "snmp.txt",
        "nft.json",
    ] {
        assert!(seen.get(name).is_some_and(|count| *count >= 3), "{name}: {seen:?}");
    }
}

/// What a slim view prints stands in the original: same keys, same values.
fn part_of(part: &Value, whole: &Value, at: &str) {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            for (key, value) in part {
                match whole.get(key) {
                    Some(original) => part_of(value, original, &format!("{at}.{key}")),
                    // An empty default is no invention.
                    None => assert!(is_empty(value), "{at}.{key}: {value}"),
                }
            }
        }
        (Value::Array(part), Value::Array(whole)) => {
            assert_eq!(part.len(), whole.len(), "{at}");
            part.iter()
                .zip(whole)
                .for_each(|(part, whole)| part_of(part, whole, at));
        }
        (Value::Number(number), Value::String(text)) if text.starts_with("0x") => {
            assert_eq!(
                Some(i64::from_str_radix(&text[2..], 16).unwrap()),
                number.as_i64(),
                "{at}"
            );
        }
        _ => assert!(
            part == whole || (is_empty(part) && whole.is_null()),
            "{at}: {part} {whole}"
        ),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Bool(true) => false,
    }
}

fn list<T: DeserializeOwned + Serialize + Default + PartialEq>(text: &str, place: &str) -> Vec<T> {
    let (items, problems) = parse_list::<T>(text);
    assert_eq!(problems, [], "{place}");
    let printed = print_list(&items);
    assert!(parse_list::<T>(&printed).0 == items, "{place}");
    if !text.trim().is_empty() {
        let whole: Vec<Value> = serde_json::from_str(text).unwrap();
        let whole = whole
            .into_iter()
            .filter(|value| *value != serde_json::json!({}))
            .collect();
        part_of(&serde_json::from_str(&printed).unwrap(), &Value::Array(whole), place);
    }
    items
}

#[test]
fn lists_of_ip_and_bridge() {
    let seen = members(|name, text, place| match name {
        "link.json" => {
            for link in list::<ip_json::Link>(text, place) {
                assert!(link.ifindex > 0 && link.mtu > 0 && !link.ifname.is_empty(), "{place}");
            }
        }
        "addr.json" => {
            let links = list::<ip_json::AddrLink>(text, place);
            assert!(
                links
                    .iter()
                    .flat_map(|link| &link.addr_info)
                    .all(|addr| addr.local.parse::<std::net::IpAddr>().is_ok()),
                "{place}"
            );
        }
        "route.json" => {
            for route in list::<ip_json::Route>(text, place) {
                let v6 = route.dst.contains(':')
                    || route.gateway.iter().any(|gateway| gateway.contains(':'))
                    || route.pref.is_some();
                assert_eq!(route.is_v6(), v6, "{place}");
            }
        }
        "route6.json" => assert!(
            list::<ip_json::Route>(text, place).iter().all(ip_json::Route::is_v6),
            "{place}"
        ),
        "rule.json" | "rule6.json" => assert!(list::<ip_json::Rule>(text, place).len() >= 2, "{place}"),
        "neigh.json" => drop(list::<ip_json::Neigh>(text, place)),
        "fdb.json" => {
            let fdb = list::<ip_json::Fdb>(text, place);
            assert!(
                fdb.iter().all(|entry| entry.mac.parse::<netwhy_wire::Mac>().is_ok()),
                "{place}"
            );
        }
        "bridge-link.json" => drop(list::<ip_json::BridgeLink>(text, place)),
        "bridge-vlan.json" => drop(list::<ip_json::BridgeVlan>(text, place)),
        _ => {}
    });
    for name in [
        "link.json",
        "addr.json",
        "route.json",
        "rule.json",
        "neigh.json",
        "fdb.json",
        "bridge-link.json",
    ] {
        assert!(seen.get(name).is_some_and(|count| *count >= 3), "{name}: {seen:?}");
    }
}

fn objects<T: DeserializeOwned + Serialize + Object>(text: &str, place: &str) -> Vec<T> {
    let list = kube_list::parse::<T>(text).unwrap();
    assert_eq!(list.problems, [], "{place}");
    let whole: Value = serde_json::from_str(text).unwrap();
    part_of(&serde_json::to_value(&list.items).unwrap(), &whole["items"], place);
    list.items
}

#[test]
fn lists_of_the_api() {
    let mut seen = BTreeMap::new();
    for (recording, snapshot) in recordings() {
        for (path, blob) in snapshot.under("cluster") {
            let (text, place) = (blob.text().unwrap(), format!("{recording}: {path}"));
            let kind = path.trim_start_matches("cluster/").trim_end_matches(".json");
            let count = match kind {
                "pods" => {
                    let pods = objects::<kube_list::Pod>(text, &place);
                    let running = pods.iter().filter(|pod| pod.status.phase == "Running");
                    assert!(
                        running
                            .clone()
                            .all(|pod| pod.ips().next().is_some() && !pod.spec.node_name.is_empty()),
                        "{place}"
                    );
                    pods.len()
                }
                "services" => objects::<kube_list::Service>(text, &place).len(),
                "endpointslices" => {
                    let slices = objects::<kube_list::EndpointSlice>(text, &place);
                    assert!(slices.iter().any(|slice| slice.service().is_some()), "{place}");
                    slices.len()
                }
                "nodes" => {
                    let nodes = objects::<kube_list::Node>(text, &place);
                    assert!(
                        nodes.iter().all(|node| node.addresses("InternalIP").next().is_some()),
                        "{place}"
                    );
                    nodes.len()
                }
                "networkpolicies" => objects::<kube_list::NetworkPolicy>(text, &place).len(),
                "namespaces" => objects::<kube_list::Namespace>(text, &place).len(),
                "configmaps" => objects::<kube_list::ConfigMap>(text, &place).len(),
                "daemonsets" | "deployments" | "replicasets" | "statefulsets" => {
                    let sets = objects::<kube_list::Workload>(text, &place);
                    assert!(sets.iter().all(|set| set.images().next().is_some()), "{place}");
                    sets.len()
                }
                "events" => objects::<kube_list::Event>(text, &place).len(),
                _ => continue,
            };
            *seen.entry(kind.to_owned()).or_insert(0) += count;
        }
    }
    for kind in [
        "pods",
        "services",
        "endpointslices",
        "nodes",
        "networkpolicies",
        "namespaces",
        "configmaps",
        "daemonsets",
        "events",
    ] {
        assert!(seen.get(kind).is_some_and(|count| *count > 0), "{kind}: {seen:?}");
    }
}

/// What is filtered for a bundle loses nothing that the slim views read, but what the lists do not name.
#[test]
fn filtered_lists_read_the_same() {
    for (recording, snapshot) in recordings() {
        let text = |kind: &str| snapshot.text(&format!("cluster/{kind}.json")).unwrap().unwrap();
        let filtered = |kind: &str| {
            let filtered = allow::filter_list(kind, text(kind)).unwrap();
            assert_eq!(filtered.problems, [], "{recording}: {kind}");
            filtered.text
        };
        macro_rules! same {
            ($($kind:literal $type:ident)*) => {$({
                let before = kube_list::parse::<kube_list::$type>(text($kind)).unwrap().items;
                let mut after = kube_list::parse::<kube_list::$type>(&filtered($kind)).unwrap().items;
                assert_eq!(before.len(), after.len(), "{recording}: {}", $kind);
                for (before, after) in before.iter().zip(&mut after) {
                    after.metadata.annotations.clone_from(&before.metadata.annotations);
                    assert_eq!(before, after, "{recording}: {}", $kind);
                }
            })*};
        }
        same!("pods" Pod "services" Service "endpointslices" EndpointSlice "nodes" Node "networkpolicies" NetworkPolicy "namespaces" Namespace);
        for (path, blob) in snapshot.members().filter(|(path, _)| path.contains("/files/")) {
            let (_, own) = path.split_once("/files/").unwrap();
            assert!(allow::file_allowed(own), "{recording}: {path}");
            assert!(allow::filter_file(own, blob.bytes()).is_some(), "{recording}: {path}");
        }
    }
}
