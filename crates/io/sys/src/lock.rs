//! `flock` on files that may be removed meanwhile.

use nix::fcntl::{Flock, FlockArg};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A lock that is held as long as this value, or a descriptor that a child inherited from it, lives.
#[derive(Debug)]
pub struct FileLock(Flock<File>);

/// What a try to lock found.
#[derive(Debug)]
pub enum TryLock {
    /// It is ours now.
    Got(FileLock),
    /// Another process holds it.
    Held,
}

/// Tries to lock a file, which is made if it does not exist. The folder must exist.
pub fn try_lock(path: &Path) -> io::Result<TryLock> {
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Err((_, nix::Error::EWOULDBLOCK)) => return Ok(TryLock::Held),
            Err((_, errno)) => return Err(crate::io(errno)),
            Ok(lock) => {
                if same_file(&lock, path)? {
                    return Ok(TryLock::Got(FileLock(lock)));
                }
            }
        }
    }
}

/// Locks a file, waiting at most this long.
pub fn lock_within(path: &Path, most: Duration) -> io::Result<FileLock> {
    let deadline = Instant::now() + most;
    loop {
        if let TryLock::Got(lock) = try_lock(path)? {
            return Ok(lock);
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{} is locked by another process", path.display()),
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether somebody holds the lock of a file. A missing file is not held.
pub fn is_held(path: &Path) -> io::Result<bool> {
    match File::open(path) {
        Ok(file) => match Flock::lock(file, FlockArg::LockSharedNonblock) {
            Ok(_) => Ok(false),
            Err((_, nix::Error::EWOULDBLOCK)) => Ok(true),
            Err((_, errno)) => Err(crate::io(errno)),
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// The file may have been removed, or made anew, between open and lock: then the lock protects nothing.
fn same_file(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match path.metadata() {
        Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

impl FileLock {
    /// The descriptor, to hand it to a child.
    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Takes over a descriptor that the parent handed down at a number that both know, and keeps it from further children.
///
/// `None` if nothing is open there.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    // SAFETY: borrowing a number that may be closed is checked by the call itself, which fails with EBADF.
    let borrowed = unsafe { std::os::fd::BorrowedFd::borrow_raw(fd) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: the descriptor is open (above) and by convention belongs to nobody else in this process: callers do this
    // first thing in `main`, before anything else is opened.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder() {
        let dir = std::env::temp_dir().join(format!("netwhy-lock-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("lock");
        assert!(!is_held(&path).unwrap());
        let TryLock::Got(held) = try_lock(&path).unwrap() else {
            panic!("free, but held")
        };
        assert!(is_held(&path).unwrap());
        assert!(matches!(try_lock(&path).unwrap(), TryLock::Held));
        assert_eq!(
            lock_within(&path, Duration::ZERO).unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        drop(held);
        assert!(!is_held(&path).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
