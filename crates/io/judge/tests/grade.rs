//! A small grade on real labs. What netwhy's own command lines do is tried with the binary; here a sysctl is written where
//! the fix says so.
//!
//! No test harness: the program re-executes itself as the holder of its labs. `NETWHY_SEED` chooses the labs,
//! `NETWHY_LONG=1` takes the published numbers of cases.

use netwhy_judge::grade::{LabWard, Plan, Total, grade_seed, print};
use netwhy_lab::Labs;
use netwhy_view::report::{FindingView, FixView};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = netwhy_lab::hidden_main(&args) {
        return ExitCode::from(code as u8);
    }
    if args.iter().any(|a| a == "--list") {
        return ExitCode::SUCCESS;
    }
    if let Err(e) = netwhy_sys::Netns::create() {
        assert_eq!(
            e.raw_os_error(),
            Some(1),
            "namespaces cannot be made, but not for want of CAP_SYS_ADMIN: {e}"
        );
        println!("not run: needs CAP_SYS_ADMIN ({e})\ntest result: ok. 0 passed; 0 failed; 1 ignored");
        return ExitCode::SUCCESS;
    }
    run()
}

fn run() -> ExitCode {
    let seed = std::env::var("NETWHY_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let plan = match std::env::var_os("NETWHY_LONG").is_some_and(|v| v == "1") {
        true => Plan::of_seed(seed),
        false => Plan {
            singles: 8,
            decoys: 4,
            ..Plan::of_seed(seed)
        },
    };
    let root = std::env::temp_dir().join(format!("netwhy-grade-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("folder");
    let labs = Labs::at(&root);
    let command = |lab: &str, finding: &FindingView| sysctl(&labs, lab, finding);
    let mut ward = LabWard::new(labs.clone(), "grade", None, command);
    let result = grade_seed(&mut ward, &plan, &mut |graded| println!("{graded}"));
    drop(ward);
    let _ = std::fs::remove_dir_all(&root);
    let all = result.expect("every step");
    println!("{}", print(&all).lines().last().unwrap_or_default());
    let passes = Total::of(&all).passes();
    let (verdict, failed) = if passes { ("ok", 0) } else { ("FAILED", 1) };
    println!(
        "test result: {verdict}. {} passed; {failed} failed; 0 ignored",
        1 - failed
    );
    ExitCode::from(failed)
}

fn sysctl(labs: &Labs, lab: &str, finding: &FindingView) -> Option<String> {
    let Some(FixView::Sysctl { node, changes, .. }) = &finding.fix else {
        return None;
    };
    let netns = labs.view(lab).ok()?.netns_path(node);
    let lines = changes
        .iter()
        .map(|(key, value)| format!("nsenter --net={} sysctl -w {key}={value}", netns.display()));
    Some(lines.collect::<Vec<_>>().join("\n"))
}
