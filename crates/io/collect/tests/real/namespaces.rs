//! Real namespaces of this kernel, read as nodes and pods.

use crate::common::{Bound, can_make_namespaces, clock, plan};
use netwhy_collect::{Budget, Detail, Role, collect, this_machine};
use netwhy_snapshot::Snapshot;
use netwhy_snapshot::format::{iptables_save, nft_json, ss, sysctl};

const NODE: &str = "nodes/worker-1/host";
const POD: &str = "nodes/worker-1/pods/shop_web";

fn text<'a>(snapshot: &'a Snapshot, path: &str) -> &'a str {
    let why = snapshot.not_read(path).unwrap_or_default().to_owned();
    snapshot
        .text(path)
        .unwrap_or_else(|| panic!("no {path}: {why}"))
        .unwrap()
}

/// A node with a bridge, a pod behind it.
fn node_and_pod(folder: &std::path::Path) -> (Bound, Bound) {
    let (node, pod) = (Bound::new(folder, "worker-1"), Bound::new(folder, "shop_web"));
    node.run("ip link set lo up");
    node.run("ip link add cni0 type bridge");
    node.run("ip link add veth.1 type veth peer name eth0");
    // By the number of the thread that holds it open there is no name, so the peer moves by the file's own path.
    node.run("ip link set veth.1 master cni0 up");
    pod.run("ip link set lo up");
    (node, pod)
}

#[test]
fn a_node_and_a_pod() {
    if !can_make_namespaces() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (node, pod) = node_and_pod(folder.path());
    node.run("iptables-nft -t nat -A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE");
    let targets = vec![node.target(NODE, Role::Host), pod.target(POD, Role::Pod)];
    let got = collect(&plan(targets), &clock).snapshot;
    assert_eq!(got.meta.nodes, ["worker-1"]);
    assert_eq!(got.read_at(&format!("{POD}/addr.json")), Some("2026-01-01T00:00:01Z"));
    // Only the node has a bridge, and rules.
    assert!(text(&got, &format!("{NODE}/link.json")).contains("\"cni0\""));
    assert!(text(&got, &format!("{NODE}/bridge-link.json")).contains("veth.1"));
    assert!(got.get(&format!("{POD}/fdb.json")).is_none());
    let save = iptables_save::parse(text(&got, &format!("{NODE}/iptables-save")));
    assert!(!save.tables.is_empty());
    assert!(text(&got, &format!("{NODE}/iptables-save")).contains("MASQUERADE"));
    assert_eq!(text(&got, &format!("{POD}/iptables-save")), "");
    assert_eq!(text(&got, &format!("{POD}/ip6tables-save")), "");
    for (dir, tables) in [(NODE, 1), (POD, 0)] {
        let rules = nft_json::parse(text(&got, &format!("{dir}/nft.json")));
        assert_eq!(rules.tables.len(), tables, "{dir}");
        assert_eq!(text(&got, &format!("{dir}/iptables-legacy-save")), "");
        assert_eq!(text(&got, &format!("{dir}/conntrack.txt")), "");
        let settings = sysctl::parse(text(&got, &format!("{dir}/sysctl.txt")));
        assert!(settings.get("net.ipv4.ip_forward").is_some());
        assert!(settings.problems.is_empty());
    }
    let node_settings = sysctl::parse(text(&got, &format!("{NODE}/sysctl.txt")));
    assert!(
        node_settings
            .interface("net.ipv4.conf", "veth.1", "forwarding")
            .is_some()
    );
    // kube-proxy is not there, and that is known.
    let why = got.not_read("nodes/worker-1/kube-proxy/configz.json").unwrap();
    assert!(why.contains("127.0.0.1:10249/configz: connection refused"), "{why}");
}

#[test]
fn sockets_and_legacy_rules() {
    if !can_make_namespaces() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let node = Bound::new(folder.path(), "n");
    node.run("ip link set lo up");
    let listener = node
        .netns
        .run(|| std::net::TcpListener::bind("0.0.0.0:3000"))
        .unwrap()
        .unwrap();
    if std::path::Path::new("/proc/net/ip_tables_names").exists() {
        node.run("iptables-legacy -A FORWARD -j DROP");
    } else {
        eprintln!("legacy rules: not run: needs ip_tables in the kernel");
    }
    let got = collect(&plan(vec![node.target(NODE, Role::Host)]), &clock).snapshot;
    let sockets = ss::parse(text(&got, &format!("{NODE}/sockets.txt")));
    assert_eq!(sockets.0.len(), 1);
    assert!(text(&got, &format!("{NODE}/sockets.txt")).contains("0.0.0.0:3000"));
    if std::path::Path::new("/proc/net/ip_tables_names").exists() {
        assert!(text(&got, &format!("{NODE}/iptables-legacy-save")).contains("-A FORWARD -j DROP"));
    }
    drop(listener);
}

#[test]
fn limits_leave_reasons() {
    if !can_make_namespaces() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let node = Bound::new(folder.path(), "n");
    for port in 1..=3 {
        node.run(&format!("iptables-nft -A INPUT -p tcp --dport {port} -j ACCEPT"));
    }
    let mut plan = plan(vec![node.target(NODE, Role::Host)]);
    plan.budget = Budget {
        nft_rules: 2,
        member_bytes: 2000,
        ..Budget::default()
    };
    let got = collect(&plan, &clock).snapshot;
    let why = |name: &str| {
        got.not_read(&format!("{NODE}/{name}"))
            .unwrap_or("no reason")
            .to_owned()
    };
    assert!(
        why("nft.json").starts_with("3 rules of iptables-nft; above 2"),
        "{}",
        why("nft.json")
    );
    assert!(got.get(&format!("{NODE}/nft.json")).is_none());
    assert!(why("rule.json") == "no reason" && why("sysctl.txt") == "no reason");
}

#[test]
fn only_what_is_asked_for() {
    if !can_make_namespaces() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (node, pod) = node_and_pod(folder.path());
    let mut plan = plan(vec![node.target(NODE, Role::Host), pod.target(POD, Role::Pod)]);
    plan.only = Some([POD.to_owned()].into());
    plan.detail = Detail::Path;
    let got = collect(&plan, &clock).snapshot;
    let dirs: Vec<String> = got.netns_dirs().into_iter().map(|dir| dir.path).collect();
    assert_eq!(dirs, [POD]);
    assert_eq!(got.meta.nodes, ["worker-1"], "a node that was not read is still one");
    assert!(got.get(&format!("{POD}/link-stats.json")).is_none());
}

#[test]
fn a_namespace_that_is_gone() {
    let mut target = this_machine("now", "test").namespaces.remove(0);
    target.dir = POD.into();
    target.netns = netwhy_collect::NetnsRef::Path("/nonexistent/netns".into());
    let got = collect(&plan(vec![target]), &clock).snapshot;
    let why = got.not_read(&format!("{POD}/addr.json")).unwrap();
    assert!(why.contains("/nonexistent/netns: No such file"), "{why}");
    assert!(got.meta.read.is_empty());
}

#[test]
fn this_machine_has_addresses() {
    let got = collect(&this_machine("now", "test"), &clock);
    let node = netwhy_collect::hostname();
    let dir = format!("nodes/{node}/host");
    assert!(text(&got.snapshot, &format!("{dir}/addr.json")).contains("\"lo\""));
    assert!(text(&got.snapshot, &format!("{dir}/sysctl.txt")).contains("net.ipv4.ip_forward = "));
    assert_eq!(got.notes.len(), 1, "no API lists");
    assert_eq!(got.snapshot.meta.created, "now");
}
