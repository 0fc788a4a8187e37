//! `docs/fidelity.md`: what of the model is exact, and who judged it.
//!
//! The rows are the closed lists of names of the model, the figures those of a run of the referee, the words
//! `claims`.

mod claims;
mod page;

pub use page::page;

use super::packets::{Options, Summary};
use netwhy_model::fib::{RouteKind, RuleAction};
use netwhy_model::link::{BridgePort, LinkKind};
use netwhy_model::netfilter::nft::{Expr, Stmt};
use netwhy_model::netfilter::{Match, SetType, Target};
use netwhy_model::socket::Socket;
use netwhy_sim::arrival::{ARP, CONNTRACK, ERRORS};
use netwhy_sim::{DropReason, Stage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Where the page and its figures are kept, from the root of the repository.
pub const FILES: [&str; 2] = ["docs/fidelity.md", "docs/fidelity-figures.json"];

/// A run of the referee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Seed of the first world.
    pub seed: u64,
    /// Worlds.
    pub worlds: u64,
    /// Rule sets.
    pub rule_sets: u64,
    /// Packets.
    pub packets: u64,
    /// Packets of which the model does not know what happens.
    pub unknown: u64,
    /// What differed, and differed again.
    pub disagreements: u64,
    /// What differed once: other work on the machine is seen by the same tracepoint.
    pub unrepeated: u64,
    /// By name: how often, and in how many worlds, in packets of which kernel and model agree.
    pub counts: BTreeMap<String, (u64, u64)>,
}

/// What is met less often than this varies too much to be compared.
const EXPECTED_MIN: u64 = 200;
/// So many packets of a hundred may come to one end.
const SHARE_MAX: u64 = 40;

/// The figures that are stored.
///
/// # Errors
/// The file cannot be read.
pub fn stored(root: &Path) -> io::Result<Figures> {
    Ok(serde_json::from_str(&std::fs::read_to_string(root.join(FILES[1]))?)?)
}

/// One part of the model.
pub struct Area {
    /// As the counts name it.
    pub name: &'static str,
    /// Head of its table.
    pub title: &'static str,
    /// Hits and misses are counted.
    pub answers: bool,
    /// What the rows are.
    pub rows: Vec<&'static str>,
}

/// All parts.
#[must_use]
pub fn areas() -> Vec<Area> {
    let reasons = DropReason::ALL.iter().map(|r| r.as_str()).collect();
    let stages = Stage::ALL.iter().map(|s| s.as_str()).collect();
    let area = |name, title, answers, rows| Area {
        name,
        title,
        answers,
        rows,
    };
    vec![
        area("match", "Matches of iptables", true, Match::NAMES.to_vec()),
        area("set", "Types of sets", true, SetType::NAMES.to_vec()),
        area("target", "Targets of iptables", false, Target::NAMES.to_vec()),
        area(
            "expr",
            "Expressions of nftables that are compared",
            true,
            Expr::NAMES.to_vec(),
        ),
        area("stmt", "Statements of nftables", false, Stmt::NAMES.to_vec()),
        area(
            "conntrack",
            "What connection tracking says of a packet",
            false,
            CONNTRACK.to_vec(),
        ),
        area("route", "Kinds of routes", false, RouteKind::NAMES.to_vec()),
        area("rule", "Actions of routing rules", false, RuleAction::NAMES.to_vec()),
        area("link", "Kinds of links", false, LinkKind::NAMES.to_vec()),
        area("port", "Settings of bridge ports", false, BridgePort::NAMES.to_vec()),
        area("socket", "Sockets that take a packet", false, Socket::NAMES.to_vec()),
        area("error", "ICMP errors that a host sends", false, ERRORS.to_vec()),
        area("arp", "ARP", false, ARP.to_vec()),
        area("reason", "Drop reasons", false, reasons),
        area("stage", "Kernel functions that drop", false, stages),
    ]
}

impl Figures {
    /// Of what was run.
    #[must_use]
    pub fn of(options: &Options, sum: &Summary) -> Figures {
        let areas = areas();
        let counted = |key: &&String| areas.iter().any(|a| key.split(' ').next() == Some(a.name));
        let worlds = |key: &String| sum.worlds_of.get(key).copied().unwrap_or(0);
        let counts = sum.features.iter().filter(|(key, _)| counted(key));
        Figures {
            seed: options.seed,
            worlds: sum.worlds,
            rule_sets: sum.rule_sets,
            packets: sum.packets,
            unknown: sum.unknown,
            disagreements: sum.disagreements.len() as u64,
            unrepeated: sum.unrepeated.len() as u64,
            counts: counts.map(|(key, n)| (key.clone(), (*n, worlds(key)))).collect(),
        }
    }

    /// What the worlds of a run have become poorer in since these figures were stored: names that are met less than half
    /// as often, and an end that more than 40 of 100 packets come to.
    #[must_use]
    pub fn poorer(&self, sum: &Summary) -> Vec<String> {
        let mut all = Vec::new();
        let packets = sum.packets.max(1);
        for (key, (stored, _)) in &self.counts {
            let now = sum.features.get(key).copied().unwrap_or(0);
            let expected = stored * packets / self.packets.max(1);
            if expected >= EXPECTED_MIN && now < expected / 2 {
                all.push(format!("{key}: {now} times, {expected} expected"));
            }
        }
        let ends = sum.features.iter().filter(|(key, _)| key.starts_with("end "));
        for (key, count) in ends.filter(|(_, n)| **n * 100 > packets * SHARE_MAX) {
            all.push(format!("{key}: {count} of {packets} packets"));
        }
        all
    }

    fn count(&self, key: &str) -> (u64, u64) {
        self.counts.get(key).copied().unwrap_or_default()
    }

    /// How often this one was used, and in how many worlds; of what answers, its hits and its misses.
    fn used(&self, area: &Area, row: &str) -> (Vec<u64>, u64) {
        let key = format!("{} {row}", area.name);
        if !area.answers {
            let (times, worlds) = self.count(&key);
            return (vec![times], worlds);
        }
        let (hits, misses) = (self.count(&format!("{key} hit")), self.count(&format!("{key} miss")));
        (vec![hits.0, misses.0], hits.1.min(misses.1))
    }
}

/// Writes the page again from the figures that are stored.
///
/// # Errors
/// A file cannot be read or written.
pub fn again(root: &Path) -> io::Result<()> {
    write(root, &stored(root)?)
}

/// Writes both files below the root of the repository.
///
/// # Errors
/// A file cannot be written.
pub fn write(root: &Path, figures: &Figures) -> io::Result<()> {
    let [to_page, to_figures] = FILES.map(|file| root.join(file));
    std::fs::write(to_page, page(figures))?;
    std::fs::write(to_figures, serde_json::to_string_pretty(figures)? + "\n")
}
