//! What decides an unknown answer, and what would resolve it: on recordings with a member removed, and on one with
//! something that is not modelled.

use super::common::{Ran, fits, netwhy, recordings};
use netwhy_model::Cluster;
use netwhy_snapshot::{Limits, Meta, Snapshot};
use netwhy_view::trace::{UnknownKind, UnknownView};

const CLIENT: &str = "pod/shop/client-5556f849f5-bs4fx";

fn recording(name: &str) -> Snapshot {
    let bytes = std::fs::read(recordings().join(name)).unwrap();
    Snapshot::from_archive(&bytes, &Limits::default()).unwrap()
}

/// Traces on the healthy recording without the members whose path ends so.
fn without(ends: &[&str], more: &[&str]) -> Ran {
    let whole = recording("healthy.tar.zst");
    let mut cut = Snapshot::new(Meta::clone(&whole.meta));
    for (path, blob) in whole.members() {
        if !ends.iter().any(|end| path.ends_with(end)) {
            cut.insert(path, blob.bytes().to_vec());
        }
    }
    trace_of(&cut, more)
}

fn trace_of(snapshot: &Snapshot, more: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cut.tar.zst");
    std::fs::write(&file, snapshot.to_archive().unwrap()).unwrap();
    let file = file.to_string_lossy().into_owned();
    netwhy(&[&["trace", "-f", &file, CLIENT, "svc/shop/single"], more].concat())
}

/// Traces where a program in user space decides about what the node of the backend forwards.
fn queued(more: &[&str]) -> Ran {
    const NFT: &str = "nodes/k8s-n2/host/nft.json";
    let mut snapshot = recording("nft-extra-table-drop-n2.tar.zst");
    let text = snapshot.text(NFT).unwrap().unwrap();
    let (head, table) = text.split_at(text.rfind(r#""hostforward", "handle""#).unwrap());
    let edited = format!(
        "{head}{}",
        table.replace(r#"{"drop": null}"#, r#"{"queue": {"num": 1}}"#)
    );
    assert_ne!(edited, text);
    snapshot.insert(NFT, edited);
    trace_of(&snapshot, more)
}

#[test]
fn a_missing_member_comes_with_command_place_right_and_name() {
    let ran = without(&["/host/iptables-save"], &["--why-unknown"]);
    assert_eq!(ran.code, 3, "{}", ran.err);
    let expected = "
decides   nodes/k8s-n1/host/iptables-save: not collected
  run       iptables-nft-save -c
  where     node/k8s-n1; as root
  into      nodes/k8s-n1/host/iptables-save
next      netwhy collect --script k8s-n1 | ssh k8s-n1 sudo sh > k8s-n1.tar
then      ask again: the packet may go on to a place that was not read either
";
    assert!(ran.out.contains(expected), "{}", ran.out);
    assert_eq!(ran.out.matches("decides").count(), 1, "{}", ran.out);
    fits(&ran.out);
    // The resolved member is what the answer hung on.
    let whole = netwhy(&["trace", "-f", "healthy.tar.zst", CLIENT, "svc/shop/single"]);
    assert_eq!(whole.code, 0, "{}", whole.out);
}

#[test]
fn in_a_pod_it_says_whose_node_that_is() {
    let ran = without(&["/sockets.txt"], &["--why-unknown"]);
    let expected = "
  run       ss -Htulpn
  where     pod/shop/single-6686c4f6d9-hq9df on node/k8s-n2; as root, to enter its network namespace
";
    assert!(ran.out.contains(expected), "{}", ran.out);
}

#[test]
fn what_cannot_be_known_names_what_decides() {
    let ran = queued(&[]);
    assert_eq!(ran.code, 3, "{}", ran.out);
    for line in [
        "? shop/client-5556f849f5-bs4fx → svc/shop/single:80  TCP   depends on",
        "decides   nodes/k8s-n2/host/nft.json: queue of the rule with handle 2 in table inet hostfw",
    ] {
        assert!(ran.out.contains(line), "{line}\n{}", ran.out);
    }
    fits(&ran.out);
}

#[test]
fn what_is_not_modelled_is_not_to_be_collected() {
    let ran = queued(&["--why-unknown"]);
    assert_eq!(ran.code, 3);
    let expected = "  resolve   nothing to collect: it was read, and is not modelled; see docs/fidelity.md\n";
    assert!(ran.out.contains(expected), "{}", ran.out);
    assert!(!ran.out.contains("--script"), "{}", ran.out);
    fits(&ran.out);
}

#[test]
fn the_short_answer_leads_there() {
    let ran = without(&["/host/nft.json"], &[]);
    let line = ran
        .out
        .lines()
        .find(|l| l.ends_with("--why-unknown"))
        .unwrap_or_default();
    let words = line.trim().split(' ').skip_while(|word| *word != "trace");
    assert_eq!(words.clone().nth(1), Some("-f"), "{}", ran.out);
    let asked: Vec<&str> = words.skip(3).collect();
    assert_eq!(asked, [CLIENT, "svc/shop/single:80", "--why-unknown"]);
}

#[test]
fn for_machines_it_is_always_there() {
    let json = |ran: Ran| -> serde_json::Value { serde_json::from_str(&ran.out).unwrap() };
    let answer = json(without(&["/host/nft.json"], &["-o", "json"]));
    let nodes: Vec<&str> = answer["why_unknown"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["run"]["node"].as_str().unwrap())
        .collect();
    assert_eq!(nodes, ["k8s-n1", "k8s-n2"]);
    assert_eq!(
        answer["why_unknown"][0],
        serde_json::json!({
            "path": "nodes/k8s-n1/host/nft.json",
            "why": "not collected",
            "kind": "not-collected",
            "run": {
                "command": "nft -j list ruleset",
                "place": "node/k8s-n1",
                "node": "k8s-n1",
                "right": "root",
                "into": "nodes/k8s-n1/host/nft.json",
            },
            "page": null,
        })
    );
    let known = json(netwhy(&[
        "trace",
        "-f",
        "healthy.tar.zst",
        CLIENT,
        "svc/shop/single",
        "-o",
        "json",
    ]));
    assert_eq!(known["why_unknown"], serde_json::json!([]));
}

#[test]
fn a_known_answer_says_that_nothing_decides() {
    let ran = netwhy(&[
        "trace",
        "-f",
        "healthy.tar.zst",
        CLIENT,
        "svc/shop/single",
        "--why-unknown",
    ]);
    assert_eq!(ran.code, 0);
    assert!(
        ran.out
            .contains("\nunknown   nothing: what was not read does not change this answer\n"),
        "{}",
        ran.out
    );
    let both = netwhy(&["trace", "-f", "healthy.tar.zst", "--flows", "-", "--why-unknown"]);
    assert_eq!(both.code, 2);
}

/// Every gap of every recording has a way out, or a page.
#[test]
fn no_gap_is_without_an_answer() {
    let mut seen = 0;
    let mut without = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(recordings()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.ends_with(".tar.zst") {
            continue;
        }
        let cluster = Cluster::build(recording(&name));
        for (id, _) in cluster.gaps.iter() {
            let one = UnknownView::new(&cluster, id);
            seen += 1;
            let answered = one.run.is_some() || one.page.is_some();
            if one.kind == UnknownKind::Damaged || !answered {
                without.insert(format!("{name}: {one:?}"));
            }
        }
    }
    assert!(without.is_empty(), "{without:#?}");
    assert!(seen > 100, "only {seen} gaps");
}
