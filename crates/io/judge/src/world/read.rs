//! Hosts without rules and bridges, read with few commands.
//!
//! Most worlds have one node of interest and two or three plain hosts around it. Reading these as one reads a node costs
//! more than all else that a world needs, so only some worlds are read so.

use netwhy_sys::{Limits, Netns, run_in, sysctl};
use std::fmt::Write;

/// Members in the order of [`ASK`].
const IP: [&str; 5] = ["link.json", "addr.json", "route.json", "rule.json", "neigh.json"];
const ASK: &str = "link show\naddr show\nroute show table all\nrule show\nneigh show\n";
/// What is not there, said as commands say it.
const NOTHING: [(&str, &str); 4] = [
    ("iptables-save", ""),
    ("iptables-legacy-save", ""),
    ("nft.json", "{\"nftables\": []}\n"),
    ("conntrack.txt", ""),
];
const KEYS: [&str; 9] = [
    "net.core.somaxconn",
    "net.ipv4.fib_multipath_hash_policy",
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syn_linear_timeouts",
    "net.ipv4.tcp_syn_retries",
    "net.ipv4.tcp_sack",
    "net.ipv4.tcp_timestamps",
    "net.ipv4.tcp_window_scaling",
];

/// The members of its folder.
pub fn plain_host(netns: &Netns) -> Result<Vec<(&'static str, String)>, String> {
    let run = |argv: &[&str], input: &str| {
        let output = run_in(Some(netns), argv, Some(input.as_bytes()), &Limits::default());
        let output = output.map_err(|e| e.to_string())?;
        match output.success() {
            true => Ok(output.text()),
            false => Err(format!("{argv:?}: {}", output.complaint())),
        }
    };
    let printed = run(&["ip", "-4", "-j", "-d", "-batch", "-"], ASK)?;
    let lines: Vec<&str> = printed.lines().collect();
    if lines.len() != IP.len() {
        return Err(format!("ip -batch: {} answers", lines.len()));
    }
    let mut members: Vec<(&str, String)> = IP.into_iter().zip(lines.into_iter().map(str::to_owned)).collect();
    members.extend(NOTHING.map(|(name, text)| (name, text.to_owned())));
    members.push(("sockets.txt", run(&["ss", "-Htulpn"], "")?));
    members.push(("sysctl.txt", netns.run(sysctls).map_err(|e| e.to_string())?));
    Ok(members)
}

fn sysctls() -> String {
    let single = KEYS.map(|key| (key.to_owned(), sysctl::read(key)));
    let mut text = String::new();
    for (key, value) in single.into_iter().chain(sysctl::read_tree("net.ipv4.conf")) {
        if let Ok(value) = value {
            let _ = writeln!(text, "{key} = {value}");
        }
    }
    text
}
