//! The settings of a freshly booted kernel, and those that a node's files and agents make.

use crate::LabError;
use netwhy_sys::{Limits, Netns, run_in, sysctl};
use std::io;

/// Settings that kubeadm's documentation puts into `/etc/sysctl.d/k8s.conf`.
pub(crate) const K8S_CONF: [(&str, &str); 3] = [
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("net.ipv4.ip_forward", "1"),
];

/// What kube-proxy in iptables mode writes at its start (`pkg/proxy/iptables`, `cmd/kube-proxy/app/conntrack.go`).
/// None of the agents writes `ip_forward`.
pub(crate) const KUBE_PROXY: [(&str, &str); 3] = [
    ("net.ipv4.conf.all.route_localnet", "1"),
    ("net.netfilter.nf_conntrack_tcp_timeout_established", "86400"),
    ("net.netfilter.nf_conntrack_tcp_timeout_close_wait", "3600"),
];

/// What `net/ipv4/devinet.c` compiles in for `conf/all` and `conf/default`; all others are 0. A new namespace copies
/// the machine's own values instead, which would make each lab depend on its host.
const DEVCONF: [(&str, &str); 7] = [
    ("accept_redirects", "1"),
    ("arp_evict_nocarrier", "1"),
    ("igmpv2_unsolicited_report_interval", "10000"),
    ("igmpv3_unsolicited_report_interval", "1000"),
    ("secure_redirects", "1"),
    ("send_redirects", "1"),
    ("shared_media", "1"),
];

/// The compiled-in default of `net.ipv4.conf.<all or default>.<name>`.
pub(crate) fn devconf(which: &str, name: &str) -> &'static str {
    if which == "default" && name == "accept_source_route" {
        return "1";
    }
    DEVCONF
        .iter()
        .find(|(known, _)| *known == name)
        .map_or("0", |(_, value)| value)
}

/// Runs something on a thread in the namespace.
pub(crate) fn in_netns<T: Send>(
    ns: &Netns,
    name: &str,
    f: impl FnOnce() -> Result<T, LabError> + Send,
) -> Result<T, LabError> {
    ns.run(f).map_err(|e| LabError::step(format!("entering {name}"), e))?
}

/// Writes a key of the calling thread's namespace.
pub(crate) fn write(key: &str, value: &str) -> Result<(), LabError> {
    sysctl::write(key, value).map_err(|e| LabError::step(format!("sysctl {key}={value}"), e))
}

/// Gives the calling thread's namespace the defaults of a kernel that has just booted, before it has interfaces. No
/// interface gets an IPv6 address of its own accord: the lab is IPv4 only, and duplicate address detection takes time.
pub(crate) fn boot_defaults() -> Result<(), LabError> {
    write("net.ipv4.ip_forward", "0")?;
    for which in ["all", "default", "lo"] {
        for (key, value) in sysctl::read_tree(&format!("net.ipv4.conf.{which}")) {
            let name = key.rsplit('.').next().unwrap_or_default();
            let default = devconf(if which == "all" { "all" } else { "default" }, name);
            if value.is_ok_and(|now| now != default) {
                write_if_allowed(&key, default)?;
            }
        }
    }
    for which in ["all", "default"] {
        write_if_allowed(&format!("net.ipv6.conf.{which}.accept_dad"), "0")?;
    }
    write_if_allowed("net.ipv6.conf.default.addr_gen_mode", "1")
}

/// Writes a key; one that is missing or read-only here (`mc_forwarding`, no IPv6) is left alone.
pub(crate) fn write_if_allowed(key: &str, value: &str) -> Result<(), LabError> {
    match sysctl::write(key, value) {
        Err(e) if !matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            Err(LabError::step(format!("sysctl {key}={value}"), e))
        }
        _ => Ok(()),
    }
}

/// The modules that a node's `modules-load.d` names, and conntrack: the settings exist only with them. Nothing loads
/// br_netfilter by itself. Where they are built in, or loaded, nothing is done.
pub(crate) fn load_modules() -> Result<(), LabError> {
    for (key, module) in [(K8S_CONF[0].0, "br_netfilter"), (KUBE_PROXY[1].0, "nf_conntrack")] {
        if !sysctl::path_of(key).exists() {
            let loaded = run_in(None, &["modprobe", module], None, &Limits::default());
            let output = loaded.map_err(|e| LabError::step(format!("loading {module}"), e))?;
            if !sysctl::path_of(key).exists() {
                return Err(LabError::step(
                    format!("loading {module}"),
                    format!("no {key}: {}; as root: modprobe {module}", output.complaint()),
                ));
            }
        }
    }
    Ok(())
}

/// What the files of a node and then its kube-proxy set, in the calling thread's namespace.
pub(crate) fn apply_node() -> Result<(), LabError> {
    K8S_CONF
        .iter()
        .chain(&KUBE_PROXY)
        .try_for_each(|(key, value)| write(key, value))
}

/// What kube-proxy sets, in the calling thread's namespace.
pub(crate) fn apply_kube_proxy() -> Result<(), LabError> {
    KUBE_PROXY.iter().try_for_each(|(key, value)| write(key, value))
}
