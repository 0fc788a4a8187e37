//! `lab referee`: the kernel of this machine judges the simulator, so that one static binary can be judge and guest.

use crate::cli::RefereeArgs;
use crate::fail::{CLEAN, FOUND, Fail};
use crate::screen::{escape, print};
use anyhow::Result;
use netwhy_judge::referee::Sickbay;
use netwhy_judge::referee::court::{Options, sit};
use std::process::ExitCode;
use std::time::Duration;

/// Prints what differs, and last how much was judged.
pub(super) fn run(args: &RefereeArgs) -> Result<ExitCode> {
    let sickbay = Sickbay::known().map_err(|e| Fail::new(e, ""))?;
    let options = Options {
        seed: args.seed,
        worlds: args.worlds,
        rule_sets: args.rule_sets,
        packets: args.packets,
        conversations: args.conversations,
        budget: args.minutes.map(|m| Duration::from_secs(m.saturating_mul(60))),
        until: None,
        threads: 2,
        sickbay,
    };
    // Nobody may be listening any more: it goes on, for its exit code.
    let mut tell = |text: &str| {
        for line in text.split('\n') {
            let _ = print(&format!("{}\n", escape(line)));
        }
    };
    let sitting = sit(&options, &mut tell).map_err(|e| {
        Fail::new(
            format!("the kernel cannot be asked here: {e}"),
            "as root, with network namespaces, TAP devices and tracefs",
        )
    })?;
    Ok(ExitCode::from(if sitting.disagreements == 0 { CLEAN } else { FOUND }))
}
