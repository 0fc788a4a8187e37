//! The processes behind the ports of the pods.
//!
//! One process serves all pods of a node: a thread for each pod, in its network namespace, bound before the process says
//! that it is ready. It is this same executable, started again with [`SUBCOMMAND`].
//!
//! What it speaks: over TCP one line is read and answered with `pod=NAMESPACE/NAME client=ADDRESS:PORT`; to `big`
//! 64 KiB follow; to an HTTP GET the answer is HTTP, so that `curl` can ask too. Over UDP each datagram is answered with
//! that line.

mod serve;

use crate::spec::{PodPort, Spec};
use netwhy_sys::Netns;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The argument with which the executable is started again as a server; it is not meant for people.
pub const SUBCOMMAND: &str = "__lab-server";

/// Length of the answer to `big`, after its first line.
pub const BIG: usize = 64 * 1024;

/// One pod to be served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// Who answers: `NAMESPACE/NAME`.
    pub pod: String,
    /// The network namespace, as a path that the server can open.
    pub netns: PathBuf,
    /// Where it listens, on every address.
    pub ports: Vec<PodPort>,
}

/// The pods of each node, for one server a node; `netns` tells where a pod's namespace is.
pub fn by_node(spec: &Spec, netns: impl Fn(&crate::spec::Pod) -> PathBuf) -> BTreeMap<String, Vec<Served>> {
    let mut nodes: BTreeMap<String, Vec<Served>> = BTreeMap::new();
    for pod in &spec.pods {
        nodes.entry(pod.node.clone()).or_default().push(Served {
            pod: format!("{}/{}", pod.namespace, pod.name),
            netns: netns(pod),
            ports: pod.ports.clone(),
        });
    }
    nodes
}

/// Starts a server for these pods and does not wait for it: [`wait_ready`] does.
pub fn spawn(exe: &Path, pods: &[Served]) -> io::Result<Child> {
    let mut child = Command::new(exe)
        .arg(SUBCOMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let plan = serde_json::to_vec(pods)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&plan)?;
    }
    Ok(child)
}

/// Waits until every port of a started server is bound; else tells what it complained about.
pub fn wait_ready(child: &mut Child, within: Duration) -> io::Result<()> {
    let Some(mut stdout) = child.stdout.take() else {
        return Err(io::Error::other("the server's output is not a pipe"));
    };
    let until = Instant::now() + within;
    let mut said = Vec::new();
    while !said.ends_with(b"\n") {
        let left = until.saturating_duration_since(Instant::now()).as_millis();
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, timeout)? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server is not ready in time",
            ));
        }
        let mut part = [0u8; 1024];
        match stdout.read(&mut part)? {
            0 => break,
            n => said.extend(&part[..n]),
        }
    }
    match String::from_utf8_lossy(&said).trim() {
        "ready" => Ok(()),
        "" => Err(io::Error::other("the server ended before it was ready")),
        complaint => Err(io::Error::other(complaint.to_owned())),
    }
}

/// The server: reads the plan from its standard input, binds everything, prints `ready`, serves until it is killed.
/// Returns an exit code where that fails.
pub fn main() -> i32 {
    let mut plan = String::new();
    let pods: Result<Vec<Served>, String> = io::stdin()
        .read_to_string(&mut plan)
        .map_err(|e| e.to_string())
        .and_then(|_| serde_json::from_str(&plan).map_err(|e| e.to_string()));
    let started = pods.and_then(start);
    let mut stdout = io::stdout();
    let (word, code) = match started {
        Ok(()) => ("ready".to_owned(), 0),
        Err(complaint) => (complaint.replace('\n', " "), 1),
    };
    // Nobody listens any more: then nobody needs the server either.
    if writeln!(stdout, "{word}").and_then(|()| stdout.flush()).is_err() || word != "ready" {
        return code;
    }
    loop {
        std::thread::park();
    }
}

/// One thread for each network namespace; returns when all are bound.
fn start(pods: Vec<Served>) -> Result<(), String> {
    let (bound, results) = mpsc::channel();
    let count = pods.len();
    for pod in pods {
        let bound = bound.clone();
        std::thread::Builder::new()
            .name(pod.pod.clone())
            .stack_size(256 * 1024)
            .spawn(move || match bind(&pod) {
                Ok(loop_) => {
                    let _ = bound.send(Ok(()));
                    loop_.run();
                }
                Err(e) => {
                    let _ = bound.send(Err(format!("{}: {e}", pod.pod)));
                }
            })
            .map_err(|e| e.to_string())?;
    }
    drop(bound);
    for _ in 0..count {
        results.recv().map_err(|e| e.to_string())??;
    }
    Ok(())
}

fn bind(pod: &Served) -> io::Result<serve::Loop> {
    Netns::open(&pod.netns)?.enter()?;
    serve::Loop::bind(&pod.pod, &pod.ports)
}
