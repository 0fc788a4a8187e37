//! What is said of whole recorded clusters.

use netwhy_checks::{CheckOptions, check};
use netwhy_model::Cluster;
use netwhy_sim::{Disposition, Flow, Options, trace};
use netwhy_snapshot::{Limits, Snapshot};

/// A host firewall on one node drops port 8080, and policies select most of those who are asked there: that it breaks the
/// promises of others shows whose the drop is.
#[test]
fn a_cause_of_others_explains_what_a_policy_might_refuse() {
    let bytes = include_bytes!("../../../../tests/recordings/nft-extra-table-drop-n2.tar.zst");
    let cluster = Cluster::build(Snapshot::from_archive(bytes, &Limits::default()).unwrap());
    let report = check(&cluster, &CheckOptions::default());
    let first = report.first_cause().unwrap();
    assert_eq!(first.code, "NW4003");
    let policies = report
        .coverage
        .not_judged
        .iter()
        .find(|(why, _)| why.contains("NetworkPolicy"));
    let left = policies.map_or(0, |(_, count)| *count);
    assert!(
        first.broken > 1000 && left < 100,
        "{} broken, {left} not judged",
        first.broken
    );

    let blind = CheckOptions {
        counterfactuals: false,
        ..CheckOptions::default()
    };
    let report = check(&cluster, &blind);
    assert!(report.findings.iter().all(|f| f.code != "NW4003"));
}

/// The addresses of a node were not read: what goes to its pods does not leave the snapshot, it is not known.
#[test]
fn a_node_without_addresses_is_not_somewhere_else() {
    let bytes = include_bytes!("../../../../tests/recordings/healthy.tar.zst");
    let mut snapshot = Snapshot::from_archive(bytes, &Limits::default()).unwrap();
    let member = "nodes/k8s-n3/host/addr.json";
    snapshot.remove(member).unwrap();
    let cluster = Cluster::build(snapshot);
    let pods = cluster.api.pods.as_ref().unwrap();
    let on = |node: &'static str| {
        pods.iter()
            .filter(move |p| p.node == node && !p.host_network && p.ready)
    };
    let from = on("k8s-n1")
        .find_map(|p| cluster.pod_netns(&p.namespace, &p.name))
        .unwrap();
    let mut asked = 0;
    for to in on("k8s-n3").flat_map(|p| &p.ips) {
        let answer = trace(&cluster, &Flow::new(from, 6, *to, 8080), &Options::default());
        assert!(
            answer
                .outcomes
                .iter()
                .all(|o| o.end.disposition != Disposition::LeftModel)
        );
        let decides = answer.deciding.iter().any(|g| cluster.gaps.get(*g).path == member);
        assert!(decides, "{to}: {:?}", answer.deciding);
        asked += 1;
    }
    assert!(asked > 2, "{asked}");
}
