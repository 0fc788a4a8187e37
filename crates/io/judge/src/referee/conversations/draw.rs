//! What a world is drawn with: the lines so far, and what is known of the hosts in it.

use netwhy_lab::Random;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Has pods.
    Node,
    /// Forwards, and has none.
    Router,
    /// Belongs to a node.
    Pod,
    /// A client or server.
    Outside,
}

/// A namespace.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub name: String,
    pub role: Role,
    /// Links with their addresses, without `lo`.
    pub links: Vec<Link>,
    /// Ports of servers, by protocol.
    pub serves: Vec<(&'static str, u16)>,
    /// The range of its pods.
    pub pods: Option<String>,
}

/// A link of a host.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub dev: String,
    /// Address and prefix.
    pub addr: Option<(Ipv4Addr, u8)>,
    /// It is a port of a bridge.
    pub port: bool,
    /// It is a bridge.
    pub bridge: bool,
    /// An address at the other end.
    pub peer: Option<Ipv4Addr>,
}

/// Something to ask for.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub to: Ipv4Addr,
    pub proto: &'static str,
    pub port: u16,
    /// How often it is drawn.
    pub weight: u32,
    /// One of several answers: asked many times.
    pub many: bool,
    /// Only from this host.
    pub from: Option<String>,
}

/// A world that is being drawn.
pub(super) struct Draw {
    pub random: Random,
    pub lines: Vec<String>,
    pub hosts: Vec<Host>,
    pub targets: Vec<Target>,
    /// Range of all pods.
    pub cluster: Option<&'static str>,
    pub features: BTreeMap<String, u64>,
    /// Tables of routes that rules have got.
    pub tables: u32,
}

/// Adds a formatted line.
macro_rules! put {
    ($draw:expr, $($format:tt)*) => { $draw.lines.push(format!($($format)*)) };
}
pub(super) use put;

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw {
            random: Random::new(seed),
            lines: Vec::new(),
            hosts: Vec::new(),
            targets: Vec::new(),
            cluster: None,
            features: BTreeMap::new(),
            tables: 100,
        }
    }

    /// Counts what was drawn.
    pub fn feature(&mut self, name: &str) {
        *self.features.entry(name.to_owned()).or_default() += 1;
    }

    pub fn one_in(&mut self, n: u32) -> bool {
        self.random.one_in(n)
    }

    pub fn below(&mut self, n: usize) -> usize {
        match n {
            0 | 1 => 0,
            _ => self.random.range(0, n as u32 - 1) as usize,
        }
    }

    pub fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.below(from.len())).copied().unwrap_or("")
    }

    pub fn of<T: Clone>(&mut self, from: &[T]) -> Option<T> {
        from.get(self.below(from.len())).cloned()
    }

    pub fn host(&mut self, name: &str, role: Role, node: &str) {
        match role {
            Role::Node | Role::Router => put!(self, "ns {name} node"),
            Role::Pod => put!(self, "ns {name} pod {node}"),
            Role::Outside => put!(self, "ns {name} outside"),
        }
        self.hosts.push(Host {
            name: name.to_owned(),
            role,
            links: Vec::new(),
            serves: Vec::new(),
            pods: None,
        });
    }

    pub fn get(&mut self, name: &str) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|h| h.name == name)
    }

    pub fn link(&mut self, name: &str, dev: &str) {
        if let Some(host) = self.get(name)
            && !host.links.iter().any(|l| l.dev == dev)
        {
            host.links.push(Link {
                dev: dev.to_owned(),
                addr: None,
                port: false,
                bridge: false,
                peer: None,
            });
        }
    }

    /// Changes what is known of a link.
    pub fn note(&mut self, name: &str, dev: &str, change: impl FnOnce(&mut Link)) {
        let link = self.get(name).and_then(|h| h.links.iter_mut().find(|l| l.dev == dev));
        if let Some(link) = link {
            change(link);
        }
    }

    /// A pair; each end is `NS:DEV`.
    pub fn veth(&mut self, one: &str, two: &str) {
        put!(self, "veth {one} {two}");
        for end in [one, two] {
            if let Some((ns, dev)) = end.split_once(':') {
                self.link(ns, dev);
            }
        }
    }

    pub fn bridge(&mut self, name: &str, dev: &str) {
        put!(self, "{name} ip link add {dev} type bridge");
        put!(self, "{name} ip link set {dev} up");
        self.link(name, dev);
        self.note(name, dev, |l| l.bridge = true);
    }

    pub fn port(&mut self, name: &str, dev: &str, bridge: &str) {
        put!(self, "{name} ip link set {dev} master {bridge}");
        self.note(name, dev, |l| l.port = true);
    }

    pub fn addr(&mut self, name: &str, dev: &str, addr: [u8; 4], prefix: u8) {
        let addr = Ipv4Addr::from(addr);
        put!(self, "{name} ip addr add {addr}/{prefix} dev {dev}");
        self.note(name, dev, |l| l.addr = l.addr.or(Some((addr, prefix))));
    }

    /// Who is at the other end.
    pub fn peer(&mut self, name: &str, dev: &str, peer: [u8; 4]) {
        self.note(name, dev, |l| l.peer = Some(peer.into()));
    }

    pub fn forwards(&mut self, name: &str) {
        put!(self, "{name} sysctl net.ipv4.ip_forward=1");
    }

    /// No redirects: they use up the errors that may be sent to a host, and move later packets.
    pub fn no_redirects(&mut self, name: &str) {
        if self.one_in(8) {
            self.feature("sysctl send_redirects 1");
            return;
        }
        put!(self, "{name} sysctl net.ipv4.conf.all.send_redirects=0");
        for link in self.links(name) {
            let dev = link.dev.replace('.', "/");
            put!(self, "{name} sysctl net.ipv4.conf.{dev}.send_redirects=0");
        }
    }

    pub fn serve(&mut self, name: &str, proto: &'static str, port: u16) {
        put!(self, "{name} serve {proto} {port}");
        if let Some(host) = self.get(name) {
            host.serves.push((proto, port));
        }
    }

    /// Something to ask for, by any client.
    pub fn target(&mut self, to: impl Into<Ipv4Addr>, proto: &'static str, port: u16, weight: u32) {
        self.targets.push(Target {
            to: to.into(),
            proto,
            port,
            weight,
            many: false,
            from: None,
        });
    }

    pub fn links(&self, name: &str) -> Vec<Link> {
        let host = self.hosts.iter().find(|h| h.name == name);
        host.map_or(Vec::new(), |h| h.links.clone())
    }

    /// Links that have an address.
    pub fn routed_links(&self, name: &str) -> Vec<Link> {
        let links = self.links(name);
        links.into_iter().filter(|l| l.addr.is_some()).collect()
    }

    /// Hosts with one of these roles.
    pub fn with_role(&self, roles: &[Role]) -> Vec<Host> {
        self.hosts.iter().filter(|h| roles.contains(&h.role)).cloned().collect()
    }

    /// Nodes and routers, where most faults are put; now and then any host.
    pub fn somewhere(&mut self) -> Option<Host> {
        let roles: &[Role] = if self.one_in(5) {
            &[Role::Node, Role::Router, Role::Pod, Role::Outside]
        } else {
            &[Role::Node, Role::Router]
        };
        let hosts = self.with_role(roles);
        self.of(&hosts)
    }

    /// An address that some host has.
    pub fn some_addr(&mut self) -> Ipv4Addr {
        let all: Vec<Ipv4Addr> = self
            .hosts
            .iter()
            .flat_map(|h| h.links.iter().filter_map(|l| Some(l.addr?.0)))
            .collect();
        self.of(&all).unwrap_or(Ipv4Addr::new(10, 1, 0, 2))
    }
}

/// The network of an address.
pub(super) fn network(addr: Ipv4Addr, prefix: u8) -> String {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    format!("{}/{prefix}", Ipv4Addr::from(u32::from(addr) & mask))
}
