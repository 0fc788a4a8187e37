//! One conversation: the kernel's reactions and the simulator's.

use super::node::{Node, Reaction};
use super::packet::Packet;
use netwhy_sim::arrival::{Arrival, Event, Frame, Known, Reaction as Model, Used, react, react_to_gaps};
use netwhy_sim::{DropReason, Options, Stage};
use netwhy_wire::Tuple;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};

/// Frames of one conversation with what the kernel did, in their order.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    /// What was injected.
    pub packets: Vec<Packet>,
    /// What was seen.
    pub seen: Vec<Reaction>,
}

/// What the comparison says of the last frame.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// One of the ways of the model is what was seen; all that fit it.
    Agree(Vec<Model>),
    /// The model does not know, and why.
    Unknown(String),
    /// In words.
    Disagree(String),
}

/// What earlier conversations leave behind.
#[derive(Clone, Debug, Default)]
pub struct Residue {
    /// Neighbours that were asked for and did not answer: the kernel does not ask again at once.
    pub asked: BTreeSet<(String, Ipv4Addr)>,
    /// Hosts that `ip_error()` has told something, or that got a redirect: it has a budget for each.
    pub told: BTreeSet<Ipv4Addr>,
    /// Hosts that got a redirect: the next one may be too early.
    pub redirected: BTreeSet<Ipv4Addr>,
    /// What was learned before this conversation.
    pub known: Known,
}

impl Residue {
    /// Remembers a reaction to a packet, and what the model made of it.
    pub fn add(&mut self, packet: &Packet, seen: &Reaction, verdict: &Verdict) {
        self.asked
            .extend(seen.asked.iter().map(|(link, addr, _)| (link.clone(), *addr)));
        let redirects = |way: &Model| way.used.iter().any(|u| (u.area, u.name) == REDIRECT);
        // inet_peer: both have one budget.
        let redirected = match verdict {
            Verdict::Agree(ways) => ways.iter().any(redirects),
            _ => true,
        };
        if by_ip_error(seen) || redirected {
            self.told.insert(packet.src);
        }
        if redirected {
            self.redirected.insert(packet.src);
        }
    }

    /// What is known at the end of a conversation, if that can be told.
    pub fn after(verdict: &Verdict) -> Option<Known> {
        let Verdict::Agree(ways) = verdict else { return None };
        let mut all = ways.iter().map(|way| newest(&way.known));
        let first = all.next().unwrap_or_default();
        all.all(|other| other == first).then_some(first)
    }

    /// What these packets may find spent.
    fn options(&self, packets: &[Packet]) -> Options {
        let any = |hosts: &BTreeSet<Ipv4Addr>| packets.iter().any(|p| hosts.contains(&p.src));
        Options {
            errors_spent: any(&self.told),
            redirects_spent: any(&self.redirected),
            ..Options::default()
        }
    }
}

/// The last that was learned of each address.
fn newest(known: &Known) -> Known {
    Known {
        learned: last_of(&known.learned, |l| (l.netns, l.bridge, l.mac)),
        askers: last_of(&known.askers, |a| (a.netns, a.link, a.addr)),
    }
}

fn last_of<T: Copy, K: PartialEq>(list: &[T], key: impl Fn(&T) -> K) -> Vec<T> {
    let later = |at: usize| list.iter().skip(at + 1).any(|other| key(other) == key(&list[at]));
    (0..list.len()).filter(|at| !later(*at)).map(|at| list[at]).collect()
}

/// As the model notes that a host is in for one, whatever becomes of the error.
const REDIRECT: (&str, &str) = ("peer", "redirect");

type Asked = BTreeSet<(String, Ipv4Addr)>;

fn by_ip_error(seen: &Reaction) -> bool {
    let mut all = seen.drops.iter().chain(&seen.perhaps);
    all.any(|d| d.ends_with("@ip_error"))
}

/// Compares the reaction to the last frame, given what was seen of the earlier ones.
pub fn compare(node: &Node, talk: &Conversation, residue: &Residue) -> Verdict {
    compare_with(node, talk, residue, &residue.options(&talk.packets))
}

fn compare_with(node: &Node, talk: &Conversation, residue: &Residue, options: &Options) -> Verdict {
    let asked = &residue.asked;
    let frames: Vec<Vec<u8>> = talk.packets.iter().map(Packet::bytes).collect();
    let mut script = Vec::new();
    for (packet, frame) in talk.packets.iter().zip(&frames) {
        let Some(link) = node.index(&packet.link) else {
            return Verdict::Disagree(format!("no link {}", packet.link));
        };
        script.push(Arrival {
            netns: node.netns,
            link,
            frame,
        });
    }
    let agrees = |at: usize, events: &[Event]| differs(node, events, &talk.seen[at], asked).is_none();
    let ways = react(&node.cluster, &residue.known, &script, options, &agrees);
    let every = Options {
        linear: true,
        ..*options
    };
    let linear = react(&node.cluster, &residue.known, &script, &every, &agrees);
    let same = |a: &Model, b: &Model| a.events == b.events && a.hits == b.hits;
    if ways.len() != linear.len() || !ways.iter().zip(&linear).all(|(a, b)| same(a, b)) {
        return Verdict::Disagree("the walk by index and the walk rule by rule differ".to_owned());
    }
    let Some(last) = talk.seen.last() else {
        return Verdict::Agree(Vec::new());
    };
    if let Some(gap) = ways.iter().find_map(|w| w.unknown) {
        return Verdict::Unknown(super::gap_text(&node.cluster, gap));
    }
    let mut fit = Vec::new();
    let mut why = Vec::new();
    for way in ways {
        match differs(node, &way.events, last, asked) {
            None => fit.push(way),
            Some(text) => why.push(text),
        }
    }
    if let Some(way) = fit.first_mut() {
        if let Some(half) = &node.half {
            let few = Options {
                worlds_max: WORLDS_MAX,
                ..*options
            };
            let ways = react_to_gaps(half, &residue.known, &script, &few, &agrees);
            let fits = |w: &Model| w.unknown.is_some() || differs(node, &w.events, last, asked).is_none();
            if !ways.iter().any(fits) {
                let sure = ways.first().and_then(|w| differs(node, &w.events, last, asked));
                let sure = sure.unwrap_or_else(|| "it knows no way".to_owned());
                return Verdict::Disagree(format!("half read: kernel: {}; {sure}", say(last)));
            }
            way.used.push(Used {
                area: "half read",
                name: certainty(&ways),
                outcome: "",
            });
        }
        return Verdict::Agree(fit);
    }
    why.dedup();
    why.truncate(3);
    if why.is_empty() {
        why.push("no way of the model gives what was seen of the earlier packets".to_owned());
    }
    Verdict::Disagree(format!("kernel: {}; {}", say(last), why.join("; or ")))
}

/// Combinations of what is unread that are tried.
const WORLDS_MAX: usize = 24;

/// What the model makes of a world that it has read in part.
fn certainty(ways: &[Model]) -> &'static str {
    let known = ways.iter().all(|w| w.unknown.is_none());
    match (ways.iter().any(|w| w.unknown.or(w.met).is_some()), known) {
        (false, _) => "nothing missed",
        (true, true) if ways.iter().all(|w| w.events == ways[0].events) => "sure all the same",
        (true, true) => "each way tried",
        (true, false) => "not known",
    }
}

/// What the kernel did, in words.
pub fn say(seen: &Reaction) -> String {
    let mut text = String::new();
    for (link, frame, _) in &seen.sent {
        let _ = write!(text, "[{link} {}] ", say_frame(frame));
    }
    for (link, addr, from) in &seen.asked {
        let _ = write!(text, "[{link} ARP {addr} tell {from}] ");
    }
    for drop in &seen.drops {
        let _ = write!(text, "{drop} ");
    }
    for drop in &seen.perhaps {
        let _ = write!(text, "({drop}) ");
    }
    text.trim_end().to_owned()
}

fn say_frame(frame: &Frame) -> String {
    let mut text = format!(
        "{}>{} p{} {}:{} > {}:{} flags {:#x} ttl {} tos {}",
        frame.eth_src,
        frame.eth_dst,
        frame.proto,
        frame.src,
        frame.ports.0,
        frame.dst,
        frame.ports.1,
        frame.flags,
        frame.ttl,
        frame.tos
    );
    if let Some(mss) = frame.mss {
        let _ = write!(text, " mss {mss}");
    }
    if let Some((op, sha, tha)) = frame.arp {
        let _ = write!(text, " arp {op} {sha} {tha}");
    }
    if frame.df {
        text += " df";
    }
    if let Some(frag) = frame.frag {
        let _ = write!(text, " frag {frag:?}");
    }
    if frame.says != 0 {
        let _ = write!(text, " says {:#x}", frame.says);
    }
    if let Some(t) = &frame.inner {
        let _ = write!(text, " about {} {}:{} > {}:{}", t.proto, t.src, t.sport, t.dst, t.dport);
    }
    text
}

/// What of the model's events is not as seen; `None` if all is.
fn differs(node: &Node, events: &[Event], seen: &Reaction, asked: &Asked) -> Option<String> {
    let mut left: Vec<&(String, Frame, Vec<u8>)> = seen.sent.iter().collect();
    let mut drops: Vec<&String> = seen.drops.iter().collect();
    let mut requests: Vec<&(String, Ipv4Addr, Ipv4Addr)> = seen.asked.iter().collect();
    let mut perhaps: Vec<&String> = seen.perhaps.iter().collect();
    let mut missing = Vec::new();
    let mut met: Vec<&(String, Ipv4Addr, Ipv4Addr)> = Vec::new();
    for event in events {
        match event {
            Event::Sent { link, frame, .. } => {
                let name = node.link(*link);
                match left.iter().position(|(l, f, _)| *l == name && alike(frame, f)) {
                    Some(at) => drop(left.remove(at)),
                    None => missing.push(format!("[{name} {}]", say_frame(frame))),
                }
            }
            Event::Asked { link, addr, from, .. } => {
                let (IpAddr::V4(addr), IpAddr::V4(from)) = (addr, from) else {
                    continue;
                };
                let name = node.link(*link);
                let same = |(l, a, f): &(String, Ipv4Addr, Ipv4Addr)| *l == name && a == addr && f == from;
                match requests.iter().position(|r| same(r)) {
                    Some(at) => met.push(requests.remove(at)),
                    None if met.iter().any(|(l, a, _)| *l == name && a == addr) => {}
                    None if asked.contains(&(name.clone(), *addr)) => {}
                    None => missing.push(format!("[{name} ARP {addr} tell {from}]")),
                }
            }
            // Without a route no packet is made that could be dropped.
            Event::Dropped {
                reason: DropReason::IpOutNoRoutes,
                ..
            } => {}
            Event::Dropped { stage, reason, .. } => {
                let text = say_drop(*stage, *reason);
                let list = if drops.contains(&&text) {
                    &mut drops
                } else {
                    &mut perhaps
                };
                match list.iter().position(|d| **d == text) {
                    Some(at) => drop(list.remove(at)),
                    None => missing.push(text),
                }
            }
            Event::Taken { .. } => {}
        }
    }
    drops.retain(|d| !is_noise(d));
    if missing.is_empty() && left.is_empty() && drops.is_empty() && requests.is_empty() {
        return None;
    }
    Some(match missing.is_empty() {
        true if events.is_empty() => "the model: nothing".to_owned(),
        true => "the model has less".to_owned(),
        false => format!("the model: {}", missing.join(" ")),
    })
}

fn say_drop(stage: Stage, reason: DropReason) -> String {
    let function = match stage {
        // Compiled into its only caller.
        Stage::IpProtocolDeliverRcu => "ip_local_deliver_finish",
        other => other.as_str(),
    };
    format!("{}@{function}", reason.as_str())
}

/// Ends of packets that were used, or were never a packet of a wire.
pub(super) fn is_noise(drop: &str) -> bool {
    let (reason, function) = drop.split_once('@').unwrap_or_default();
    matches!(
        reason,
        "QUEUE_PURGE"
            | "NEIGH_QUEUEFULL"
            | "SOCKET_CLOSE"
            | "CONSUMED"
            | "NEIGH_FAILED"
            | "TCP_OLD_DATA"
            | "TCP_OLD_ACK"
    ) || matches!(function, "udp_destruct_common" | "skb_release_data")
}

fn alike(model: &Frame, kernel: &Frame) -> bool {
    let port =
        (model.port_any || model.ports.0 == kernel.ports.0) && (model.dport_any || model.ports.1 == kernel.ports.1);
    // Ports of protocols that have none here.
    let quoted = match (&model.inner, &kernel.inner) {
        (Some(m), Some(k)) if !matches!(m.proto.0, 1 | 6 | 17) => {
            m.src == k.src && m.dst == k.dst && m.proto == k.proto
        }
        // Of an error, the port that it quotes.
        (Some(m), Some(k)) if model.dport_any => Tuple { sport: k.sport, ..*m } == *k,
        (m, k) => m == k,
    };
    port && quoted
        && Frame {
            inner: kernel.inner,
            ports: kernel.ports,
            port_any: false,
            dport_any: false,
            ..model.clone()
        } == *kernel
}
