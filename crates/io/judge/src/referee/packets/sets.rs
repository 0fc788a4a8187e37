//! Random sets of ipset, which exist before the rules.

use super::rules::PORTS;
use super::topology::{HOSTS, Topology, host, host_mac};
use super::traffic::SCTP_PORT;
use netwhy_lab::Random;
use std::net::Ipv4Addr;

/// The set that SET targets change: emptied before each conversation.
pub const CHANGED: &str = "dyn";

/// Draws sets: lines for the topology, and each set's name with the parts of its elements.
pub(super) fn sets(random: &mut Random, made: &mut Topology) {
    made.lines.push(format!("n ipset create {CHANGED} hash:ip"));
    made.sets.push((CHANGED.to_owned(), "ip"));
    for (number, (kind, dims, options)) in KINDS.into_iter().enumerate() {
        if random.one_in(2) {
            continue;
        }
        let name = format!("s{number}");
        made.lines.push(format!("n ipset create {name} {kind}{options}"));
        let mut seen = Vec::new();
        for _ in 0..random.range(3, 10) {
            let element = element(random, made, kind, dims);
            let nomatch = if kind.contains("net") && random.one_in(5) {
                " nomatch"
            } else {
                ""
            };
            if !seen.contains(&element) {
                made.lines.push(format!("n ipset add {name} {element}{nomatch} -exist"));
                seen.push(element);
            }
        }
        made.sets.push((name, dims));
    }
    let listed = |s: &&(String, &str)| matches!(s.1, "ip" | "net") && s.0 != CHANGED;
    let list: Vec<String> = made.sets.iter().filter(listed).map(|s| s.0.clone()).collect();
    if !list.is_empty() {
        made.lines.push("n ipset create list list:set".to_owned());
        made.lines
            .extend(list.iter().map(|name| format!("n ipset add list {name} -exist")));
        made.sets.push(("list".to_owned(), "ip"));
    }
}

/// Type, parts, options.
const KINDS: [(&str, &str, &str); 11] = [
    ("bitmap:ip", "ip", " range 10.0.0.0-10.0.255.255"),
    ("bitmap:ip,mac", "ip,mac", " range 10.0.0.0-10.0.255.255"),
    ("bitmap:port", "port", " range 0-65535"),
    ("hash:ip", "ip", ""),
    ("hash:ip,port", "ip,port", ""),
    ("hash:ip,port,ip", "ip,port,ip", ""),
    ("hash:ip,port,net", "ip,port,net", ""),
    ("hash:net", "net", ""),
    ("hash:net,iface", "net,iface", ""),
    ("hash:net,port", "net,port", ""),
    ("hash:ip", "ip", " netmask 24"),
];

fn element(random: &mut Random, made: &Topology, kind: &str, dims: &str) -> String {
    let number = random.range(0, made.subnets.len() as u32 - 1) as u8;
    let own = random.range(u32::from(*HOSTS.start()), u32::from(*HOSTS.end())) as u8;
    let mut parts = Vec::new();
    for (at, dim) in dims.split(',').enumerate() {
        let port = PORTS[random.range(0, PORTS.len() as u32 - 1) as usize];
        parts.push(match dim {
            "ip" if kind.starts_with("bitmap") => host(0, own).to_string(),
            "ip" => address(random, made, number, own).to_string(),
            "mac" => host_mac(0, own).to_string(),
            "port" if kind == "bitmap:port" => port.to_string(),
            "port" => match random.range(1, 9) {
                1..=4 => format!("tcp:{port}"),
                5..=7 => format!("udp:{port}"),
                8 => "icmp:8/0".to_owned(),
                _ => format!("sctp:{SCTP_PORT}"),
            },
            "iface" => match random.one_in(3) {
                true => format!("physdev:p{}", random.range(0, 1)),
                false => made.subnets[usize::from(number)].link.clone(),
            },
            _ if at == 0 || random.one_in(2) => {
                let prefix = [8, 16, 24, 25, 29, 32][random.range(0, 5) as usize];
                let net = u32::from(address(random, made, number, own)) & (u32::MAX << (32 - prefix));
                format!("{}/{prefix}", Ipv4Addr::from(net))
            }
            _ => format!("10.{number}.0.0/16"),
        });
    }
    parts.join(",")
}

fn address(random: &mut Random, made: &Topology, number: u8, own: u8) -> Ipv4Addr {
    let one = |random: &mut Random, from: &[Ipv4Addr]| from[random.range(0, from.len() as u32 - 1) as usize];
    match random.range(1, 4) {
        1 => one(random, &made.own),
        2 => one(random, &made.remote),
        _ => host(number, own),
    }
}
