//! `fix`.

use crate::cli::{Cli, FixArgs};
use crate::fail::Fail;
use anyhow::Result;
use std::process::ExitCode;

/// The verb.
pub fn run(_cli: &Cli, _args: &FixArgs) -> Result<ExitCode> {
    Err(Fail::new("fix is not in this build yet", ""))
}
