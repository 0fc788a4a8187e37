//! `lab reboot NODE`: what a reboot does to the network of a node, without losing its pods.
//!
//! The kernel's settings go back to their defaults, rules and routes are gone. Then the real `systemd-sysctl`, or
//! `sysctl --system` where there is none, reads the files below the node's root. Then flannel, kube-proxy and the bridge
//! plugin write theirs again. None of them writes `ip_forward`: what no file sets is not set.
//!
//! A simplification: interfaces stay, so that a file's keys of interfaces are applied at once; on a real node udev does
//! that when the interface appears.

use crate::build::links::{node_routes, pod_routes};
use crate::build::restore_rules;
use crate::build::sysctls::{apply_kube_proxy, boot_defaults, in_netns};
use crate::error::at;
use crate::names::netns_of;
use crate::spec::{Node, Spec};
use crate::{Lab, LabError, objects};
use netwhy_sys::exec::find_program;
use netwhy_sys::{Limits, Netns, Output, mount, run_in, sysctl};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a reboot did.
#[derive(Clone, Debug)]
pub struct Rebooted {
    /// The program that read the node's files, with its arguments.
    pub program: Vec<String>,
    /// What it said.
    pub log: String,
    /// Faults that the reboot healed, by id.
    pub healed: Vec<String>,
}

impl Lab {
    /// Reboots a node.
    pub fn reboot(&self, node: &str) -> Result<Rebooted, LabError> {
        let _lock = self.journal_lock()?;
        let state = self.state()?;
        let spec = &state.spec;
        let found = spec.nodes.iter().find(|n| n.name == node);
        let node = found.ok_or_else(|| LabError::unknown("node", node, spec.nodes.iter().map(|n| n.name.as_str())))?;
        let healed = self.forget_volatile(spec, node)?;
        let ns = self.netns(&node.name)?;
        self.power_off(&ns, node)?;
        let (program, output) = self.boot_sysctls(&ns, &node.name)?;
        self.start_agents(&ns, spec, node)?;
        let log = [output.text(), output.complaint()].join("").trim().to_owned();
        Ok(Rebooted { program, log, healed })
    }

    /// Faults of which nothing outlives the reboot are healed by it. The others stay in the journal whole: what they
    /// recorded is still what healing must restore.
    fn forget_volatile(&self, spec: &Spec, node: &Node) -> Result<Vec<String>, LabError> {
        let pods = spec.pods.iter().filter(|p| p.node == node.name).map(netns_of);
        let namespaces: Vec<_> = pods.chain([node.name.clone()]).collect();
        let (stay, gone): (Vec<_>, Vec<_>) = self
            .injected()?
            .into_iter()
            .partition(|entry| entry.changes.iter().any(|change| change.survives_reboot(&namespaces)));
        for entry in gone.iter().rev() {
            self.undo(entry)?;
        }
        self.write_journal(&stay)?;
        Ok(gone.into_iter().map(|entry| entry.fault).collect())
    }

    /// The kernel as it is before anything in user space has run.
    fn power_off(&self, ns: &Netns, node: &Node) -> Result<(), LabError> {
        let name = &node.name;
        let fresh = Netns::create().map_err(|e| LabError::step("fresh namespace", e))?;
        let defaults = in_netns(&fresh, "fresh namespace", || {
            boot_defaults()?;
            let tree = sysctl::read_tree("net").into_iter();
            Ok(tree
                .filter_map(|(key, value)| Some((key, value.ok()?)))
                .collect::<BTreeMap<_, _>>())
        })?;
        in_netns(ns, name, || reset_sysctls(&defaults))?;
        self.run(name, &["nft", "flush", "ruleset"], None)?;
        flush_legacy(self, ns, name)?;
        for protocol in ["boot", "static"] {
            self.run(
                name,
                &["ip", "-4", "route", "flush", "table", "main", "proto", protocol],
                None,
            )?;
        }
        match self.run(name, &["conntrack", "-F"], None) {
            // Without the program, connections are remembered beyond the reboot.
            Err(LabError::Step { why, .. }) if why.contains("not found") => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Runs the real program over the files of the node: in a mount namespace in which they are in their usual places.
    fn boot_sysctls(&self, ns: &Netns, node: &str) -> Result<(Vec<String>, Output), LabError> {
        let argv = boot_program()?;
        let words: Vec<_> = argv.iter().map(String::as_str).collect();
        let root = self.node_root(node);
        let inside = || -> Result<Output, LabError> {
            mount::unshare_mounts().map_err(|e| LabError::step("private mounts", e))?;
            show_files(&root)?;
            run_in(None, &words, None, &Limits::default()).map_err(|e| LabError::step(words.join(" "), e))
        };
        Ok((argv.clone(), in_netns(ns, node, inside)?))
    }

    fn start_agents(&self, ns: &Netns, spec: &Spec, node: &Node) -> Result<(), LabError> {
        node_routes(spec, node).apply(ns)?;
        restore_rules(ns, spec, &objects::lists(spec), &node.name)?;
        in_netns(ns, &node.name, apply_kube_proxy)?;
        for pod in spec.pods.iter().filter(|p| p.node == node.name && !p.host_network) {
            pod_routes(spec, pod).apply(&self.pod_netns(pod)?)?;
        }
        Ok(())
    }
}

/// The trees whose values a kernel without user space has.
const RESET: [&str; 4] = ["net.ipv4", "net.bridge", "net.core", "net.netfilter"];

/// Writes the defaults over what is set now. Keys of an interface get those of `default`.
fn reset_sysctls(defaults: &BTreeMap<String, String>) -> Result<(), LabError> {
    // First, because it rewrites others.
    crate::build::sysctls::write("net.ipv4.ip_forward", "0")?;
    for (key, now) in RESET.into_iter().flat_map(sysctl::read_tree) {
        let default = defaults.get(&key).or_else(|| defaults.get(&of_default(&key)));
        if let (Some(default), Ok(now)) = (default, now)
            && *default != now
        {
            // What cannot be written here (counters, settings of the whole machine) no reboot of a lab node resets.
            let _ = sysctl::write(&key, default);
        }
    }
    Ok(())
}

/// `net.ipv4.conf.cni0.rp_filter` -> `net.ipv4.conf.default.rp_filter`
fn of_default(key: &str) -> String {
    let mut parts: Vec<_> = key.split('.').collect();
    if let [_, _, "conf" | "neigh", interface, _] = parts.as_mut_slice() {
        *interface = "default";
    }
    parts.join(".")
}

/// Empties the tables of iptables-legacy, if this namespace has any; asking would make them.
fn flush_legacy(lab: &Lab, ns: &Netns, name: &str) -> Result<(), LabError> {
    let tables = ns.run(|| fs::read_to_string("/proc/thread-self/net/ip_tables_names"));
    let tables = tables
        .map_err(|e| LabError::step(format!("entering {name}"), e))?
        .unwrap_or_default();
    for table in tables.lines() {
        let save = lab.run(name, &["iptables-legacy-save", "-t", table], None)?.text();
        let policies = save
            .lines()
            .filter(|line| line.starts_with(':') && !line.contains(" - "));
        let accept = policies.filter_map(|line| Some(format!("{} ACCEPT [0:0]\n", line.split_whitespace().next()?)));
        let text = format!("*{table}\n{}COMMIT\n", accept.collect::<String>());
        lab.run(name, &["iptables-legacy-restore"], Some(&text))?;
    }
    Ok(())
}

/// The program that applies the files at boot, limited to the network: the rest belongs to the machine.
fn boot_program() -> Result<Vec<String>, LabError> {
    let systemd = ["/lib/systemd/systemd-sysctl", "/usr/lib/systemd/systemd-sysctl"];
    if let Some(program) = systemd.into_iter().find(|program| Path::new(program).exists()) {
        return Ok(vec![program.into(), "--prefix=net".into()]);
    }
    let program =
        find_program("sysctl").ok_or_else(|| LabError::step("reboot", "neither systemd-sysctl nor sysctl is there"))?;
    Ok(["--system", "--pattern", "^net[./]"]
        .into_iter()
        .fold(vec![program.display().to_string()], |mut all, arg| {
            all.push(arg.into());
            all
        }))
}

/// Shows the node's files in the places where the boot programs look, in the calling thread's mount namespace.
fn show_files(root: &Path) -> Result<(), LabError> {
    let bind = |from: PathBuf, to: &Path| mount::bind(&from, to).map_err(at(to));
    bind(root.join("etc"), Path::new("/etc"))?;
    fs::create_dir_all("/run/sysctl.d").map_err(at(Path::new("/run/sysctl.d")))?;
    let local = Path::new("/usr/local/lib");
    if local.is_dir() {
        // The machine may not have the folder below it, and must not get one.
        mount::tmpfs(local, 0o755).map_err(at(local))?;
        fs::create_dir(local.join("sysctl.d")).map_err(at(local))?;
    }
    for place in [
        "run/sysctl.d",
        "usr/local/lib/sysctl.d",
        "usr/lib/sysctl.d",
        "lib/sysctl.d",
    ] {
        let target = Path::new("/").join(place);
        let merged = place.starts_with("lib/") && is_link(Path::new("/lib"));
        if target.is_dir() && !merged {
            bind(root.join(place), &target)?;
        }
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_start_as_default() {
        assert_eq!(
            of_default("net.ipv4.conf.flannel/1.forwarding"),
            "net.ipv4.conf.default.forwarding"
        );
        assert_eq!(
            of_default("net.ipv4.neigh.cni0.locktime"),
            "net.ipv4.neigh.default.locktime"
        );
        assert_eq!(of_default("net.ipv4.ip_forward"), "net.ipv4.ip_forward");
    }
}
