//! Random matches of iptables.

use super::rules::{Drawer, Place};
use std::net::Ipv4Addr;

/// A match as text.
pub(super) struct Drawn {
    pub text: String,
    /// What may stand only once.
    pub key: &'static str,
    /// The protocol that it demands, or "" where another one may not be demanded any more.
    pub proto: Option<&'static str>,
}

/// Sides where a packet has come by a link, or leaves by one.
const INS: [&str; 3] = ["PREROUTING", "INPUT", "FORWARD"];
const OUTS: [&str; 3] = ["OUTPUT", "FORWARD", "POSTROUTING"];
/// How many kinds of matches are drawn.
const KINDS: u32 = 46;

pub(super) fn plain(key: &'static str, text: impl Into<String>) -> Drawn {
    Drawn {
        text: text.into(),
        key,
        proto: None,
    }
}

impl Drawer<'_> {
    /// A match that may stand here.
    pub(super) fn matching(&mut self, place: &Place<'_>, proto: Option<&'static str>) -> Drawn {
        loop {
            let kind = self.random.range(1, KINDS);
            let drawn = match kind {
                1..=12 => self.address_match(kind, place),
                13..=22 => self.transport_match(kind, proto),
                23..=30 => self.header_match(kind, place),
                31..=38 => self.connection_match(kind),
                _ => self.rare_match(kind, place),
            };
            if let Some(drawn) = drawn {
                return drawn;
            }
        }
    }

    fn address_match(&mut self, kind: u32, place: &Place<'_>) -> Option<Drawn> {
        let not = self.not();
        Some(match kind {
            1 => plain("-s", format!("{not}-s {}", self.net())),
            2 => plain("-d", format!("{not}-d {}", self.net())),
            3 if place.only(&INS) => plain("-i", format!("{not}-i {}", self.link())),
            4 if place.only(&OUTS) => plain("-o", format!("{not}-o {}", self.link())),
            5 | 6 => {
                let side = self.one(&["--src-type", "--dst-type"]);
                let kind = self.one(&[
                    "LOCAL",
                    "UNICAST",
                    "LOCAL,UNICAST",
                    "BROADCAST",
                    "MULTICAST",
                    "BLACKHOLE,PROHIBIT,UNREACHABLE",
                    "UNREACHABLE,THROW",
                ]);
                let limit = match self.random.range(1, 6) {
                    1 if place.only(&["PREROUTING", "INPUT", "FORWARD"]) => " --limit-iface-in",
                    2 if place.only(&["FORWARD", "POSTROUTING"]) => " --limit-iface-out",
                    _ => "",
                };
                plain("addrtype", format!("-m addrtype {not}{side} {kind}{limit}"))
            }
            7 | 8 => {
                let (a, b) = (u32::from(self.address()), u32::from(self.address()));
                let (low, high) = (Ipv4Addr::from(a.min(b)), Ipv4Addr::from(a.max(b)));
                let side = self.one(&["--src-range", "--dst-range"]);
                plain("iprange", format!("-m iprange {not}{side} {low}-{high}"))
            }
            9 if place.only(&INS) => {
                let (subnet, host) = (self.random.range(0, 1), self.random.range(2, 7));
                plain("mac", format!("-m mac {not}--mac-source 02:00:00:01:0{subnet}:0{host}"))
            }
            10 => {
                let kind = self.one(&["unicast", "unicast", "broadcast", "multicast"]);
                plain("pkttype", format!("-m pkttype {not}--pkt-type {kind}"))
            }
            11 => self.set_match(),
            12 if place.only(&["PREROUTING"]) && matches!(place.table, "raw" | "mangle") => {
                let options = self.one(&[
                    "",
                    " --loose",
                    " --validmark",
                    " --accept-local",
                    " --loose --accept-local",
                ]);
                let invert = if self.random.one_in(2) { " --invert" } else { "" };
                plain("rpfilter", format!("-m rpfilter{options}{invert}"))
            }
            _ => return None,
        })
    }

    fn transport_match(&mut self, kind: u32, proto: Option<&'static str>) -> Option<Drawn> {
        if proto.is_some() {
            return None;
        }
        let not = self.not();
        let name = self.one(&["tcp", "tcp", "udp"]);
        let drawn = |key, proto, text: String| Drawn {
            text,
            key,
            proto: Some(proto),
        };
        Some(match kind {
            13..=15 => {
                let side = self.one(&["--sport", "--dport", "--dport"]);
                let ports = self.ports();
                drawn(name, name, format!("-p {name} -m {name} {not}{side} {ports}"))
            }
            16 => {
                let flags = self.one(&[
                    "SYN,RST,ACK,FIN SYN",
                    "SYN,RST SYN",
                    "SYN,ACK SYN,ACK",
                    "ALL ACK",
                    "RST RST",
                    "ALL NONE",
                ]);
                drawn("tcp", "tcp", format!("-p tcp -m tcp {not}--tcp-flags {flags}"))
            }
            17 => drawn("tcp", "tcp", format!("-p tcp -m tcp {not}--tcp-option 2")),
            18 => {
                let kind = self.one(&["8", "0", "3/3", "3", "11", "any", "8"]);
                drawn("icmp", "icmp", format!("-p icmp -m icmp {not}--icmp-type {kind}"))
            }
            19 => {
                let side = self.one(&["--dports", "--sports", "--ports"]);
                let ports = format!("{},{},{},6000:7000,32768:60999", self.port(), self.port(), self.port());
                drawn("multiport", name, format!("-p {name} -m multiport {not}{side} {ports}"))
            }
            20 => {
                let range = self.one(&["1:1000", "536", "1400:1460", "1460:65535", "0:1399"]);
                drawn("tcpmss", "tcp", format!("-p tcp -m tcpmss {not}--mss {range}"))
            }
            21 => {
                let what = self.one(&[
                    "--dport 24000:25000",
                    "--sport 24929",
                    "--dport 80",
                    "--chunk-types any INIT",
                    "--chunk-types all DATA,INIT",
                    "--chunk-types only ABORT",
                ]);
                drawn("sctp", "sctp", format!("-p sctp -m sctp {not}{what}"))
            }
            _ => {
                let proto = self.one(&["tcp", "udp", "icmp", "50", "sctp"]);
                drawn("-p", "", format!("{not}-p {proto}"))
            }
        })
    }

    fn header_match(&mut self, kind: u32, place: &Place<'_>) -> Option<Drawn> {
        let not = self.not();
        Some(match kind {
            23 => {
                let what = self.one(&[
                    "--ttl-eq 64",
                    "! --ttl-eq 63",
                    "--ttl-lt 64",
                    "--ttl-gt 63",
                    "--ttl-lt 3",
                ]);
                plain("ttl", format!("-m ttl {what}"))
            }
            24 => {
                let range = self.one(&["0:44", "40", "44:60", "60:1500", "32"]);
                plain("length", format!("-m length {not}--length {range}"))
            }
            25 => {
                let value = self.one(&["0x00", "0x04", "0x0a", "0x2e"]);
                plain("dscp", format!("-m dscp {not}--dscp {value}"))
            }
            26 => {
                let value = self.one(&["0x10/0x3f", "0x00/0xff", "0x08/0x08", "0xb8/0xfc", "0x01/0x03"]);
                plain("tos", format!("-m tos {not}--tos {value}"))
            }
            27 | 28 => {
                let (port, text) = (
                    self.port(),
                    self.one(&["6&0xFF=", "8>>24=", "0>>22&0x3C@0&0xFFFF=", "12=", "0&0xFFFF="]),
                );
                let value = match text {
                    "6&0xFF=" => self.one(&["6", "0x1", "17", "1,17"]).to_owned(),
                    "8>>24=" => self.one(&["64", "0x3f", "1:63"]).to_owned(),
                    "0>>22&0x3C@0&0xFFFF=" => format!("{port}"),
                    "0&0xFFFF=" => self.one(&["0:40", "41:60", "44"]).to_owned(),
                    _ => "0x0a000000:0x0a00ffff".to_owned(),
                };
                plain("u32", format!("-m u32 {not}--u32 \"{text}{value}\""))
            }
            29 => plain("-f", format!("{not}-f")),
            _ => {
                let (port, not) = (self.one(&["p0", "p1", "p+", "t0"]), self.not());
                let outs = place.only(&["FORWARD", "POSTROUTING"]);
                let ins = place.only(&["PREROUTING", "INPUT", "FORWARD"]);
                match self.random.range(1, 5) {
                    1 | 2 if ins => plain("physdev", format!("-m physdev {not}--physdev-in {port}")),
                    3 if outs => plain("physdev", format!("-m physdev {not}--physdev-out {port}")),
                    4 if outs => plain("physdev", format!("-m physdev {not}--physdev-is-out")),
                    4 if place.only(&["FORWARD"]) => plain("physdev", format!("-m physdev {not}--physdev-is-bridged")),
                    _ if ins => plain("physdev", format!("-m physdev {not}--physdev-is-in")),
                    _ => return None,
                }
            }
        })
    }
}
