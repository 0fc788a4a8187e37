//! The smallest world in which kernel and model still differ.

use super::judge::{Conversation, Residue, Verdict, compare};
use super::node::Node;
use super::packet::Packet;
use super::tally::Tally;
use super::unread;
use crate::world::Drops;
use std::time::{Duration, Instant};

/// A world and its packets.
#[derive(Clone, Debug)]
pub struct Case {
    /// Lines of the topology.
    pub topology: Vec<String>,
    /// Lines of rules.
    pub rules: Vec<String>,
    /// Frames, in their order.
    pub packets: Vec<Packet>,
    /// The simulator begins before this one, with the connections that were recorded then.
    pub recorded: Option<usize>,
}

/// The line that stands for it.
const RECORDED: &str = ">> recorded";

impl Case {
    /// As a block of a file of worlds; `>` is a packet.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for line in self.topology.iter().chain(&self.rules) {
            text += line;
            text += "\n";
        }
        for (at, packet) in self.packets.iter().enumerate() {
            if self.recorded == Some(at) {
                text += RECORDED;
                text += "\n";
            }
            text += &format!("> {packet}\n");
        }
        text
    }

    /// Reads it back.
    ///
    /// # Errors
    /// A packet is none.
    pub fn read(lines: &[String]) -> Result<Case, String> {
        let mut case = Case {
            topology: Vec::new(),
            rules: Vec::new(),
            packets: Vec::new(),
            recorded: None,
        };
        for line in lines {
            if line == RECORDED {
                case.recorded = Some(case.packets.len());
            } else if let Some(packet) = line.strip_prefix("> ") {
                case.packets.push(packet.parse().map_err(|e| format!("{e}"))?);
            } else if is_rule(line) {
                case.rules.push(line.clone());
            } else {
                case.topology.push(line.clone());
            }
        }
        Ok(case)
    }

    /// What differs at the last packet, or of the rule counters, if anything; an error if an earlier one differs already,
    /// or the world cannot be built.
    ///
    /// # Errors
    /// The world cannot be built.
    pub fn judge(&self, drops: &mut Drops) -> Result<Option<String>, String> {
        let mut node = Node::build(&self.topology)?;
        node.load(&self.rules, drops)?;
        let mut talk = Conversation::default();
        let mut residue = Residue::default();
        let mut tally = Tally::default();
        let mut after = None;
        for (at, packet) in self.packets.iter().enumerate() {
            if self.recorded == Some(at) {
                node.record()?;
                talk = Conversation::default();
                residue.known = after.take().unwrap_or_default();
            }
            let seen = node.inject(&packet.link, &packet.bytes(), drops)?;
            talk.packets.push(packet.clone());
            talk.seen.push(seen);
            let verdict = compare(&node, &talk, &residue);
            residue.add(packet, &talk.seen[talk.seen.len() - 1], &verdict);
            after = Residue::after(&verdict);
            tally.add(&verdict);
            match verdict {
                Verdict::Disagree(what) if at + 1 == self.packets.len() => return Ok(Some(what)),
                Verdict::Disagree(_) => return Err("an earlier packet differs".to_owned()),
                _ => {}
            }
        }
        tally.check(&mut node)
    }
}

fn is_rule(line: &str) -> bool {
    ["n iptables ", "n legacy ", "n nft ", unread::LINE]
        .iter()
        .any(|tool| line.starts_with(tool))
}

/// Drops lines and packets as long as something differs.
pub fn shrink(case: &Case, drops: &mut Drops, budget: Duration) -> (Case, Option<String>) {
    let began = Instant::now();
    let mut best = case.clone();
    let Ok(Some(first)) = best.judge(drops) else {
        return (best, None);
    };
    let mut what = Some(first);
    let mut try_case = |candidate: Case, best: &mut Case| match candidate.judge(drops) {
        Ok(Some(text)) => {
            what = Some(text);
            *best = candidate;
            true
        }
        _ => false,
    };
    while best.packets.len() > 1 && best.recorded != Some(0) {
        let mut smaller = best.clone();
        smaller.packets.remove(0);
        smaller.recorded = smaller.recorded.map(|at| at - 1);
        if !try_case(smaller, &mut best) {
            break;
        }
    }
    for part in [Part::Rules, Part::Topology, Part::Rules] {
        let mut size = part.of(&best).len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < part.of(&best).len() && began.elapsed() < budget {
                let mut smaller = best.clone();
                let lines = part.of_mut(&mut smaller);
                let end = (at + size).min(lines.len());
                if lines[at..end].iter().all(|l| keeps_quiet(l)) {
                    at += size;
                    continue;
                }
                let kept: Vec<String> = lines[at..end].iter().filter(|l| keeps_quiet(l)).cloned().collect();
                lines.splice(at..end, kept);
                if !try_case(smaller, &mut best) {
                    at += size;
                }
            }
            if size == 1 {
                break;
            }
            size = size.div_ceil(2);
        }
    }
    (best, what)
}

/// What only keeps a namespace from doing more than it is asked stays.
fn keeps_quiet(line: &str) -> bool {
    [
        "icmp_ratemask",
        "retrans_time_ms",
        "delay_first_probe_time",
        "proxy_delay",
        "tcp_be_liberal",
        "tcp_syncookies",
    ]
    .iter()
    .any(|key| line.contains(key))
}

#[derive(Clone, Copy)]
enum Part {
    Rules,
    Topology,
}

impl Part {
    fn of(self, case: &Case) -> &Vec<String> {
        match self {
            Part::Rules => &case.rules,
            Part::Topology => &case.topology,
        }
    }

    fn of_mut(self, case: &mut Case) -> &mut Vec<String> {
        match self {
            Part::Rules => &mut case.rules,
            Part::Topology => &mut case.topology,
        }
    }
}
