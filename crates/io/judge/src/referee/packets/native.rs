//! Random rule sets of native nftables, as lines for a world.

use super::rules::Drawer;
use super::topology::Topology;
use netwhy_lab::Random;

/// The tables that are drawn: family and name.
pub const TABLES: [(&str, &str); 2] = [("ip", "na"), ("inet", "nb")];
/// A set that rules change.
pub const CHANGED: &str = "dyn";

/// Hooks, with the place of each among those of a nat chain.
const HOOKS: [&str; 5] = ["prerouting", "input", "forward", "output", "postrouting"];
const PRIORITIES: [i32; 14] = [-450, -310, -300, -250, -150, -110, -100, -99, 0, 0, 0, 10, 50, 110];
const NAT_PRIORITIES: [i32; 5] = [-110, -100, 0, 90, 100];

/// Draws the rules of a namespace `n`: lines of the tool `nft`.
pub fn native(random: &mut Random, topology: &Topology) -> Vec<String> {
    let mut lines = Vec::new();
    let both = random.one_in(3);
    let first = random.range(0, 1) as usize;
    for (at, (family, name)) in TABLES.iter().enumerate() {
        if both || at == first {
            let drawer = Drawer { random, topology };
            Table {
                drawer,
                name: format!("{family} {name}"),
                users: Vec::new(),
            }
            .draw(&mut lines);
        }
    }
    lines
}

struct Table<'r> {
    drawer: Drawer<'r>,
    name: String,
    users: Vec<String>,
}

/// Where a rule will stand.
#[derive(Clone, Copy)]
struct Chain<'c> {
    name: &'c str,
    /// `filter`, `nat`, `route`; empty for a chain that others lead to.
    kind: &'c str,
    hook: &'c str,
    /// How many of the user chains it may lead to.
    users: usize,
}

impl Chain<'_> {
    fn at(&self, hooks: &[&str]) -> bool {
        hooks.contains(&self.hook)
    }
}

impl Table<'_> {
    fn draw(mut self, lines: &mut Vec<String>) {
        let name = self.name.clone();
        let mut put = |line: String| lines.push(format!("n nft {line}"));
        put(format!("add table {name}"));
        self.users = (0..self.drawer.random.range(1, 3)).map(|n| format!("u{n}")).collect();
        for user in &self.users {
            put(format!("add chain {name} {user}"));
        }
        for set in self.sets() {
            put(format!("add {set}"));
        }
        let mut chains = Vec::new();
        for at in 0..self.drawer.random.range(1, 5) {
            let (kind, hook, priority) = self.base();
            let policy = if kind == "filter" && self.drawer.random.one_in(12) {
                "drop"
            } else {
                "accept"
            };
            let chain = format!("b{at}");
            put(format!(
                "add chain {name} {chain} {{ type {kind} hook {hook} priority {priority} ; policy {policy} ; }}"
            ));
            chains.push((chain, kind, hook));
        }
        let users = self.users.clone();
        for (at, user) in users.iter().enumerate() {
            for _ in 0..self.drawer.random.range(1, 3) {
                let chain = Chain {
                    name: user,
                    kind: "",
                    hook: "",
                    users: at,
                };
                put(self.rule(chain));
            }
        }
        for (chain, kind, hook) in &chains {
            for _ in 0..self.drawer.random.range(1, 4) {
                let chain = Chain {
                    name: chain,
                    kind,
                    hook,
                    users: users.len(),
                };
                put(self.rule(chain));
            }
        }
    }

    fn base(&mut self) -> (&'static str, &'static str, i32) {
        let random = &mut self.drawer.random;
        let hook = HOOKS[random.range(0, 4) as usize];
        let pick = |random: &mut Random, of: &[i32]| of[random.range(0, of.len() as u32 - 1) as usize];
        match random.range(1, 6) {
            1 | 2 if hook != "forward" => ("nat", hook, pick(random, &NAT_PRIORITIES)),
            3 if hook == "output" => ("route", hook, pick(random, &PRIORITIES)),
            _ => ("filter", hook, pick(random, &PRIORITIES)),
        }
    }

    fn sets(&mut self) -> Vec<String> {
        let name = self.name.clone();
        let list = |parts: Vec<String>| parts.join(", ");
        let nets: Vec<String> = (0..3).map(|_| self.drawer.net()).collect();
        let ports: Vec<String> = (0..3).map(|_| self.drawer.ports().replace(':', "-")).collect();
        let (a, b) = (self.drawer.address(), self.drawer.address());
        let (to, port) = (self.drawer.address(), self.drawer.port());
        let (verdict, other) = (self.verdict_of_map(), self.verdict_of_map());
        let mut all = vec![
            format!(
                "set {name} nets {{ type ipv4_addr ; flags interval ; auto-merge ; elements = {{ {} }} ; }}",
                list(nets)
            ),
            format!(
                "set {name} ports {{ type inet_service ; flags interval ; auto-merge ; elements = {{ {} }} ; }}",
                list(ports)
            ),
            format!("set {name} {CHANGED} {{ type ipv4_addr ; flags dynamic,timeout ; timeout 1h ; size 1000 ; }}"),
            format!(
                "set {name} pairs {{ type ipv4_addr . inet_proto . inet_service ; flags interval ; elements = {{ {a}/31 . tcp . 53-443, 192.0.2.0/24 . udp . 1-9 }} ; }}"
            ),
            format!(
                "map {name} verdicts {{ type inet_proto . inet_service : verdict ; elements = {{ tcp . 80 : {verdict}, udp . 53 : {other} }} ; }}"
            ),
            format!(
                "map {name} ends {{ type ipv4_addr . inet_service : ipv4_addr . inet_service ; elements = {{ {b} . {port} : {to} . 8080 }} ; }}"
            ),
        ];
        if self.drawer.random.one_in(2) {
            all.push(format!(
                "map {name} nexts {{ type ipv4_addr : ipv4_addr ; flags interval ; elements = {{ {b} : {to} }} ; }}"
            ));
        } else {
            all.push(format!(
                "map {name} nexts {{ type ipv4_addr : ipv4_addr ; elements = {{ {b} : {to} }} ; }}"
            ));
        }
        all
    }

    fn verdict_of_map(&mut self) -> String {
        let user = self.users.first().cloned().unwrap_or_default();
        let goes = [format!("jump {user}"), format!("goto {user}")];
        let plain = ["accept", "drop", "return", "continue"].map(str::to_owned);
        let all: Vec<String> = plain.into_iter().chain(goes).collect();
        all[self.drawer.random.range(0, all.len() as u32 - 1) as usize].clone()
    }

    fn rule(&mut self, chain: Chain<'_>) -> String {
        let count = [0, 1, 1, 1, 2, 2, 3][self.drawer.random.range(0, 6) as usize];
        let action = self.action(chain);
        let mut parts: Vec<String> = Vec::new();
        // nft refuses two protocols in one rule.
        let mut protocol = is_above_ip(&action);
        for _ in 0..count {
            let drawn = self.matching(chain);
            if !is_above_ip(&drawn) || !std::mem::replace(&mut protocol, true) {
                parts.push(drawn);
            }
        }
        let at = self.drawer.random.range(0, parts.len() as u32) as usize;
        parts.insert(at, "counter".to_owned());
        parts.push(action);
        format!("add rule {} {} {}", self.name, chain.name, parts.join(" "))
    }

    fn op(&mut self) -> &'static str {
        if self.drawer.random.one_in(4) { "!= " } else { "" }
    }

    fn matching(&mut self, chain: Chain<'_>) -> String {
        let op = self.op();
        let side = self.drawer.one(&["saddr", "daddr"]).to_owned();
        let end = self.drawer.one(&["sport", "dport"]).to_owned();
        let proto = self.drawer.one(&["tcp", "udp"]).to_owned();
        match self.drawer.random.range(1, 34) {
            1 | 2 => format!("ip {side} {op}{}", self.drawer.net()),
            3 => format!("ip {side} {op}{}", self.drawer.address()),
            4 => format!("ip {side} {op}@nets"),
            5 => format!(
                "ip {side} {op}{{ {}, {} }}",
                self.drawer.address(),
                net_apart(self.drawer.random)
            ),
            6 | 7 => format!("{proto} {end} {op}{}", self.drawer.ports().replace(':', "-")),
            8 => format!("{proto} {end} {op}@ports"),
            9 => format!("meta l4proto {{ tcp, udp }} th {end} {op}{}", self.drawer.port()),
            10 => format!("ip {side} . meta l4proto . th {end} {op}@pairs"),
            11 => format!("meta l4proto {op}{proto}"),
            12 => format!("ip protocol {op}{{ icmp, {proto} }}"),
            13 | 14 => {
                let name = self.drawer.link().replace('+', "*");
                let dir = self.drawer.one(&["iifname", "oifname"]);
                format!("{dir} {op}\"{name}\"")
            }
            15 => {
                let names: Vec<String> = self
                    .drawer
                    .topology
                    .subnets
                    .iter()
                    .map(|s| format!("\"{}\"", s.link))
                    .collect();
                format!("iifname {op}{{ {} }}", names.join(", "))
            }
            16 => format!(
                "meta mark & 0x3 {}{}",
                if op.is_empty() { "== " } else { op },
                self.drawer.random.range(0, 3)
            ),
            17 => format!(
                "meta mark {op}{}-{}",
                self.drawer.random.range(0, 1),
                self.drawer.random.range(2, 3)
            ),
            18 => format!(
                "ct state {}",
                self.drawer.one(&[
                    "new",
                    "established,related",
                    "invalid",
                    "!= new",
                    "untracked",
                    "{ new, established }"
                ])
            ),
            19 => format!(
                "ct status {}",
                self.drawer
                    .one(&["dnat", "snat", "seen-reply", "confirmed", "! dnat,snat"])
            ),
            20 => format!("ct direction {op}{}", self.drawer.one(&["original", "reply"])),
            21 => format!("ct mark {op}{}", self.drawer.random.range(0, 3)),
            22 => format!(
                "ct {} ip {side} {op}{}",
                self.drawer.one(&["original", "reply"]),
                self.drawer.net()
            ),
            23 => self.fib(chain),
            24 => format!("ip ttl {op}{}", self.drawer.random.range(62, 65)),
            25 => format!(
                "ip dscp {op}{}",
                self.drawer.one(&["cs0", "cs1", "{ cs0, af11 }", "0x04"])
            ),
            26 => format!(
                "ip length {op}{}",
                self.drawer
                    .one(&["28-60", "> 100", "< 61"])
                    .replace("> ", if op.is_empty() { "> " } else { "" })
                    .replace("< ", if op.is_empty() { "< " } else { "" })
            ),
            27 => "ip frag-off & 0x1fff != 0".to_owned(),
            28 => format!(
                "icmp type {op}{}",
                self.drawer.one(&[
                    "echo-request",
                    "{ echo-reply, destination-unreachable }",
                    "time-exceeded"
                ])
            ),
            29 => format!(
                "tcp flags {}",
                self.drawer.one(&[
                    "syn",
                    "& (fin|syn|rst|ack) == syn",
                    "! rst",
                    "== ack",
                    "{ syn, syn|ack }"
                ])
            ),
            30 => format!(
                "meta pkttype {op}{}",
                self.drawer.one(&["host", "broadcast", "{ host, multicast }"])
            ),
            // What nft makes of `!=` is not what it has loaded.
            31 => format!("@nh,8,8 {}", self.drawer.one(&["0", "16", "252"])),
            32 => format!("@th,16,16 {op}{}", self.drawer.port()),
            33 => format!("tcp option maxseg size {op}{}", self.drawer.one(&["1-1000", "1460"])),
            _ => format!("ip saddr {op}@{CHANGED}"),
        }
    }

    fn fib(&mut self, chain: Chain<'_>) -> String {
        let kinds = ["local", "unicast", "broadcast", "{ local, multicast }"];
        let early = chain.at(&["prerouting", "input"]);
        match self.drawer.random.range(1, 4) {
            1 if early => "fib saddr . iif oif exists".to_owned(),
            2 if early => "fib saddr . mark . iif oif missing".to_owned(),
            3 if early => format!("fib daddr . iif type {}", self.drawer.one(&kinds)),
            _ => format!(
                "fib {} type {}",
                self.drawer.one(&["saddr", "daddr"]),
                self.drawer.one(&kinds)
            ),
        }
    }

    fn action(&mut self, chain: Chain<'_>) -> String {
        if chain.kind == "nat" && !self.drawer.random.one_in(4) {
            return self.translation(chain);
        }
        let user =
            (chain.users > 0).then(|| self.users[self.drawer.random.range(0, chain.users as u32 - 1) as usize].clone());
        let filter = chain.kind == "filter";
        match self.drawer.random.range(1, 24) {
            1..=3 => "accept".to_owned(),
            4 | 5 => "drop".to_owned(),
            6 => "return".to_owned(),
            7..=9 if user.is_some() => format!("jump {}", user.unwrap_or_default()),
            10 if user.is_some() => format!("goto {}", user.unwrap_or_default()),
            11 => format!(
                "meta mark set meta mark {} {}",
                self.drawer.one(&["|", "^", "&"]),
                self.drawer.random.range(0, 3)
            ),
            12 => format!("meta mark set {}", self.drawer.random.range(0, 3)),
            13 => self
                .drawer
                .one(&["ct mark set meta mark", "ct mark set 2", "meta mark set ct mark"])
                .to_owned(),
            14 if filter && chain.at(&["input", "forward", "output"]) => self.reject(),
            15 if filter && chain.at(&["prerouting", "output"]) => "notrack".to_owned(),
            16 if !chain.kind.is_empty() && chain.users > 0 => "meta l4proto . th dport vmap @verdicts".to_owned(),
            17 => format!("ip dscp set {}", self.drawer.one(&["cs1", "af11", "cs0"])),
            18 => format!("update @{CHANGED} {{ ip saddr }}"),
            19 => format!("add @{CHANGED} {{ ip daddr }} accept"),
            20 => format!("delete @{CHANGED} {{ ip saddr }}"),
            21 => format!("tcp option maxseg size set {}", self.drawer.one(&["500", "1400"])),
            22 => "ct state vmap { established : accept, invalid : drop }".to_owned(),
            23 => "numgen random mod 3 vmap { 0 : accept, 1 : continue }".to_owned(),
            _ => "continue".to_owned(),
        }
    }

    fn reject(&mut self) -> String {
        let inet = self.name.starts_with("inet");
        match self.drawer.random.range(1, 4) {
            1 => "reject".to_owned(),
            2 => "meta l4proto tcp reject with tcp reset".to_owned(),
            3 if inet => "reject with icmpx admin-prohibited".to_owned(),
            _ => "reject with icmp host-prohibited".to_owned(),
        }
    }

    fn translation(&mut self, chain: Chain<'_>) -> String {
        let ip = if self.name.starts_with("inet") { " ip" } else { "" };
        let (to, port) = (self.drawer.address(), self.drawer.port());
        let proto = self.drawer.one(&["tcp", "udp"]).to_owned();
        let source = chain.at(&["input", "postrouting"]);
        match (self.drawer.random.range(1, 7), source) {
            (1 | 2, true) if chain.hook == "postrouting" => {
                self.drawer.one(&["masquerade", "masquerade fully-random"]).to_owned()
            }
            (3, true) => format!("snat{ip} to ip saddr map @nexts"),
            (_, true) => format!("snat{ip} to {to}"),
            (1, false) => "redirect".to_owned(),
            (2, false) => format!("meta l4proto {proto} redirect to :{port}"),
            (3, false) => format!("meta l4proto {proto} dnat{ip} to {to}:{port}"),
            (4, false) => format!("meta l4proto {proto} dnat ip to ip daddr . th dport map @ends"),
            (5, false) => {
                let other = self.drawer.address();
                format!(
                    "meta l4proto {proto} dnat ip to numgen random mod 2 map {{ 0 : {to} . {port}, 1 : {other} . {port} }}"
                )
            }
            (6, false) => format!("dnat{ip} to ip daddr map @nexts"),
            (_, false) => format!("dnat{ip} to {to}"),
        }
    }
}

/// Whether it asks for a protocol above IP.
fn is_above_ip(part: &str) -> bool {
    ["tcp", "udp", "icmp", "l4proto", "th ", "ip protocol"]
        .iter()
        .any(|word| part.contains(word))
}

/// A network in which no host of the topology is.
fn net_apart(random: &mut Random) -> String {
    format!("198.51.100.{}/31", random.range(0, 100) * 2)
}
