//! Namespaces, children with limits, `/proc/sys`: the only crate with `unsafe` code.
//!
//! | module | what |
//! |---|---|
//! | [`netns`] | handles of network namespaces, and code that runs in them |
//! | [`exec`] | children with a time limit and an output limit |
//! | [`sysctl`] | keys of `/proc/sys`, spelled as `sysctl(8)` spells them |
//! | [`process`] | processes in new namespaces, their death, re-execution |
//! | [`lock`] | `flock` on files that may be removed meanwhile |
//! | [`mount`] | private mounts |
//! | [`link`] | offload switches of an interface |
//! | [`nfnetlink`] | requests to the netfilter subsystems |
//! | [`userns`] | user namespaces, for those who are not root |
#![allow(unsafe_code)]

pub mod exec;
pub mod link;
pub mod lock;
pub mod mount;
pub mod netns;
pub mod nfnetlink;
pub mod packet;
pub mod process;
pub mod sysctl;
pub mod tap;
pub mod userns;

pub use exec::{ExecError, Limits, Output, run_in};
pub use netns::Netns;
pub use nfnetlink::NfNetlink;

/// The errno of `nix` as the error of the standard library.
fn io(errno: nix::Error) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno as i32)
}
