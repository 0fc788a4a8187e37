//! Whose a lab is: root's, or an ordinary user's own in a user namespace (ADR 0017).
//!
//! A command that makes a lab becomes root of a new user namespace first, one that goes into a lab becomes root of the
//! lab's. From there on there is one kind of lab.

use crate::{LabError, Labs, labs::ENV_ROOT};
use netwhy_sys::userns::{self, Map, Refused, Step};
use netwhy_sys::{mount, sysctl};
use nix::errno::Errno;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Why an ordinary user cannot have a lab here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What refuses, in words.
    pub why: String,
    /// What was refused, and the kernel's answer.
    pub said: String,
    /// Who can change it, and the line to run.
    pub way_out: String,
}

/// What of this machine can refuse a user namespace.
#[derive(Clone, Copy, Debug, Default)]
struct Switches {
    max: Option<u64>,
    unprivileged_off: bool,
    apparmor: bool,
    seccomp: bool,
}

impl Switches {
    fn read() -> Self {
        let number = |key| {
            sysctl::read(key)
                .ok()
                .and_then(|value| value.trim().parse::<u64>().ok())
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            max: number("user.max_user_namespaces"),
            unprivileged_off: number("kernel.unprivileged_userns_clone") == Some(0),
            apparmor: number("kernel.apparmor_restrict_unprivileged_userns").is_some_and(|n| n != 0),
            seccomp: status
                .lines()
                .any(|line| line.starts_with("Seccomp:") && line.ends_with('2')),
        }
    }
}

impl Refusal {
    fn of(refused: &Refused, switches: Switches) -> Self {
        const AS_ROOT: &str = "as root: netwhy lab up";
        let denied = refused.source.kind() == io::ErrorKind::PermissionDenied;
        let errno = refused.source.raw_os_error().map(Errno::from_raw);
        let full = matches!(errno, Some(Errno::ENOSPC | Errno::EUSERS));
        let (why, way_out) = match switches {
            Switches { max: Some(0), .. } if full => (
                "user.max_user_namespaces is 0".to_owned(),
                "as root: sysctl -w user.max_user_namespaces=15000",
            ),
            Switches { max, .. } if full => (
                match max {
                    Some(max) => {
                        format!("no more user namespaces are allowed (user.max_user_namespaces is {max} here)")
                    }
                    None => "no more user namespaces are allowed".to_owned(),
                },
                AS_ROOT,
            ),
            Switches {
                unprivileged_off: true, ..
            } if denied => (
                "kernel.unprivileged_userns_clone is 0".to_owned(),
                "as root: sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            Switches { apparmor: true, .. } if denied && !switches.is_filter_first(refused.step) => (
                "AppArmor refuses it (kernel.apparmor_restrict_unprivileged_userns is 1)".to_owned(),
                "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            ),
            Switches { seccomp: true, .. } if denied => (
                "a seccomp filter refuses it, as that of a container does".to_owned(),
                "as root, outside of the container: netwhy lab up",
            ),
            _ => ("this kernel refuses it".to_owned(), AS_ROOT),
        };
        Self {
            why,
            said: refused.to_string(),
            way_out: way_out.to_owned(),
        }
    }
}

impl Switches {
    /// AppArmor lets `unshare` pass and refuses what comes then; a filter that is there refuses at once.
    fn is_filter_first(self, step: Step) -> bool {
        self.seccomp && step == Step::Unshare
    }
}

/// The user whose labs these are: the one outside, for root of a user namespace that knows one user only.
pub(crate) fn uid() -> u32 {
    match userns::own_map() {
        Map::One(outside) => outside,
        Map::Many => userns::effective_uid(),
    }
}

/// Whether this process is root, and not of a user namespace that knows one user only.
pub(crate) fn is_machines_root() -> bool {
    userns::is_capable() && userns::own_map() == Map::Many
}

/// The folder of the labs of a user, and the part of it that nobody else may have made.
pub(crate) fn default_root(uid: u32) -> (PathBuf, Option<PathBuf>) {
    match uid {
        0 => ("/run/netwhy/labs".into(), None),
        uid => {
            // Not in $XDG_RUNTIME_DIR: a lab lives longer than a session, and every shell must find it.
            let own = PathBuf::from(format!("/tmp/netwhy-{uid}"));
            (own.join("labs"), Some(own))
        }
    }
}

/// Makes the folder for its owner alone. One that is there must be this user's own: anybody can make one in `/tmp`.
pub(crate) fn make_private(folder: &Path) -> Result<(), LabError> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(crate::error::at(folder)(e)),
        _ => check_private(folder),
    }
}

/// Fails if the folder is there and another user could have put something into it.
pub(crate) fn check_private(folder: &Path) -> Result<(), LabError> {
    let meta = match fs::symlink_metadata(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(crate::error::at(folder))?,
    };
    match meta.is_dir() && meta.uid() == userns::effective_uid() && meta.mode() & 0o022 == 0 {
        true => Ok(()),
        false => Err(LabError::NotPrivate {
            folder: folder.to_owned(),
            variable: ENV_ROOT,
        }),
    }
}

/// Makes this process able to make labs: nothing for root, for others it becomes root of a new user namespace. It must
/// have one thread.
pub(crate) fn able_to_make() -> Result<(), LabError> {
    if userns::is_capable() {
        return Ok(());
    }
    userns::create().map_err(|e| LabError::Refused(Refusal::of(&e, Switches::read())))
}

/// Makes this process able to go into the lab of this holder. It must have one thread, unless it is able to already.
pub(crate) fn able_to_enter(name: &str, pid: u32, handle: &OwnedFd) -> Result<(), LabError> {
    let failed = |e| LabError::step(format!("joining the user namespace of lab {name}"), e);
    if userns::is_shared_with(pid).map_err(failed)? {
        return Ok(());
    }
    if userns::is_capable() {
        // What is inside is what its owner put there; root must not run it.
        return Err(LabError::NotYours {
            name: name.to_owned(),
            uid: user_of(pid),
        });
    }
    userns::join(handle.as_fd()).map_err(failed)
}

/// The ordinary user whose lab this holder holds.
pub(crate) fn user_of(pid: u32) -> Option<u32> {
    match userns::map_of_process(pid) {
        Map::One(uid) => Some(uid),
        Map::Many => None,
    }
}

impl Labs {
    /// Makes this process able to make labs, and to work on them without going inside. To be called while it has one
    /// thread. Nothing is done for root; another user becomes root of a user namespace with a private `/run`, where
    /// `iptables` keeps its lock.
    pub fn prepare(&self) -> Result<(), LabError> {
        if userns::is_capable() {
            return Ok(());
        }
        able_to_make()?;
        // Before it may be covered: other commands must find the labs there.
        self.make_root()?;
        let failed = |e| LabError::step("private /run", e);
        mount::unshare_mounts().map_err(failed)?;
        // Only what was opened in a mount namespace can be bound in it.
        let root = File::open(self.root()).map_err(crate::error::at(self.root()))?;
        mount::tmpfs(Path::new("/run"), 0o755).map_err(failed)?;
        if self.root().starts_with("/run") {
            fs::create_dir_all(self.root()).map_err(failed)?;
            let source = format!("/proc/self/fd/{}", root.as_raw_fd());
            mount::bind(Path::new(&source), self.root()).map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(step: Step, errno: Errno, switches: Switches) -> Refusal {
        let source = io::Error::from_raw_os_error(errno as i32);
        Refusal::of(&Refused { step, source }, switches)
    }

    #[test]
    fn each_switch_is_named_with_the_line_that_turns_it() {
        let none = Switches::default();
        let cases = [
            (
                Step::Unshare,
                Errno::ENOSPC,
                Switches { max: Some(0), ..none },
                "user.max_user_namespaces=15000",
            ),
            (
                Step::Unshare,
                Errno::ENOSPC,
                Switches { max: Some(9), ..none },
                "netwhy lab up",
            ),
            (
                Step::Unshare,
                Errno::EPERM,
                Switches {
                    unprivileged_off: true,
                    ..none
                },
                "unprivileged_userns_clone=1",
            ),
            (
                Step::Map,
                Errno::EPERM,
                Switches { apparmor: true, ..none },
                "apparmor_restrict_unprivileged_userns=0",
            ),
            (
                Step::Within,
                Errno::EACCES,
                Switches {
                    apparmor: true,
                    seccomp: true,
                    ..none
                },
                "userns=0",
            ),
            (
                Step::Unshare,
                Errno::EPERM,
                Switches {
                    apparmor: true,
                    seccomp: true,
                    ..none
                },
                "netwhy lab up",
            ),
            (Step::Unshare, Errno::ENOSYS, none, "netwhy lab up"),
        ];
        for (step, errno, switches, line) in cases {
            let refusal = refusal(step, errno, switches);
            assert!(refusal.way_out.ends_with(line), "{switches:?}: {refusal:?}");
            assert!(refusal.said.starts_with(step.name()), "{refusal:?}");
        }
        let filter = refusal(Step::Unshare, Errno::EPERM, Switches { seccomp: true, ..none });
        assert!(filter.why.starts_with("a seccomp filter"), "{filter:?}");
    }

    #[test]
    fn a_folder_that_others_could_have_made_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("netwhy-owner-{}", std::process::id()));
        check_private(&folder).unwrap();
        make_private(&folder).unwrap();
        make_private(&folder).unwrap();
        assert_eq!(folder.metadata().unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(make_private(&folder), Err(LabError::NotPrivate { .. })));
        fs::remove_dir(&folder).unwrap();
        std::os::unix::fs::symlink("/proc", &folder).unwrap();
        assert!(matches!(check_private(&folder), Err(LabError::NotPrivate { .. })));
        fs::remove_file(&folder).unwrap();
    }

    #[test]
    fn two_users_have_two_folders() {
        assert_eq!(default_root(0), ("/run/netwhy/labs".into(), None));
        assert_ne!(default_root(1000), default_root(1001));
    }
}
