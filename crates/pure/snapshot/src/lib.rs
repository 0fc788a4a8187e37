//! What was collected, as the tools print it: the bundle and the syntax of each member.
//!
//! A bundle is a folder of plain files, or that folder as `.tar.zst`: [`Snapshot`] holds its members by path, [`mod@format`]
//! knows the syntax of each. Syntax only: what a rule or a route means is the model's business.
//!
//! Pure: the caller reads files, this crate takes bytes. Bundles come from strangers, so nothing here panics and every
//! size has a named limit ([`Limits`]).

pub mod allow;
mod archive;
mod blob;
pub mod commands;
pub mod format;
mod glob;
mod limits;
mod meta;
mod problem;
pub mod script;
mod snapshot;

pub use archive::BundleError;
pub use blob::{Blob, BlobId};
pub use limits::{JSON_DEPTH, Limits};
pub use meta::{FORMAT, Meta, NotRead, Outside, Provenance};
pub use problem::Problem;
pub use snapshot::{NetnsDir, NetnsKind, Snapshot};
