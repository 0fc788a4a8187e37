//! Names are hostile: nothing that a stranger chose moves the cursor, turns the text around, or reaches the shell.

use super::common::{program, ran};
use std::fs;
use std::path::Path;

/// A Service whose name, one whose selector, and a node whose name, are as bad as JSON allows.
fn bundle(folder: &Path) {
    fs::create_dir_all(folder.join("cluster")).unwrap();
    let meta = r#"{"format": "netwhy.dev/bundle/v1", "cluster": "evil\u001b]0;x\u0007", "nodes": ["n\u001b[2J"]}"#;
    fs::write(folder.join("bundle.json"), meta).unwrap();
    let service = r#"{"kind": "ServiceList", "items": [{
        "metadata": {"name": "a\u202eb\u001b[31m; $(reboot)", "namespace": "n\u0007s"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.9", "clusterIPs": ["10.0.0.9"],
                 "selector": {"app": "\u2066x"}, "ports": [{"port": 80, "protocol": "TCP"}]}},
        {"metadata": {"name": "web", "namespace": "shop"},
        "spec": {"type": "ClusterIP", "clusterIP": "10.0.0.8", "clusterIPs": ["10.0.0.8"],
                 "selector": {"app": "a\u202eb\u001b[31m; $(reboot)"}, "ports": [{"port": 80, "protocol": "TCP"}]}}]}"#;
    fs::write(folder.join("cluster/services.json"), service).unwrap();
    for kind in ["pods", "endpointslices", "nodes"] {
        fs::write(
            folder.join(format!("cluster/{kind}.json")),
            r#"{"kind": "List", "items": []}"#,
        )
        .unwrap();
    }
}

fn is_tame(text: &str) {
    let bad = |c: char| c != '\n' && (c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
    let found: Vec<char> = text.chars().filter(|c| bad(*c)).collect();
    assert!(found.is_empty(), "{found:?} in {text:?}");
}

#[test]
fn every_renderer_escapes() {
    let folder = tempfile::tempdir().unwrap();
    bundle(folder.path());
    for args in [
        &["check", "-v"][..],
        &["check", "-o", "json"],
        &["check", "-o", "jsonl"],
        &[
            "why",
            "curl: (7) Failed to connect to 10.0.0.9 port 80: Connection timed out",
        ],
        &["trace", "pod/\u{1b}[31m/\u{202e}x", "10.0.0.9:80"],
        &["fix", "NW5003"],
    ] {
        let ran = ran(program().args(args).arg("-f").arg(folder.path()).output().unwrap());
        assert!(!ran.out.is_empty() || !ran.err.is_empty());
        is_tame(&ran.out);
        is_tame(&ran.err);
    }
    let ran = ran(program()
        .args(["check", "-v", "-f"])
        .arg(folder.path())
        .output()
        .unwrap());
    assert!(ran.out.contains("a\\u{202e}b\\u{1b}[31m"), "{}", ran.out);
    assert!(ran.out.contains("an object has no valid name"), "{}", ran.out);
}

#[test]
fn printed_commands_are_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a b; $(reboot).tar.zst");
    fs::copy(super::common::recordings().join("ip-forward-off-n1.tar.zst"), &file).unwrap();
    let ran = ran(program()
        .args(["check", "-o", "json", "-f"])
        .arg(&file)
        .output()
        .unwrap());
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let command = report["findings"][0]["command"].as_str().unwrap();
    assert!(
        command.contains("-f '") && command.contains("a b; $(reboot).tar.zst' NW1001"),
        "{command}"
    );
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let mut child = program()
        .args(["check", "-f", "healthy.tar.zst", "-v"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = ran(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
}

#[test]
fn damaged_bundles_are_errors_or_answers() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = fs::read(super::common::recordings().join("healthy.tar.zst")).unwrap();
    let file = folder.path().join("cut.tar.zst");
    for part in [0, 1, 100, bytes.len() / 3, bytes.len() - 1] {
        fs::write(&file, &bytes[..part]).unwrap();
        let ran = ran(program().args(["check", "-f"]).arg(&file).output().unwrap());
        assert!((0..=3).contains(&ran.code), "{part}: {} {}", ran.code, ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
    }
}
