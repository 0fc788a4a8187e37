//! Rules of firewalls, and rules without a plan.

use super::draw::{Draw, Host, Role, network, put};
use std::net::Ipv4Addr;

/// Base chains of the tables.
const CHAINS: [(&str, &[&str]); 5] = [
    ("filter", &["INPUT", "FORWARD", "FORWARD", "OUTPUT"]),
    ("mangle", &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
    ("raw", &["PREROUTING", "OUTPUT"]),
    ("nat", &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
    ("security", &["INPUT", "FORWARD", "OUTPUT"]),
];
const REJECTS: [&str; 7] = [
    "",
    "",
    " --reject-with icmp-host-unreachable",
    " --reject-with icmp-net-unreachable",
    " --reject-with icmp-admin-prohibited",
    " --reject-with icmp-host-prohibited",
    " --reject-with icmp-net-prohibited",
];

impl Draw {
    pub(super) fn firewalls(&mut self) {
        for host in self.hosts.clone() {
            let forwards = matches!(host.role, Role::Node | Role::Router);
            if self.one_in(if forwards { 3 } else { 12 }) {
                self.firewall(&host);
            }
            if self.one_in(if forwards { 2 } else { 10 }) {
                self.noise(&host);
            }
        }
    }

    /// A default, the states, and exceptions.
    fn firewall(&mut self, host: &Host) {
        self.feature("rules firewall");
        let (n, b) = (&host.name, self.backend());
        let chain = match host.role {
            Role::Node | Role::Router => self.pick(&["FORWARD", "FORWARD", "INPUT"]),
            _ => self.pick(&["INPUT", "OUTPUT"]),
        };
        if self.one_in(2) {
            put!(self, "{n} {b} -A {chain} -m conntrack --ctstate INVALID -j DROP");
        }
        if !self.one_in(4) {
            let states = self.pick(&["RELATED,ESTABLISHED", "RELATED,ESTABLISHED", "ESTABLISHED"]);
            put!(self, "{n} {b} -A {chain} -m conntrack --ctstate {states} -j ACCEPT");
        }
        for _ in 0..self.random.range(1, 4) {
            let what = self.selects(host, "filter", chain);
            let verdict = self.pick(&["ACCEPT", "ACCEPT", "ACCEPT", "DROP", "REJECT"]);
            put!(self, "{n} {b} -A {chain} {what}-j {verdict}");
        }
        match self.random.range(1, 5) {
            1 => put!(self, "{n} {b} -P {chain} DROP"),
            2 => {
                let with = self.pick(&REJECTS);
                put!(self, "{n} {b} -A {chain} -j REJECT{with}");
            }
            3 => {
                put!(self, "{n} {b} -A {chain} -p tcp -j REJECT --reject-with tcp-reset");
                put!(self, "{n} {b} -A {chain} -j REJECT");
            }
            4 => put!(self, "{n} {b} -A {chain} -m conntrack --ctstate NEW -j DROP"),
            _ => {}
        }
    }

    /// Rules and chains without a plan.
    fn noise(&mut self, host: &Host) {
        self.feature("rules noise");
        let (n, b) = (&host.name, self.backend());
        let i = self.below(CHAINS.len() + 2) % CHAINS.len();
        let Some((table, chains)) = CHAINS.get(i).copied() else {
            return;
        };
        let own: Vec<String> = (0..self.random.range(0, 3)).map(|i| format!("U{i}-{table}")).collect();
        for chain in &own {
            put!(self, "{n} {b} -t {table} -N {chain}");
        }
        // A chain may jump to later ones only; what is allowed in it depends on who calls it.
        let base = self.pick(chains);
        for (i, chain) in own.iter().enumerate() {
            for _ in 0..self.random.range(1, 3) {
                let what = self.selects(host, table, base);
                let target = self.verdict(table, base, &what, own.get(i + 1..).unwrap_or_default());
                put!(self, "{n} {b} -t {table} -A {chain} {what}{target}");
            }
        }
        for _ in 0..self.random.range(1, 5) {
            let what = self.selects(host, table, base);
            let target = self.verdict(table, base, &what, &own);
            put!(self, "{n} {b} -t {table} -A {base} {what}{target}");
        }
    }

    fn verdict(&mut self, table: &str, chain: &str, what: &str, chains: &[String]) -> String {
        if let (Some(to), true) = (self.of(chains), self.one_in(2)) {
            return format!("-{} {to}", self.pick(&["j", "j", "j", "g"]));
        }
        let kind = self.random.range(1, 8);
        match (kind, table) {
            (1, _) => "-j ACCEPT".into(),
            (2, _) => "-j RETURN".into(),
            (3, _) => {
                let mark = self.pick(&["0x2/0xf", "0x1/0xf", "0x4000/0x4000", "0x10/0xffffffff"]);
                format!("-j MARK --set-xmark {mark}")
            }
            (4, "filter") => format!("-j REJECT{}", self.pick(&REJECTS)),
            (5, "raw") => "-j CT --notrack".into(),
            (4..=6, "nat") => self.nat(chain, what),
            (4 | 5, "mangle") => {
                let to = self.pick(&["--save-mark", "--restore-mark", "--set-xmark 0x2/0xf"]);
                format!("-j CONNMARK {to}")
            }
            (_, "nat") => "-j RETURN".into(),
            (7, _) => "-j DROP".into(),
            _ => "-j ACCEPT".into(),
        }
    }

    /// A port may be changed only where the protocol is given.
    fn nat(&mut self, chain: &str, what: &str) -> String {
        let addr = match self.one_in(10) {
            true => Ipv4Addr::LOCALHOST,
            false => self.some_addr(),
        };
        let ports = what.starts_with("-p tcp") || what.starts_with("-p udp");
        match chain {
            "PREROUTING" | "OUTPUT" => match self.random.range(1, 3) {
                1 | 2 if ports => format!(
                    "-j DNAT --to-destination {addr}:{}",
                    self.pick(&["8080", "9000", "53", "8081"])
                ),
                3 if ports => format!("-j REDIRECT --to-ports {}", self.pick(&["8080", "9000", "53"])),
                _ => format!("-j DNAT --to-destination {addr}"),
            },
            "INPUT" => format!("-j SNAT --to-source {addr}"),
            _ => match self.random.range(1, 4) {
                1 => format!("-j SNAT --to-source {addr}"),
                2 => "-j NETMAP --to 10.88.0.0/24".into(),
                _ => "-j MASQUERADE".into(),
            },
        }
    }

    /// Protocol first, then matches, with a blank at the end.
    fn selects(&mut self, host: &Host, table: &str, chain: &str) -> String {
        let mut text = self.protocol().to_owned();
        let not = if self.one_in(4) { "! " } else { "" };
        let addr = self.some_addr();
        let net = network(addr, *self.of(&[32u8, 24, 24, 16]).get_or_insert(24));
        match self.random.range(1, 4) {
            1 => text += &format!("{not}-s {net} "),
            2 => text += &format!("{not}-d {net} "),
            _ => {}
        }
        let links: Vec<String> = host.links.iter().map(|l| l.dev.clone()).collect();
        let dev = match self.of(&links) {
            Some(dev) if !self.one_in(4) => dev,
            _ => self.pick(&["lo", "eth+", "v+", "cni0"]).to_owned(),
        };
        let side = match chain {
            "PREROUTING" | "INPUT" => "-i",
            "OUTPUT" | "POSTROUTING" => "-o",
            _ => self.pick(&["-i", "-o"]),
        };
        if self.one_in(3) {
            text += &format!("{not}{side} {dev} ");
        }
        for _ in 0..self.random.range(0, 2) {
            text += &self.matches(host, table, chain);
        }
        text
    }
}
