//! `fix --list` and `fix --rollback ID`.

use super::place::{self, Place};
use crate::cli::Cli;
use crate::commands::netwhy;
use crate::fail::Fail;
use crate::screen::{Look, Mark, Screen, print};
use crate::target::Target;
use anyhow::Result;
use netwhy_fix::{Force, JournalInfo, State, journals};
use std::process::ExitCode;

/// The fixes that were applied.
pub(super) fn list(cli: &Cli, target: &Target) -> Result<ExitCode> {
    let mut screen = Screen::new(Look::new(cli.print.ascii));
    screen.fact("target", &target.name());
    let mut any = false;
    for place in Place::all(target)? {
        for info in journals(&place.env).map_err(place::failure)? {
            any = true;
            one(&mut screen, &info);
            if info.state != State::RolledBack {
                screen.whole(2, "undo", &netwhy("fix", target, &["--rollback", &info.id]));
            }
        }
    }
    if !any {
        screen.line("no fix was applied");
    }
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn one(screen: &mut Screen, info: &JournalInfo) {
    let (mark, state) = match info.state {
        State::Applied => (Mark::Good, "applied"),
        State::Begun => (Mark::Warn, "begun and not finished"),
        State::RollingBack => (Mark::Warn, "its undoing was begun and not finished"),
        State::RolledBack => (Mark::Good, "rolled back"),
    };
    screen.gap();
    screen.marked(
        0,
        mark,
        &format!(
            "{} {} on node/{} of {}: {state}",
            info.id, info.code, info.node, info.made
        ),
    );
    for value in &info.values {
        screen.fact_at(2, "value", value);
    }
    for file in &info.files {
        screen.fact_at(2, "file", file);
    }
}

/// Undoes one.
pub(super) fn rollback(cli: &Cli, target: &Target, id: &str, force: bool) -> Result<ExitCode> {
    for place in Place::all(target)? {
        let known = journals(&place.env).map_err(place::failure)?;
        if !known.iter().any(|info| info.id == id) {
            continue;
        }
        let force = if force { Force::Yes } else { Force::No };
        let done = netwhy_fix::rollback(id, &place.env, force).map_err(place::failure)?;
        let mut screen = Screen::new(Look::new(cli.print.ascii));
        screen.fact("target", &target.name());
        screen.marked(0, Mark::Good, &format!("{id} on node/{} is undone", place.node));
        for value in &done.values {
            screen.fact("value", value);
        }
        for file in &done.files {
            screen.fact("file", file);
        }
        for gone in &done.gone {
            screen.fact("gone", &format!("{gone}: its interface does not exist any more"));
        }
        for forced in &done.forced {
            screen.fact("forced", forced);
        }
        screen.whole(0, "next", &netwhy("check", target, &[]));
        print(&screen.finish())?;
        return Ok(ExitCode::SUCCESS);
    }
    Err(Fail::new(
        format!("no fix {id} in {}", target.name()),
        format!("{} shows those that were applied", netwhy("fix", target, &["--list"])),
    ))
}
