//! One file a verb.

mod check;
mod collect;
mod explain;
mod fix;
pub mod lab;
pub mod trace;
mod why;

use crate::cli::{Cli, Verb};
use anyhow::Result;
use std::process::ExitCode;

/// Does what the command line says.
///
/// # Errors
/// netwhy itself failed, or was used wrongly.
pub fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.verb {
        Verb::Demo(args) => crate::demo::run(args, &cli.print),
        Verb::Trace(args) => trace::run(cli, args),
        Verb::Check(args) => check::run(cli, args),
        Verb::Why(args) => why::run(cli, args),
        Verb::Fix(args) => fix::run(cli, args),
        Verb::Explain(args) => explain::run(cli, args),
        Verb::Collect(args) => collect::run(cli, args),
        Verb::Lab(verb) => lab::run(cli, verb),
    }
}
