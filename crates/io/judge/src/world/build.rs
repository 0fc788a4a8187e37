//! From text to namespaces, and from namespaces to a cluster.

use super::read::plain_host;
use super::text::{Ask, Recipe, ask};
use netwhy_collect::{Budget, Detail, NetnsRef, Plan, Role, Target, collect};
use netwhy_model::{Cluster, NetnsId};
use netwhy_sys::tap::Tap;
use netwhy_sys::{Limits, Netns, run_in, sysctl};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A world that stands. All of it goes away with this value.
pub struct World {
    spaces: BTreeMap<String, Space>,
    /// Names in the order of their making.
    order: Vec<String>,
    servers: Option<Servers>,
    /// Sockets that nobody reads.
    held: Vec<Listener>,
    /// TAP devices: namespace, name, handle.
    pub taps: Vec<(String, String, Tap)>,
    pairs: usize,
    /// Its questions.
    pub asks: Vec<Ask>,
    /// Namespace, and whether its connection table must hold something afterwards.
    pub tracked: Vec<(String, bool)>,
}

/// One namespace of a world.
pub struct Space {
    /// Handle.
    pub netns: Netns,
    dir: String,
    role: Role,
    /// Nothing but addresses, routes, sysctls and servers.
    plain: bool,
}

struct Servers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

enum Listener {
    Tcp(TcpListener, String),
    Udp(UdpSocket, String),
}

/// What every namespace begins with: no IPv6, no noise, no limits on errors, no filters of its own.
const BASE: [(&str, &str); 8] = [
    ("net.ipv6.conf.all.disable_ipv6", "1"),
    ("net.ipv6.conf.default.disable_ipv6", "1"),
    ("net.ipv4.conf.all.rp_filter", "0"),
    ("net.ipv4.conf.default.rp_filter", "0"),
    ("net.ipv4.icmp_ratelimit", "0"),
    ("net.ipv4.icmp_msgs_per_sec", "1000000"),
    ("net.ipv4.icmp_msgs_burst", "100000"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
];

/// Index of the first end of the first pair.
const FIRST_INDEX: usize = 1000;

/// Commands for one tool in one namespace that can be given at once.
#[derive(Default)]
struct Batch {
    ns: String,
    tool: String,
    lines: Vec<String>,
}

impl World {
    /// Builds it.
    ///
    /// # Errors
    /// A line that is not understood, or that the kernel or a tool refuses.
    pub fn build(recipe: &Recipe) -> Result<World, String> {
        let mut world = World {
            spaces: BTreeMap::new(),
            order: Vec::new(),
            servers: None,
            held: Vec::new(),
            taps: Vec::new(),
            pairs: 0,
            asks: Vec::new(),
            tracked: Vec::new(),
        };
        let mut batch = Batch::default();
        let mut listeners = Vec::new();
        for line in &recipe.lines {
            if let Some(question) = line.strip_prefix("? ").or(line.strip_prefix("?")) {
                world.asks.push(ask(question));
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["ns", name, kind @ ..] => world.add(name, kind)?,
                ["tap", end, mac] => world.tap(&mut batch, end, mac)?,
                [ns, "hold", proto, port, addr @ ..] => {
                    world.flush(&mut batch)?;
                    let held = world.listen(ns, proto, port, addr.first())?;
                    world.held.push(held);
                }
                ["veth", one, two] => world.pair(&mut batch, one, two)?,
                [ns, "serve", proto, port, addr @ ..] => {
                    world.flush(&mut batch)?;
                    listeners.push(world.listen(ns, proto, port, addr.first())?);
                }
                [ns, "tracked", yes] => world.tracked.push(((*ns).to_owned(), *yes == "yes")),
                [ns, tool, ..] => {
                    let rest = line.split_once(tool).map_or("", |(_, rest)| rest).trim();
                    world.queue(&mut batch, ns, tool, rest.to_owned())?;
                }
                _ => return Err(format!("not understood: {line}")),
            }
        }
        world.flush(&mut batch)?;
        world.servers = Some(Servers::start(listeners));
        Ok(world)
    }

    /// A namespace by its name in the text.
    ///
    /// # Errors
    /// There is none.
    pub fn space(&self, name: &str) -> Result<&Space, String> {
        self.spaces.get(name).ok_or_else(|| format!("no namespace {name}"))
    }

    fn add(&mut self, name: &str, kind: &[&str]) -> Result<(), String> {
        let dir = match kind {
            ["node"] => format!("nodes/{name}/host"),
            ["pod", node] => format!("nodes/{node}/pods/t_{name}"),
            ["outside"] => format!("outside/{name}"),
            _ => return Err(format!("ns {name}: node, pod NODE or outside")),
        };
        // The role only says in which order things are read: few but nodes have rules, and kube-proxy is nowhere.
        let role = match kind {
            ["node"] => Role::Outside(String::new()),
            _ => Role::Pod,
        };
        let netns = Netns::create().map_err(|e| format!("a network namespace: {e}"))?;
        let wrote = netns.run(|| {
            for (key, value) in BASE {
                match sysctl::write(key, value) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(format!("{key}: {e}")),
                    _ => {}
                }
            }
            Ok(())
        });
        wrote.map_err(|e| e.to_string())??;
        let space = Space {
            netns,
            dir,
            plain: role == Role::Pod,
            role,
        };
        self.spaces.insert(name.to_owned(), space);
        self.order.push(name.to_owned());
        Ok(())
    }

    fn pair(&mut self, batch: &mut Batch, one: &str, two: &str) -> Result<(), String> {
        let end = |text: &str| {
            let (ns, dev) = text.split_once(':').ok_or(format!("veth NS:DEV NS:DEV: {text}"))?;
            Ok::<_, String>((ns.to_owned(), dev.to_owned()))
        };
        let ((ns1, dev1), (ns2, dev2)) = (end(one)?, end(two)?);
        // Which two ends are a pair is seen by their indexes: with each its own, nothing is open.
        let index = FIRST_INDEX + self.pairs;
        self.pairs += 1;
        let path = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.space(&ns2)?.netns.as_fd().as_raw_fd()
        );
        self.queue(
            batch,
            &ns1,
            "ip",
            format!("link add {dev1} index {index} type veth peer name {dev2} netns {path}"),
        )?;
        self.queue(batch, &ns1, "ip", format!("link set {dev1} up"))?;
        self.queue(batch, &ns2, "ip", format!("link set {dev2} up"))
    }

    fn tap(&mut self, batch: &mut Batch, end: &str, mac: &str) -> Result<(), String> {
        self.flush(batch)?;
        let (ns, dev) = end.split_once(':').ok_or(format!("tap NS:DEV MAC: {end}"))?;
        let tap = Tap::create(&self.space(ns)?.netns, dev).map_err(|e| format!("tap {end}: {e}"))?;
        self.taps.push((ns.to_owned(), dev.to_owned(), tap));
        self.queue(batch, ns, "ip", format!("link set {dev} address {mac} up"))
    }

    fn queue(&mut self, batch: &mut Batch, ns: &str, tool: &str, line: String) -> Result<(), String> {
        let more = !matches!(tool, "ip" | "sysctl") || line.contains("type bridge") || line.contains("type vxlan");
        if let (true, Some(space)) = (more, self.spaces.get_mut(ns)) {
            space.plain = false;
        }
        if batch.ns != ns || batch.tool != tool {
            self.flush(batch)?;
            batch.ns = ns.to_owned();
            batch.tool = tool.to_owned();
        }
        batch.lines.push(line);
        Ok(())
    }

    fn flush(&self, batch: &mut Batch) -> Result<(), String> {
        let done = std::mem::take(batch);
        if done.lines.is_empty() {
            return Ok(());
        }
        self.command(&done.ns, &done.tool, &done.lines)
    }

    fn command(&self, ns: &str, tool: &str, lines: &[String]) -> Result<(), String> {
        let space = self.space(ns)?;
        let plain = || format!("{}\n", lines.join("\n"));
        let (argv, input): (&[&str], String) = match tool {
            // Every time, as that costs less than a command of its own.
            "ip" => (&["ip", "-batch", "-"], format!("link set lo up\n{}", plain())),
            "bridge" => (&["bridge", "-batch", "-"], plain()),
            "nft" => (&["nft", "-f", "-"], plain()),
            "ipset" => (&["ipset", "restore"], plain()),
            "iptables" => (&["iptables-nft-restore", "--noflush"], restore(lines)),
            "legacy" => (&["iptables-legacy-restore", "--noflush", "-w", "20"], restore(lines)),
            "sysctl" => return write_all(space, lines),
            // It takes one at a time.
            "conntrack" => return lines.iter().try_for_each(|line| connection(space, line)),
            _ => return Err(format!("{ns} {tool}: no such tool")),
        };
        let limits = Limits {
            time: Duration::from_secs(60),
            ..Limits::default()
        };
        let output = run_in(Some(&space.netns), argv, Some(input.as_bytes()), &limits).map_err(|e| e.to_string())?;
        if output.success() {
            Ok(())
        } else {
            Err(format!("{ns}: {argv:?}: {}\n{input}", output.complaint()))
        }
    }

    fn listen(&self, ns: &str, proto: &str, port: &str, addr: Option<&&str>) -> Result<Listener, String> {
        let addr: Ipv4Addr = addr
            .map_or(Ok(Ipv4Addr::UNSPECIFIED), |a| a.parse())
            .map_err(|_| "address")?;
        let at = SocketAddrV4::new(addr, port.parse().map_err(|_| format!("port {port}"))?);
        let space = self.space(ns)?;
        let name = format!("{ns}:{port}");
        let made = space.netns.run(|| match proto {
            "udp" => UdpSocket::bind(at).and_then(|s| s.set_nonblocking(true).map(|()| Listener::Udp(s, name))),
            _ => TcpListener::bind(at).and_then(|s| s.set_nonblocking(true).map(|()| Listener::Tcp(s, name))),
        });
        made.and_then(|inner| inner)
            .map_err(|e| format!("{ns} listens on {at}: {e}"))
    }

    /// What netwhy reads of it; plain hosts are read with fewer commands, unless `wholly`.
    ///
    /// # Errors
    /// A command that reads fails.
    pub fn cluster(&self, wholly: bool) -> Result<Cluster, String> {
        let short = |name: &&String| !wholly && self.spaces[*name].plain;
        let target = |name: &String| {
            let space = &self.spaces[name];
            Target {
                dir: space.dir.clone(),
                netns: NetnsRef::Path(format!("/proc/self/fd/{}", space.netns.as_fd().as_raw_fd()).into()),
                role: space.role.clone(),
                resolv_conf: None,
            }
        };
        let plan = Plan {
            cluster_name: "world".into(),
            made_by: "netwhy test".into(),
            now: "2026-01-01T00:00:00Z".into(),
            namespaces: self.order.iter().filter(|name| !short(name)).map(target).collect(),
            files: Vec::new(),
            cluster_files: None,
            only: None,
            detail: Detail::Path,
            budget: Budget {
                command_time: Duration::from_secs(60),
                rules_time: Duration::from_secs(60),
                workers: 1,
                ..Budget::default()
            },
        };
        let mut snapshot = collect(&plan, &|| "2026-01-01T00:00:01Z".into()).snapshot;
        for space in self.order.iter().filter(short).map(|name| &self.spaces[name]) {
            for (member, text) in plain_host(&space.netns)? {
                snapshot.insert(format!("{}/{member}", space.dir), text);
            }
        }
        Ok(Cluster::build(snapshot))
    }

    /// The namespace in the model.
    ///
    /// # Errors
    /// It was not read.
    pub fn id(&self, cluster: &Cluster, name: &str) -> Result<NetnsId, String> {
        let dir = &self.space(name)?.dir;
        let found = cluster.netns.iter().find(|n| n.dir == *dir);
        found.map(|n| n.id).ok_or_else(|| format!("{dir} was not read"))
    }

    /// The name that this text gives to a namespace of the cluster.
    pub fn name(&self, cluster: &Cluster, id: NetnsId) -> String {
        let dir = &cluster.ns(id).dir;
        let found = self.spaces.iter().find(|(_, s)| s.dir == *dir);
        found.map_or_else(|| dir.clone(), |(name, _)| name.clone())
    }

    /// Writes a sysctl.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn write(&self, ns: &str, key: &str, value: &str) -> Result<(), String> {
        write_all(self.space(ns)?, &[format!("{key}={value}")])
    }

    /// Whether the connection table of a namespace holds something.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn tracks(&self, ns: &str) -> Result<bool, String> {
        let read = self
            .space(ns)?
            .netns
            .run(|| sysctl::read("net.netfilter.nf_conntrack_count"));
        let count = read.and_then(|inner| inner).map_err(|e| e.to_string())?;
        Ok(count.trim() != "0")
    }
}

/// Lines as one types them, `-t TABLE` first, as the input of iptables-restore.
fn restore(lines: &[String]) -> String {
    let mut text = String::new();
    let mut open = None;
    for line in lines {
        let (table, rule) = match line.strip_prefix("-t ").and_then(|l| l.split_once(' ')) {
            Some((table, rule)) => (table, rule.to_owned()),
            None => ("filter", line.clone()),
        };
        let rule = match rule.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["-P", chain, policy] => format!(":{chain} {policy} [0:0]"),
            ["-N", chain] => format!(":{chain} - [0:0]"),
            _ => rule,
        };
        if open != Some(table) {
            if open.is_some() {
                text += "COMMIT\n";
            }
            text += &format!("*{table}\n");
            open = Some(table);
        }
        text += &format!("{rule}\n");
    }
    text + "COMMIT\n"
}

/// `-I` and more of `conntrack`: a connection that was there before.
fn connection(space: &Space, line: &str) -> Result<(), String> {
    let argv: Vec<&str> = std::iter::once("conntrack").chain(line.split_whitespace()).collect();
    let output = run_in(Some(&space.netns), &argv, None, &Limits::default()).map_err(|e| e.to_string())?;
    match output.success() {
        true => Ok(()),
        false => Err(format!("{argv:?}: {}", output.complaint())),
    }
}

fn write_all(space: &Space, lines: &[String]) -> Result<(), String> {
    let write = || {
        for line in lines {
            let (key, value) = line.split_once('=').ok_or(format!("KEY=VALUE: {line}"))?;
            sysctl::write(key, value).map_err(|e| format!("{line}: {e}"))?;
        }
        Ok(())
    };
    space.netns.run(write).map_err(|e| e.to_string())?
}

impl Servers {
    fn start(listeners: Vec<Listener>) -> Servers {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                listeners.iter().for_each(Listener::serve);
                std::thread::sleep(Duration::from_millis(3));
            }
        });
        Servers {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Listener {
    fn serve(&self) {
        match self {
            Listener::Tcp(socket, name) => {
                while let Ok((mut stream, peer)) = socket.accept() {
                    let _ = stream.write_all(answer(name, peer).as_bytes());
                }
            }
            Listener::Udp(socket, name) => {
                let mut buffer = [0; 64];
                // An error of a datagram that was sent before ends the loop; the next round goes on.
                while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(answer(name, peer).as_bytes(), peer);
                }
            }
        }
    }
}

fn answer(name: &str, peer: SocketAddr) -> String {
    format!("{name} {}\n", peer.ip())
}
