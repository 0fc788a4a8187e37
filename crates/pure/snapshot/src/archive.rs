//! Bundles as folders and archives, under limits.

mod read;
mod write;

pub(crate) use read::{from_archive, from_members};
pub(crate) use write::to_archive;

/// A bundle that cannot be used. Printed names are escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The path leaves the bundle, or cannot be one in it.
    #[error("{path:?} is no path inside a bundle: {why}")]
    Path {
        /// The path as it stands in the archive.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A link, device or pipe.
    #[error("{path:?} is {kind}: a bundle holds plain files only")]
    NotAFile {
        /// The path as it stands in the archive.
        path: String,
        /// "a symbolic link", "a device", ...
        kind: &'static str,
    },
    /// A limit of [`crate::Limits`] is exceeded.
    #[error("{path:?}: more than {limit} {what} (limit {name})")]
    Limit {
        /// The member at which it happened.
        path: String,
        /// Name of the field of [`crate::Limits`].
        name: &'static str,
        /// What is counted: "bytes in one file".
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The bytes are neither `.tar.zst` nor `.tar`.
    #[error("not a bundle: neither .tar.zst nor .tar{0}")]
    NotAnArchive(String),
    /// There is no `bundle.json`.
    #[error("not a bundle: no bundle.json{0}")]
    NoMeta(String),
    /// `bundle.json` cannot be used.
    #[error("{0}")]
    Meta(crate::Problem),
    /// The archive could not be written.
    #[error("cannot write the archive: {0}")]
    Write(String),
}

#[cfg(test)]
mod tests;
