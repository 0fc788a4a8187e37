//! Routes and rules that are missing, wrong, or only unusual.

use super::draw::{Draw, Host, network, put};
use std::net::Ipv4Addr;

impl Draw {
    pub(super) fn routing(&mut self) {
        let count = match self.random.range(1, 6) {
            1..=2 => 0,
            3..=4 => 1,
            5 => 2,
            _ => 4,
        };
        for _ in 0..count {
            if let Some(host) = self.somewhere() {
                self.route_of(&host);
            }
        }
    }

    /// A table of its own with one route.
    pub(super) fn table(&mut self, name: &str, route: &str) -> u32 {
        self.tables += 1;
        let table = self.tables;
        put!(self, "{name} ip route add {route} table {table}");
        table
    }

    /// An address at the other end of one of the host's links.
    fn gateway(&mut self, host: &Host) -> Option<Ipv4Addr> {
        let peers: Vec<Ipv4Addr> = host
            .links
            .iter()
            .filter(|l| !l.port && l.dev != "flannel.1")
            .filter_map(|l| l.peer)
            .collect();
        self.of(&peers)
    }

    /// A prefix that holds something that is asked for.
    fn wanted(&mut self) -> String {
        let targets: Vec<Ipv4Addr> = self.targets.iter().map(|t| t.to).collect();
        let addr = self.of(&targets).unwrap_or(Ipv4Addr::new(10, 2, 0, 2));
        let prefix = *self.of(&[32u8, 32, 31, 28, 24, 24, 16]).get_or_insert(32);
        network(addr, prefix)
    }

    /// What a rule asks for.
    pub(super) fn selector(&mut self, name: &str) -> String {
        let from = self.some_addr();
        let to = self.wanted();
        let links = self.links(name);
        let dev = self.of(&links).map_or("lo".to_owned(), |l| l.dev);
        let not = if self.one_in(6) { "not " } else { "" };
        let kind = self.random.range(1, 9);
        self.feature(match kind {
            1 => "rule from",
            2 => "rule to",
            3 => "rule iif",
            4 => "rule iif lo",
            5 => "rule ipproto",
            6 => "rule dport",
            7 => "rule oif",
            _ => "rule fwmark",
        });
        match kind {
            1 => format!("{not}from {}", network(from, 24)),
            2 => format!("{not}to {to}"),
            3 => format!("{not}iif {dev}"),
            4 => "iif lo".to_owned(),
            5 => format!("{not}ipproto {}", self.pick(&["tcp", "udp"])),
            6 => "ipproto tcp dport 8080".to_owned(),
            7 => format!("{not}oif {dev}"),
            _ => {
                let chain = self.pick(&["PREROUTING", "PREROUTING", "OUTPUT"]);
                let table = self.pick(&["mangle", "mangle", "raw"]);
                let backend = self.backend();
                let what = self.pick(&["-p tcp ", "-p udp ", ""]);
                put!(
                    self,
                    "{name} {backend} -t {table} -A {chain} {what}-j MARK --set-xmark 0x2/0xf"
                );
                format!("{not}fwmark 0x2/0xf")
            }
        }
    }

    fn route_of(&mut self, host: &Host) {
        let name = host.name.clone();
        let wanted = self.wanted();
        let Some(via) = self.gateway(host) else { return };
        match self.random.range(1, 16) {
            1..=3 => {
                let kind = self.pick(&["blackhole", "unreachable", "prohibit", "throw"]);
                self.feature(&format!("route {kind}"));
                let metric = if self.one_in(3) { " metric 50" } else { "" };
                put!(self, "{name} ip route replace {kind} {wanted}{metric}");
            }
            4 => {
                self.feature("route local");
                put!(self, "{name} ip route add local 10.70.0.0/24 dev lo");
                self.target([10, 70, 0, 7], "tcp", 9000, 3);
                self.target([10, 70, 0, 7], "tcp", 8080, 2);
                self.towards(host, "10.70.0.0/24");
            }
            5 => {
                self.feature("route broadcast");
                let link = self.of(&host.links);
                let dev = link.map_or("lo".into(), |l| l.dev);
                put!(self, "{name} ip route add broadcast 10.71.0.7 dev {dev}");
                self.target([10, 71, 0, 7], "tcp", 8080, 1);
                self.target([10, 71, 0, 7], "udp", 53, 2);
                self.towards(host, "10.71.0.0/24");
            }
            6 | 7 => {
                self.feature("route to another gateway");
                put!(self, "{name} ip route replace {wanted} via {via} metric 7");
            }
            8 => {
                self.feature("route multipath of two");
                let other = self.gateway(host).unwrap_or(via);
                if other != via {
                    put!(
                        self,
                        "{name} ip route replace {wanted} nexthop via {via} nexthop via {other} weight 2"
                    );
                }
            }
            9 => {
                self.feature("route with src");
                let links = self.routed_links(&name);
                if let Some((src, _)) = self.of(&links).and_then(|l| l.addr) {
                    put!(self, "{name} ip route replace {wanted} via {via} src {src} metric 3");
                }
            }
            10 => {
                self.feature("route that is gone");
                if self
                    .lines
                    .iter()
                    .any(|l| l.starts_with(&format!("{name} ip route add default")))
                {
                    put!(self, "{name} ip route del default");
                }
            }
            11 => {
                self.feature("route in several metrics");
                put!(self, "{name} ip route append {wanted} via {via} metric 20");
                put!(self, "{name} ip route append unreachable {wanted} metric 10");
            }
            _ => self.rule_of(host, &wanted, via),
        }
    }

    /// Others get a route to what this host has.
    fn towards(&mut self, host: &Host, net: &str) {
        let addrs: Vec<(Ipv4Addr, u8)> = host.links.iter().filter_map(|l| l.addr).collect();
        for other in self.hosts.clone() {
            let near = other.links.iter().find_map(|l| {
                let (own, prefix) = l.addr?;
                addrs
                    .iter()
                    .find(|(a, _)| *a != own && network(*a, prefix) == network(own, prefix))
            });
            if let (Some((via, _)), true) = (near, self.one_in(2)) {
                put!(self, "{} ip route replace {net} via {via}", other.name);
            }
        }
    }

    fn rule_of(&mut self, host: &Host, wanted: &str, via: Ipv4Addr) {
        let name = host.name.clone();
        let selector = self.selector(&name);
        match self.random.range(1, 10) {
            1..=4 => {
                self.feature("rule lookup");
                let net = if self.one_in(2) { "default" } else { wanted };
                let table = match self.random.range(1, 6) {
                    1 => self.table(&name, &format!("blackhole {net}")),
                    2 => self.table(&name, &format!("throw {net}")),
                    3 => self.table(&name, &format!("unreachable {net} metric 4278198272")),
                    _ => self.table(&name, &format!("{net} via {via}")),
                };
                put!(self, "{name} ip rule add {selector} lookup {table}");
            }
            5 | 6 => {
                self.feature("rule suppress_prefixlength");
                let table = self.table(&name, &format!("default via {via}"));
                let length = self.pick(&["0", "0", "16", "31"]);
                put!(
                    self,
                    "{name} ip rule add pref 1000 lookup main suppress_prefixlength {length}"
                );
                put!(self, "{name} ip rule add pref 1001 {selector} lookup {table}");
            }
            7 => {
                self.feature("rule goto");
                put!(self, "{name} ip rule add pref 900 {selector} goto 32766");
                let kind = self.pick(&["prohibit", "unreachable", "blackhole"]);
                put!(self, "{name} ip rule add pref 950 to {wanted} {kind}");
            }
            8 => {
                self.feature("rule local moved");
                put!(self, "{name} ip rule add pref 200 lookup local");
                put!(self, "{name} ip rule del pref 0");
                let kind = self.pick(&["prohibit", "unreachable", "blackhole", "lookup main"]);
                put!(self, "{name} ip rule add pref 100 {selector} {kind}");
            }
            9 => {
                self.feature("rule of an empty table");
                put!(self, "{name} ip rule add {selector} lookup 4242");
            }
            _ => {
                self.feature("rule that is an error");
                let kind = self.pick(&["prohibit", "unreachable", "blackhole"]);
                put!(self, "{name} ip rule add {selector} {kind}");
            }
        }
    }
}
