//! Writes: what was proven becomes a plan, a journal, an act, a check, and if need be its undoing.
//!
//! | step | function | touches |
//! |---|---|---|
//! | what would be done | [`plan()`] | nothing |
//! | do it | [`apply()`] | sysctls of one network namespace, files below one root |
//! | undo it | [`rollback()`] | the same |
//! | who sets a sysctl at boot | [`sysctl_d::who_sets`], [`who_sets_below`] | nothing |
//!
//! **Invariant:** the journal is on disk before the first change, and has all that the change can reach: the values that the
//! kernel changes besides (`ip_forward` rewrites every interface), and the bytes, mode and owner of each file.
//!
//! **Invariant:** nothing outside the root folder and the network namespace of [`Env`] is touched, unless
//! [`Env::allow_host`] says so.
//!
//! Done by netwhy: sysctls of `net.*` but IPv6, drop-ins for them, `modules-load.d`, loading a module on the machine
//! itself. Everything else is a step with a command to type.

mod apply;
pub mod error;
mod files;
mod journal;
mod persist;
mod plan;
pub mod quote;
mod request;
mod rollback;
pub use netwhy_model::sysctl_d;
#[cfg(test)]
mod sysctl_referee;
mod values;

#[cfg(test)]
mod tests;

pub use apply::{Applied, VerifyResult, apply};
pub use error::{FixError, Result};
pub use journal::{JournalInfo, State, journals};
pub use persist::Kept;
pub use plan::{Described, Plan, Step, plan};
pub use request::{Env, Manual, Request, SysctlChange};
pub use rollback::{Force, RolledBack, rollback};
pub use values::{Change, Effects};

/// Who sets a sysctl at boot, by the files below a root folder. Reads only.
///
/// # Errors
/// A folder or a file that exists cannot be read.
pub fn who_sets_below(root: &std::path::Path, key: &str) -> Result<sysctl_d::Settings> {
    let files = files::Root::open(root)?.sysctl_files()?;
    Ok(sysctl_d::who_sets(&files, key))
}
