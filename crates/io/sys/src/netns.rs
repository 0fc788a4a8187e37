//! Handles of network namespaces.

use crate::io as to_io;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// A network namespace, held by a file descriptor: it lives at least as long as this value.
#[derive(Debug)]
pub struct Netns {
    fd: OwnedFd,
}

impl Netns {
    /// The namespace that a file refers to, e.g. `/run/netns/worker-1` or `/proc/17/ns/net`.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            fd: File::open(path)?.into(),
        })
    }

    /// The namespace of the calling thread.
    pub fn current() -> io::Result<Self> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// Makes a new, empty namespace. The calling thread stays where it is.
    pub fn create() -> io::Result<Self> {
        on_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).map_err(to_io)?;
            Self::current()
        })?
    }

    /// Makes a new namespace and binds it to a path, so that `ip netns exec NAME` finds it below `/run/netns`.
    pub fn create_at(path: &Path) -> io::Result<Self> {
        let ns = Self::create()?;
        File::options().write(true).create(true).truncate(false).open(path)?;
        let source = format!("/proc/self/fd/{}", ns.fd.as_raw_fd());
        crate::mount::bind(Path::new(&source), path)?;
        Ok(ns)
    }

    /// Moves the calling thread into this namespace, for good. See [`Netns::run`] for the way that leaves no trace.
    pub fn enter(&self) -> io::Result<()> {
        setns(self.fd.as_fd(), CloneFlags::CLONE_NEWNET).map_err(to_io)
    }

    /// Runs a closure inside this namespace on a thread of its own: the caller's namespace is untouched, sockets that
    /// the closure opens stay in the namespace. Inside, `/proc/sys/net` is this namespace's, and so is
    /// `/proc/thread-self/net`; `/proc/net` is not.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_thread(|| self.enter().map(|()| f()))?
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Runs a closure on a scoped thread. A panic of the closure goes on in the caller.
fn on_thread<T: Send>(f: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let handle = std::thread::Builder::new()
            .name("netns".into())
            .spawn_scoped(scope, f)?;
        handle.join().or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn inode() -> io::Result<u64> {
        Ok(std::fs::metadata("/proc/thread-self/ns/net")?.ino())
    }

    #[test]
    fn run_leaves_the_caller_where_it_was() {
        let Ok(ns) = Netns::create() else {
            assert!(
                unshare(CloneFlags::CLONE_NEWNET).is_err(),
                "CAP_SYS_ADMIN is there, but Netns::create failed"
            );
            eprintln!("not run: needs CAP_SYS_ADMIN");
            return;
        };
        let before = inode().unwrap();
        let inside = ns.run(inode).unwrap().unwrap();
        assert_ne!(before, inside);
        assert_eq!(before, inode().unwrap());
        let links = ns
            .run(|| std::fs::read_to_string("/proc/thread-self/net/dev"))
            .unwrap()
            .unwrap();
        assert!(links.contains("lo:"), "{links}");
    }

    #[test]
    fn open_names_what_is_missing() {
        assert_eq!(
            Netns::open(Path::new("/nonexistent/ns")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
