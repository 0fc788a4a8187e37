//! `why`.

use crate::cli::{Cli, WhyArgs};
use crate::fail::Fail;
use anyhow::Result;
use std::process::ExitCode;

/// The verb.
pub fn run(_cli: &Cli, _args: &WhyArgs) -> Result<ExitCode> {
    Err(Fail::new("why is not in this build yet", ""))
}
