//! netwhy: why can't A reach B, and how do I fix it?

mod cli;
mod commands;
mod demo;
mod fail;
mod flows;
mod screen;
mod target;
mod text;
mod verbs;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<std::ffi::OsString> = std::env::args_os().skip(1).collect();
    // The lab's own processes are this program too.
    if let Some(code) = netwhy_lab::hidden_main(&args) {
        std::process::exit(code);
    }
    let cli = cli::Cli::parse();
    match verbs::run(&cli) {
        Ok(code) => code,
        Err(error) => {
            fail::print(&error);
            ExitCode::from(fail::FAILURE)
        }
    }
}
