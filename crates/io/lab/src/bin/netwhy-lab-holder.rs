//! The least program that labs can be made of: for the tests of this crate, which must not depend on the product.
//!
//! `up NAME [NODES|seed:N]`, `down NAME`, `status`, `exec NAME NETNS|- PROGRAM...`, `break NAME FAULT [KEY=VALUE]...`,
//! `heal NAME FAULT|all`, `reboot NAME NODE`, `faults`.

use netwhy_lab::faults::{self, faults};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Lab, LabError, Labs, UpOptions};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let Some(code) = netwhy_lab::hidden_main(&args) {
        return ExitCode::from(code as u8);
    }
    let args: Vec<_> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let words: Vec<_> = args.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(code) => ExitCode::from(code as u8),
        Err(e) => {
            eprintln!("{e}");
            ExitCode::from(2)
        }
    }
}

fn run(words: &[&str]) -> Result<i32, LabError> {
    let labs = Labs::here();
    match words {
        ["up", name, shape @ ..] => up(&labs, name, shape.first().copied()),
        ["down", name] => labs.down(name).map(|was| i32::from(!was)),
        ["status"] => status(&labs),
        ["exec", name, netns, argv @ ..] => labs.exec(name, Some(*netns).filter(|n| *n != "-"), argv),
        ["break", name, fault, args @ ..] => {
            let pairs = args.iter().filter_map(|arg| arg.split_once('='));
            let args = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
            let injected = inside(&labs, name)?.break_(fault, &args)?;
            println!("{} {}", injected.fault, faults::text(&injected.args));
            Ok(0)
        }
        ["heal", name, fault] => inside(&labs, name)?.heal(fault).map(|_| 0),
        ["reboot", name, node] => {
            let done = inside(&labs, name)?.reboot(node)?;
            println!(
                "{} healed: {} {}",
                done.program.join(" "),
                done.healed.join(" "),
                done.log
            );
            Ok(0)
        }
        ["faults"] => {
            faults()
                .iter()
                .for_each(|f| println!("{} ({}): {}", f.id, f.params.join(" "), f.does));
            Ok(0)
        }
        _ => Ok(2),
    }
}

fn inside(labs: &Labs, name: &str) -> Result<Lab, LabError> {
    labs.enter(name)?;
    Lab::inside()
}

fn up(labs: &Labs, name: &str, shape: Option<&str>) -> Result<i32, LabError> {
    let seed = shape.and_then(|s| s.strip_prefix("seed:")).and_then(|s| s.parse().ok());
    let nodes = shape.and_then(|s| s.parse().ok()).unwrap_or(3);
    let spec = seed.map_or_else(|| Spec::default_with(nodes), Spec::random);
    let up = labs.up(
        &spec,
        &UpOptions {
            name: name.into(),
            ..UpOptions::default()
        },
    )?;
    println!("{} up in {} ms", name, up.took.as_millis());
    Ok(0)
}

fn status(labs: &Labs) -> Result<i32, LabError> {
    for lab in labs.status()? {
        let servers = lab.report.as_ref().map_or(0, |r| r.servers);
        let user = lab.user.map_or(String::new(), |uid| format!(", of user {uid}"));
        println!("{} {:?} {servers} servers{user}", lab.name, lab.phase);
    }
    Ok(0)
}
