//! Running the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// How a run ended.
pub struct Ran {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

/// The folder of the recordings.
pub fn recordings() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/recordings")
}

/// The program with nothing of the tester's own environment that matters to it.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netwhy"));
    command
        .current_dir(recordings())
        .env_remove("KUBECONFIG")
        .env_remove("NETWHY_INSIDE_LAB")
        .env("HOME", "/nonexistent");
    command
}

/// Runs it in the folder of the recordings.
pub fn netwhy(args: &[&str]) -> Ran {
    ran(program().args(args).output().expect("netwhy starts"))
}

/// The same, from what `output()` returns.
pub fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// No line is wider than a screen; commands may be.
pub fn fits(text: &str) {
    for line in text.lines() {
        let command = ["kubectl ", "netwhy ", "ip ", "iptables"]
            .iter()
            .any(|c| line.contains(c));
        assert!(
            command || line.chars().count() <= 100,
            "{} columns: {line}",
            line.chars().count()
        );
    }
}
