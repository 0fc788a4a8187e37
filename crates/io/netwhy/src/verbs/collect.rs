//! `collect FILE`: one file for work elsewhere.

use crate::cli::{Cli, CollectArgs};
use crate::fail::Fail;
use crate::screen::{Look, Screen, print};
use crate::target::{LabScope, Target};
use anyhow::Result;
use netwhy_collect::{Overwrite, StoreError, write_archive};
use std::process::ExitCode;

/// The verb.
pub fn run(cli: &Cli, args: &CollectArgs) -> Result<ExitCode> {
    if let Some(node) = &args.script {
        let script = netwhy_snapshot::script::script(node)
            .map_err(|e| Fail::new(e.to_string(), "the node's name as kubectl get nodes prints it"))?;
        print(&script)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(path) = &args.out else {
        return Err(Fail::new("no file to write", "netwhy collect --lab FILE.tar.zst"));
    };
    let target = Target::needed(&cli.target)?;
    if let Target::File(_) = target {
        return Err(Fail::new(
            "a bundle is collected already",
            "give --lab or --this-machine, not -f",
        ));
    }
    let opened = target.open(LabScope::Full)?;
    let snapshot = &opened.cluster.snapshot;
    let overwrite = if args.overwrite { Overwrite::Yes } else { Overwrite::No };
    write_archive(snapshot, path, overwrite).map_err(|e| {
        let way_out = if matches!(e, StoreError::Exists(_)) {
            "--overwrite replaces it"
        } else {
            ""
        };
        Fail::new(e.to_string(), way_out)
    })?;
    let size = std::fs::metadata(path).map_or(0, |m| m.len());
    let mut screen = Screen::new(Look::new(cli.print.ascii));
    screen.fact("target", &opened.title);
    screen.fact(
        "wrote",
        &format!(
            "{}, {}, {} files",
            path.display(),
            bytes(size),
            snapshot.paths().count()
        ),
    );
    let missing = &snapshot.meta.not_read;
    let shown = if cli.print.verbose { missing.len() } else { 5 };
    for entry in missing.iter().take(shown) {
        screen.fact("not read", &format!("{}: {}", entry.path, entry.why));
    }
    if missing.len() > shown {
        screen.fact(
            "not read",
            &format!(
                "and {} more (-v lists them, and so does bundle.json)",
                missing.len() - shown
            ),
        );
    }
    screen.whole(
        0,
        "next",
        &crate::commands::netwhy("check", &Target::File(path.clone()), &[]),
    );
    print(&screen.finish())?;
    Ok(ExitCode::SUCCESS)
}

fn bytes(n: u64) -> String {
    match n {
        0..1024 => format!("{n} bytes"),
        1024..1_048_576 => format!("{} KiB", n.div_ceil(1024)),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}
