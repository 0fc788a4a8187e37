//! The whole way of an ordinary user, and root's beside it: both must find the same. Run as root, the commands of these
//! tests drop to `nobody`; else they run as who they are, and only what needs no root is compared.

use super::common::{Ran, fits, ran};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

/// Somebody with a folder, and a copy of the program that everybody can read.
struct Person {
    folder: tempfile::TempDir,
    labs: PathBuf,
    uid: Option<u32>,
}

impl Person {
    fn new(uid: u32) -> Person {
        let folder = tempfile::tempdir().unwrap();
        let readable = || fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), readable()).unwrap();
        let uid = is_root().then_some(uid);
        for name in ["labs", "bin", "work"] {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            chown(&path, uid, uid).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_netwhy"), folder.path().join("bin/netwhy")).unwrap();
        let labs = folder.path().join("labs");
        Person { folder, labs, uid }
    }

    fn ordinary() -> Person {
        Person::new(NOBODY)
    }

    fn program(&self) -> PathBuf {
        self.folder.path().join("bin/netwhy")
    }

    /// A command with next to no environment: an ordinary user's path lacks the folders of the network tools.
    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display()),
            )
            .env("NETWHY_LAB_ROOT", &self.labs)
            .current_dir(self.folder.path().join("work"));
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(&self.program(), args).output().unwrap())
    }

    fn done(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Brings a lab up. False where user namespaces are refused, which another program must confirm.
    fn up(&self) -> bool {
        let up = self.run(&["lab", "up"]);
        if up.code == 0 {
            fits(&up.out);
            return true;
        }
        assert!(
            up.err.contains("takes root or a user namespace"),
            "{}{}",
            up.out,
            up.err
        );
        let unshare = ["--user", "--map-root-user", "--net", "true"];
        let possible = self.command(Path::new("unshare"), &unshare).output();
        let possible = possible.is_ok_and(|output| output.status.success());
        assert!(!possible, "unshare(1) makes a user namespace here, but: {}", up.err);
        eprintln!("not run: needs CLONE_NEWUSER ({})", up.err.trim());
        false
    }

    /// What `check` finds, as it prints it for programs, without the time of reading.
    fn report(&self) -> serde_json::Value {
        let check = self.run(&["check", "--lab", "-o", "json"]);
        let mut report: serde_json::Value = serde_json::from_str(&check.out).expect("a report");
        report.as_object_mut().unwrap().remove("target");
        report
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.run(&["lab", "down"]);
    }
}

#[test]
fn an_ordinary_user_finds_and_mends_what_root_does() {
    let user = Person::ordinary();
    if !user.up() {
        return;
    }
    let root = is_root().then(|| Person::new(0)).filter(Person::up);
    let same = |when: &str| {
        let report = user.report();
        if let Some(root) = &root {
            assert_eq!(report, root.report(), "{when}");
        }
        report["findings"][0]["code"].as_str().unwrap_or_default().to_owned()
    };
    let both = |args: &[&str]| {
        let out = user.done(args);
        root.iter().for_each(|root| drop(root.done(args)));
        out
    };
    assert_eq!(same("healthy"), "NW5003");
    let trace = ["trace", "--lab", "pod/shop/web", "svc/shop/api:3000"];
    assert!(both(&trace).contains("delivered to 3 of 3 backends"));

    for (fault, code) in [
        ("bridge-nf-off", "NW1003"),
        ("forward-policy-drop", "NW4001"),
        ("route-to-podcidr-missing", "NW3001"),
        ("pod-no-default-route", "NW3002"),
    ] {
        both(&["lab", "break", fault]);
        assert_eq!(same(fault), code, "{fault}");
        both(&["lab", "heal", fault]);
        assert_eq!(same(&format!("{fault} healed")), "NW5003");
    }

    both(&["lab", "break", "ip-forward-off", "--node", "worker-1", "--persist"]);
    assert_eq!(same("ip-forward-off"), "NW1001");
    let why = "curl: (28) Failed to connect to 10.0.21.231 port 3000: Connection timed out";
    let why = user.run(&["why", "--lab", why, "--from", "pod/shop/web"]);
    assert!(why.out.contains("NW1001"), "{}{}", why.out, why.err);
    let fixed = both(&["fix", "--lab", "NW1001", "--node", "worker-1", "--apply"]);
    assert!(fixed.contains("✓ applied; read again: "), "{fixed}");
    both(&["lab", "reboot", "worker-1"]);
    assert_eq!(same("fixed and rebooted"), "NW5003");

    let probe = user.done(&["lab", "probe"]);
    assert!(probe.contains("180 connections"), "{probe}");
    user.done(&["collect", "--lab", "my.tar.zst"]);
    let from_file = user.run(&["check", "-f", "my.tar.zst"]);
    assert!(
        from_file.out.contains("none broken"),
        "{}{}",
        from_file.out,
        from_file.err
    );
    let inside = user.run(&[
        "lab", "exec", "--in", "shop/web", "--", "ip", "-4", "-o", "addr", "show", "eth0",
    ]);
    assert!(inside.out.contains("10.244.1.7"), "{}{}", inside.out, inside.err);
    let status = user.done(&["lab", "status"]);
    assert!(status.contains("\nowner     user "), "{status}");
    if let Some(root) = &root {
        assert!(!root.done(&["lab", "status"]).contains("owner"));
    }
    both(&["lab", "down"]);
    assert_eq!(fs::read_dir(user.folder.path().join("labs")).unwrap().count(), 0);
}

#[test]
fn the_demo_is_live_and_leaves_nothing() {
    let user = Person::ordinary();
    if !user.up() {
        return;
    }
    user.done(&["lab", "down"]);
    let demo = user.done(&["demo"]);
    assert!(demo.starts_with("netwhy demo, live: "), "{demo}");
    assert!(
        demo.contains("✓ applied; read again: 116 kept, 0 broken (before: 57)"),
        "{demo}"
    );
    assert!(demo.contains("/etc/sysctl.d/zz-hardening.conf:2"), "{demo}");
    assert_eq!(
        user.done(&["lab", "status"]).lines().next(),
        Some("no lab of yours on this machine")
    );
    assert_eq!(fs::read_dir(user.folder.path().join("labs")).unwrap().count(), 0);
}

/// The demo covers `/run`, and labs may be below it: other commands must find them all the same.
#[test]
fn labs_below_run_are_found_by_others_while_the_demo_plays() {
    let mut user = Person::ordinary();
    let Some(uid) = user.uid else {
        return eprintln!("not run: needs root, to make a folder in /run");
    };
    let labs = PathBuf::from(format!("/run/netwhy-test-{}", std::process::id()));
    fs::create_dir(&labs).unwrap();
    chown(&labs, Some(uid), Some(uid)).unwrap();
    user.labs = labs.clone();
    if user.up() {
        user.done(&["lab", "down"]);
        let mut demo = user.command(&user.program(), &["demo"]);
        let mut demo = demo.stdout(std::process::Stdio::null()).spawn().unwrap();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !user.done(&["lab", "status"]).contains("lab demo is up") {
            assert!(demo.try_wait().unwrap().is_none(), "the demo has ended without a lab");
            assert!(std::time::Instant::now() < until, "no lab after a minute");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        demo.kill().unwrap();
        demo.wait().unwrap();
        user.done(&["lab", "down", "--lab=demo"]);
        assert_eq!(fs::read_dir(&labs).unwrap().count(), 0);
    }
    fs::remove_dir_all(&labs).unwrap();
}

#[test]
fn a_small_grade() {
    let user = Person::ordinary();
    if !user.up() {
        return;
    }
    user.done(&["lab", "down"]);
    let grade = user.run(&["lab", "grade", "--faults", "2", "--decoys", "1"]);
    let last = grade.out.lines().last().unwrap_or_default();
    let expected = "seed 1: 2 faults, right cause first 2 (100.0 %), right place 2 (100.0 %), unexplained 0, healed 2";
    assert!(last.starts_with(expected), "{}{}", grade.out, grade.err);
}

#[test]
fn where_user_namespaces_are_refused_the_demo_says_why() {
    let user = Person::ordinary();
    // A user namespace in which there can be no further one, and a process without capabilities in it.
    let refused = |args: &[&str]| {
        let script = "echo 0 > /proc/sys/user/max_user_namespaces
            exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs netwhy \"$@\"";
        let words = [&["--user", "--map-root-user", "sh", "-c", script, "sh"], args].concat();
        ran(user.command(Path::new("unshare"), &words).output().unwrap())
    };
    let demo = refused(&["demo"]);
    if demo.err.starts_with("unshare:") {
        assert!(!user.up(), "{}", demo.err);
        return eprintln!("not run: needs CLONE_NEWUSER ({})", demo.err.trim());
    }
    assert_eq!(demo.code, 0, "{}", demo.err);
    let why = "\nNot live, because: neither root nor a user namespace: user.max_user_namespaces is 0\n";
    assert!(demo.out.contains(why), "{}", demo.out);
    assert!(
        demo.out
            .ends_with("as root: sysctl -w user.max_user_namespaces=15000\n"),
        "{}",
        demo.out
    );
    assert!(demo.out.contains("cause     NW1001 "), "{}", demo.out);

    let up = refused(&["lab", "up"]);
    let lines: Vec<&str> = up.err.lines().collect();
    assert_eq!((up.code, lines.len()), (2, 2), "{}", up.err);
    assert!(
        lines[0].contains("here is neither: user.max_user_namespaces is 0 ("),
        "{}",
        up.err
    );
    assert_eq!(lines[1], "  as root: sysctl -w user.max_user_namespaces=15000");
    assert_eq!(refused(&["lab", "grade"]).err, up.err);
}
