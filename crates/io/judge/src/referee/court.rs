//! A sitting: worlds of one seed are judged, what differs is made small and printed, the last line counts.

use super::packets::{self, Disagreement, shrink};
use super::sickbay::Sickbay;
use super::{conversations, kernel_release};
use crate::world::Drops;
use std::time::Duration;

/// What to judge.
#[derive(Clone, Debug)]
pub struct Options {
    /// Everything that is drawn follows from it.
    pub seed: u64,
    /// Worlds of one namespace.
    pub worlds: u64,
    /// Rule sets of each.
    pub rule_sets: u32,
    /// Packets of all worlds together, at least.
    pub packets: u64,
    /// Worlds of several namespaces, with sockets.
    pub conversations: u64,
    /// No world is begun after this time.
    pub budget: Option<Duration>,
    /// Worlds of one namespace at the same time.
    pub threads: u32,
    /// Known disagreements.
    pub sickbay: Sickbay,
}

impl Options {
    /// The part of the worlds of one namespace.
    pub fn frames(&self) -> packets::Options {
        let sets = u64::from(self.rule_sets.max(1)) * self.worlds.max(1);
        packets::Options {
            seed: self.seed,
            worlds: self.worlds,
            rule_sets: self.rule_sets,
            packets: u32::try_from(self.packets.div_ceil(sets)).unwrap_or(u32::MAX),
            budget: self.budget,
            threads: self.threads,
        }
    }
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Sitting {
    /// Worlds of both kinds.
    pub worlds: u64,
    /// Injected packets and questions of sockets.
    pub packets: u64,
    /// What differs and is not in the sickbay.
    pub disagreements: usize,
    /// Entries of the sickbay that matched nothing.
    pub healed: Vec<String>,
    /// What the frames did.
    pub frames: packets::Summary,
}

/// How long the making small of one disagreement may take.
const SHRINK: Duration = Duration::from_secs(20);
/// So many disagreements are made small and printed.
const SHOWN: usize = 8;

/// Judges, telling what differs line by line.
///
/// # Errors
/// Namespaces or drop reasons are not to be had.
pub fn sit(options: &Options, tell: &mut dyn FnMut(&str)) -> Result<Sitting, String> {
    let frames = packets::run(&options.frames())?;
    let mut sickbay = options.sickbay.clone();
    let release = kernel_release();
    let unknown: Vec<&Disagreement> = frames
        .disagreements
        .iter()
        .filter(|d| !sickbay.has(&d.what, &release))
        .collect();
    for text in &frames.broken {
        tell(&format!("not built: {text}"));
    }
    for text in &frames.unrepeated {
        tell(&format!("not repeated: {text}"));
    }
    show(&unknown, tell)?;
    let mut sitting = Sitting {
        worlds: frames.worlds,
        packets: frames.packets,
        disagreements: unknown.len(),
        ..Sitting::default()
    };
    if options.conversations > 0 {
        let talks = conversations::run(
            &conversations::Options {
                seed: options.seed,
                worlds: options.conversations,
                world: None,
                budget: options.budget,
                shrink: true,
                threads: TALKS,
            },
            tell,
        );
        sitting.worlds += talks.worlds;
        sitting.packets += talks.questions;
        sitting.disagreements += talks.disagreements.len();
    }
    sitting.healed = sickbay.healed(&release);
    sitting.frames = frames;
    for (why, count) in &sitting.frames.gaps {
        tell(&format!("{count} packets unknown: {why}"));
    }
    let frames = &sitting.frames;
    tell(&format!(
        "{} rule sets, {} packets not known, {} worlds not built, {} differences not repeated",
        frames.rule_sets,
        frames.unknown,
        frames.broken.len(),
        frames.unrepeated.len()
    ));
    let (built, judged) = (frames.took.0.as_secs_f64(), frames.took.1.as_secs_f64());
    tell(&format!(
        "{:.0} ms to build and read a rule set, {:.0} packets a second of each thread",
        built * 1000.0 / frames.rule_sets.max(1) as f64,
        frames.packets as f64 / judged.max(1e-9)
    ));
    tell(&format!(
        "seed {}: {} worlds, {} packets, {} disagreements",
        options.seed, sitting.worlds, sitting.packets, sitting.disagreements
    ));
    Ok(sitting)
}

/// Worlds of several namespaces mostly wait.
const TALKS: usize = 12;

/// Makes the first ones small, and prints them as blocks for a file of cases.
fn show(list: &[&Disagreement], tell: &mut dyn FnMut(&str)) -> Result<(), String> {
    if list.is_empty() {
        return Ok(());
    }
    let mut texts = Vec::new();
    let work = || -> Result<Vec<String>, String> {
        let mut drops = Drops::of_this_thread().map_err(|e| format!("drop reasons: {e}"))?;
        for one in list.iter().take(SHOWN) {
            let (case, what) = shrink(&one.case, &mut drops, SHRINK);
            let what = what.unwrap_or_else(|| one.what.clone());
            texts.push(format!(
                "world seed {}\n{}# {what}\n# at first: {}\n",
                one.seed,
                case.text(),
                one.what
            ));
        }
        Ok(texts)
    };
    let texts = std::thread::scope(|scope| {
        scope
            .spawn(work)
            .join()
            .map_err(|_| "the thread that makes worlds small ended early".to_owned())?
    })?;
    texts.iter().for_each(|text| tell(text));
    Ok(())
}
