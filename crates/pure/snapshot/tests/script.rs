//! The script for nodes without netwhy makes a bundle that can be read.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "the test runs a shell"
)]

use netwhy_snapshot::format::{ip_json, sysctl};
use netwhy_snapshot::{Limits, Snapshot, allow, script};
use std::io::Write as _;
use std::process::{Command, Stdio};

#[test]
fn its_bundle_can_be_read() {
    let text = script::script("worker-1").unwrap();
    let mut shell = Command::new("sh")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = shell.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let snapshot = Snapshot::from_archive(&output.stdout, &Limits::small()).unwrap();
    assert_eq!(
        (snapshot.meta.nodes.as_slice(), snapshot.problems.as_slice()),
        (&["worker-1".to_owned()][..], &[][..])
    );
    for path in ["addr.json", "link.json", "nft.json", "iptables-save", "ipset.save"]
        .map(|name| format!("nodes/worker-1/host/{name}"))
    {
        // What is missing has a reason, unless the kernel has no such thing.
        let said = snapshot.get(&path).is_some() || snapshot.not_read(&path).is_some() || path.ends_with("ipset.save");
        assert!(said, "{path}: {:?}", snapshot.meta.not_read);
    }
    if let Some(Ok(text)) = snapshot.text("nodes/worker-1/host/addr.json") {
        let (links, problems) = ip_json::parse_list::<ip_json::AddrLink>(text);
        assert!(
            problems.is_empty() && links.iter().any(|link| link.ifname == "lo"),
            "{problems:?}"
        );
    }
    if let Some(Ok(text)) = snapshot.text("nodes/worker-1/host/sysctl.txt") {
        let sysctl = sysctl::parse(text);
        assert!(sysctl.problems.is_empty() && sysctl.get("net.ipv4.ip_forward").is_some());
        // The script and the allow-list take the same.
        assert_eq!(allow::filter_sysctl(text), text);
    }
}
