//! One network namespace: its members, read on a thread that is inside.

use crate::modules::{Modules, Presence};
use crate::plan::{Budget, Detail, Role, Target};
use crate::shelf::{Shelf, Why, run, run_within};
use crate::{firewall, http, sysctl_tree};
use netwhy_snapshot::commands::{BRIDGE, IP};
use netwhy_sys::sysctl;
use std::fs;
use std::io;

/// `/proc/net` is the namespace of the process's first thread; this is ours.
const PROC_NET: &str = "/proc/thread-self/net";

/// What a reader of one namespace knows.
pub(crate) struct Reader<'a> {
    pub(crate) budget: &'a Budget,
    pub(crate) modules: &'a Modules,
    pub(crate) detail: Detail,
    pub(crate) target: &'a Target,
}

impl Reader<'_> {
    /// Reads the namespace of the calling thread.
    pub(crate) fn read(&self) -> Shelf {
        let mut shelf = Shelf::new(&self.target.dir);
        for (name, argv) in IP {
            self.dump(&mut shelf, name, argv);
        }
        let links = Links::of(shelf.get("link.json").unwrap_or_default());
        if links.bridged || shelf.get("link.json").is_none() {
            for (name, argv) in BRIDGE {
                self.dump(&mut shelf, name, argv);
            }
        }
        self.sockets(&mut shelf);
        shelf.put("sysctl.txt", sysctl_tree::text());
        firewall::read(self, &mut shelf);
        self.conntrack(&mut shelf);
        self.counters(&mut shelf);
        if let Some(path) = &self.target.resolv_conf {
            shelf.result("resolv.conf", read_file(path, self.budget));
        }
        if self.target.role == Role::Host {
            self.kube_proxy(&mut shelf);
        }
        if self.detail == Detail::Full && self.target.role != Role::Pod {
            self.offloads(&mut shelf, &links);
            self.machine(&mut shelf);
        }
        if self.detail == Detail::Full || links.filtered {
            self.tc(&mut shelf, &links);
        }
        shelf
    }

    /// Runs a netlink dump; once more if the kernel changed under it.
    fn dump(&self, shelf: &mut Shelf, name: &str, argv: &[&str]) {
        const INTERRUPTED: &str = "Dump was interrupted";
        let time = self.budget.command_time;
        let mut result = run_within(self.budget, time, argv);
        if result.as_ref().is_ok_and(|(_, said)| said.contains(INTERRUPTED)) {
            result = run_within(self.budget, time, argv);
        }
        match result {
            Ok((out, said)) => {
                shelf.put(name, out);
                if said.contains(INTERRUPTED) {
                    shelf.missing(name, "read, but it changed meanwhile: some of it may be missing");
                }
            }
            Err(why) => shelf.missing(name, why),
        }
    }

    /// `ss` asks over netlink, which loads the modules for it. Where they are not there, it reads `/proc/net`, which
    /// says less.
    fn sockets(&self, shelf: &mut Shelf) {
        const NAME: &str = "sockets.txt";
        let modules = ["inet_diag", "tcp_diag", "udp_diag"];
        if modules
            .iter()
            .all(|module| self.modules.presence(module) == Presence::Safe)
        {
            return shelf.result(NAME, run(self.budget, &["ss", "-Htulpn"]));
        }
        match run(self.budget, &["env", "PROC_ROOT=/proc", "ss", "-Htulpn"]) {
            Ok(out) => {
                shelf.put(NAME, out);
                let why = "read from /proc/net, as sock_diag is not loaded: it does not say to which device a socket is \
                           bound, nor which IPv6 sockets are closed to IPv4";
                shelf.missing(NAME, why);
            }
            Err(why) => shelf.missing(NAME, why),
        }
    }

    /// Connections. An empty table needs no command, and a large one costs the node too much.
    fn conntrack(&self, shelf: &mut Shelf) {
        const NAME: &str = "conntrack.txt";
        let count = match sysctl::read("net.netfilter.nf_conntrack_count") {
            Ok(text) => text.trim().parse::<u64>().unwrap_or(u64::MAX),
            // No connection tracking in this kernel, or none loaded.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return shelf.missing(NAME, format!("net.netfilter.nf_conntrack_count: {error}")),
        };
        let most = self.budget.conntrack_entries;
        if count == 0 {
            return shelf.put(NAME, "");
        }
        if count > most {
            return shelf.missing(NAME, format!("{count} entries; more than {most} are not listed"));
        }
        if self.modules.presence("nf_conntrack_netlink") != Presence::Safe {
            return shelf.missing(NAME, Modules::why_unknown("nf_conntrack_netlink"));
        }
        let ask = |family| run(self.budget, &["conntrack", "-L", "-o", "extended", "-f", family]);
        let both = ask("ipv4").and_then(|mut first| {
            ask("ipv6").map(|mut second| {
                first.append(&mut second);
                first
            })
        });
        shelf.result(NAME, both);
        if self.detail == Detail::Full {
            shelf.result("conntrack-stats.txt", run(self.budget, &["conntrack", "-S"]));
        }
    }

    /// Counters, and what is a file of `/proc/net`.
    fn counters(&self, shelf: &mut Shelf) {
        let snmp = proc_net("snmp").and_then(|mut first| {
            first.append(&mut proc_net("netstat")?);
            Ok(first)
        });
        shelf.result("snmp.txt", snmp.map_err(|error| error.to_string()));
        if self.detail == Detail::Full {
            self.dump(shelf, "link-stats.json", &["ip", "-j", "-s", "-s", "link", "show"]);
        }
        if self.target.role == Role::Pod {
            return;
        }
        for entry in fs::read_dir(format!("{PROC_NET}/xt_recent"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let read = read_file(&entry.path(), self.budget);
            shelf.result(&format!("xt_recent/{name}"), read);
        }
    }

    /// What is the machine's own, once per node.
    fn machine(&self, shelf: &mut Shelf) {
        if self.target.role != Role::Host {
            return;
        }
        for (name, path) in [
            ("modules.txt", "/proc/modules"),
            ("softnet.txt", "/proc/net/softnet_stat"),
        ] {
            match fs::read(path) {
                Ok(bytes) => shelf.put(name, bytes),
                Err(error) => shelf.missing(name, format!("{path}: {error}")),
            }
        }
        shelf.result("uname.txt", run(self.budget, &["uname", "-a"]));
    }

    fn offloads(&self, shelf: &mut Shelf, links: &Links) {
        for device in links.names.iter().take(self.budget.devices) {
            let name = format!("ethtool-k-{device}.txt");
            shelf.result(&name, run(self.budget, &["ethtool", "-k", device]));
        }
        if links.names.len() > self.budget.devices {
            let why = format!(
                "{} interfaces; only the first {} are asked",
                links.names.len(),
                self.budget.devices
            );
            shelf.missing("ethtool-k-*.txt", why);
        }
    }

    /// kube-proxy says how it runs, on a port of the node's loopback.
    fn kube_proxy(&self, shelf: &mut Shelf) {
        const PORT: u16 = 10249;
        let dir = self.target.dir.trim_end_matches("/host");
        let mut own = Shelf::new(format!("{dir}/kube-proxy"));
        for (name, path) in [("configz.json", "/configz"), ("metrics.txt", "/metrics")] {
            let got = http::get(PORT, path, self.budget.member_bytes);
            let refused = got.is_err();
            own.result(name, got.map_err(|why| format!("127.0.0.1:{PORT}{path}: {why}")));
            if refused {
                // Whoever does not answer the first question costs another three seconds with the second.
                break;
            }
        }
        shelf.members.append(&mut own.members);
        shelf.not_read.append(&mut own.not_read);
    }

    /// Queueing disciplines, and the filters of devices that have a place for them.
    fn tc(&self, shelf: &mut Shelf, links: &Links) {
        let result =
            run(self.budget, &["tc", "-j", "-d", "qdisc", "show"]).and_then(|qdisc| filters(self.budget, qdisc, links));
        shelf.result("tc.json", result);
    }
}

/// `{"qdisc": [...], "filter": {"eth0": {"ingress": [...], "egress": [...]}}}`
fn filters(budget: &Budget, qdisc: Vec<u8>, links: &Links) -> Result<Vec<u8>, Why> {
    let qdisc: serde_json::Value =
        serde_json::from_slice(&qdisc).map_err(|error| format!("tc -j -d qdisc show: {error}"))?;
    let mut filter = serde_json::Map::new();
    for device in links.names.iter().take(budget.devices) {
        let has_place = |entry: &serde_json::Value| {
            entry.get("dev").and_then(serde_json::Value::as_str) == Some(device)
                && matches!(
                    entry.get("kind").and_then(serde_json::Value::as_str),
                    Some("clsact" | "ingress")
                )
        };
        if !qdisc.as_array().is_some_and(|list| list.iter().any(has_place)) {
            continue;
        }
        let mut sides = serde_json::Map::new();
        for side in ["ingress", "egress"] {
            let out = run(budget, &["tc", "-j", "-d", "filter", "show", "dev", device, side])?;
            let list = serde_json::from_slice(&out).unwrap_or_else(|_| serde_json::Value::Array(Vec::new()));
            sides.insert(side.into(), list);
        }
        filter.insert(device.clone(), sides.into());
    }
    let all = serde_json::json!({ "qdisc": qdisc, "filter": filter });
    Ok(format!("{all}\n").into_bytes())
}

/// What the other commands need to know of `link.json`.
#[derive(Debug, Default)]
struct Links {
    names: Vec<String>,
    /// There is a bridge, or a device with forwarding entries of its own.
    bridged: bool,
    /// An XDP program, or a queueing discipline that can hold filters.
    filtered: bool,
}

impl Links {
    fn of(json: &[u8]) -> Self {
        let all: Vec<serde_json::Value> = serde_json::from_slice(json).unwrap_or_default();
        let mut links = Self::default();
        for link in &all {
            let text = |key: &str| link.get(key).and_then(serde_json::Value::as_str);
            let Some(name) = text("ifname") else { continue };
            // A name becomes an argument and a part of a path.
            if !name.starts_with('-') && !name.contains('/') {
                links.names.push(name.to_owned());
            }
            let info = link.get("linkinfo");
            let kind = |key: &str| info.and_then(|info| info.get(key)).and_then(serde_json::Value::as_str);
            links.bridged |= matches!(kind("info_kind"), Some("bridge" | "vxlan")) || kind("info_slave_kind").is_some();
            links.filtered |= link.get("xdp").is_some() || matches!(text("qdisc"), Some("clsact" | "ingress"));
        }
        links
    }
}

/// A file of `/proc/net` of the calling thread's namespace.
pub(crate) fn proc_net(name: &str) -> io::Result<Vec<u8>> {
    fs::read(format!("{PROC_NET}/{name}"))
}

fn read_file(path: &std::path::Path, budget: &Budget) -> Result<Vec<u8>, Why> {
    crate::file_tree::read_bounded(path, budget.member_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_say_what_else_to_ask() {
        let links = Links::of(
            br#"[{},{"ifname":"lo"},{"ifname":"cni0","linkinfo":{"info_kind":"bridge"}},{"ifname":"-x"},
                 {"ifname":"eth0","xdp":{"mode":2}}]"#,
        );
        assert_eq!(links.names, ["lo", "cni0", "eth0"]);
        assert!(links.bridged && links.filtered);
        assert!(!Links::of(b"not json").bridged);
    }
}
