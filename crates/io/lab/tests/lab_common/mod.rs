//! What the lab tests share: a lab of one's own, and a dump of everything in it.
#![allow(dead_code, reason = "each test file uses a part")]

use netwhy_lab::spec::Spec;
use netwhy_lab::{Kind, Lab, Labs, State, UpOptions};
use netwhy_sys::{Limits, Netns, run_in, sysctl};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// The program that labs of these tests are made of.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_netwhy-lab-holder");

/// Whether labs can be made here. If not, says what is missing, after having tried it.
pub fn possible() -> bool {
    match Netns::create() {
        Ok(_) => true,
        Err(e) => {
            assert!(
                e.raw_os_error() == Some(1),
                "making a network namespace failed, but not for want of CAP_SYS_ADMIN: {e}"
            );
            eprintln!("not run: needs CAP_SYS_ADMIN ({e})");
            false
        }
    }
}

/// A folder of labs of one's own; with everything in it gone at the end.
pub struct Home {
    pub root: PathBuf,
    pub labs: Labs,
}

impl Home {
    pub fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("netwhy-test-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self {
            labs: Labs::at(&root),
            root,
        }
    }

    pub fn up(&self, spec: &Spec) -> Duration {
        let options = UpOptions {
            name: "test".into(),
            program: Some(PROGRAM.into()),
            ..UpOptions::default()
        };
        self.labs.up(spec, &options).unwrap().took
    }

    /// The command line of the test program, with the environment that leads to this home.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).env("NETWHY_LAB_ROOT", &self.root);
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub fn run_ok(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub fn view(&self) -> Lab {
        self.labs.view("test").unwrap()
    }

    /// Processes that were started for a lab of this home by its test program.
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("NETWHY_LAB_ROOT={}\0", self.root.display());
        let numbers = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|e| e.unwrap().file_name().to_str()?.parse::<u32>().ok());
        let ours = |pid: &u32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.windows(mark.len()).any(|window| window == mark.as_bytes())
        };
        numbers.filter(ours).collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        for name in self.labs.names().unwrap_or_default() {
            let _ = self.labs.down(&name);
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Asks a server of the lab who it is, from a namespace; the error's words if it does not answer.
pub fn ask(lab: &Lab, from: &str, ip: Ipv4Addr, port: u16) -> String {
    let limit = Duration::from_secs(2);
    let talk = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&SocketAddr::from((ip, port)), limit)?;
        stream.set_read_timeout(Some(limit))?;
        stream.write_all(b"who\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line.trim().to_owned())
    };
    lab.netns(from)
        .unwrap()
        .run(talk)
        .unwrap()
        .unwrap_or_else(|e| e.kind().to_string())
}

/// Everything in a lab that a fault may change, by place.
pub fn dump(lab: &Lab) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let state = lab.state().unwrap();
    for namespace in &state.namespaces {
        let ns = lab.netns(&namespace.name).unwrap();
        all.insert(format!("{} ip", namespace.name), links_and_routes(&ns));
        all.insert(format!("{} sysctl", namespace.name), sysctls(&ns));
        if namespace.kind == Kind::Node {
            all.insert(
                format!("{} rules", namespace.name),
                listing(&ns, &["iptables-nft-save"], None),
            );
            files(&lab.node_root(&namespace.name), &mut all);
        }
    }
    files(&lab.cluster_folder(), &mut all);
    all.insert("state".into(), format!("{state:#?}"));
    all
}

/// Sorted: neighbours come out of a hash table.
fn links_and_routes(ns: &Netns) -> String {
    let script = "address\nroute show table all\nrule\nneigh show nud permanent\nlink\n";
    let text = listing(ns, &["ip", "-4", "-o", "-batch", "-"], Some(script.as_bytes()));
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// Without comments (they hold the time) and counters.
fn listing(ns: &Netns, argv: &[&str], stdin: Option<&[u8]>) -> String {
    let output = run_in(Some(ns), argv, stdin, &Limits::default()).unwrap();
    assert!(output.success(), "{argv:?}: {}", output.complaint());
    let lines = output.text();
    let lines = lines.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split(" [").next().unwrap_or_default().to_owned() + "\n")
        .collect()
}

/// All settings but those that move by themselves.
fn sysctls(ns: &Netns) -> String {
    let moving = [
        "nf_conntrack_count",
        "nf_conntrack_expect",
        "netdev_rss_key",
        "tcp_mem",
        "udp_mem",
        "inet_peer",
    ];
    let text = ns.run(|| sysctl::print(&sysctl::read_tree("net"))).unwrap();
    text.lines()
        .filter(|line| moving.iter().all(|m| !line.contains(m)))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn files(folder: &Path, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else {
            let mode = path.metadata().unwrap().permissions().mode();
            let tail = path
                .to_string_lossy()
                .rsplit("/run/netwhy/")
                .next()
                .unwrap_or_default()
                .to_owned();
            all.insert(
                format!("file {tail}"),
                format!("{mode:o}\n{}", fs::read_to_string(&path).unwrap()),
            );
        }
    }
}

/// Fails with what differs, and nothing else.
pub fn assert_same(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>, when: &str) {
    let differing = differences(before, after);
    assert!(differing.is_empty(), "{when}: {}", differing.join("\n"));
}

pub fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let nothing = String::new();
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut all = Vec::new();
    for key in keys {
        let (a, b) = (before.get(key).unwrap_or(&nothing), after.get(key).unwrap_or(&nothing));
        if a == b {
            continue;
        }
        let lines = |text: &'_ str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
        let (old, new) = (lines(a), lines(b));
        all.push(format!("{key}:"));
        all.extend(old.difference(&new).map(|line| format!("  - {line}")));
        all.extend(new.difference(&old).map(|line| format!("  + {line}")));
    }
    all
}

/// The pods of a lab that serve TCP, with their first port.
pub fn tcp_pods(state: &State) -> Vec<(Ipv4Addr, u16, String)> {
    let tcp = |p: &netwhy_lab::spec::Pod| {
        p.ports
            .iter()
            .find(|port| port.protocol == netwhy_lab::spec::Protocol::Tcp)
            .map(|port| port.port)
    };
    let pods = state.spec.pods.iter();
    pods.filter_map(|pod| Some((pod.ip, tcp(pod)?, format!("{}/{}", pod.namespace, pod.name))))
        .collect()
}
