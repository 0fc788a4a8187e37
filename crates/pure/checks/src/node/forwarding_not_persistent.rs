//! NW1011: forwarding is on now and will be off after the next boot.

use crate::candidate::{Fix, Object};
use crate::facts::{forwarding_links, has_sysctl_files, hosts, sysctl};
use crate::registry::{Check, no_suspects};
use crate::report::{Finding, Severity};
use netwhy_model::Cluster;
use netwhy_model::sysctl_d::who_sets;

/// Registered in [`crate::registry::CHECKS`].
pub const CHECK: Check = Check {
    code: "NW1011",
    name: "forwarding-not-persistent",
    severity: Severity::Warning,
    page: include_str!("forwarding_not_persistent.md"),
    faults: &["forwarding-not-persistent"],
    applies,
    suspects: no_suspects,
    statics,
};

const KEY: &str = "net.ipv4.ip_forward";

fn applies(cluster: &Cluster) -> Result<(), &'static str> {
    if hosts(cluster).any(|(n, _)| n.files.as_ref().is_ok_and(|f| has_sysctl_files(f))) {
        Ok(())
    } else {
        Err("no sysctl files of a node were recorded")
    }
}

fn statics(cluster: &Cluster) -> Vec<Finding> {
    let mut list = Vec::new();
    for (node, ns) in hosts(cluster) {
        let (Ok(files), Some("1")) = (&node.files, sysctl(ns, KEY)) else {
            continue;
        };
        if !has_sysctl_files(files) || node.pods.is_empty() {
            continue;
        }
        let settings = who_sets(files, KEY);
        let (when, evidence) = match (&settings.systemd.winner, &settings.procps.winner) {
            (Some(s), Some(p)) if s.value == "1" && p.value != "1" => (
                "after the next `sysctl --system`",
                format!(
                    "{}:{} sets {KEY} to {}; only `sysctl --system` reads it so",
                    p.file, p.line, p.value
                ),
            ),
            (Some(s), _) if s.value == "1" => continue,
            (Some(s), _) => (
                "after the next boot",
                format!("{}:{} sets {KEY} to {} at every boot", s.file, s.line, s.value),
            ),
            (None, _) => (
                "after the next boot",
                format!("no file that is read at boot sets {KEY}; the kernel's default is 0"),
            ),
        };
        list.push(Finding {
            node: Some(node.name.clone()),
            norm: "a node forwards after every boot".to_owned(),
            fix: Some(Fix::Sysctl {
                node: node.name.clone(),
                changes: vec![(KEY.to_owned(), "1".to_owned())],
                modules: Vec::new(),
                routes_between: forwarding_links(ns),
            }),
            ..Finding::standing(
                &CHECK,
                Object::node(&node.name),
                format!("{} forwards now and will not {when}", node.name),
                vec![format!("{KEY} = 1 now"), evidence],
            )
        });
    }
    list
}
