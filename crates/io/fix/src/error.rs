//! Why a fix was not planned, done or undone.

use std::io;
use std::path::{Path, PathBuf};

/// Of this crate.
pub type Result<T> = std::result::Result<T, FixError>;

/// Why a fix was not planned, done or undone.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// The root folder is `/`, and nobody allowed that.
    #[error("the root is /: this machine's own files are not touched unless that is asked for")]
    HostRefused,
    /// There is no network namespace, and nobody allowed the caller's own.
    #[error("no network namespace was given: this machine's own sysctls are not touched unless that is asked for")]
    NoNetns,
    /// A key that is not written, with the reason.
    #[error("{key}: {why}")]
    Key {
        /// As given.
        key: String,
        /// The reason.
        why: &'static str,
    },
    /// A value that is not written.
    #[error("{key}: {value:?} is no value of a sysctl")]
    Value {
        /// The key.
        key: String,
        /// As given.
        value: String,
    },
    /// A name of a kernel module that is not one.
    #[error("{0:?} is no name of a kernel module")]
    Module(String),
    /// An id of a journal that is not one.
    #[error("{0:?} is no id: letters, digits and - only, 32 at most")]
    BadId(String),
    /// A journal with this id is there already.
    #[error("the journal {0} exists already")]
    IdTaken(String),
    /// There is no such journal.
    #[error("no journal {id} in {dir}")]
    NoJournal {
        /// As given.
        id: String,
        /// Where it was looked for, below the root.
        dir: String,
    },
    /// A journal that cannot be read.
    #[error("{path}: {why}")]
    BadJournal {
        /// Below the root.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// It was undone before.
    #[error("{0} is rolled back already")]
    RolledBack(String),
    /// Another netwhy works on the same root.
    #[error("{dir} is locked: another fix is running")]
    Locked {
        /// The folder of the journals.
        dir: String,
    },
    /// A sysctl could not be read or written.
    #[error("{key}: {source}")]
    Sysctl {
        /// The key.
        key: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The namespace could not be entered.
    #[error("network namespace: {0}")]
    Netns(io::Error),
    /// A file could not be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// Below the root, or the root.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A link, a folder or a device where a file is to be written.
    #[error("{path} is a link or no plain file: it is not replaced")]
    NotPlain {
        /// Below the root.
        path: String,
    },
    /// A path that is not absolute.
    #[error("{path:?} is no absolute path of a file")]
    BadPath {
        /// As given.
        path: String,
    },
    /// Steps that netwhy does not do; their commands can be typed.
    #[error("netwhy does not do this by itself; type: {}", .0.join("; "))]
    Manual(Vec<String>),
    /// Something changed since the plan was made.
    #[error("{what} is {found:?} now, it was {planned:?} when the plan was made: plan again")]
    Stale {
        /// Key or path.
        what: String,
        /// When the plan was made.
        planned: String,
        /// Now.
        found: String,
    },
    /// A step failed.
    #[error("step {number} failed: {why}; {undone}")]
    Step {
        /// From 1.
        number: usize,
        /// The reason.
        why: String,
        /// What became of the steps before.
        undone: String,
    },
    /// Changed by somebody else since; `force` overrides.
    #[error("changed since by somebody else: {}", .0.join(", "))]
    Conflict(Vec<String>),
    /// A test stopped here, as `kill -9` would.
    #[error("stopped at a failpoint")]
    Killed,
}

impl FixError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        FixError::File {
            path: path.to_owned(),
            source,
        }
    }
}
