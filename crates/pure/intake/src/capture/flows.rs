//! Connections of a capture, as they are seen packet by packet.

use super::{ArpUnanswered, FLOWS_MAX, FlowObservation, NUMBERS_MAX, Schedule, icmp};
use crate::observation::{DnsError, Kind};
use netwhy_wire::arp::{REPLY, REQUEST};
use netwhy_wire::decode::{Arp, Icmp, Ip, Tcp, Udp};
use netwhy_wire::{Proto, Tuple, tcp};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Where and when a packet was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub number: usize,
    pub ts_us: u64,
    pub vni: Option<u32>,
    pub interface: Option<u32>,
}

/// What is known of one connection so far.
#[derive(Debug, Default)]
struct Flow {
    /// Number of the first packet.
    first: usize,
    asked: Vec<(Seen, u16)>,
    isn: u32,
    interfaces: Vec<u32>,
    outside: bool,
    vni: Option<u32>,
    answers: Vec<usize>,
    accepted: bool,
    reset: bool,
    elsewhere: Option<IpAddr>,
    resets: Vec<usize>,
    icmp: Option<(u8, u8, IpAddr, Kind)>,
    icmp_numbers: Vec<usize>,
}

#[derive(Debug, Default)]
pub(super) struct Flows {
    flows: BTreeMap<Tuple, Flow>,
    /// Clients of SYNs, to find the answer from elsewhere: the last flow of an address and port.
    clients: BTreeMap<(IpAddr, u16), Tuple>,
    arp: BTreeMap<(Ipv4Addr, Ipv4Addr), Vec<usize>>,
    arp_replies: BTreeMap<Ipv4Addr, usize>,
    full: bool,
}

/// The same packet, seen on a second interface within this time.
const SAME_PACKET_US: u64 = 500_000;
/// After so long without an answer a client is waiting in vain.
const PATIENCE_US: u64 = 900_000;

fn tuple(ip: &Ip, proto: Proto, sport: u16, dport: u16) -> Tuple {
    Tuple {
        src: ip.src,
        dst: ip.dst,
        proto,
        sport,
        dport,
    }
}

fn reversed(t: Tuple) -> Tuple {
    Tuple {
        src: t.dst,
        dst: t.src,
        sport: t.dport,
        dport: t.sport,
        proto: t.proto,
    }
}

fn push(list: &mut Vec<usize>, number: usize) {
    if list.len() < NUMBERS_MAX && list.last() != Some(&number) {
        list.push(number);
    }
}

impl Flows {
    pub fn is_full(&self) -> bool {
        self.full
    }

    fn flow(&mut self, key: Tuple, number: usize) -> Option<&mut Flow> {
        if self.flows.len() >= FLOWS_MAX && !self.flows.contains_key(&key) {
            self.full = true;
            return None;
        }
        let new = || Flow {
            first: number,
            ..Flow::default()
        };
        Some(self.flows.entry(key).or_insert_with(new))
    }

    pub fn tcp(&mut self, seen: Seen, ip: &Ip, segment: &Tcp) {
        let key = tuple(ip, Proto::TCP, segment.sport, segment.dport);
        match segment.flags & (tcp::SYN | tcp::ACK | tcp::RST) {
            tcp::SYN => self.syn(seen, ip, segment, key),
            tcp::SYN_ACK => self.syn_ack(seen, segment, key),
            flags if flags & tcp::RST != 0 => self.rst(seen, segment, key),
            _ => {}
        }
    }

    fn syn(&mut self, seen: Seen, ip: &Ip, segment: &Tcp, key: Tuple) {
        let Some(flow) = self.flow(key, seen.number) else {
            return;
        };
        if flow.isn != segment.seq && !flow.asked.is_empty() {
            // The port is used again: what counts is the last try.
            *flow = Flow {
                first: seen.number,
                ..Flow::default()
            };
        }
        flow.isn = segment.seq;
        flow.ask(seen, ip.id);
        self.clients.insert((key.src, key.sport), key);
    }

    fn syn_ack(&mut self, seen: Seen, segment: &Tcp, key: Tuple) {
        let asked = reversed(key);
        if let Some(flow) = self.flows.get_mut(&asked) {
            flow.accepted = true;
            push(&mut flow.answers, seen.number);
            return;
        }
        let Some(flow) = self
            .clients
            .get(&(key.dst, key.dport))
            .and_then(|k| self.flows.get_mut(k))
        else {
            return;
        };
        if segment.ack == flow.isn.wrapping_add(1) {
            flow.elsewhere = Some(key.src);
            push(&mut flow.answers, seen.number);
        }
    }

    fn rst(&mut self, seen: Seen, segment: &Tcp, key: Tuple) {
        if let Some(flow) = self.flows.get_mut(&reversed(key)) {
            let to_syn = segment.flags & tcp::ACK != 0 && segment.ack == flow.isn.wrapping_add(1);
            if to_syn && !flow.accepted {
                flow.reset = true;
                push(&mut flow.answers, seen.number);
            }
            return;
        }
        // The client resets what it never asked for.
        let Some(flow) = self
            .clients
            .get(&(key.src, key.sport))
            .and_then(|k| self.flows.get_mut(k))
        else {
            return;
        };
        if flow.elsewhere == Some(key.dst) {
            push(&mut flow.resets, seen.number);
        }
    }

    pub fn icmp(&mut self, seen: Seen, ip: &Ip, message: &Icmp) {
        let (Some(inner), Some(kind)) = (message.inner, icmp::kind(message)) else {
            return;
        };
        let asked = matches!(inner.proto, Proto::TCP) || (inner.proto == Proto::UDP && inner.dport == 53);
        if !asked {
            return;
        }
        let Some(flow) = self.flow(inner, seen.number) else {
            return;
        };
        flow.icmp.get_or_insert((message.kind, message.code, ip.src, kind));
        push(&mut flow.icmp_numbers, seen.number);
    }

    /// Only DNS: other datagrams need no answer.
    pub fn udp(&mut self, seen: Seen, ip: &Ip, datagram: &Udp) {
        let key = tuple(ip, Proto::UDP, datagram.sport, datagram.dport);
        if datagram.dport == 53 {
            let Some(flow) = self.flow(key, seen.number) else {
                return;
            };
            flow.ask(seen, ip.id);
            self.clients.insert((key.src, key.sport), key);
        } else if datagram.sport == 53 {
            if let Some(flow) = self.flows.get_mut(&reversed(key)) {
                flow.accepted = true;
                push(&mut flow.answers, seen.number);
            } else if let Some(flow) = self
                .clients
                .get(&(key.dst, key.dport))
                .filter(|k| k.proto == Proto::UDP)
                .and_then(|k| self.flows.get_mut(k))
            {
                flow.elsewhere = Some(key.src);
                push(&mut flow.answers, seen.number);
            }
        }
    }

    pub fn arp(&mut self, seen: Seen, arp: &Arp) {
        let gratuitous = arp.sender_ip == arp.target_ip;
        if arp.operation == REPLY || gratuitous {
            self.arp_replies.insert(arp.sender_ip, seen.number);
        } else if arp.operation == REQUEST && (self.arp.len() < FLOWS_MAX) {
            push(self.arp.entry((arp.sender_ip, arp.target_ip)).or_default(), seen.number);
        }
    }

    pub fn end(self) -> (Vec<FlowObservation>, Vec<ArpUnanswered>) {
        let mut flows: Vec<(bool, usize, FlowObservation)> = Vec::new();
        let end_us = self
            .flows
            .values()
            .flat_map(|f| f.asked.iter().map(|(s, _)| s.ts_us))
            .max()
            .unwrap_or(0);
        for (key, flow) in self.flows {
            let first = flow.first;
            let seen = flow.observe(key, end_us);
            flows.push((seen.kind.is_none(), first, seen));
        }
        flows.sort_by_key(|(good, first, _)| (*good, *first));
        let replies = self.arp_replies;
        let unanswered = self.arp.into_iter().filter(|((_, target), asked)| {
            let last = asked.last().copied().unwrap_or(0);
            asked.len() >= 2 && replies.get(target).is_none_or(|reply| *reply < last)
        });
        let arp = unanswered
            .map(|((sender, target), asked)| ArpUnanswered { sender, target, asked })
            .collect();
        (flows.into_iter().map(|(_, _, flow)| flow).collect(), arp)
    }
}

impl Flow {
    fn ask(&mut self, seen: Seen, id: u16) {
        if let Some(interface) = seen
            .interface
            .filter(|i| !self.interfaces.contains(i) && self.interfaces.len() < 16)
        {
            self.interfaces.push(interface);
        }
        match seen.vni {
            Some(vni) => self.vni = Some(vni),
            None => self.outside = true,
        }
        // The same packet one interface further, or inside its tunnel.
        let again =
            |(old, old_id): &&(Seen, u16)| *old_id == id && seen.ts_us.saturating_sub(old.ts_us) < SAME_PACKET_US;
        if self.asked.iter().rev().take(4).find(again).is_none() && self.asked.len() < NUMBERS_MAX {
            self.asked.push((seen, id));
        }
    }

    fn observe(self, tuple: Tuple, end_us: u64) -> FlowObservation {
        let kind = self.kind(tuple, end_us);
        let start = self.asked.first().map_or(0, |(s, _)| s.ts_us);
        let asked_ms: Vec<u64> = self
            .asked
            .iter()
            .map(|(s, _)| s.ts_us.saturating_sub(start) / 1000)
            .collect();
        let mut answers = self.answers;
        answers.extend(self.icmp_numbers);
        FlowObservation {
            tuple,
            kind,
            vni: self.vni.filter(|_| !self.outside),
            asked: self.asked.iter().map(|(s, _)| s.number).collect(),
            schedule: schedule(&asked_ms),
            asked_ms,
            answers,
            answered_by: self.elsewhere.filter(|_| !self.accepted),
            resets: self.resets,
            icmp: self.icmp.map(|(kind, code, from, _)| (kind, code, from)),
            interfaces: self.interfaces,
        }
    }

    fn kind(&self, tuple: Tuple, end_us: u64) -> Option<Kind> {
        let dns = tuple.proto == Proto::UDP;
        if self.accepted {
            return None;
        }
        if self.elsewhere.is_some() {
            return Some(Kind::AnsweredElsewhere);
        }
        match self.icmp {
            Some((_, _, _, Kind::Refused)) if dns => return Some(Kind::Dns(DnsError::Refused)),
            Some(_) if dns => return Some(Kind::Dns(DnsError::Unanswered)),
            Some((_, _, _, kind)) if !self.reset => return Some(kind),
            _ if self.reset => return Some(Kind::Refused),
            _ => {}
        }
        let first = self.asked.first()?.0.ts_us;
        let waited = end_us.saturating_sub(first);
        match self.asked.len() {
            _ if dns && waited > 4 * PATIENCE_US => Some(Kind::Dns(DnsError::Unanswered)),
            2.. if !dns && waited > PATIENCE_US => Some(Kind::ConnectTimeout),
            _ => None,
        }
    }
}

/// Which of the two schedules the SYNs follow. A tenth of tolerance, and the clock's tick.
fn schedule(asked_ms: &[u64]) -> Schedule {
    let gaps: Vec<u64> = asked_ms.windows(2).map(|w| w[1].saturating_sub(w[0])).collect();
    let about = |gap: u64, expected: u64| gap.abs_diff(expected) <= expected / 10 + 60;
    let fits = |expected: &dyn Fn(usize) -> u64| gaps.iter().enumerate().all(|(at, gap)| about(*gap, expected(at)));
    if gaps.len() < 2 {
        return Schedule::Unclear;
    }
    if fits(&|at| 1000 << at.min(7)) {
        return Schedule::Doubling;
    }
    let linear = |at: usize| if at < 5 { 1000 } else { 2000 << (at - 5).min(6) };
    if fits(&linear) {
        Schedule::Linear
    } else {
        Schedule::Unclear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lab note 0005.
    #[test]
    fn schedules() {
        let ms = |seconds: &[f64]| seconds.iter().map(|s| (s * 1000.0) as u64).collect::<Vec<_>>();
        let linear = [0.0, 1.01, 2.04, 3.06, 4.08, 5.11, 7.12, 11.26, 19.44, 35.57, 69.11];
        let doubling = [0.0, 1.03, 3.05, 7.17, 15.37, 31.49, 65.03];
        assert_eq!(schedule(&ms(&linear)), Schedule::Linear);
        assert_eq!(schedule(&ms(&linear[..3])), Schedule::Linear);
        assert_eq!(schedule(&ms(&doubling)), Schedule::Doubling);
        assert_eq!(schedule(&ms(&doubling[..3])), Schedule::Doubling);
        assert_eq!(schedule(&ms(&[0.0, 1.0])), Schedule::Unclear);
        assert_eq!(schedule(&ms(&[0.0, 0.2, 0.4])), Schedule::Unclear);
        assert_eq!(schedule(&[5, 3, 1]), Schedule::Unclear);
    }
}
