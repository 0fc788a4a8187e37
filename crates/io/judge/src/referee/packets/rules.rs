//! Random rule sets of iptables, as lines for a world.

use super::topology::{HOSTS, Topology, host};
use netwhy_lab::Random;
use std::net::Ipv4Addr;

/// Ports that packets and rules use often.
pub const PORTS: [u16; 8] = [53, 80, 443, 3000, 8080, 8472, 30080, 31000];

/// Which backends have rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backends {
    /// iptables-nft.
    Nft,
    /// iptables-legacy.
    Legacy,
    /// Both.
    Both,
}

/// Base chains of a table.
const TABLES: [(&str, &[&str]); 4] = [
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("filter", &["INPUT", "FORWARD", "OUTPUT"]),
];

/// Draws the rules of a namespace `n`: lines of the tools `iptables` and `legacy`.
pub fn rules(random: &mut Random, topology: &Topology, backends: Backends) -> Vec<String> {
    let mut lines = Vec::new();
    let tools: &[&str] = match backends {
        Backends::Nft => &["iptables"],
        Backends::Legacy => &["legacy"],
        Backends::Both => &["iptables", "legacy"],
    };
    for tool in tools {
        let mut drawer = Drawer { random, topology };
        for (table, bases) in TABLES {
            let wanted = match table {
                "filter" => 1,
                "nat" => 2,
                _ => 3,
            };
            if drawer.random.one_in(wanted) {
                drawer.table(&mut lines, tool, table, bases);
            }
        }
    }
    lines
}

pub(super) struct Drawer<'r> {
    pub random: &'r mut Random,
    pub topology: &'r Topology,
}

/// Where a rule will stand.
pub(super) struct Place<'p> {
    pub table: &'p str,
    pub chain: &'p str,
    /// Chains that it may lead to.
    pub users: &'p [String],
    /// Base chains that packets may come from.
    pub bases: &'p [&'p str],
}

impl Place<'_> {
    /// Whether packets come from these base chains only.
    pub fn only(&self, chains: &[&str]) -> bool {
        self.bases.iter().all(|b| chains.contains(b))
    }
}

impl Drawer<'_> {
    fn table(&mut self, lines: &mut Vec<String>, tool: &str, table: &str, bases: &[&str]) {
        let users: Vec<String> = (0..self.random.range(0, 3)).map(|n| format!("U{n}")).collect();
        for user in &users {
            lines.push(format!("n {tool} -t {table} -N {user}"));
        }
        let shaped = match table {
            "nat" if self.random.one_in(4) => self.kube_many(),
            "nat" if self.random.one_in(3) => self.kube_nat(),
            "filter" if self.random.one_in(6) => self.many(),
            "filter" if self.random.one_in(3) => self.firewall(),
            _ => Vec::new(),
        };
        lines.extend(shaped.iter().map(|rule| format!("n {tool} -t {table} {rule}")));
        for (at, user) in users.iter().enumerate() {
            for _ in 0..self.random.range(1, 4) {
                let rule = self.rule(&Place {
                    table,
                    chain: user,
                    users: &users[at + 1..],
                    bases,
                });
                lines.push(format!("n {tool} -t {table} {rule}"));
            }
        }
        for base in bases {
            if self.random.one_in(3) {
                continue;
            }
            for _ in 0..self.random.range(1, 5) {
                let rule = self.rule(&Place {
                    table,
                    chain: base,
                    users: &users,
                    bases: &[base],
                });
                lines.push(format!("n {tool} -t {table} {rule}"));
            }
            let often = if table == "filter" { 6 } else { 30 };
            if table != "nat" && self.random.one_in(often) {
                lines.push(format!("n {tool} -t {table} -P {base} DROP"));
            }
        }
    }

    pub(super) fn rule(&mut self, place: &Place<'_>) -> String {
        let mut text = format!("-A {}", place.chain);
        let (mut proto, mut used) = (None, Vec::new());
        let count = [0, 1, 1, 1, 2, 2, 3][self.random.range(0, 6) as usize];
        for _ in 0..count {
            let drawn = self.matching(place, proto);
            // A match may stand only once, and each protocol needs its own.
            if used.contains(&drawn.key) {
                continue;
            }
            used.push(drawn.key);
            proto = proto.or(drawn.proto);
            text += " ";
            text += &drawn.text;
        }
        let target = self.target(place, proto);
        text + &target
    }

    pub(super) fn address(&mut self) -> Ipv4Addr {
        let subnet = self.random.range(0, self.topology.subnets.len() as u32 - 1) as usize;
        let number = self.topology.subnets[subnet].number;
        match self.random.range(1, 4) {
            1 => self.topology.own[self.random.range(0, self.topology.own.len() as u32 - 1) as usize],
            2 => self.topology.remote[self.random.range(0, self.topology.remote.len() as u32 - 1) as usize],
            _ => host(
                number,
                self.random.range(u32::from(*HOSTS.start()), u32::from(*HOSTS.end())) as u8,
            ),
        }
    }

    pub(super) fn net(&mut self) -> String {
        let addr = self.address();
        let prefix = [8, 16, 24, 25, 32, 32][self.random.range(0, 5) as usize];
        let net = u32::from(addr) & (u32::MAX << (32 - prefix));
        format!("{}/{prefix}", Ipv4Addr::from(net))
    }

    pub(super) fn not(&mut self) -> &'static str {
        if self.random.one_in(4) { "! " } else { "" }
    }

    pub(super) fn link(&mut self) -> String {
        let mut names: Vec<&str> = self.topology.subnets.iter().map(|s| s.link.as_str()).collect();
        names.extend(["t+", "lo"]);
        (*self.random.pick(&names.iter().collect::<Vec<_>>())).to_owned()
    }

    /// One of these.
    pub(super) fn one<'s>(&mut self, of: &[&'s str]) -> &'s str {
        self.random.pick(of)
    }

    pub(super) fn port(&mut self) -> u16 {
        PORTS[self.random.range(0, PORTS.len() as u32 - 1) as usize]
    }

    pub(super) fn ports(&mut self) -> String {
        let port = self.port();
        match self.random.range(1, 4) {
            1 => format!("{port}:{}", port.saturating_add(self.random.range(1, 9000) as u16)),
            2 => "1024:65535".to_owned(),
            _ => port.to_string(),
        }
    }
}
