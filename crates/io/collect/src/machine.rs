//! The machine that we run on.

use crate::plan::{Budget, Detail, NetnsRef, NodeFiles, Plan, Role, Target};
use std::fs;

/// Reads the namespace that the caller is in and this machine's files, as the one node of a cluster: no pods, no API.
/// `now` is RFC 3339, `made_by` is the program and its version.
pub fn this_machine(now: &str, made_by: &str) -> Plan {
    let node = hostname();
    Plan {
        cluster_name: String::new(),
        made_by: made_by.to_owned(),
        now: now.to_owned(),
        namespaces: vec![Target {
            dir: format!("nodes/{node}/host"),
            netns: NetnsRef::Current,
            role: Role::Host,
            resolv_conf: Some("/etc/resolv.conf".into()),
        }],
        files: vec![NodeFiles { node, root: "/".into() }],
        cluster_files: None,
        only: None,
        detail: Detail::Full,
        budget: Budget::default(),
    }
}

/// This machine's name, as a part of a path: lower case, and `localhost` if it has none that can be one.
pub fn hostname() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    node_name(&text)
}

fn node_name(text: &str) -> String {
    let name = text.trim().to_lowercase();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let usable = !name.is_empty() && name.chars().all(good) && !name.starts_with('.') && name != "(none)";
    if usable { name } else { "localhost".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(node_name("Worker-1.example\n"), "worker-1.example");
        for bad in ["", "(none)\n", "a/b", "..", "a b"] {
            assert_eq!(node_name(bad), "localhost", "{bad}");
        }
    }
}
