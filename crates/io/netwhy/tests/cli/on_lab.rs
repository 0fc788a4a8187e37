//! The whole way on a real cluster network: up, break, find, mend, undo, down.

use super::common::{Ran, fits, program, ran};
use std::path::Path;

struct Lab<'a> {
    root: &'a Path,
}

impl Lab<'_> {
    fn run(&self, args: &[&str]) -> Ran {
        let mut command = program();
        command
            .current_dir(self.root)
            .env("NETWHY_LAB_ROOT", self.root.join("labs"));
        ran(command.args(args).output().unwrap())
    }

    /// Runs a printed command line in a shell, with this program first in its path.
    fn paste(&self, line: &str) -> Ran {
        let folder = Path::new(env!("CARGO_BIN_EXE_netwhy")).parent().unwrap();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = std::process::Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(self.root)
            .env_remove("NETWHY_INSIDE_LAB")
            .env("PATH", path)
            .env("NETWHY_LAB_ROOT", self.root.join("labs"));
        ran(command.output().unwrap())
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        self.run(&["lab", "down"]);
    }
}

/// The command of a line with a label, in a screen.
fn labelled<'a>(screen: &'a str, label: &str) -> &'a str {
    let line = screen
        .lines()
        .find(|l| l.trim_start().starts_with(label))
        .unwrap_or_default();
    line.trim_start()[label.len()..]
        .trim()
        .split("   (")
        .next()
        .unwrap_or_default()
}

#[test]
fn from_a_fault_to_a_fix_that_can_be_undone() {
    if !is_root() {
        return eprintln!("not run: needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab { root: folder.path() };
    let up = lab.run(&["lab", "up"]);
    assert_eq!(up.code, 0, "{}", up.err);
    fits(&up.out);
    let trace = ["trace", "--lab", "pod/shop/web", "svc/shop/api:3000"];
    let healthy = lab.run(&trace);
    assert_eq!(healthy.code, 0, "{}{}", healthy.out, healthy.err);
    assert!(healthy.out.contains("delivered to 3 of 3 backends"), "{}", healthy.out);

    let broken = lab.run(&["lab", "break", "ip-forward-off", "--node", "worker-1", "--persist"]);
    assert_eq!(broken.code, 0, "{}", broken.err);
    let dropped = lab.run(&trace);
    assert_eq!(dropped.code, 1, "{}", dropped.err);
    assert!(
        dropped
            .out
            .contains("\n✗ shop/web → svc/shop/api:3000  TCP   dropped on worker-1; "),
        "{}",
        dropped.out
    );
    assert!(
        dropped
            .out
            .contains("evidence  net.ipv4.ip_forward = 0\n          /etc/sysctl.d/"),
        "{}",
        dropped.out
    );
    fits(&dropped.out);

    let plan = lab.run(&["fix", "--lab", "NW1001", "--node", "worker-1"]);
    assert!(
        plan.out.ends_with("nothing was changed: add --apply\n"),
        "{}{}",
        plan.out,
        plan.err
    );
    fits(&plan.out);
    assert_eq!(lab.run(&trace).code, 1);

    let line = labelled(&dropped.out, "fix");
    assert_eq!(line, "netwhy fix --lab NW1001 --node worker-1 --apply");
    let applied = lab.paste(line);
    assert_eq!(applied.code, 0, "{}{}", applied.out, applied.err);
    assert!(applied.out.contains("✓ applied; read again: "), "{}", applied.out);
    assert_eq!(lab.run(&trace).code, 0);

    let reboot = lab.run(&["lab", "reboot", "worker-1"]);
    assert_eq!(reboot.code, 0, "{}", reboot.err);
    assert_eq!(lab.run(&trace).code, 0, "the fix outlives a reboot");

    let undo = lab.paste(labelled(&applied.out, "undo"));
    assert_eq!(undo.code, 0, "{}{}", undo.out, undo.err);
    assert_eq!(lab.run(&trace).code, 1);
}

#[test]
fn a_bundle_of_a_lab_gives_the_same_answer() {
    if !is_root() {
        return eprintln!("not run: needs root");
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab { root: folder.path() };
    assert_eq!(lab.run(&["lab", "up", "--nodes", "2"]).code, 0);
    assert_eq!(
        lab.run(&["lab", "break", "bridge-nf-off", "--node", "worker-1"]).code,
        0
    );
    let collected = lab.run(&["collect", "--lab", "my.tar.zst"]);
    assert_eq!(collected.code, 0, "{}", collected.err);
    let findings = |ran: Ran| -> Vec<String> {
        let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        let list = report["findings"].as_array().unwrap().clone();
        list.iter().map(|f| f["code"].as_str().unwrap().to_owned()).collect()
    };
    let live = findings(lab.run(&["check", "--lab", "-o", "json"]));
    let file = findings(lab.run(&["check", "-f", "my.tar.zst", "-o", "json"]));
    assert_eq!(live, file);
    assert_eq!(live.first().map(String::as_str), Some("NW1003"));
    let inside = lab.run(&[
        "lab",
        "exec",
        "--in",
        "shop/web",
        "--",
        "sh",
        "-c",
        "ip -4 -o addr show eth0; exit 7",
    ]);
    assert_eq!(inside.code, 7);
    assert!(inside.out.contains("10.244.1."), "{}", inside.out);
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
