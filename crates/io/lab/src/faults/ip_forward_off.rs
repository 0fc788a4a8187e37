//! The fault of the article: a hardening run has switched IP forwarding off.

use super::{Fault, arg, each_node};
use crate::error::at;
use crate::{Change, Lab, LabError};
use std::fs;

pub(super) const FAULT: Fault = Fault {
    id: "ip-forward-off",
    does: "sets net.ipv4.ip_forward=0 on a node, as a hardening run does",
    decoy: false,
    params: &["node"],
    options: &[(
        "persist",
        "also leaves /etc/sysctl.d/99-cis.conf on the node and takes the setting out of k8s.conf, so that it comes back at every boot",
    )],
    sites: each_node,
    plan: |lab, _, args| {
        let node = arg(args, "node")?;
        let mut changes = Vec::new();
        if args.contains_key("persist") {
            changes.push(Change::file(lab, node, "etc/sysctl.d/99-cis.conf", CIS)?);
            changes.push(remediated(lab, node, "etc/sysctl.d/k8s.conf")?);
        }
        changes.push(Change::sysctl(lab, node, "net.ipv4.ip_forward", "0")?);
        Ok(changes)
    },
};

/// What the benchmark's remediation does to a file that sets the key to 1:
/// `sed -ri "s/^\s*(net\.ipv4\.ip_forward\s*)(=)(\s*\S+\b).*$/# *REMOVED* \1/"`.
fn remediated(lab: &Lab, node: &str, path: &str) -> Result<Change, LabError> {
    let file = lab.node_root(node).join(path);
    let text = fs::read_to_string(&file).map_err(at(&file))?;
    let sets = |line: &str| {
        line.split('=')
            .next()
            .is_some_and(|key| key.trim() == "net.ipv4.ip_forward")
    };
    let lines = text.lines().map(|line| {
        if sets(line) {
            "# *REMOVED* net.ipv4.ip_forward"
        } else {
            line
        }
    });
    Change::file(
        lab,
        node,
        path,
        &lines.map(|line| format!("{line}\n")).collect::<String>(),
    )
}

/// A drop-in as hardening tools write them (CIS benchmark, section 3).
const CIS: &str = "# CIS Distribution Independent Linux Benchmark v2.0.0
# Section 3: Network Configuration
# Written by the hardening run. Do not edit.

# 3.1.2 Ensure packet redirect sending is disabled
net.ipv4.conf.default.send_redirects = 0

# 3.2.3 Ensure secure ICMP redirects are not accepted
net.ipv4.conf.default.secure_redirects = 0

# 3.1.1 Ensure IP forwarding is disabled
net.ipv4.ip_forward = 0
";
