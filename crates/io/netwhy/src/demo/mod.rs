//! `demo`: the incident of the classic article, played. Each step runs the command that it shows.

mod live;
mod player;
mod recorded;

use crate::cli::{DemoArgs, PrintArgs};
use anyhow::Result;
use std::process::ExitCode;

/// Plays it: on a live lab where this machine can make one, else on the recording, and says which and why.
///
/// # Errors
/// A step of the play itself failed; a diagnosis is none.
pub fn run(args: &DemoArgs, print: &PrintArgs) -> Result<ExitCode> {
    if let Some(path) = &args.save {
        recorded::save(path)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.recording || args.bundle.is_some() {
        return recorded::play(
            print,
            args.bundle.as_deref(),
            &live::NotLive::because("asked for by --recording"),
        );
    }
    match live::stage() {
        Ok(stage) => live::play(print, stage),
        Err(why) => recorded::play(print, None, &why),
    }
}
