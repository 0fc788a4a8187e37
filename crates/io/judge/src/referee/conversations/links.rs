//! Sysctls, links, neighbours, bridge ports.

use super::draw::{Draw, Host, Role, put};

/// `net.ipv4.conf` keys with the values that are drawn.
const CONF: [(&str, &[&str]); 9] = [
    ("rp_filter", &["1", "1", "2", "0"]),
    ("forwarding", &["0"]),
    ("accept_local", &["1"]),
    ("route_localnet", &["1"]),
    ("src_valid_mark", &["1"]),
    ("arp_ignore", &["1", "2", "8"]),
    ("proxy_arp", &["1"]),
    ("arp_filter", &["1"]),
    ("ignore_routes_with_linkdown", &["1"]),
];

impl Draw {
    pub(super) fn settings(&mut self) {
        let count = self.random.range(0, 4);
        for _ in 0..count {
            if let Some(host) = self.somewhere() {
                self.setting(&host);
            }
        }
    }

    fn setting(&mut self, host: &Host) {
        match self.random.range(1, 14) {
            1..=6 => self.conf(host),
            7 => self.bridge_port(host),
            8 => self.bridge_call(host),
            9 => self.neighbour(),
            10 => self.more_addresses(host),
            11 => self.link_state(host),
            12 => {
                self.feature("sysctl ip_forward 0");
                put!(self, "{} sysctl net.ipv4.ip_forward=0", host.name);
            }
            13 => {
                self.feature("sysctl route_localnet");
                put!(self, "{} sysctl net.ipv4.conf.all.route_localnet=1", host.name);
            }
            _ => self.absent(),
        }
    }

    fn conf(&mut self, host: &Host) {
        let name = &host.name;
        let i = if self.one_in(2) { 0 } else { self.below(CONF.len()) };
        let Some((key, values)) = CONF.get(i) else { return };
        let value = self.pick(values);
        let dev = match self.of(&host.links) {
            Some(link) if !self.one_in(3) => link.dev.replace('.', "/"),
            _ => "all".to_owned(),
        };
        self.feature(&format!("sysctl {key} {value}"));
        put!(self, "{name} sysctl net.ipv4.conf.{dev}.{key}={value}");
    }

    fn bridge_port(&mut self, host: &Host) {
        let ports: Vec<String> = host.links.iter().filter(|l| l.port).map(|l| l.dev.clone()).collect();
        let Some(port) = self.of(&ports) else { return };
        let what = self.pick(&["hairpin on", "hairpin on", "isolated on", "learning off", "flood off"]);
        self.feature(&format!("port {what}"));
        put!(self, "{} bridge link set dev {port} {what}", host.name);
        if what == "isolated on" {
            for other in ports.iter().filter(|p| **p != port) {
                if self.one_in(2) {
                    put!(self, "{} bridge link set dev {other} {what}", host.name);
                }
            }
        }
    }

    fn bridge_call(&mut self, host: &Host) {
        let name = &host.name;
        let Some(bridge) = host.links.iter().find(|l| l.bridge) else {
            return;
        };
        self.feature("sysctl bridge-nf-call-iptables 0");
        put!(self, "{name} sysctl net.bridge.bridge-nf-call-iptables=0");
        if self.one_in(4) {
            self.feature("bridge nf_call_iptables 1");
            put!(
                self,
                "{name} ip link set dev {} type bridge nf_call_iptables 1",
                bridge.dev
            );
        }
    }

    /// A static entry: right, or somebody else's.
    fn neighbour(&mut self) {
        let hosts = self.hosts.clone();
        let Some(of) = self.of(&hosts) else { return };
        let links: Vec<_> = of
            .links
            .iter()
            .filter(|l| l.addr.is_some() && !l.bridge && l.dev != "flannel.1")
            .collect();
        let Some(link) = self.of(&links) else { return };
        let Some((addr, _)) = link.addr else { return };
        let near = hosts.iter().find_map(|h| {
            let dev = h.links.iter().find(|l| l.peer == Some(addr) && !l.port)?;
            Some((h.name.clone(), dev.dev.clone()))
        });
        let Some((asker, dev)) = near else { return };
        let mac = format!("02:00:00:00:01:{:02x}", self.random.range(1, 250));
        put!(self, "{} ip link set {} address {mac}", of.name, link.dev);
        let right = !self.one_in(3);
        self.feature(if right {
            "neigh permanent"
        } else {
            "neigh permanent and wrong"
        });
        let mac = if right { mac } else { "02:00:00:00:02:01".to_owned() };
        let state = self.pick(&["permanent", "permanent", "stale"]);
        put!(
            self,
            "{asker} ip neigh replace {addr} lladdr {mac} dev {dev} nud {state}"
        );
    }

    fn more_addresses(&mut self, host: &Host) {
        let name = host.name.clone();
        let links = self.routed_links(&name);
        let Some(link) = self.of(&links) else { return };
        let Some((addr, prefix)) = link.addr else { return };
        let [a, b, c, _] = addr.octets();
        let (extra, prefix) = match self.random.range(1, 3) {
            1 => ([a, b, c, 77], prefix),
            2 => ([10, 60, 0, 1], 24),
            _ => ([10, 61, 0, 1], 32),
        };
        let dev = if self.one_in(3) { "lo" } else { &link.dev };
        self.feature("address more");
        put!(
            self,
            "{name} ip addr add {}/{prefix} dev {dev}",
            std::net::Ipv4Addr::from(extra)
        );
        let port = host.serves.iter().find(|s| s.0 == "tcp").map_or(8080, |s| s.1);
        self.target(extra, "tcp", port, 3);
        self.target(extra, "udp", 53, 2);
    }

    fn link_state(&mut self, host: &Host) {
        let Some(link) = self.of(&host.links) else { return };
        let (name, dev) = (&host.name, &link.dev);
        match self.random.range(1, 4) {
            1 => {
                self.feature("link down");
                put!(self, "{name} ip link set {dev} down");
            }
            2 => {
                self.feature("link mtu");
                let mtu = self.pick(&["1400", "576", "9000"]);
                put!(self, "{name} ip link set {dev} mtu {mtu}");
            }
            3 if !link.bridge => {
                self.feature("link without ARP");
                put!(self, "{name} ip link set {dev} arp off");
            }
            _ => {
                self.feature("link down and up");
                put!(self, "{name} ip link set {dev} down");
                put!(self, "{name} ip link set {dev} up");
            }
        }
    }

    /// An address of a subnet that nobody has. It takes three seconds.
    fn absent(&mut self) {
        let hosts = self.with_role(&[Role::Node, Role::Router]);
        let links: Vec<_> = hosts.iter().flat_map(|h| &h.links).filter_map(|l| l.addr).collect();
        if let Some((addr, 24)) = self.of(&links) {
            let [a, b, c, _] = addr.octets();
            self.feature("address that nobody has");
            self.target([a, b, c, 200], "tcp", 8080, 4);
        }
    }
}
