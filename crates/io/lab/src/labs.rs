//! The labs of this machine, seen from outside: where they keep their files, which of them live.
//!
//! A lab is a folder `<root>/<name>/` with `lock` (held by the holder as long as the lab lives), `pid`, `spec.json`,
//! `holder.log` and, once it can be used, `ready`. Everything else is inside, and dies with the holder.

use crate::LabError;
use crate::error::at;
use crate::owner;
use crate::state::Lab;
use netwhy_sys::lock::{self, TryLock};
use netwhy_sys::process::{pidfd_kill, pidfd_open, pidfd_wait, reap};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The name of a lab when none is given.
pub const DEFAULT_NAME: &str = "flannel-vxlan";
/// Where labs keep their files, if not where [`Labs::here`] says.
pub const ENV_ROOT: &str = "NETWHY_LAB_ROOT";
/// Holds the lab's name in a process that [`Labs::enter`] started inside.
pub const ENV_INSIDE: &str = "NETWHY_INSIDE_LAB";

/// The labs of this machine.
#[derive(Clone, Debug)]
pub struct Labs {
    root: PathBuf,
    /// The part of it that must be this user's alone.
    private: Option<PathBuf>,
}

/// Whether a lab lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It can be used.
    Usable,
    /// It is being built.
    Starting,
    /// Its holder is dead; only files are left.
    Dead,
}

impl Labs {
    /// The labs of this user on this machine: those below `NETWHY_LAB_ROOT`; else root's below `/run/netwhy/labs`,
    /// another user's below `/tmp/netwhy-UID/labs`.
    pub fn here() -> Self {
        if let Some(root) = std::env::var_os(ENV_ROOT).filter(|root| !root.is_empty()) {
            return Self::at(Path::new(&root));
        }
        let (root, private) = owner::default_root(owner::uid());
        Self { root, private }
    }

    /// The labs below this folder.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            private: None,
        }
    }

    /// The folder of all labs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of one lab.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn lock_file(&self, name: &str) -> PathBuf {
        self.folder(name).join("lock")
    }

    /// Makes the folder of all labs.
    pub(crate) fn make_root(&self) -> Result<(), LabError> {
        self.private.as_deref().map_or(Ok(()), owner::make_private)?;
        fs::create_dir_all(&self.root).map_err(at(&self.root))
    }

    /// Makes the folder of a lab.
    pub(crate) fn make_folder(&self, name: &str) -> Result<(), LabError> {
        self.make_root()?;
        let folder = self.folder(name);
        fs::create_dir_all(&folder).map_err(at(&folder))
    }

    fn check_private(&self) -> Result<(), LabError> {
        self.private.as_deref().map_or(Ok(()), owner::check_private)
    }

    /// The names of all labs that have a folder, sorted.
    pub fn names(&self) -> Result<Vec<String>, LabError> {
        self.check_private()?;
        let entries = match fs::read_dir(&self.root) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(at(&self.root))?,
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| check_name(name).is_ok()).collect();
        names.sort();
        Ok(names)
    }

    /// Whether this lab lives; `None` if there is not even a folder.
    pub fn phase(&self, name: &str) -> Result<Option<Phase>, LabError> {
        check_name(name)?;
        self.check_private()?;
        if !self.folder(name).exists() {
            return Ok(None);
        }
        let lock = self.lock_file(name);
        let held = lock::is_held(&lock).map_err(at(&lock))?;
        Ok(Some(match (held, self.folder(name).join("ready").exists()) {
            (true, true) => Phase::Usable,
            (true, false) => Phase::Starting,
            (false, _) => Phase::Dead,
        }))
    }

    /// A living lab's first process, as its number and as a handle. `None` while it has not written its number yet.
    pub(crate) fn holder(&self, name: &str) -> Result<Option<(u32, OwnedFd)>, LabError> {
        let text = fs::read_to_string(self.folder(name).join("pid")).unwrap_or_default();
        let Ok(pid) = text.trim().parse() else {
            return Ok(None);
        };
        let Ok(handle) = pidfd_open(pid) else {
            return Ok(None);
        };
        // The number was the holder's while the lock was held; if it still is, so is the handle.
        let lock = self.lock_file(name);
        Ok(lock::is_held(&lock).map_err(at(&lock))?.then_some((pid, handle)))
    }

    /// The holder of a lab that can be used.
    pub(crate) fn usable_holder(&self, name: &str) -> Result<(u32, OwnedFd), LabError> {
        match self.phase(name)? {
            Some(Phase::Usable) => self.holder(name)?.ok_or_else(|| LabError::NoSuchLab(name.to_owned())),
            Some(Phase::Starting) => Err(LabError::Starting(name.to_owned())),
            Some(Phase::Dead) | None => Err(LabError::NoSuchLab(name.to_owned())),
        }
    }

    /// A usable lab from outside: for reading its state and for handles of its namespaces.
    pub fn view(&self, name: &str) -> Result<Lab, LabError> {
        let (pid, _) = self.usable_holder(name)?;
        Ok(Lab::at_run(format!("/proc/{pid}/root/run").into()))
    }

    /// Removes a lab, or what is left of one: kills the holder, waits until all of its processes are gone, removes the
    /// files. Returns false if there was nothing.
    pub fn down(&self, name: &str) -> Result<bool, LabError> {
        let deadline = Instant::now() + END_LIMIT;
        let mut last = 0;
        while let Some(phase) = self.phase(name)? {
            if Instant::now() > deadline {
                return Err(LabError::DoesNotEnd {
                    name: name.to_owned(),
                    pid: last,
                });
            }
            if phase == Phase::Dead {
                if self.sweep(name)? {
                    return Ok(true);
                }
                continue;
            }
            match self.holder(name)? {
                Some((pid, handle)) => {
                    last = pid;
                    end(pid, &handle, deadline).map_err(|e| LabError::step(format!("ending process {pid}"), e))?;
                }
                // It has just been started and has not written its number yet.
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Ok(last != 0)
    }

    /// Removes the files of a dead lab; false if it is not dead after all.
    pub(crate) fn sweep(&self, name: &str) -> Result<bool, LabError> {
        let (folder, lock_file) = (self.folder(name), self.lock_file(name));
        match lock::try_lock(&lock_file) {
            Ok(TryLock::Got(lock)) => {
                // Whoever opens the lock file meanwhile notices that it is no longer the one in the folder.
                fs::remove_dir_all(&folder).map_err(at(&folder))?;
                drop(lock);
                Ok(true)
            }
            Ok(TryLock::Held) => Ok(false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(!folder.exists()),
            Err(e) => Err(at(&lock_file)(e)),
        }
    }
}

/// All processes of a lab are killed by the kernel at once; on a loaded machine that takes a while.
const END_LIMIT: Duration = Duration::from_secs(60);

/// Kills a holder and waits for its end. The first process of a PID namespace ends after all others in it.
pub(crate) fn end(pid: u32, handle: &OwnedFd, deadline: Instant) -> io::Result<()> {
    pidfd_kill(handle.as_fd())?;
    pidfd_wait(handle.as_fd(), deadline.saturating_duration_since(Instant::now()))?;
    reap(pid);
    Ok(())
}

/// A name becomes a folder; nothing else is allowed than what a DNS label holds.
pub fn check_name(name: &str) -> Result<(), LabError> {
    match crate::validate::is_label(name) && name.len() <= 40 {
        true => Ok(()),
        false => Err(LabError::BadName(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_paths() {
        for bad in ["", ".", "..", "a/b", "-a", "A", "a b", &"x".repeat(41)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
        check_name(DEFAULT_NAME).unwrap();
    }

    #[test]
    fn leftovers_are_dead_and_swept() {
        let root = std::env::temp_dir().join(format!("netwhy-labs-{}", std::process::id()));
        let labs = Labs::at(&root);
        assert_eq!(labs.phase("x").unwrap(), None);
        assert!(!labs.down("x").unwrap());
        fs::create_dir_all(root.join("x")).unwrap();
        fs::write(root.join("x/ready"), "").unwrap();
        assert_eq!(labs.phase("x").unwrap(), Some(Phase::Dead));
        assert!(matches!(labs.view("x"), Err(LabError::NoSuchLab(_))));
        assert!(labs.down("x").unwrap());
        assert_eq!(labs.phase("x").unwrap(), None);
        assert!(labs.names().unwrap().is_empty());
        fs::remove_dir_all(&root).unwrap();
    }
}
