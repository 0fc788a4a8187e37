//! Captures to observations: what became of each connection, with the numbers of the packets that show it.
//!
//! Five pictures are told apart, inside VXLAN too: SYN after SYN and never an answer · SYN, then a SYN-ACK from another
//! address, which the client resets · SYN, then RST · an ICMP error that quotes the SYN · ARP requests without a reply.
//! What stands before the end of a cut file is used.

mod flows;
mod icmp;

use crate::observation::{Client, DnsError, Host, Kind, Observation, Target, TimeClass};
use flows::Flows;
use netwhy_wire::decode::{Decoded, L4};
use netwhy_wire::pcap::{self, PcapError};
use netwhy_wire::{Tuple, decode};
use std::net::{IpAddr, Ipv4Addr};

/// Packets beyond this are not read.
pub const PACKETS_MAX: usize = 2_000_000;
/// Connections beyond this are not followed.
pub const FLOWS_MAX: usize = 100_000;
/// Of one connection, more packet numbers are not kept.
pub(crate) const NUMBERS_MAX: usize = 64;

/// How a client repeats its SYN (lab note 0005).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedule {
    /// Linux 6.5 and later: some repeats a second apart, then doubling.
    Linear,
    /// 1, 2, 4, 8 s … apart.
    Doubling,
    /// Too few repeats to tell, or neither.
    Unclear,
}

/// What a capture shows of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowObservation {
    /// As the client sent it.
    pub tuple: Tuple,
    /// What the client sees, by its packets. `None`: it was answered, or the capture ends too early to tell.
    pub kind: Option<Kind>,
    /// The network identifier, if it was seen only inside VXLAN.
    pub vni: Option<u32>,
    /// Numbers of its SYNs (or UDP queries), from 1. The same packet on a second interface is not counted again.
    pub asked: Vec<usize>,
    /// When they were sent, milliseconds after the first.
    pub asked_ms: Vec<u64>,
    /// How they are repeated.
    pub schedule: Schedule,
    /// Numbers of the packets that answer, whatever they say.
    pub answers: Vec<usize>,
    /// Who answered, if it was not who was asked.
    pub answered_by: Option<IpAddr>,
    /// Numbers of the client's RSTs to that answer.
    pub resets: Vec<usize>,
    /// Type and code of the ICMP error, and who sent it.
    pub icmp: Option<(u8, u8, IpAddr)>,
    /// Interface indexes on which the SYN was seen; only Linux cooked v2 has them.
    pub interfaces: Vec<u32>,
}

/// An address that was asked for by ARP and never answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArpUnanswered {
    /// Who asks.
    pub sender: Ipv4Addr,
    /// Who does not answer.
    pub target: Ipv4Addr,
    /// Numbers of the requests, from 1.
    pub asked: Vec<usize>,
}

/// What a capture shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureObservation {
    /// How many packets were read.
    pub packets: usize,
    /// What could not be read: the file is cut or damaged, or larger than the limits.
    pub warning: Option<String>,
    /// Connections, those that failed first, then in the order of the file.
    pub flows: Vec<FlowObservation>,
    /// Neighbours that do not answer.
    pub arp: Vec<ArpUnanswered>,
}

/// Reads a pcap or pcapng file.
///
/// # Errors
/// The bytes are no capture at all.
pub fn read_capture(file: &[u8]) -> Result<CaptureObservation, PcapError> {
    let capture = pcap::packets(file)?;
    let mut flows = Flows::default();
    for (at, packet) in capture.packets.iter().take(PACKETS_MAX).enumerate() {
        see(
            &mut flows,
            at + 1,
            packet.ts_us,
            None,
            &decode(packet.link_type, packet.bytes),
            0,
        );
    }
    let cut = capture.packets.len() > PACKETS_MAX || flows.is_full();
    let too_much = || format!("only {PACKETS_MAX} packets and {FLOWS_MAX} connections are read");
    let (flows, arp) = flows.end();
    Ok(CaptureObservation {
        packets: capture.packets.len().min(PACKETS_MAX),
        warning: capture.warning.or_else(|| cut.then(too_much)),
        flows,
        arp,
    })
}

/// A frame, and the one inside it if it is VXLAN.
fn see(flows: &mut Flows, number: usize, ts_us: u64, vni: Option<u32>, frame: &Decoded, depth: u32) {
    let seen = flows::Seen {
        number,
        ts_us,
        vni,
        interface: frame.ifindex,
    };
    if let Some(arp) = &frame.arp {
        flows.arp(seen, arp);
    }
    let Some(ip) = &frame.ip else { return };
    match &ip.l4 {
        L4::Tcp(tcp) => flows.tcp(seen, ip, tcp),
        L4::Icmp(message) => flows.icmp(seen, ip, message),
        L4::Udp(udp) => match &udp.vxlan {
            Some(vxlan) if depth < 2 => see(flows, number, ts_us, Some(vxlan.vni), &vxlan.inner, depth + 1),
            _ => flows.udp(seen, ip, udp),
        },
        L4::Unread => {}
    }
}

impl CaptureObservation {
    /// What failed, in the form of what clients say.
    #[must_use]
    pub fn observations(&self) -> Vec<Observation> {
        let flows = self.flows.iter().filter_map(FlowObservation::observation);
        flows.chain(self.arp.iter().map(ArpUnanswered::observation)).collect()
    }
}

impl FlowObservation {
    /// What the client of it would say.
    #[must_use]
    pub fn observation(&self) -> Option<Observation> {
        let Tuple {
            src, dst, sport, dport, ..
        } = self.tuple;
        let after_ms = match self.kind? {
            Kind::ConnectTimeout | Kind::AnsweredElsewhere | Kind::Dns(DnsError::Unanswered) => None,
            _ => self.asked_ms.last().copied(),
        };
        let target = Target {
            host: Host::Ip(dst),
            address: Some(dst),
            port: Some(dport),
        };
        Some(observation(
            self.kind?,
            target,
            Some((src, sport)),
            after_ms,
            self.words(),
        ))
    }

    /// The evidence in words: `4 SYN from 10.244.1.7:43210 to 10.0.21.231:3000 in 7.1 s, no answer (packets 1 2 5 9)`.
    #[must_use]
    pub fn words(&self) -> String {
        let Tuple {
            src, dst, sport, dport, ..
        } = self.tuple;
        let seconds = self.asked_ms.last().copied().unwrap_or(0);
        let what = if matches!(self.kind, Some(Kind::Dns(_))) {
            "DNS queries"
        } else {
            "SYN"
        };
        let inside = self.vni.map(|vni| format!(" inside VXLAN {vni}")).unwrap_or_default();
        let (from, to) = (
            std::net::SocketAddr::new(src, sport),
            std::net::SocketAddr::new(dst, dport),
        );
        let asked = match self.asked.len() {
            0 => format!("{what} (not in the capture) from {from} to {to}{inside}"),
            n => format!(
                "{n} {what} from {from} to {to} in {}.{} s{inside}",
                seconds / 1000,
                seconds % 1000 / 100
            ),
        };
        let answer = match (self.kind, self.answered_by, self.icmp) {
            (Some(Kind::AnsweredElsewhere), Some(by), _) => format!("SYN-ACK from {by}, reset by the client"),
            (_, _, Some((kind, code, from))) => format!("ICMP {} from {from}", icmp::name(kind, code)),
            (Some(Kind::Refused), _, _) => "RST".to_owned(),
            (Some(_), _, _) => "no answer".to_owned(),
            (None, _, _) if self.answers.is_empty() => "no answer yet".to_owned(),
            (None, _, _) => "answered".to_owned(),
        };
        format!(
            "{asked}, {answer} (packets {})",
            numbers(&[&self.asked, &self.answers, &self.resets])
        )
    }
}

impl ArpUnanswered {
    /// What a client behind it would say.
    #[must_use]
    pub fn observation(&self) -> Observation {
        let target = Target {
            host: Host::Ip(self.target.into()),
            address: Some(self.target.into()),
            port: None,
        };
        let words = format!(
            "{} ARP requests of {} for {}, no reply (packets {})",
            self.asked.len(),
            self.sender,
            self.target,
            numbers(&[&self.asked])
        );
        observation(Kind::NoRoute, target, Some((self.sender.into(), 0)), Some(3_000), words)
    }
}

/// A dozen packet numbers, in order.
fn numbers(lists: &[&Vec<usize>]) -> String {
    let mut all: Vec<usize> = lists.iter().flat_map(|list| list.iter().copied()).collect();
    all.sort_unstable();
    all.dedup();
    let more = all.len() > 12;
    let shown: Vec<String> = all.iter().take(12).map(ToString::to_string).collect();
    format!("{}{}", shown.join(" "), if more { " …" } else { "" })
}

fn observation(
    kind: Kind,
    target: Target,
    source: Option<(IpAddr, u16)>,
    after_ms: Option<u64>,
    words: String,
) -> Observation {
    Observation {
        kind,
        target: Some(target),
        source: source.map(Into::into),
        server: None,
        after_ms,
        time_class: TimeClass::of(after_ms),
        client: Client::Wire,
        words,
        span: 0..0,
        lines: 1,
    }
}

#[cfg(test)]
mod tests;
