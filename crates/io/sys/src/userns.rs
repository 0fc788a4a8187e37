//! User namespaces: how an ordinary user gets network namespaces of their own.
//!
//! In a new user namespace its maker is root, over that namespace and those made in it, and nobody outside. Both making
//! and joining one take a process of a single thread (`kernel/fork.c: ksys_unshare()`, `kernel/user_namespace.c:
//! userns_install()`, v6.18): call these before any thread is started.

use crate::io as to_io;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;

/// The part of making a user namespace that the kernel refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `unshare(CLONE_NEWUSER)`.
    Unshare,
    /// Becoming root in it: `uid_map`, `setgroups`, `gid_map`.
    Map,
    /// Making network and mount namespaces in it.
    Within,
}

impl Step {
    const ALL: [Step; 3] = [Step::Unshare, Step::Map, Step::Within];

    /// Its name, as one would look it up.
    pub fn name(self) -> &'static str {
        match self {
            Step::Unshare => "unshare(CLONE_NEWUSER)",
            Step::Map => "/proc/self/uid_map",
            Step::Within => "unshare(CLONE_NEWNET|CLONE_NEWNS) in a user namespace",
        }
    }
}

/// The kernel refuses a user namespace.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", step.name())]
pub struct Refused {
    /// What it refused.
    pub step: Step,
    /// How.
    pub source: io::Error,
}

/// Which users a user namespace knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// One, called root inside, with this number outside.
    One(u32),
    /// Many: that of the machine, or of a container.
    Many,
}

/// The users of this process's user namespace.
pub fn own_map() -> Map {
    map_of("/proc/self/uid_map")
}

/// The users of the user namespace of a process, numbered as this process sees them.
pub fn map_of_process(pid: u32) -> Map {
    map_of(&format!("/proc/{pid}/uid_map"))
}

fn map_of(path: &str) -> Map {
    fs::read_to_string(path).map_or(Map::Many, |text| parse_map(&text))
}

fn parse_map(text: &str) -> Map {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["0", outside, "1"] => outside.parse().map_or(Map::Many, Map::One),
        _ => Map::Many,
    }
}

/// The effective user of this process.
pub fn effective_uid() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Whether this process may make network and mount namespaces: CAP_SYS_ADMIN and CAP_NET_ADMIN are in force.
pub fn is_capable() -> bool {
    const NEEDED: u64 = 1 << 21 | 1 << 12;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let capabilities = line.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    capabilities.is_some_and(|all| all & NEEDED == NEEDED)
}

/// Whether a process is in the same user namespace as this one.
pub fn is_shared_with(pid: u32) -> io::Result<bool> {
    let of = |path: &str| fs::metadata(path).map(|meta| (meta.dev(), meta.ino()));
    Ok(of("/proc/self/ns/user")? == of(&format!("/proc/{pid}/ns/user"))?)
}

/// Moves this process into the user namespace of another, in which it is then root.
pub fn join(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    setns(pidfd, CloneFlags::CLONE_NEWUSER).map_err(to_io)
}

/// Moves this process into a new user namespace, in which it is root. Where that is refused, nothing has changed: it is
/// tried in a child first.
pub fn create() -> Result<(), Refused> {
    let failed = |step| move |source| Refused { step, source };
    in_child(|| {
        make()?;
        let both = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
        unshare(both).map_err(to_io).map_err(failed(Step::Within))
    })
    .map_err(failed(Step::Unshare))??;
    make()
}

fn make() -> Result<(), Refused> {
    let failed = |step| move |source| Refused { step, source };
    let (uid, gid) = (effective_uid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER)
        .map_err(to_io)
        .map_err(failed(Step::Unshare))?;
    // One write system call each: the kernel takes a map as a whole. Groups cannot be mapped while `setgroups` is allowed.
    let maps = [
        ("/proc/self/uid_map", format!("0 {uid} 1\n")),
        ("/proc/self/setgroups", "deny".to_owned()),
        ("/proc/self/gid_map", format!("0 {gid} 1\n")),
    ];
    for (path, text) in maps {
        let mut file = fs::File::options().write(true).open(path).map_err(failed(Step::Map))?;
        file.write_all(text.as_bytes()).map_err(failed(Step::Map))?;
    }
    Ok(())
}

/// What a closure says when a child runs it, which then ends.
fn in_child(f: impl FnOnce() -> Result<(), Refused>) -> io::Result<Result<(), Refused>> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        let why = "a user namespace can only be made by a process of one thread";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let (mut reader, mut writer) = io::pipe()?;
    // SAFETY: this process has one thread (above), so that the child finds no lock held and may run any code.
    match unsafe { nix::unistd::fork() }.map_err(to_io)? {
        nix::unistd::ForkResult::Child => {
            let word = f().err().map(|e| word(&e));
            let _ = writer.write_all(&word.unwrap_or_default());
            // SAFETY: ends the child at once, without the exit handlers of the parent.
            unsafe { libc::_exit(0) }
        }
        nix::unistd::ForkResult::Parent { child } => {
            drop(writer);
            let mut word = Vec::new();
            let read = reader.read_to_end(&mut word);
            let _ = nix::sys::wait::waitpid(child, None);
            read.map(|_| heard(&word).map_or(Ok(()), Err))
        }
    }
}

/// A refusal in five bytes: the step and the error's number.
fn word(e: &Refused) -> Vec<u8> {
    let mut all = vec![e.step as u8];
    all.extend(e.source.raw_os_error().unwrap_or(libc::EIO).to_ne_bytes());
    all
}

fn heard(word: &[u8]) -> Option<Refused> {
    let (step, errno) = word.split_first()?;
    Some(Refused {
        step: Step::ALL.into_iter().find(|known| *known as u8 == *step)?,
        source: io::Error::from_raw_os_error(i32::from_ne_bytes(errno.try_into().ok()?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps() {
        assert_eq!(parse_map("         0      65534          1\n"), Map::One(65534));
        assert_eq!(parse_map("         0          0 4294967295\n"), Map::Many);
        assert_eq!(
            parse_map("         0       1000          1\n         1     100000      65536\n"),
            Map::Many
        );
        assert_eq!(parse_map(""), Map::Many);
    }

    #[test]
    fn a_refusal_comes_out_of_the_child_as_it_was() {
        let refused = Refused {
            step: Step::Map,
            source: io::Error::from_raw_os_error(libc::EPERM),
        };
        let again = heard(&word(&refused)).unwrap();
        assert_eq!(
            (again.step, again.source.raw_os_error()),
            (Step::Map, Some(libc::EPERM))
        );
        assert!(heard(&[]).is_none());
    }

    #[test]
    fn many_threads_are_refused_before_anything_is_done() {
        // The test harness is one thread, this test another.
        let before = fs::metadata("/proc/self/ns/user").unwrap().ino();
        let refused = create().unwrap_err();
        assert_eq!(refused.source.kind(), io::ErrorKind::InvalidInput, "{refused}");
        assert_eq!(fs::metadata("/proc/self/ns/user").unwrap().ino(), before);
        assert!(is_shared_with(std::process::id()).unwrap());
    }
}
