//! Rule sets of a known shape.

use super::rules::Drawer;
use std::net::Ipv4Addr;

impl Drawer<'_> {
    /// As kube-proxy does it: a Service address, a mark, a masquerade behind it.
    pub(super) fn kube_nat(&mut self) -> Vec<String> {
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
    pub(super) fn firewall(&mut self) -> Vec<String> {
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

    /// As kube-proxy does it for many Services: more rules in a chain than are walked one by one.
    pub(super) fn kube_many(&mut self) -> Vec<String> {
        let services = ["KUBE-SVC-A", "KUBE-SVC-B", "KUBE-SVC-C"];
        let mut rules: Vec<String> = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-MARK-MASQ", "KUBE-POSTROUTING"]
            .iter()
            .chain(&services)
            .map(|chain| format!("-N {chain}"))
            .collect();
        for base in ["PREROUTING", "OUTPUT"] {
            rules.push(format!("-A {base} -j KUBE-SERVICES"));
        }
        rules.push("-A POSTROUTING -j KUBE-POSTROUTING".to_owned());
        for number in 0..self.random.range(40, 70) {
            let addr = match self.random.range(1, 3) {
                1 => self.address(),
                _ => Ipv4Addr::new(10, 96, 0, number as u8),
            };
            let proto = self.one(&["tcp", "tcp", "udp"]);
            let (port, service) = (self.port(), self.one(&services));
            rules.push(format!(
                "-A KUBE-SERVICES -d {addr}/32 -p {proto} -m {proto} --dport {port} -j {service}"
            ));
        }
        rules.push("-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS".to_owned());
        for _ in 0..self.random.range(8, 20) {
            let proto = self.one(&["tcp", "tcp", "udp"]);
            let (ports, service) = (self.ports(), self.one(&services));
            rules.push(format!(
                "-A KUBE-NODEPORTS -p {proto} -m {proto} --dport {ports} -j {service}"
            ));
        }
        rules.extend([
            "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000".to_owned(),
            "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN".to_owned(),
            "-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0".to_owned(),
            "-A KUBE-POSTROUTING -j MASQUERADE --random-fully".to_owned(),
        ]);
        for service in services {
            let (addr, port) = (self.address(), self.port());
            rules.push(format!("-A {service} ! -s 10.0.0.0/16 -j KUBE-MARK-MASQ"));
            for proto in ["tcp", "udp"] {
                rules.push(format!(
                    "-A {service} -p {proto} -m {proto} -j DNAT --to-destination {addr}:{port}"
                ));
            }
        }
        rules
    }

    /// One long chain of addresses and ports that mostly count.
    pub(super) fn many(&mut self) -> Vec<String> {
        let chain = self.one(&["INPUT", "FORWARD", "OUTPUT"]);
        let mut rules = Vec::new();
        for _ in 0..self.random.range(41, 60) {
            let proto = self.one(&["tcp", "udp"]);
            let (addr, port, ports) = (self.address(), self.port(), self.ports());
            let not = self.not();
            let what = match self.random.range(1, 6) {
                1 | 2 => format!("-d {addr}/32"),
                3 => format!("! -d {addr}/32 -p {proto} -m {proto} --dport {port}"),
                4 => format!("-p {proto} -m {proto} {not}--dport {port}"),
                5 => format!("-p {proto} -m multiport {not}--dports {port},{ports}"),
                _ => format!("{not}-s {addr}/32"),
            };
            let target = match self.random.range(1, 24) {
                1 => " -j DROP",
                2 => " -j ACCEPT",
                3 => " -j RETURN",
                _ => "",
            };
            rules.push(format!("-A {chain} {what}{target}"));
        }
        rules
    }
}
