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

struct Drawer<'r> {
    random: &'r mut Random,
    topology: &'r Topology,
}

impl Drawer<'_> {
    fn table(&mut self, lines: &mut Vec<String>, tool: &str, table: &str, bases: &[&str]) {
        let users: Vec<String> = (0..self.random.range(0, 3)).map(|n| format!("U{n}")).collect();
        for user in &users {
            lines.push(format!("n {tool} -t {table} -N {user}"));
        }
        let shaped = match table {
            "nat" if self.random.one_in(2) => self.kube_nat(),
            "filter" if self.random.one_in(3) => self.firewall(),
            _ => Vec::new(),
        };
        lines.extend(shaped.iter().map(|rule| format!("n {tool} -t {table} {rule}")));
        for (at, user) in users.iter().enumerate() {
            for _ in 0..self.random.range(1, 4) {
                let rule = self.rule(table, user, &users[at + 1..], bases);
                lines.push(format!("n {tool} -t {table} {rule}"));
            }
        }
        for base in bases {
            if self.random.one_in(3) {
                continue;
            }
            for _ in 0..self.random.range(1, 5) {
                let rule = self.rule(table, base, &users, &[base]);
                lines.push(format!("n {tool} -t {table} {rule}"));
            }
            let often = if table == "filter" { 6 } else { 30 };
            if table != "nat" && self.random.one_in(often) {
                lines.push(format!("n {tool} -t {table} -P {base} DROP"));
            }
        }
    }

    fn rule(&mut self, table: &str, chain: &str, users: &[String], bases: &[&str]) -> String {
        let mut text = format!("-A {chain}");
        let count = self.random.range(0, 3);
        let mut proto = None;
        for _ in 0..count {
            let (extra, used) = self.matching(chain, bases, proto);
            // A match may stand only once, and each protocol needs its own.
            let word = extra.split_whitespace().find(|w| *w != "!").unwrap_or("");
            let family = |t: &str| match word {
                "-m" => t.contains(extra.split_whitespace().nth(1).map_or("", |m| m)),
                other => t.contains(&format!(" {other} ")),
            };
            if family(&text) {
                continue;
            }
            proto = proto.or(used);
            text += " ";
            text += &extra;
        }
        let target = self.target(table, chain, users, bases, proto);
        text + &target
    }

    fn address(&mut self) -> Ipv4Addr {
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

    fn net(&mut self) -> String {
        let addr = self.address();
        let prefix = [8, 16, 24, 25, 32, 32][self.random.range(0, 5) as usize];
        let net = u32::from(addr) & (u32::MAX << (32 - prefix));
        format!("{}/{prefix}", Ipv4Addr::from(net))
    }

    fn not(&mut self) -> &'static str {
        if self.random.one_in(4) { "! " } else { "" }
    }

    fn link(&mut self) -> String {
        let mut names: Vec<&str> = self.topology.subnets.iter().map(|s| s.link.as_str()).collect();
        names.extend(["t+", "lo"]);
        (*self.random.pick(&names.iter().collect::<Vec<_>>())).to_owned()
    }

    fn port(&mut self) -> u16 {
        PORTS[self.random.range(0, PORTS.len() as u32 - 1) as usize]
    }

    fn ports(&mut self) -> String {
        let port = self.port();
        match self.random.range(1, 4) {
            1 => format!("{port}:{}", port.saturating_add(self.random.range(1, 9000) as u16)),
            2 => "1024:65535".to_owned(),
            _ => port.to_string(),
        }
    }

    /// A match, and the protocol that it demands.
    fn matching(&mut self, chain: &str, bases: &[&str], proto: Option<&'static str>) -> (String, Option<&'static str>) {
        let not = self.not();
        let may = |side: &[&str]| bases.iter().all(|b| side.contains(b));
        let (ins, outs) = (
            may(&["PREROUTING", "INPUT", "FORWARD"]),
            may(&["OUTPUT", "FORWARD", "POSTROUTING"]),
        );
        let _ = chain;
        match self.random.range(1, 22) {
            1 | 2 => (format!("{not}-s {}", self.net()), None),
            3 | 4 => (format!("{not}-d {}", self.net()), None),
            5 if ins => (format!("{not}-i {}", self.link()), None),
            6 if outs => (format!("{not}-o {}", self.link()), None),
            7 | 8 if proto.is_none() => {
                let side = if self.random.one_in(3) { "--sport" } else { "--dport" };
                let name = if self.random.one_in(2) { "tcp" } else { "udp" };
                let ports = self.ports();
                (format!("-p {name} -m {name} {not}{side} {ports}"), Some(name))
            }
            9 if proto.is_none() => {
                let flags = [
                    "SYN,RST,ACK,FIN SYN",
                    "SYN,ACK SYN,ACK",
                    "ALL ACK",
                    "RST RST",
                    "ALL NONE",
                ];
                let flags = flags[self.random.range(0, 4) as usize];
                (format!("-p tcp -m tcp {not}--tcp-flags {flags}"), Some("tcp"))
            }
            10 if proto.is_none() => {
                let kinds = ["8", "0", "3/3", "3", "11", "any"];
                let kind = kinds[self.random.range(0, 5) as usize];
                (format!("-p icmp -m icmp {not}--icmp-type {kind}"), Some("icmp"))
            }
            11 if proto.is_none() => {
                let name = if self.random.one_in(2) { "tcp" } else { "udp" };
                let side = ["--dports", "--sports", "--ports"][self.random.range(0, 2) as usize];
                let ports = format!("{},{},6000:7000", self.port(), self.port());
                (format!("-p {name} -m multiport {not}{side} {ports}"), Some(name))
            }
            12 | 13 => {
                let states = [
                    "NEW",
                    "ESTABLISHED",
                    "RELATED,ESTABLISHED",
                    "INVALID",
                    "RELATED",
                    "DNAT",
                    "SNAT",
                    "UNTRACKED",
                ];
                let state = states[self.random.range(0, 7) as usize];
                (format!("-m conntrack {not}--ctstate {state}"), None)
            }
            14 => {
                let dir = if self.random.one_in(2) { "ORIGINAL" } else { "REPLY" };
                match self.random.range(1, 3) {
                    1 => (format!("-m conntrack --ctdir {dir}"), None),
                    2 => (format!("-m conntrack {not}--ctorigdst {}", self.net()), None),
                    _ => (format!("-m conntrack {not}--ctreplsrc {}", self.net()), None),
                }
            }
            15 => (
                format!(
                    "-m mark {not}--mark {}",
                    ["0x1", "0x2/0x2", "0x4000/0x4000", "0x0/0xff"][self.random.range(0, 3) as usize]
                ),
                None,
            ),
            16 => (
                format!(
                    "-m connmark {not}--mark {}",
                    ["0x1/0x1", "0x8", "0x0"][self.random.range(0, 2) as usize]
                ),
                None,
            ),
            17 => {
                let (side, kind) = (
                    if self.random.one_in(2) {
                        "--src-type"
                    } else {
                        "--dst-type"
                    },
                    ["LOCAL", "UNICAST", "BROADCAST", "MULTICAST", "BLACKHOLE"][self.random.range(0, 4) as usize],
                );
                (format!("-m addrtype {not}{side} {kind}"), None)
            }
            18 => {
                let (a, b) = (u32::from(self.address()), u32::from(self.address()));
                let (low, high) = (Ipv4Addr::from(a.min(b)), Ipv4Addr::from(a.max(b)));
                let side = if self.random.one_in(2) {
                    "--src-range"
                } else {
                    "--dst-range"
                };
                (format!("-m iprange {not}{side} {low}-{high}"), None)
            }
            19 => (
                format!(
                    "-m ttl {}",
                    ["--ttl-eq 64", "--ttl-lt 3", "--ttl-gt 63"][self.random.range(0, 2) as usize]
                ),
                None,
            ),
            20 => (
                format!(
                    "-m length {not}--length {}",
                    ["0:50", "40", "60:1500"][self.random.range(0, 2) as usize]
                ),
                None,
            ),
            21 => (
                format!(
                    "-m pkttype {not}--pkt-type {}",
                    ["unicast", "broadcast", "multicast"][self.random.range(0, 2) as usize]
                ),
                None,
            ),
            22 if ins => {
                let host = self.random.range(2, 6);
                (format!("-m mac {not}--mac-source 02:00:00:01:00:0{host}"), None)
            }
            _ => (
                format!(
                    "{not}-p {}",
                    ["tcp", "udp", "icmp", "50"][self.random.range(0, 3) as usize]
                ),
                Some(""),
            ),
        }
    }

    fn target(&mut self, table: &str, chain: &str, users: &[String], bases: &[&str], proto: Option<&str>) -> String {
        if !users.is_empty() && self.random.one_in(3) {
            let to = &users[self.random.range(0, users.len() as u32 - 1) as usize];
            return format!(" -{} {to}", if self.random.one_in(3) { "g" } else { "j" });
        }
        let only = |side: &[&str]| bases.iter().all(|b| side.contains(b));
        let base = bases.contains(&chain);
        match (table, self.random.range(1, 10)) {
            (_, 1) => " -j ACCEPT".to_owned(),
            (_, 2) if base || self.random.one_in(2) => " -j RETURN".to_owned(),
            (_, 3) => String::new(),
            ("raw", 4..=6) => " -j CT --notrack".to_owned(),
            ("raw" | "mangle" | "filter", 7) => " -j DROP".to_owned(),
            ("mangle", _) => match self.random.range(1, 5) {
                1 => " -j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff".to_owned(),
                2 => " -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff".to_owned(),
                3 => " -j CONNMARK --set-xmark 0x9/0xf".to_owned(),
                _ => format!(
                    " -j MARK --set-xmark {}",
                    ["0x1/0x1", "0x2/0xffffffff", "0x4000/0x4000"][self.random.range(0, 2) as usize]
                ),
            },
            ("nat", _) => self.nat_target(
                only(&["PREROUTING", "OUTPUT"]),
                only(&["POSTROUTING"]),
                only(&["POSTROUTING", "INPUT"]),
                proto,
            ),
            ("filter", 4 | 5) => " -j DROP".to_owned(),
            ("filter", 6) => {
                let kinds = [
                    "icmp-port-unreachable",
                    "icmp-net-unreachable",
                    "icmp-host-unreachable",
                    "icmp-proto-unreachable",
                    "icmp-net-prohibited",
                    "icmp-host-prohibited",
                    "icmp-admin-prohibited",
                ];
                format!(" -j REJECT --reject-with {}", kinds[self.random.range(0, 6) as usize])
            }
            ("filter", 8) if proto == Some("tcp") => " -j REJECT --reject-with tcp-reset".to_owned(),
            _ => " -j ACCEPT".to_owned(),
        }
    }

    fn nat_target(&mut self, dst: bool, masquerade: bool, src: bool, proto: Option<&str>) -> String {
        let ports = matches!(proto, Some("tcp" | "udp"));
        if dst {
            return match self.random.range(1, 4) {
                1 if ports => format!(" -j REDIRECT --to-ports {}", self.port()),
                2 => format!(" -j NETMAP --to 10.{}.0.0/24", self.random.range(0, 2)),
                3 if ports => format!(" -j DNAT --to-destination {}:{}", self.address(), self.port()),
                _ => format!(" -j DNAT --to-destination {}", self.address()),
            };
        }
        if masquerade && self.random.one_in(2) {
            return if ports && self.random.one_in(4) {
                " -j MASQUERADE --to-ports 20000-60000".to_owned()
            } else {
                " -j MASQUERADE".to_owned()
            };
        }
        if src {
            return format!(" -j SNAT --to-source {}", self.address());
        }
        " -j RETURN".to_owned()
    }

    /// As kube-proxy does it: a Service address, a mark, a masquerade behind it.
    fn kube_nat(&mut self) -> Vec<String> {
        let port = self.port();
        let (one, two) = (self.address(), self.address());
        let mut rules: Vec<String> = [
            "KUBE-SERVICES",
            "KUBE-MARK-MASQ",
            "KUBE-POSTROUTING",
            "KUBE-SVC-A",
            "KUBE-SEP-1",
            "KUBE-SEP-2",
        ]
        .iter()
        .map(|chain| format!("-N {chain}"))
        .collect();
        rules.extend([
            "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES".to_owned(),
            "-A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES".to_owned(),
            "-A POSTROUTING -j KUBE-POSTROUTING".to_owned(),
            format!("-A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m tcp --dport {port} -j KUBE-SVC-A"),
            "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 -j KUBE-SVC-A".to_owned(),
            "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000".to_owned(),
            "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN".to_owned(),
            "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0".to_owned(),
            "-A KUBE-POSTROUTING -j MASQUERADE --random-fully".to_owned(),
            "-A KUBE-SVC-A ! -s 10.0.0.0/16 -j KUBE-MARK-MASQ".to_owned(),
            "-A KUBE-SVC-A -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-1".to_owned(),
            "-A KUBE-SVC-A -j KUBE-SEP-2".to_owned(),
            format!("-A KUBE-SEP-1 -s {one}/32 -j KUBE-MARK-MASQ"),
            format!("-A KUBE-SEP-1 -p tcp -m tcp -j DNAT --to-destination {one}:8080"),
            format!("-A KUBE-SEP-2 -s {two}/32 -j KUBE-MARK-MASQ"),
            format!("-A KUBE-SEP-2 -p tcp -m tcp -j DNAT --to-destination {two}:8080"),
        ]);
        rules
    }

    /// As a firewall does it: what belongs to a connection passes, some ports are open, the rest is refused.
    fn firewall(&mut self) -> Vec<String> {
        let chain = if self.random.one_in(2) { "INPUT" } else { "FORWARD" };
        let mut rules = vec![
            format!("-A {chain} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
            format!("-A {chain} -m conntrack --ctstate INVALID -j DROP"),
            format!("-A {chain} -p icmp -m icmp --icmp-type 8 -j ACCEPT"),
        ];
        for _ in 0..self.random.range(1, 3) {
            rules.push(format!(
                "-A {chain} -p tcp -m tcp --dport {} -m conntrack --ctstate NEW -j ACCEPT",
                self.port()
            ));
        }
        if self.random.one_in(2) {
            rules.push(format!("-A {chain} -j REJECT --reject-with icmp-host-prohibited"));
        }
        rules
    }
}
