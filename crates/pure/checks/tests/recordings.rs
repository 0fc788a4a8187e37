//! What is said of whole recorded clusters.

use netwhy_checks::{CheckOptions, check};
use netwhy_model::Cluster;
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
