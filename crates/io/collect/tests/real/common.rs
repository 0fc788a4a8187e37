//! Namespaces and files for the tests.

use netwhy_collect::{Budget, Detail, NetnsRef, Plan, Role, Target};
use netwhy_sys::{Limits, Netns, run_in};
use std::path::{Path, PathBuf};

/// Whether new network namespaces can be made. Where they cannot, the test says so; where root says so, it fails.
pub fn can_make_namespaces() -> bool {
    match Netns::create() {
        Ok(_) => true,
        Err(error) => {
            let root = std::fs::read_to_string("/proc/self/status")
                .is_ok_and(|status| status.lines().any(|line| line.starts_with("Uid:\t0\t0")));
            assert!(!root, "root, but no network namespace: {error}");
            eprintln!("not run: needs CAP_SYS_ADMIN");
            false
        }
    }
}

/// A namespace bound to a file that goes away with this value.
pub struct Bound {
    pub netns: Netns,
    pub path: PathBuf,
}

impl Bound {
    pub fn new(folder: &Path, name: &str) -> Self {
        let path = folder.join(name);
        let netns = Netns::create_at(&path).unwrap();
        Self { netns, path }
    }

    /// Runs a command inside and demands that it succeeds.
    pub fn run(&self, command: &str) {
        let argv: Vec<&str> = command.split(' ').collect();
        let output = run_in(Some(&self.netns), &argv, None, &Limits::default()).unwrap();
        assert!(output.success(), "{command}: {}", output.complaint());
    }

    pub fn target(&self, dir: &str, role: Role) -> Target {
        Target {
            dir: dir.into(),
            netns: NetnsRef::Path(self.path.clone()),
            role,
            resolv_conf: None,
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        let path = self.path.to_string_lossy().into_owned();
        let _ = run_in(None, &["umount", &path], None, &Limits::default());
    }
}

/// A plan of these namespaces.
pub fn plan(namespaces: Vec<Target>) -> Plan {
    Plan {
        cluster_name: "test".into(),
        made_by: "netwhy test".into(),
        now: "2026-01-01T00:00:00Z".into(),
        namespaces,
        files: Vec::new(),
        cluster_files: None,
        only: None,
        detail: Detail::Full,
        budget: Budget::default(),
    }
}

/// A clock that stands still.
pub fn clock() -> String {
    "2026-01-01T00:00:01Z".into()
}
