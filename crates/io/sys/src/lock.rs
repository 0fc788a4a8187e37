//! `flock` on files that may be removed meanwhile.

use std::fs::{File, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// A lock that is held until this value *and* every descriptor that a child inherited from it are closed.
#[derive(Debug)]
pub struct FileLock(File);

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
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(TryLock::Held),
            Err(TryLockError::Error(e)) => return Err(e),
            Ok(()) if same_file(&file, path)? => return Ok(TryLock::Got(FileLock(file))),
            Ok(()) => {}
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
            let why = format!("{} is locked by another process", path.display());
            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether somebody holds the lock of a file. A missing file is not held.
pub fn is_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e),
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

impl AsFd for FileLock {
    /// The descriptor, to hand it to a child.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
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
        let inherited = held.as_fd().try_clone_to_owned().unwrap();
        drop(held);
        assert!(is_held(&path).unwrap());
        drop(inherited);
        assert!(!is_held(&path).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
