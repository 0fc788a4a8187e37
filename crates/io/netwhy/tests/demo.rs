//! The demo's answer follows the facts: no line of it is a literal.

use netwhy_snapshot::{Limits, Snapshot};
use std::path::Path;
use std::process::Command;

const RECORDING: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../tests/recordings/ip-forward-off-n1.tar.zst"
);

fn recording() -> Snapshot {
    Snapshot::from_archive(&std::fs::read(RECORDING).expect("recording"), &Limits::default()).expect("bundle")
}

/// Writes `net.ipv4.ip_forward` into a node's sysctl.txt, with what the kernel changes besides.
fn forward(snapshot: &mut Snapshot, node: &str, on: bool) {
    let path = format!("nodes/{node}/host/sysctl.txt");
    let text = snapshot.text(&path).expect("sysctl.txt").expect("text").to_owned();
    let changed: Vec<String> = text
        .lines()
        .map(|l| match l.split_once(" = ") {
            Some((key, _))
                if key == "net.ipv4.ip_forward"
                    || key.starts_with("net.ipv4.conf.") && key.ends_with(".forwarding") =>
            {
                format!("{key} = {}", u8::from(on))
            }
            _ => l.to_owned(),
        })
        .collect();
    snapshot.insert(path, changed.join("\n") + "\n");
}

fn play(bundle: Option<&Path>) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netwhy"));
    command.args(["demo", "--recording"]).env("NO_COLOR", "1");
    if let Some(path) = bundle {
        command.arg("--bundle").arg(path);
    }
    let output = command.output().expect("the demo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn play_changed(change: impl FnOnce(&mut Snapshot)) -> String {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("changed.tar.zst");
    let mut snapshot = recording();
    change(&mut snapshot);
    std::fs::write(&path, snapshot.to_archive().expect("archive")).expect("write");
    play(Some(&path))
}

#[test]
fn the_recording_as_it_is() {
    let text = play(None);
    assert!(text.contains("Connection timed out"), "{text}");
    assert!(
        text.contains("cause     NW1001 ip-forward-disabled on node/k8s-n1"),
        "{text}"
    );
    assert!(
        text.contains("net.ipv4.ip_forward 0 → 1") || text.contains("sysctl -w net.ipv4.ip_forward=1"),
        "{text}"
    );
    assert!(text.contains("files of the node were not recorded"), "{text}");
    assert!(
        text.contains("not applied") && text.contains("Not played on a recording"),
        "{text}"
    );
    assert!(text.lines().all(|l| l.chars().count() <= 160), "{text}");
}

#[test]
fn with_forwarding_on_there_is_nothing_to_find() {
    let text = play_changed(|s| forward(s, "k8s-n1", true));
    assert!(!text.contains("NW1001"), "{text}");
    assert!(text.contains("the bundle delivers this connection"), "{text}");
}

#[test]
fn with_another_node_broken_that_one_is_named() {
    let text = play_changed(|s| {
        forward(s, "k8s-n1", true);
        forward(s, "k8s-n3", false);
    });
    assert!(
        text.contains("NW1001 ip-forward-disabled") && text.contains("node/k8s-n3"),
        "{text}"
    );
    assert!(!text.contains("on node/k8s-n1"), "{text}");
}
