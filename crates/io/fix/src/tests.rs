//! Whole fixes over folders and fresh network namespaces.

use crate::apply::{FailPoint, apply_until};
use crate::*;
use netwhy_sys::{Limits, Netns, run_in, sysctl};
use std::path::Path;

pub(crate) const IP_FORWARD: &str = "net.ipv4.ip_forward";

/// A node: a folder, and a namespace with `left` and `right`.
pub(crate) struct Node {
    pub dir: tempfile::TempDir,
    pub env: Env,
}

/// `None` if this process may not make namespaces; then it says so. Where it may, failing is a failure.
pub(crate) fn node() -> Option<Node> {
    let netns = match Netns::create() {
        Ok(netns) => netns,
        Err(e) => {
            let uid = std::fs::metadata("/proc/self").map(|m| std::os::unix::fs::MetadataExt::uid(&m));
            assert!(!matches!(uid, Ok(0)), "root, but no namespace: {e}");
            eprintln!("not run: needs CAP_SYS_ADMIN");
            return None;
        }
    };
    for link in ["left", "right"] {
        let peer = format!("{link}-peer");
        let argv = ["ip", "link", "add", link, "type", "veth", "peer", "name", &peer];
        let made = run_in(Some(&netns), &argv, None, &Limits::default()).expect("ip(8)");
        assert!(made.success(), "{}", made.complaint());
    }
    let dir = tempfile::tempdir().unwrap();
    for folder in ["etc/sysctl.d", "usr/lib/sysctl.d", "var/lib"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    let env = Env {
        root: dir.path().to_owned(),
        netns: Some(netns),
        journal_dir: "/var/lib/netwhy".into(),
        now: "2026-11-22T03:12:40Z".into(),
        id: "7f3a".into(),
        allow_host: false,
    };
    Some(Node { dir, env })
}

impl Node {
    pub fn set(&self, key: &str, value: &str) {
        self.inside(|| sysctl::write(key, value)).unwrap();
    }

    pub fn get(&self, key: &str) -> String {
        self.inside(|| sysctl::read(key)).unwrap()
    }

    fn inside<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        self.env.netns.as_ref().unwrap().run(f).unwrap()
    }

    /// All of `net.ipv4.*`. Counters of other namespaces are not in it.
    fn tree(&self) -> Vec<String> {
        let tree = self.inside(|| sysctl::read_tree("net.ipv4"));
        sysctl::print(&tree).lines().map(str::to_owned).collect()
    }

    pub fn file(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.dir.path().join(path)).ok()
    }

    pub fn put(&self, path: &str, text: &str) {
        std::fs::write(self.dir.path().join(path), text).unwrap();
    }

    /// Every file below the root but the journals: path, mode, owner, bytes.
    fn files(&self) -> Vec<String> {
        let mut all = Vec::new();
        walk(self.dir.path(), &mut all);
        all.retain(|line| !line.contains("var/lib/netwhy"));
        all.sort();
        all
    }
}

fn walk(dir: &Path, all: &mut Vec<String>) {
    use std::os::unix::fs::MetadataExt;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let head = format!("{} {:o} {} {}", path.display(), meta.mode(), meta.uid(), meta.gid());
        if meta.is_dir() {
            all.push(head);
            walk(&path, all);
        } else {
            all.push(format!("{head} {:?}", std::fs::read(&path).unwrap()));
        }
    }
}

pub(crate) fn ask(pairs: &[(&str, &str)]) -> Request {
    Request {
        code: "NW1001".into(),
        node: "worker-1".into(),
        changes: pairs
            .iter()
            .map(|(k, v)| SysctlChange {
                key: (*k).into(),
                value: (*v).into(),
            })
            .collect(),
        persist: true,
        ..Request::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a verify step")]
fn healed() -> std::result::Result<VerifyResult, String> {
    Ok(VerifyResult {
        healed: true,
        text: "delivered".into(),
    })
}

/// Forwarding off, with an interface that somebody gave a value of its own, and contrary files.
fn broken() -> Option<Node> {
    let node = node()?;
    node.set(IP_FORWARD, "0");
    node.set("net.ipv4.conf.right.forwarding", "1");
    node.set("net.ipv4.conf.all.accept_redirects", "0");
    node.put("etc/sysctl.d/60-cis.conf", "# CIS\nnet.ipv4.ip_forward = 0\n");
    node.put("etc/sysctl.conf", "kernel.x=1\nnet.ipv4.ip_forward=0\n");
    std::fs::set_permissions(
        node.dir.path().join("etc/sysctl.conf"),
        std::os::unix::fs::PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    Some(node)
}

#[test]
fn fix_and_roll_back_leave_everything_as_it_was() {
    let Some(node) = broken() else { return };
    let (tree, files) = (node.tree(), node.files());
    let plan = plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap();
    assert_eq!(
        (node.tree(), node.files()),
        (tree.clone(), files.clone()),
        "a plan writes nothing"
    );
    let applied = apply(&plan, &node.env, healed).unwrap();
    assert!(applied.surprises.is_empty(), "{applied:?}");
    for key in [
        IP_FORWARD,
        "net.ipv4.conf.left.forwarding",
        "net.ipv4.conf.default.forwarding",
    ] {
        assert_eq!(node.get(key), "1", "{key}");
    }
    assert!(
        node.file("etc/sysctl.d/99-zz-netwhy.conf")
            .unwrap()
            .ends_with("\nnet.ipv4.ip_forward = 1\n")
    );
    assert_eq!(
        node.file("etc/sysctl.conf").unwrap(),
        "kernel.x=1\n# net.ipv4.ip_forward=0\n"
    );
    assert_eq!(journals(&node.env).unwrap()[0].state, State::Applied);
    let done = rollback("7f3a", &node.env, Force::No).unwrap();
    assert_eq!((node.tree(), node.files()), (tree, files), "{done:?}");
    assert_eq!(journals(&node.env).unwrap()[0].state, State::RolledBack);
    assert!(matches!(
        rollback("7f3a", &node.env, Force::No),
        Err(FixError::RolledBack(_))
    ));
}

#[test]
fn one_interface_alone_is_mended_alone() {
    let Some(node) = node() else { return };
    node.set(IP_FORWARD, "1");
    node.set("net.ipv4.conf.left.forwarding", "0");
    let tree = node.tree();
    let plan = plan(&ask(&[("net.ipv4.conf.left.forwarding", "1")]), &node.env).unwrap();
    apply(&plan, &node.env, healed).unwrap();
    let differ: Vec<_> = node.tree().into_iter().filter(|line| !tree.contains(line)).collect();
    assert_eq!(differ, ["net.ipv4.conf.left.forwarding = 1"]);
    rollback("7f3a", &node.env, Force::No).unwrap();
    assert_eq!(node.tree(), tree);
}

#[test]
fn the_plan_foresees_every_value_that_the_kernel_changes() {
    let Some(node) = broken() else { return };
    for (key, value) in [
        (IP_FORWARD, "1"),
        ("net.ipv4.conf.all.forwarding", "0"),
        ("net.ipv4.conf.default.rp_filter", "2"),
    ] {
        let before = node.tree();
        let plan = plan(&ask(&[(key, value)]), &node.env).unwrap();
        let Step::Set { effects, .. } = &plan.steps[0] else {
            panic!("{plan:?}")
        };
        node.set(key, value);
        let changed: Vec<_> = node.tree().into_iter().filter(|line| !before.contains(line)).collect();
        let own = [key, IP_FORWARD, "net.ipv4.conf.all.forwarding"];
        for line in &changed {
            let (changed_key, value) = line.split_once(" = ").unwrap();
            let foreseen = effects
                .certain
                .iter()
                .chain(&effects.possible)
                .any(|c| c.key == changed_key && c.to == value);
            assert!(foreseen || own.contains(&changed_key), "{key}: {line}");
        }
        for change in &effects.certain {
            assert!(
                changed.contains(&format!("{} = {}", change.key, change.to)),
                "{key}: {change:?}"
            );
        }
    }
}

#[test]
fn killed_at_any_step_it_can_be_undone() {
    for moment in 0..5 {
        let Some(node) = broken() else { return };
        let (tree, files) = (node.tree(), node.files());
        // Two writes that pass through values which are neither the first nor the last.
        let request = ask(&[(IP_FORWARD, "1"), ("net.ipv4.conf.left.forwarding", "0")]);
        let plan = plan(&request, &node.env).unwrap();
        assert_eq!(plan.steps.len(), 5, "{plan:?}");
        let killed = apply_until(&plan, &node.env, healed, FailPoint::Kill(moment));
        assert!(matches!(killed, Err(FixError::Killed)));
        assert_eq!(journals(&node.env).unwrap()[0].state, State::Begun);
        rollback("7f3a", &node.env, Force::No).unwrap();
        assert_eq!(
            (node.tree(), node.files()),
            (tree, files),
            "killed before step {}",
            moment + 1
        );
    }
}

#[test]
fn a_step_that_fails_undoes_those_before_it() {
    let Some(node) = broken() else { return };
    let (tree, files) = (node.tree(), node.files());
    let plan = plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap();
    let failed = apply_until(&plan, &node.env, healed, FailPoint::Fail(2))
        .unwrap_err()
        .to_string();
    assert_eq!(
        failed,
        "step 3 failed: failpoint: told to fail; the steps before it are undone"
    );
    assert_eq!((node.tree(), node.files()), (tree, files));
}

#[test]
fn what_does_not_heal_is_undone_and_what_cannot_be_checked_stays() {
    let Some(mut node) = broken() else { return };
    let (tree, files) = (node.tree(), node.files());
    let request = ask(&[(IP_FORWARD, "1")]);
    let first = plan(&request, &node.env).unwrap();
    let verify = || {
        Ok(VerifyResult {
            healed: false,
            text: "still dropped".into(),
        })
    };
    let applied = apply(&first, &node.env, verify).unwrap();
    assert!(applied.rolled_back);
    assert_eq!((node.tree(), node.files()), (tree, files));
    assert!(matches!(apply(&first, &node.env, healed), Err(FixError::IdTaken(_))));
    node.env.id = String::new();
    let second = plan(&request, &node.env).unwrap();
    let applied = apply(&second, &node.env, || Err("collect: timeout".into())).unwrap();
    assert_eq!((applied.rolled_back, node.get(IP_FORWARD).as_str()), (false, "1"));
    assert_eq!(journals(&node.env).unwrap().len(), 2);
}

#[test]
fn what_others_changed_since_is_not_overwritten() {
    let Some(node) = broken() else { return };
    apply(&plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap(), &node.env, healed).unwrap();
    node.set("net.ipv4.conf.right.forwarding", "0");
    node.put("etc/sysctl.d/99-zz-netwhy.conf", "mine\n");
    let tree = node.tree();
    let Err(FixError::Conflict(what)) = rollback("7f3a", &node.env, Force::No) else {
        panic!()
    };
    assert_eq!(
        what,
        [
            "net.ipv4.conf.right.forwarding is 0, the fix left 1",
            "/etc/sysctl.d/99-zz-netwhy.conf"
        ]
    );
    assert_eq!(node.tree(), tree);
    let done = rollback("7f3a", &node.env, Force::Yes).unwrap();
    assert_eq!(done.forced, what);
    assert_eq!(
        (
            node.get(IP_FORWARD).as_str(),
            node.get("net.ipv4.conf.right.forwarding").as_str()
        ),
        ("0", "1")
    );
    assert_eq!(node.file("etc/sysctl.d/99-zz-netwhy.conf"), None);
}

#[test]
fn an_undoing_that_was_killed_goes_on() {
    let Some(node) = broken() else { return };
    let (tree, files) = (node.tree(), node.files());
    apply(&plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap(), &node.env, healed).unwrap();
    // As far as the first value.
    let path = node.dir.path().join("var/lib/netwhy/7f3a.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"applied\"", "\"rolling-back\"")).unwrap();
    node.set(IP_FORWARD, "0");
    assert_eq!(
        node.get("net.ipv4.conf.right.forwarding"),
        "0",
        "neither before nor after"
    );
    rollback("7f3a", &node.env, Force::No).unwrap();
    assert_eq!((node.tree(), node.files()), (tree, files));
}

#[test]
fn an_interface_that_is_gone_is_named() {
    let Some(node) = broken() else { return };
    apply(&plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap(), &node.env, healed).unwrap();
    let argv = ["ip", "link", "del", "right"];
    assert!(
        run_in(node.env.netns.as_ref(), &argv, None, &Limits::default())
            .unwrap()
            .success()
    );
    let done = rollback("7f3a", &node.env, Force::No).unwrap();
    assert!(
        done.gone.contains(&"net.ipv4.conf.right.forwarding".to_owned()),
        "{done:?}"
    );
    assert_eq!(node.get(IP_FORWARD), "0");
}

#[test]
fn a_plan_that_is_out_of_date_does_nothing() {
    let Some(node) = broken() else { return };
    let plan = plan(&ask(&[(IP_FORWARD, "1")]), &node.env).unwrap();
    node.set("net.ipv4.conf.left.forwarding", "1");
    let tree = node.tree();
    assert!(matches!(apply(&plan, &node.env, healed), Err(FixError::Stale { .. })));
    assert_eq!(node.tree(), tree);
    assert!(journals(&node.env).unwrap().is_empty());
}

#[test]
fn this_machine_is_refused_unless_it_is_meant() {
    let Some(mut node) = node() else { return };
    let request = ask(&[(IP_FORWARD, "1")]);
    node.env.root = "/".into();
    assert!(matches!(plan(&request, &node.env), Err(FixError::HostRefused)));
    node.env.root = node.dir.path().join("etc/../../../../../../..");
    assert!(
        matches!(plan(&request, &node.env), Err(FixError::HostRefused)),
        "not hidden by dots"
    );
    node.env.root = node.dir.path().to_owned();
    node.env.netns = None;
    assert!(matches!(plan(&request, &node.env), Err(FixError::NoNetns)));
}

#[test]
fn what_netwhy_does_not_do_is_a_command() {
    let Some(node) = node() else { return };
    let manual = Manual {
        what: "the route is missing".into(),
        commands: vec!["ip route add 10.244.2.0/24".into()],
    };
    let request = Request {
        manual: vec![manual],
        changes: vec![],
        ..ask(&[])
    };
    let plan = plan(&request, &node.env).unwrap();
    assert_eq!(plan.steps[0].describe().text, "ip route add 10.244.2.0/24");
    assert!(matches!(apply(&plan, &node.env, healed), Err(FixError::Manual(_))));
}
