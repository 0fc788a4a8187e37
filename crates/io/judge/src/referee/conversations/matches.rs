//! Matches of rules.

use super::draw::{Draw, Host, network, put};

impl Draw {
    /// One match that the chain allows, with a blank at the end.
    pub(super) fn matches(&mut self, host: &Host, table: &str, chain: &str) -> String {
        let not = if self.one_in(4) { "! " } else { "" };
        let addr = self.some_addr();
        let incoming = matches!(chain, "PREROUTING" | "INPUT" | "FORWARD");
        let kind = self.random.range(1, 20);
        let text = match kind {
            1 | 2 => {
                let states = [
                    "NEW",
                    "ESTABLISHED",
                    "RELATED,ESTABLISHED",
                    "INVALID",
                    "UNTRACKED",
                    "DNAT",
                    "SNAT",
                    "NEW,UNTRACKED",
                ];
                format!("-m conntrack {not}--ctstate {}", self.pick(&states))
            }
            3 => format!("-m conntrack --ctdir {}", self.pick(&["ORIGINAL", "REPLY"])),
            4 => format!("-m conntrack {not}--ctorigdst {addr}"),
            5 => format!("-m conntrack {not}--ctreplsrc {}", network(addr, 24)),
            6 | 7 => format!(
                "-m mark {not}--mark {}",
                self.pick(&["0x2/0xf", "0x0/0xf", "0x4000/0x4000", "0x2"])
            ),
            8 => format!("-m connmark {not}--mark {}", self.pick(&["0x2/0xf", "0x0"])),
            9 => format!(
                "-m addrtype {not}--dst-type {}",
                self.pick(&["LOCAL", "LOCAL", "UNICAST", "BROADCAST", "BLACKHOLE"])
            ),
            10 => format!("-m addrtype {not}--src-type {}", self.pick(&["LOCAL", "UNICAST"])),
            11 if incoming => "-m addrtype --dst-type LOCAL --limit-iface-in".into(),
            12 => format!(
                "-m iprange {not}--src-range 10.1.0.1-{}",
                self.pick(&["10.1.0.2", "10.2.0.9", "10.20.0.1"])
            ),
            13 => format!(
                "-m pkttype {not}--pkt-type {}",
                self.pick(&["unicast", "unicast", "broadcast", "multicast"])
            ),
            14 => format!(
                "-m ttl {}",
                self.pick(&[
                    "--ttl-eq 64",
                    "--ttl-eq 63",
                    "--ttl-lt 63",
                    "--ttl-gt 62",
                    "! --ttl-eq 64"
                ])
            ),
            16 if matches!(table, "raw" | "mangle") && chain == "PREROUTING" => {
                format!(
                    "-m rpfilter{}",
                    self.pick(&["", " --invert", " --loose", " --loose --invert", " --validmark"])
                )
            }
            17 if host.links.iter().any(|l| l.port) => self.physdev(host, chain),
            18 if chain == "FORWARD" => format!("-m mac {not}--mac-source 02:00:00:00:00:01"),
            15 => self.set(host, not),
            19 => format!(
                "-m statistic --mode random --probability {}",
                self.pick(&["0.5", "0.3"])
            ),
            _ => return String::new(),
        };
        let name = text.split_whitespace().nth(1).unwrap_or_default();
        self.feature(&format!("match {name}"));
        text + " "
    }

    /// A set of its own, with some addresses.
    fn set(&mut self, host: &Host, not: &str) -> String {
        self.tables += 1;
        let (name, n) = (format!("S{}", self.tables), &host.name);
        let nets = self.one_in(2);
        put!(self, "{n} ipset create {name} hash:{}", if nets { "net" } else { "ip" });
        for _ in 0..self.random.range(1, 3) {
            let addr = self.some_addr();
            let member = if nets { network(addr, 24) } else { addr.to_string() };
            put!(self, "{n} ipset add {name} {member} -exist");
        }
        format!("-m set {not}--match-set {name} {}", self.pick(&["src", "dst"]))
    }

    fn physdev(&mut self, host: &Host, chain: &str) -> String {
        let ports: Vec<String> = host.links.iter().filter(|l| l.port).map(|l| l.dev.clone()).collect();
        let port = self.of(&ports).unwrap_or_default();
        match (self.random.range(1, 3), chain) {
            (1, "PREROUTING" | "INPUT" | "FORWARD" | "POSTROUTING") => format!("-m physdev --physdev-in {port}"),
            (2, "FORWARD" | "POSTROUTING") => format!("-m physdev --physdev-out {port} --physdev-is-bridged"),
            (_, "FORWARD" | "POSTROUTING") => "-m physdev --physdev-is-bridged".into(),
            _ => "-m physdev --physdev-is-in".into(),
        }
    }

    /// A protocol with its ports, or nothing, with a blank at the end.
    pub(super) fn protocol(&mut self) -> &'static str {
        if self.one_in(2) {
            return "";
        }
        self.feature("match protocol and ports");
        self.pick(&[
            "-p tcp ",
            "-p tcp ",
            "-p udp ",
            "! -p tcp ",
            "-p icmp ",
            "-p icmp -m icmp --icmp-type 3/3 ",
            "-p tcp -m tcp --dport 8080 ",
            "-p tcp -m tcp --dport 80 ",
            "-p tcp -m tcp ! --dport 8080 ",
            "-p tcp -m tcp --dport 8000:9000 ",
            "-p tcp -m tcp --sport 8080 ",
            "-p tcp -m tcp --syn ",
            "-p tcp -m tcp ! --syn ",
            "-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK ",
            "-p tcp -m tcp --tcp-flags RST RST ",
            "-p udp -m udp --dport 53 ",
            "-p udp -m udp --sport 53 ",
            "-p udp -m udp --dport 8472 ",
            "-p tcp -m multiport --dports 80,8080:8082 ",
            "-p tcp -m multiport --sports 8080,9000 ",
            "-p udp -m multiport --ports 53,5353 ",
        ])
    }
}
