//! Worlds by seed: topology, rule sets, packets; what disagrees.

use super::judge::{Conversation, Residue, Verdict, compare, is_noise};
use super::native::native;
use super::node::Node;
use super::packet::{Body, Packet};
use super::rules::{Backends, rules};
use super::shrink::Case;
use super::tally::Tally;
use super::topology::topology;
use super::traffic::{Traffic, answer};
use super::unread::Unread;
use crate::world::Drops;
use netwhy_lab::Random;
use netwhy_sim::arrival::{Event, Known, Reaction as Model};
use netwhy_wire::decode::link_type;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the first world.
    pub seed: u64,
    /// Topologies.
    pub worlds: u64,
    /// Rule sets of each.
    pub rule_sets: u32,
    /// Packets of each rule set.
    pub packets: u32,
    /// Ends early after this time.
    pub budget: Option<Duration>,
    /// Begins no more worlds as soon as so many disagreements count.
    pub until: Option<usize>,
    /// Worlds at the same time.
    pub threads: u32,
}

/// One world in which kernel and model differ.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Seed of the world.
    pub seed: u64,
    /// What differs.
    pub what: String,
    /// The world and the packets.
    pub case: Case,
}

/// What was run.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Topologies.
    pub worlds: u64,
    /// Rule sets.
    pub rule_sets: u64,
    /// Packets.
    pub packets: u64,
    /// Packets of which the model does not know what happens.
    pub unknown: u64,
    /// What differed once, and not in the same world built again.
    pub unrepeated: Vec<String>,
    /// What differs.
    pub disagreements: Vec<Disagreement>,
    /// What happened how often.
    pub features: BTreeMap<String, u64>,
    /// In how many worlds each of them happened.
    pub worlds_of: BTreeMap<String, u64>,
    /// Why the model did not know.
    pub gaps: BTreeMap<String, u64>,
    /// Worlds that could not be built.
    pub broken: Vec<String>,
    /// Time for building and reading, time for packets.
    pub took: (Duration, Duration),
}

impl Summary {
    fn add(&mut self, other: Summary) {
        self.worlds += other.worlds;
        self.rule_sets += other.rule_sets;
        self.packets += other.packets;
        self.unknown += other.unknown;
        self.disagreements.extend(other.disagreements);
        self.broken.extend(other.broken);
        self.unrepeated.extend(other.unrepeated);
        let counts = [
            (&mut self.features, other.features),
            (&mut self.worlds_of, other.worlds_of),
            (&mut self.gaps, other.gaps),
        ];
        for (counts, more) in counts {
            for (key, count) in more {
                *counts.entry(key).or_default() += count;
            }
        }
        self.took.0 += other.took.0;
        self.took.1 += other.took.1;
    }
}

/// Runs all worlds. `counts` says which disagreements do, for [`Options::until`].
///
/// # Errors
/// Drop reasons cannot be read.
pub fn run(options: &Options, counts: &(dyn Fn(&Disagreement) -> bool + Sync)) -> Result<Summary, String> {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let found = AtomicUsize::new(0);
    let mut total = Summary::default();
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..options.threads.max(1) {
            let (next, found) = (&next, &found);
            let work = move || -> Result<Summary, String> {
                let mut drops = Drops::of_this_thread().map_err(|e| format!("drop reasons: {e}"))?;
                let mut sum = Summary::default();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let late = options.budget.is_some_and(|b| began.elapsed() > b);
                    let enough = options.until.is_some_and(|n| found.load(Ordering::Relaxed) >= n);
                    if at >= options.worlds || late || enough {
                        return Ok(sum);
                    }
                    let mut one = world(options.seed + at, options, &mut drops);
                    found.fetch_add(
                        one.disagreements.iter().filter(|d| counts(d)).count(),
                        Ordering::Relaxed,
                    );
                    one.worlds_of = one.features.keys().map(|key| (key.clone(), 1)).collect();
                    sum.add(one);
                }
            };
            workers.push(scope.spawn(work));
        }
        for worker in workers {
            total.add(worker.join().map_err(|_| "a worker panicked".to_owned())??);
        }
        Ok(total)
    })
}

/// One of so many rule sets is of native nftables, perhaps beside iptables.
const NATIVE: u32 = 4;
/// A world that differs so often is not asked further.
const ENOUGH: usize = 6;
/// A difference counts if it is there so often again.
const REPEATS: usize = 2;

fn world(seed: u64, options: &Options, drops: &mut Drops) -> Summary {
    let mut sum = Summary {
        worlds: 1,
        ..Summary::default()
    };
    let mut random = Random::new(seed);
    let topology = topology(&mut random);
    let began = Instant::now();
    let mut node = match Node::build(&topology.lines) {
        Ok(node) => node,
        Err(why) => {
            sum.broken.push(format!("seed {seed}: {why}"));
            return sum;
        }
    };
    sum.took.0 += began.elapsed();
    let mut traffic = Traffic::new(&topology);
    let mut residue = Residue::default();
    let (mut known, mut after) = (true, None);
    for set in 0..options.rule_sets {
        let mut random = Random::new(seed << 20 | u64::from(set) << 1 | 1);
        let backends = [Backends::Nft, Backends::Nft, Backends::Legacy, Backends::Both][random.range(0, 3) as usize];
        // Numbers of their own, so that they leave the others as they are.
        let mut own = Random::new(seed << 20 | u64::from(set) << 1);
        let mut lines = match own.one_in(NATIVE) {
            true => native(&mut own, &topology),
            false => Vec::new(),
        };
        if lines.is_empty() || own.one_in(4) {
            lines.extend(rules(&mut random, &topology, backends));
        }
        if own.one_in(5) {
            lines.push(Unread::draw(&mut own).to_string());
        }
        let began = Instant::now();
        if let Err(why) = node.load(&lines, drops) {
            sum.broken.push(format!("seed {seed} set {set}: {why}"));
            continue;
        }
        sum.took.0 += began.elapsed();
        sum.rule_sets += 1;
        residue.asked.clear();
        let case = |(packets, recorded): Talk| Case {
            topology: topology.lines.clone(),
            rules: lines.clone(),
            packets,
            recorded,
        };
        let began = Instant::now();
        let mut count = 0;
        let mut tally = Tally::default();
        let mut talks: Vec<Talk> = Vec::new();
        while count < options.packets && sum.disagreements.len() < ENOUGH {
            if !known {
                residue.known = Known::default();
                if let Err(why) = node.unlearn(&topology.lines) {
                    sum.broken.push(format!("seed {seed}: {why}"));
                }
            }
            let mut talk = Conversation::default();
            // What was said before the simulator began, and when that was.
            let (mut said, mut recorded) = (Vec::new(), None);
            let mut packet = traffic.first(&mut random);
            // What waits for an answer would leave by it.
            if matches!(packet.body, Body::Arp(_)) && residue.asked.iter().any(|(_, addr)| *addr == packet.src) {
                continue;
            }
            let mut fragments: Vec<Packet> = Vec::new();
            if packet.flaw.is_none() && !matches!(packet.proto(), 0 | 132) && random.one_in(12) {
                fragments.extend(packet.fragments());
                if random.one_in(3) {
                    fragments.reverse();
                }
                packet = fragments.remove(0);
            }
            let mut length = if random.one_in(2) { 1 } else { random.range(2, 4) } + fragments.len() as u32;
            while length > 0 {
                length -= 1;
                count += 1;
                sum.packets += 1;
                let seen = match node.inject(&packet.link, &packet.bytes(), drops) {
                    Ok(seen) => seen,
                    Err(why) => {
                        sum.broken.push(format!("seed {seed}: {why}"));
                        return sum;
                    }
                };
                talk.packets.push(packet.clone());
                talk.seen.push(seen.clone());
                let verdict = compare(&node, &talk, &residue);
                residue.add(&packet, &seen, &verdict);
                after = Residue::after(&verdict);
                tally.add(&verdict);
                note(&mut sum, &verdict, &seen);
                match verdict {
                    // A socket that goes on by itself would speak into later packets.
                    Verdict::Agree(ways) if ways.iter().any(takes) => break,
                    Verdict::Agree(_) => {}
                    Verdict::Unknown(why) => {
                        sum.unknown += 1;
                        *sum.gaps.entry(why).or_default() += 1;
                        break;
                    }
                    Verdict::Disagree(what) => {
                        let all = said.iter().chain(&talk.packets).cloned().collect();
                        let case = case((all, recorded));
                        // Whatever else runs on this processor drops packets too.
                        if (0..REPEATS).all(|_| matches!(case.judge(drops), Ok(Some(_)))) {
                            sum.disagreements.push(Disagreement { seed, what, case });
                        } else {
                            sum.unrepeated
                                .push(format!("seed {seed}: {}: {what}", talk.packets[talk.packets.len() - 1]));
                        }
                        break;
                    }
                }
                if let Some(fragment) = fragments.pop() {
                    packet = fragment;
                    continue;
                }
                let Some(mut next) = reply(&mut random, &seen) else {
                    break;
                };
                let quiet = recorded.is_none() && after.is_some() && packet.frag.is_none() && node.may_be_recorded();
                if quiet && random.one_in(3) {
                    if let Err(why) = node.record() {
                        sum.broken.push(format!("seed {seed}: {why}"));
                        break;
                    }
                    next = later(&mut random, &talk.packets[0], next);
                    said = std::mem::take(&mut talk).packets;
                    length += 1;
                    recorded = Some(said.len());
                    residue.known = after.take().unwrap_or_default();
                }
                packet = next;
            }
            known = after.is_some();
            residue.known = after.take().unwrap_or_default();
            said.append(&mut talk.packets);
            if let Err(why) = node.forget(&said) {
                sum.broken.push(format!("seed {seed}: {why}"));
            }
            talks.push((said, recorded));
        }
        sum.took.1 += began.elapsed();
        match tally.check(&mut node) {
            Ok(None) => {}
            Ok(Some(what)) => match culprit(talks, &case, drops) {
                Ok(Some((case, what))) => sum.disagreements.push(Disagreement { seed, what, case }),
                _ => sum.unrepeated.push(format!("seed {seed} set {set}: {what}")),
            },
            Err(why) => sum.broken.push(format!("seed {seed} set {set}: {why}")),
        }
    }
    sum
}

/// Frames, and before which of them the simulator began, if not before the first.
type Talk = (Vec<Packet>, Option<usize>);

/// What meets a recorded connection: the answer, the first frame again, or another that may look like it when it has been
/// translated.
fn later(random: &mut Random, first: &Packet, answer: Packet) -> Packet {
    let mut again = first.clone();
    again.id ^= 2;
    match random.range(1, 4) {
        1 => again,
        2 => {
            let [a, b, c, d] = first.src.octets();
            again.src = if d == 2 { [a, b, c, 3] } else { [a, b, c, 2] }.into();
            again
        }
        _ => answer,
    }
}

/// The first conversation after which the counters differ, when they are read after each of them; alone, if that shows it
/// too.
fn culprit(talks: Vec<Talk>, case: &dyn Fn(Talk) -> Case, drops: &mut Drops) -> Result<Option<(Case, String)>, String> {
    let world = case((Vec::new(), None));
    let mut node = Node::build(&world.topology)?;
    node.load(&world.rules, drops)?;
    let mut residue = Residue::default();
    let mut tally = Tally::default();
    let mut after = None;
    for (packets, recorded) in talks {
        let mut talk = Conversation::default();
        for (at, packet) in packets.iter().enumerate() {
            if recorded == Some(at) {
                node.record()?;
                talk = Conversation::default();
                residue.known = after.take().unwrap_or_default();
            }
            let seen = node.inject(&packet.link, &packet.bytes(), drops)?;
            talk.packets.push(packet.clone());
            talk.seen.push(seen.clone());
            let verdict = compare(&node, &talk, &residue);
            tally.add(&verdict);
            residue.add(packet, &seen, &verdict);
            after = Residue::after(&verdict);
        }
        node.forget(&packets)?;
        if after.is_none() {
            node.unlearn(&world.topology)?;
        }
        residue.known = after.take().unwrap_or_default();
        if tally.is_void() {
            node.load(&world.rules, drops)?;
            tally = Tally::default();
        } else if let Some(what) = tally.check(&mut node)? {
            let case = case((packets, recorded));
            return Ok(Some(match case.judge(drops) {
                Ok(Some(alone)) => (case, alone),
                _ => (case, format!("{what}; not by itself")),
            }));
        }
    }
    Ok(None)
}

fn takes(way: &Model) -> bool {
    way.events.iter().any(|e| matches!(e, Event::Taken { .. }))
}

fn note(sum: &mut Summary, verdict: &Verdict, seen: &super::node::Reaction) {
    if let Verdict::Agree(ways) = verdict {
        super::features::add(&mut sum.features, ways);
    }
    let mut add = |key: String| *sum.features.entry(key).or_default() += 1;
    add(match verdict {
        Verdict::Agree(_) => "verdict agree".to_owned(),
        Verdict::Unknown(_) => "verdict unknown".to_owned(),
        Verdict::Disagree(_) => "verdict disagree".to_owned(),
    });
    add(format!("end {}", end(seen)));
    for drop in &seen.drops {
        add(format!("seen {drop}"));
    }
    for (_, frame, _) in &seen.sent {
        add(format!("sent protocol {}", frame.proto));
    }
}

/// What became of a packet, in one word.
fn end(seen: &super::node::Reaction) -> &str {
    let dropped = seen.drops.iter().chain(&seen.perhaps).find(|d| !is_noise(d));
    match dropped {
        Some(drop) => drop.split('@').next().unwrap_or(drop),
        None if seen.sent.is_empty() => "kept",
        None => "sent",
    }
}

/// The answer to the first frame that came out.
fn reply(random: &mut Random, seen: &super::node::Reaction) -> Option<Packet> {
    let (link, frame, bytes) = seen.sent.first()?;
    let decoded = netwhy_wire::decode(link_type::EN10MB, bytes);
    let ip = decoded.ip.as_ref()?;
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.src, ip.dst) else {
        return None;
    };
    let body = match &ip.l4 {
        netwhy_wire::decode::L4::Tcp(t) => Body::Tcp {
            sport: t.sport,
            dport: t.dport,
            flags: t.flags,
            seq: t.seq,
            ack: t.ack,
            mss: t.mss,
        },
        netwhy_wire::decode::L4::Udp(u) => Body::Udp {
            sport: u.sport,
            dport: u.dport,
        },
        netwhy_wire::decode::L4::Icmp(i) if i.inner.is_none() => Body::Icmp {
            kind: i.kind,
            code: i.code,
            id: i.id.unwrap_or(0),
        },
        _ => return None,
    };
    let mut sent = Packet::new(link, frame.eth_src, frame.eth_dst, src, dst, body);
    sent.payload = match &ip.l4 {
        netwhy_wire::decode::L4::Tcp(t) => t.payload_len as u16,
        _ => 0,
    };
    sent.id = ip.id;
    answer(random, link, &sent)
}
