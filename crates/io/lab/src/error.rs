//! What can go wrong with a lab.

use crate::owner::Refusal;
use std::io;
use std::path::{Path, PathBuf};

/// Why a lab command failed. Each names the file or the step.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The name cannot be one of a lab.
    #[error("{0:?} is no name for a lab: lower-case letters, digits and inner dashes, at most 40")]
    BadName(String),
    /// The shape of the lab contradicts itself.
    #[error("the lab cannot be built: {0}")]
    BadSpec(String),
    /// A lab of this name is up, or on its way.
    #[error("lab {0} is up already; `netwhy lab down` removes it")]
    Exists(String),
    /// No lab of this name lives.
    #[error("no lab {0} is up; `netwhy lab up` makes one")]
    NoSuchLab(String),
    /// It is being built by another command.
    #[error("lab {0} is still being built")]
    Starting(String),
    /// This process is not inside a lab, and must be.
    #[error("not inside a lab: {0} is missing")]
    NotInside(PathBuf),
    /// This process is not root, and cannot become root of a user namespace.
    #[error("a lab takes root or a user namespace, and here is neither: {} ({})", .0.why, .0.said)]
    Refused(Refusal),
    /// The lab is an ordinary user's own, and this process is root or in another user namespace.
    #[error("lab {name} belongs to {}", .uid.map_or("another user namespace".to_owned(), |uid| format!("user {uid}")))]
    NotYours {
        /// The lab.
        name: String,
        /// Its user.
        uid: Option<u32>,
    },
    /// The folder of a user's labs may hold what another user put there.
    #[error("{folder} is not this user's alone, so no lab is kept there; {variable}=FOLDER names another")]
    NotPrivate {
        /// The folder.
        folder: PathBuf,
        /// What chooses another.
        variable: &'static str,
    },
    /// A fault changes what a user namespace does not own.
    #[error("{fault} needs a lab of root's: {why}")]
    FaultNeedsRoot {
        /// The fault.
        fault: String,
        /// What it would change.
        why: String,
    },
    /// The holder ended before the lab was ready.
    #[error("lab {name} did not come up: {why}")]
    NotUp {
        /// The lab.
        name: String,
        /// The holder's last words.
        why: String,
    },
    /// It was told to end, and is still there.
    #[error("lab {name}: process {pid} does not end")]
    DoesNotEnd {
        /// The lab.
        name: String,
        /// Its holder.
        pid: u32,
    },
    /// A namespace, node, pod, Service or fault that does not exist.
    #[error("no {kind} {name} here; there are: {known}")]
    Unknown {
        /// What kind of thing.
        kind: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// A fault with these arguments has no place in this lab.
    #[error("{fault} cannot be injected here: {why}")]
    NoPlace {
        /// The fault.
        fault: String,
        /// What does not fit.
        why: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file of the lab holds something else than expected.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A step of building or changing failed.
    #[error("{step}: {why}")]
    Step {
        /// What was done, to which namespace.
        step: String,
        /// What went wrong.
        why: String,
    },
}

impl LabError {
    /// A failed step.
    pub(crate) fn step(step: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Step {
            step: step.into(),
            why: why.to_string(),
        }
    }

    /// A name that is not among the known ones.
    pub(crate) fn unknown<'a>(kind: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        Self::Unknown {
            kind,
            name: name.to_owned(),
            known,
        }
    }
}

/// Puts the path into an error of the standard library: `fs::read(&path).map_err(at(&path))`.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> LabError + '_ {
    |source| LabError::File {
        path: path.to_owned(),
        source,
    }
}
