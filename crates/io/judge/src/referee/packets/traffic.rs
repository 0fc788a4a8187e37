//! Random packets for a topology.

use super::packet::{Body, Flaw, Packet};
use super::rules::PORTS;
use super::topology::{Subnet, Topology, host, host_mac};
use netwhy_lab::Random;
use netwhy_wire::{Mac, tcp};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Draws packets; no two begin the same connection.
pub struct Traffic<'t> {
    topology: &'t Topology,
    sport: u16,
    /// Of protocols without ports: each pair of hosts once.
    bare: BTreeSet<(Ipv4Addr, Ipv4Addr, u8)>,
}

/// Both ports of what is injected as SCTP: its bytes are all alike, and its checksum is wrong.
pub(super) const SCTP_PORT: u16 = 0x6161;

/// Lowest source port: below it are the ports of services.
const FIRST_PORT: u16 = 2000;

impl<'t> Traffic<'t> {
    /// For one topology.
    pub fn new(topology: &'t Topology) -> Traffic<'t> {
        Traffic {
            topology,
            sport: FIRST_PORT,
            bare: BTreeSet::new(),
        }
    }

    fn sport(&mut self) -> u16 {
        self.sport = self.sport.checked_add(1).unwrap_or(FIRST_PORT);
        if PORTS.contains(&self.sport) {
            self.sport += 1;
        }
        self.sport
    }

    /// The first packet of something.
    pub fn first(&mut self, random: &mut Random) -> Packet {
        let subnet = &self.topology.subnets[random.range(0, self.topology.subnets.len() as u32 - 1) as usize];
        let (src, from) = self.source(random, subnet);
        let dst = self.destination(random);
        let to = destination_mac(random, subnet, dst);
        let taps: Vec<&str> = subnet.taps.iter().map(String::as_str).collect();
        let link: &str = random.pick(&taps);
        if random.one_in(10) {
            return self.arp(random, subnet, link);
        }
        let sport = self.sport();
        let mut body = body(random, sport);
        if let Body::Other(proto) = body
            && !self.bare.insert((src, dst, proto))
        {
            body = Body::Udp { sport, dport: 53 };
        }
        let mut packet = Packet::new(link, from, to, src, dst, body);
        packet.id = sport;
        oddities(random, &mut packet);
        if packet.proto() == 132 {
            packet.payload = 24;
        }
        // A timestamp brings its times.
        if matches!(packet.body, Body::Icmp { kind: 13, .. }) {
            packet.payload = packet.payload.max(12);
        }
        packet
    }

    /// Who has it? Or somebody says so, or something else.
    fn arp(&self, random: &mut Random, subnet: &Subnet, link: &str) -> Packet {
        let src = match random.one_in(10) {
            true => Ipv4Addr::UNSPECIFIED,
            false => self.source(random, subnet).0,
        };
        // One address is always the same host's: who knows it does not believe another at once.
        let from = host_mac(subnet.number, src.octets()[3]);
        let dst = if random.one_in(12) {
            src
        } else {
            self.destination(random)
        };
        let op = [1, 1, 1, 1, 1, 1, 1, 1, 2, 3][random.range(0, 9) as usize];
        let to = match random.range(1, 8) {
            1 => subnet.mac,
            2 => host_mac(subnet.number, random.range(2, 7) as u8),
            _ => Mac([0xff; 6]),
        };
        Packet::new(link, from, to, src, dst, Body::Arp(op))
    }

    fn source(&self, random: &mut Random, subnet: &Subnet) -> (Ipv4Addr, Mac) {
        let number = random.range(2, 7) as u8;
        let mac = host_mac(subnet.number, number);
        let addr = match random.range(1, 24) {
            1 => self.topology.own[random.range(0, self.topology.own.len() as u32 - 1) as usize],
            2 => self.topology.remote[random.range(0, self.topology.remote.len() as u32 - 1) as usize],
            3 => {
                let other = &self.topology.subnets[random.range(0, self.topology.subnets.len() as u32 - 1) as usize];
                host(other.number, number)
            }
            4 => match random.range(1, 6) {
                1 => Ipv4Addr::LOCALHOST,
                2 => Ipv4Addr::BROADCAST,
                3 => Ipv4Addr::new(224, 0, 0, 5),
                4 => Ipv4Addr::UNSPECIFIED,
                5 => host(subnet.number, 255),
                _ => Ipv4Addr::new(240, 0, 0, 1),
            },
            _ => host(subnet.number, number),
        };
        (addr, mac)
    }

    fn destination(&self, random: &mut Random) -> Ipv4Addr {
        match random.range(1, 24) {
            1..=6 => self.topology.own[random.range(0, self.topology.own.len() as u32 - 1) as usize],
            7..=14 => self.topology.remote[random.range(0, self.topology.remote.len() as u32 - 1) as usize],
            15 => match random.range(1, 6) {
                1 => Ipv4Addr::new(127, 0, 0, 1),
                2 => Ipv4Addr::BROADCAST,
                3 => Ipv4Addr::new(224, 0, 0, 5),
                4 => Ipv4Addr::UNSPECIFIED,
                5 => Ipv4Addr::new(0, 1, 2, 3),
                _ => Ipv4Addr::new(240, 0, 0, 1),
            },
            16 => {
                let other = &self.topology.subnets[random.range(0, self.topology.subnets.len() as u32 - 1) as usize];
                host(other.number, if random.one_in(2) { 255 } else { 0 })
            }
            _ => {
                let other = &self.topology.subnets[random.range(0, self.topology.subnets.len() as u32 - 1) as usize];
                host(other.number, random.range(2, 7) as u8)
            }
        }
    }
}

fn destination_mac(random: &mut Random, subnet: &Subnet, dst: Ipv4Addr) -> Mac {
    match random.range(1, 30) {
        1 => Mac([0xff; 6]),
        2 => Mac([1, 0, 0x5e, 0, 0, 5]),
        3 => Mac([2, 9, 9, 9, 9, 9]),
        4..=12 if subnet.bridge => host_mac(subnet.number, dst.octets()[3]),
        _ if dst.is_broadcast() => Mac([0xff; 6]),
        _ => subnet.mac,
    }
}

fn body(random: &mut Random, sport: u16) -> Body {
    let dport = if random.one_in(6) {
        random.range(1, 65535) as u16
    } else {
        PORTS[random.range(0, PORTS.len() as u32 - 1) as usize]
    };
    match random.range(1, 21) {
        1..=11 => {
            let mss = [1460, 1460, 1460, 1400, 536, 8960][random.range(0, 5) as usize];
            let flags = match random.range(1, 12) {
                1 => tcp::ACK,
                2 => tcp::SYN | tcp::ACK,
                3 => tcp::RST,
                4 => tcp::FIN | tcp::ACK,
                5 => random.range(0, 63) as u8,
                _ => tcp::SYN,
            };
            Body::Tcp {
                sport,
                dport,
                flags,
                seq: 1000,
                ack: if flags & tcp::ACK == 0 { 0 } else { 5000 },
                mss: (flags & tcp::SYN != 0 && !random.one_in(8)).then_some(mss),
            }
        }
        12..=16 => Body::Udp { sport, dport },
        17 => Body::Icmp {
            kind: 8,
            code: 0,
            id: sport,
        },
        18 => Body::Icmp {
            kind: [0, 8, 13, 17, 9][random.range(0, 4) as usize],
            code: 0,
            id: sport,
        },
        19 => Body::Error {
            kind: [3, 11, 12][random.range(0, 2) as usize],
            code: random.range(0, 3) as u8,
            proto: [6, 17, 1][random.range(0, 2) as usize],
            src: (host(0, 2), sport),
            dst: (host(1, 3), dport),
        },
        20 => Body::Other(132),
        _ => Body::Other([50, 89, 112][random.range(0, 2) as usize]),
    }
}

fn oddities(random: &mut Random, packet: &mut Packet) {
    match random.range(1, 40) {
        1 => packet.ttl = 1,
        2 => packet.ttl = 2,
        3 => packet.ttl = 0,
        4 => packet.flaw = Some(Flaw::Ip),
        5 => packet.flaw = Some(Flaw::Transport),
        6 => packet.tos = random.range(0, 255) as u8,
        10..=15 => packet.tos = [0x10, 0x28, 0xb8, 0x08][random.range(0, 3) as usize],
        16..=19 => packet.payload = [0, 12, 24, 200][random.range(0, 3) as usize],
        7 => {
            packet.df = true;
            packet.payload = 1380;
        }
        8 => packet.df = true,
        9 => packet.payload = random.range(0, 600) as u16,
        _ => {}
    }
}

/// The answer to a frame that came out: what a host behind the link would send.
pub fn answer(random: &mut Random, link: &str, sent: &Packet) -> Option<Packet> {
    let body = match &sent.body {
        Body::Tcp {
            sport,
            dport,
            flags,
            seq,
            ack,
            ..
        } => {
            let length = u32::from(sent.payload) + u32::from(flags & tcp::SYN != 0);
            let flags = match random.range(1, 6) {
                1 => tcp::RST | tcp::ACK,
                2 => tcp::FIN | tcp::ACK,
                3 => random.range(0, 63) as u8,
                _ if flags & tcp::SYN != 0 && flags & tcp::ACK == 0 => tcp::SYN | tcp::ACK,
                _ => tcp::ACK,
            };
            Body::Tcp {
                sport: *dport,
                dport: *sport,
                flags,
                seq: if *ack == 0 { 5000 } else { *ack },
                ack: seq.wrapping_add(length),
                mss: None,
            }
        }
        Body::Udp { sport, dport } => Body::Udp {
            sport: *dport,
            dport: *sport,
        },
        Body::Icmp { kind: 8, code, id } => Body::Icmp {
            kind: 0,
            code: *code,
            id: *id,
        },
        _ => return None,
    };
    if random.one_in(5) {
        return error_about(random, link, sent);
    }
    let mut answer = Packet::new(link, sent.to, sent.from, sent.dst, sent.src, body);
    answer.id = sent.id ^ 1;
    answer.payload = if matches!(answer.body, Body::Tcp { .. }) { 0 } else { 4 };
    Some(answer)
}

/// The error that a host behind the link would send about it.
fn error_about(random: &mut Random, link: &str, sent: &Packet) -> Option<Packet> {
    let (sport, dport) = match sent.body {
        Body::Tcp { sport, dport, .. } | Body::Udp { sport, dport } => (sport, dport),
        Body::Icmp { id, .. } => (id, id),
        _ => return None,
    };
    let (kind, code) = [(3, 3), (3, 1), (3, 13), (11, 0), (3, 0)][random.range(0, 4) as usize];
    let src = if random.one_in(2) { sent.dst } else { host(0, 6) };
    let body = Body::Error {
        kind,
        code,
        proto: sent.proto(),
        src: (sent.src, sport),
        dst: (sent.dst, dport),
    };
    let mut error = Packet::new(link, sent.to, sent.from, src, sent.src, body);
    error.payload = 0;
    Some(error)
}
