//! What the tests need of this machine: tools, a tracefs, br_netfilter. Installed or mounted as root on Debian, named elsewhere.

use anyhow::{Result, ensure};
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that the tests or the build call, and the Debian package that holds it.
const TOOLS: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("bridge", "iproute2"),
    ("ss", "iproute2"),
    ("iptables-save", "iptables"),
    ("iptables-legacy-save", "iptables"),
    ("nft", "nftables"),
    ("ipset", "ipset"),
    ("conntrack", "conntrack"),
    ("ethtool", "ethtool"),
    ("sysctl", "procps"),
    ("modprobe", "kmod"),
    // zstd's bindings compile C.
    ("cc", "gcc libc6-dev"),
];

/// Where Debian keeps what an ordinary user's PATH may not hold.
const SYSTEM_FOLDERS: &[&str] = &["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The PATH with which every stage runs.
pub fn path() -> OsString {
    let mut folders: Vec<PathBuf> = env::var_os("PATH")
        .map(|p| env::split_paths(&p).collect())
        .unwrap_or_default();
    for folder in SYSTEM_FOLDERS {
        if !folders.iter().any(|f| f == Path::new(folder)) {
            folders.push(PathBuf::from(folder));
        }
    }
    env::join_paths(folders).unwrap_or_else(|_| env::var_os("PATH").unwrap_or_default())
}

/// Makes the machine ready as far as it may, and prints what it did and what it could not do. Never fails:
/// a test that misses something says so itself, and better.
pub fn prepare() {
    let root = is_root();
    let missing = missing_packages(&|tool| find(tool));
    if !missing.is_empty() {
        install(&missing, root);
    }
    if !root {
        println!("not root: tests that make network namespaces or load modules will say what they miss");
        return;
    }
    if !Path::new("/sys/kernel/tracing/events").exists() {
        // The lab notes and the drop reasons of the probes read it.
        attempt(
            "mount tracefs",
            &["mount", "-t", "tracefs", "tracefs", "/sys/kernel/tracing"],
        );
    }
    if !Path::new("/proc/sys/net/bridge").exists() {
        // Nothing loads it on demand, and without it no test of a bridge is true.
        attempt("load br_netfilter", &["modprobe", "br_netfilter"]);
    }
}

/// Sees to it that a subcommand of cargo is here in one version: another one may mean other things by the same words.
pub fn cargo_tool(name: &str, version: &str) -> Result<()> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let subcommand = name.strip_prefix("cargo-").unwrap_or(name);
    let said = Command::new(cargo).args([subcommand, "--version"]).output();
    if said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == format!("{name} {version}")) {
        return Ok(());
    }
    println!("missing here: {name} {version}; installing it");
    let command = ["cargo", "install", name, "--locked", "--version", version];
    ensure!(
        attempt(&format!("install {name}"), &command),
        "needs {name} {version}: {}",
        command.join(" ")
    );
    Ok(())
}

fn install(missing: &[&str], root: bool) {
    let line = format!("apt-get update && apt-get install -y {}", missing.join(" "));
    if !find("apt-get") {
        println!(
            "missing here: {}; install them with your system's own tool",
            missing.join(" ")
        );
        return;
    }
    if !root {
        println!(
            "missing here: {}; to install them:\n\n    sudo sh -c '{line}'\n",
            missing.join(" ")
        );
        return;
    }
    println!("missing here: {}; installing them", missing.join(" "));
    attempt("apt-get update", &["apt-get", "update", "-q"]);
    let mut command = vec!["apt-get", "install", "-y", "-q", "--no-install-recommends"];
    command.extend(missing);
    if !attempt("apt-get install", &command) {
        println!("to try again by hand:\n\n    {line}\n");
    }
}

/// The packages of the tools that are not here, each once, in the table's order.
fn missing_packages(here: &dyn Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for (tool, names) in TOOLS {
        if here(tool) {
            continue;
        }
        for package in names.split(' ') {
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
    }
    packages
}

fn find(tool: &str) -> bool {
    env::split_paths(&path()).any(|folder| folder.join(tool).exists())
}

/// The owner of one's own /proc folder is the effective user.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn attempt(what: &str, command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .env("PATH", path())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => true,
        Ok(status) => {
            println!("could not {what}: {status}; going on, the tests that need it will say so");
            false
        }
        Err(error) => {
            println!("could not {what}: {error}; going on, the tests that need it will say so");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_named_once_and_only_when_a_tool_of_it_is_missing() {
        assert_eq!(missing_packages(&|_| true), Vec::<&str>::new());
        assert_eq!(
            missing_packages(&|tool| !["ip", "ss", "cc"].contains(&tool)),
            ["iproute2", "gcc", "libc6-dev"]
        );
    }

    #[test]
    fn the_path_of_the_stages_holds_sbin() {
        assert!(env::split_paths(&path()).any(|folder| folder == Path::new("/usr/sbin")));
    }
}
