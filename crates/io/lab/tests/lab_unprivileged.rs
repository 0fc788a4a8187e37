//! The lab of an ordinary user: everything that root's can, nothing of anybody else's, and a clear word where user
//! namespaces are refused. Run as root, the commands of these tests drop to another user; else they run as who they are.

mod lab_common;

use lab_common::PROGRAM;
use netwhy_lab::faults;
use netwhy_sys::process::{pidfd_kill, pidfd_open, pidfd_wait};
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The user that root becomes: `nobody`.
const NOBODY: u32 = 65534;

fn is_root() -> bool {
    netwhy_sys::userns::effective_uid() == 0
}

/// An ordinary user with a copy of the program that everybody can read, and a folder for labs.
struct User {
    uid: Option<u32>,
    home: PathBuf,
    /// Whether the labs are below `home`, or where they are by default.
    own_root: bool,
}

impl User {
    fn new(name: &str, uid: u32, own_root: bool) -> Self {
        let home = std::env::temp_dir().join(format!("netwhy-user-{name}-{}", std::process::id()));
        fs::create_dir_all(home.join("labs")).unwrap();
        fs::copy(PROGRAM, home.join("program")).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
        let uid = is_root().then_some(uid);
        chown(home.join("labs"), uid, uid).unwrap();
        Self { uid, home, own_root }
    }

    /// A command of this user, who has neither the environment nor the search path of root.
    fn command(&self, program: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/");
        if self.own_root {
            command.env("NETWHY_LAB_ROOT", self.home.join("labs"));
        } else {
            // What `processes` looks for, without an effect.
            command.env("MARK", &self.home);
        }
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        command
    }

    fn lab(&self, words: &[&str]) -> Command {
        self.command(&self.home.join("program"), words)
    }

    fn run(&self, words: &[&str]) -> (Option<i32>, String, String) {
        said(self.lab(words).output().unwrap())
    }

    fn run_ok(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!(code, Some(0), "{words:?}: {out}{err}");
        out
    }

    /// Brings a lab up. False where user namespaces are refused, which another program must confirm.
    fn up(&self, words: &[&str]) -> bool {
        let (code, out, err) = self.run(words);
        if code == Some(0) {
            return true;
        }
        let refused = err.contains("takes root or a user namespace");
        assert!(refused, "{words:?}: {code:?} {out}{err}");
        let unshare = self.command(Path::new("unshare"), &["--user", "--map-root-user", "--net", "true"]);
        let possible = { unshare }.output().is_ok_and(|output| output.status.success());
        assert!(!possible, "unshare(1) makes a user namespace here, but: {err}");
        eprintln!("not run: needs CLONE_NEWUSER ({})", err.trim());
        false
    }

    /// Processes that this user's commands have left.
    fn processes(&self) -> Vec<u32> {
        let mark = self.home.display().to_string();
        let numbers = fs::read_dir("/proc").unwrap();
        let numbers = numbers.filter_map(|e| e.unwrap().file_name().to_str()?.parse::<u32>().ok());
        let ours = |pid: &u32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.windows(mark.len()).any(|window| window == mark.as_bytes())
        };
        numbers.filter(ours).collect()
    }

    fn folder(&self) -> PathBuf {
        match self.uid {
            Some(uid) if !self.own_root => format!("/tmp/netwhy-{uid}/labs").into(),
            _ => self.home.join("labs"),
        }
    }

    fn wait_until_nothing_is_left(&self, when: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let (_, status, _) = self.run(&["status"]);
            let files = fs::read_dir(self.folder()).map_or(0, Iterator::count);
            if self.processes().is_empty() && files == 0 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{when}: {status}, {files} files, processes {:?}",
                self.processes()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        let _ = self.run(&["down", "test"]);
        let _ = fs::remove_dir_all(&self.home);
        if let Some(folder) = self.folder().parent().filter(|_| !self.own_root) {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn up_exec_every_fault_reboot_down() {
    let user = User::new("life", NOBODY, true);
    if !user.up(&["up", "test", "2"]) {
        return;
    }
    let status = user.run_ok(&["status"]);
    let uid = user.uid.unwrap_or_else(netwhy_sys::userns::effective_uid);
    assert_eq!(status, format!("test Usable 2 servers, of user {uid}\n"));
    let links = user.run_ok(&["exec", "test", "shop_web", "ip", "-br", "-4", "address"]);
    assert!(links.contains("10.244.1.7/24"), "{links}");
    let route = ["ip", "netns", "exec", "worker-2", "ip", "route", "get", "10.244.1.7"];
    let route = user.run_ok(&[&["exec", "test", "-"][..], &route].concat());
    assert!(route.contains("via 10.244.1.0 dev flannel.1"), "{route}");
    let healthy = user.run_ok(&["exec", "test", "worker-1", "iptables-nft-save"]);
    assert!(healthy.contains("KUBE-SVC-"), "{healthy}");

    let mut injected = 0;
    for fault in faults() {
        let (code, out, err) = user.run(&["break", "test", fault.id]);
        if let Some(why) = fault.needs_root() {
            assert!(code == Some(2) && err.contains(why), "{}: {out}{err}", fault.id);
            continue;
        }
        assert_eq!(code, Some(0), "{} is not in NEEDS_ROOT: {out}{err}", fault.id);
        injected += 1;
        user.run_ok(&["heal", "test", fault.id]);
    }
    assert!(injected >= 12, "only {injected} faults work without root");
    user.run_ok(&["break", "test", "ip-forward-off", "node=worker-1", "persist=true"]);
    user.run_ok(&["reboot", "test", "worker-1"]);
    let forward = ["exec", "test", "worker-1", "sysctl", "-n", "net.ipv4.ip_forward"];
    assert_eq!(user.run_ok(&forward), "0\n", "what the file says outlives a reboot");
    user.run_ok(&["heal", "test", "all"]);
    assert_eq!(user.run_ok(&forward), "1\n");

    user.run_ok(&["down", "test"]);
    user.wait_until_nothing_is_left("down");
}

#[test]
fn killed_it_leaves_nothing() {
    let user = User::new("kill", NOBODY, true);
    let started = Instant::now();
    if !user.up(&["up", "test", "2"]) {
        return;
    }
    let whole = started.elapsed();
    let pid: u32 = fs::read_to_string(user.folder().join("test/pid"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let holder = pidfd_open(pid).unwrap();
    let before = user.processes().len();
    let mut sleeper = user.lab(&["exec", "test", "shop_web", "sleep", "600"]).spawn().unwrap();
    // The command, and what it runs inside.
    let deadline = Instant::now() + Duration::from_secs(30);
    while user.processes().len() < before + 2 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    pidfd_kill(holder.as_fd()).unwrap();
    assert!(pidfd_wait(holder.as_fd(), Duration::from_secs(10)).unwrap());
    assert_eq!(sleeper.wait().unwrap().code(), Some(137));
    user.wait_until_nothing_is_left("the holder was killed");

    for part in 1..=4 {
        let mut command = user.lab(&["up", "test", "2"]);
        let mut command = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * part / 5);
        command.kill().unwrap();
        command.wait().unwrap();
        if user.run(&["down", "test"]).0 == Some(0) {
            eprintln!("killed at {part}/5, the lab was there");
        }
        user.wait_until_nothing_is_left("the command was killed");
    }
}

#[test]
fn two_users_do_not_see_each_other() {
    if !is_root() {
        return eprintln!("not run: needs CAP_SETUID, to be two users");
    }
    // Users that nobody else is.
    let first = 1_000_000 + 2 * (std::process::id() % 100_000);
    let users = [("one", first), ("two", first + 1)].map(|(name, uid)| User::new(name, uid, false));
    for (nodes, user) in ["2", "3"].iter().zip(&users) {
        if !user.up(&["up", "test", nodes]) {
            return;
        }
    }
    for (nodes, user) in [2, 3].iter().zip(&users) {
        let uid = user.uid.unwrap();
        assert_eq!(
            user.run_ok(&["status"]),
            format!("test Usable {nodes} servers, of user {uid}\n")
        );
    }
    let [one, two] = &users;
    let theirs = |words: &[&str]| {
        let mut command = two.lab(words);
        said(command.env("NETWHY_LAB_ROOT", one.folder()).output().unwrap())
    };
    for words in [&["status"][..], &["exec", "test", "-", "true"], &["down", "test"]] {
        let (code, out, err) = theirs(words);
        assert_ne!(code, Some(0), "{words:?}: {out}{err}");
    }
    // Root sees the files, and does not run what is inside.
    let root = Command::new(PROGRAM)
        .args(["exec", "test", "-", "true"])
        .env("NETWHY_LAB_ROOT", one.folder())
        .output();
    let (code, _, err) = said(root.unwrap());
    assert_eq!((code, err), (Some(2), format!("lab test belongs to user {first}\n")));

    // A folder that somebody else made first is not used.
    two.run_ok(&["down", "test"]);
    fs::remove_dir_all(two.folder().parent().unwrap()).unwrap();
    fs::create_dir(two.folder().parent().unwrap()).unwrap();
    let (code, _, err) = two.run(&["up", "test"]);
    assert!(
        code == Some(2) && err.contains("is not this user's alone"),
        "{code:?} {err}"
    );
    one.run_ok(&["exec", "test", "shop_web", "true"]);
}

#[test]
fn where_user_namespaces_are_refused_up_says_why() {
    let user = User::new("refused", NOBODY, true);
    // A user namespace in which there can be no further one, and a process without capabilities in it.
    let script = "echo 0 > /proc/sys/user/max_user_namespaces
        exec setpriv --bounding-set=-all --inh-caps=-all --no-new-privs \"$0\" up test 2";
    let program = user.home.join("program").display().to_string();
    let words = ["--user", "--map-root-user", "sh", "-c", script, &program];
    let (code, out, err) = said(user.command(Path::new("unshare"), &words).output().unwrap());
    if err.starts_with("unshare:") {
        // No user namespace at all: then that is what `up` must say.
        assert!(!user.up(&["up", "test", "2"]), "{err}");
        return eprintln!("not run: needs CLONE_NEWUSER ({})", err.trim());
    }
    let expected = "a lab takes root or a user namespace, and here is neither: user.max_user_namespaces is 0";
    assert!(code == Some(2) && err.starts_with(expected), "{code:?} {out}{err}");
    user.wait_until_nothing_is_left("refused");
}
