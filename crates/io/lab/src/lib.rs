//! Makes and breaks clusters of network namespaces on this machine.
//!
//! A lab is a real cluster network in the local kernel: nodes and pods are network namespaces joined by veth, bridges
//! and VXLAN, with the rules that kube-proxy and flannel write, and real servers in the pods. No container engine.
//!
//! One **holder** process is the first of its own PID, mount and network namespace, with a private `/run`. Everything
//! else is its child: killing it frees everything. A lab lives as long as the holder's lock is held.
//!
//! An ordinary user's lab is in a user namespace besides, in which the holder is root. Commands become root of it too.
//!
//! | from outside | inside |
//! |---|---|
//! | [`Labs::up`], [`Labs::down`], [`Labs::status`] | [`Lab::inside`], [`Lab::state`] |
//! | [`Labs::enter`]: run this very program again, inside | [`Lab::break_`], [`Lab::heal`], [`Lab::reboot`] |
//! | [`Labs::exec`]: run any program inside | `ip netns exec NAME` works |
//!
//! This crate knows nothing of how netwhy judges: a lab is what the kernel, kube-proxy and flannel make of it.

mod build;
mod change;
mod default_spec;
mod enter;
mod error;
pub mod faults;
mod holder;
mod journal;
mod labs;
pub mod matrix;
pub mod names;
pub mod objects;
mod owner;
mod random_spec;
mod reboot;
pub mod rules;
pub mod server;
mod servers;
pub mod spec;
mod state;
mod status;
mod sync;
mod up;
mod validate;

pub use change::Change;
pub use enter::inside_lab;
pub use error::LabError;
pub use faults::{Args, Fault, faults};
pub use journal::Injected;
pub use labs::{DEFAULT_NAME, ENV_INSIDE, ENV_ROOT, Labs, Phase, check_name};
pub use owner::Refusal;
pub use random_spec::Random;
pub use reboot::Rebooted;
pub use state::{Kind, Lab, Namespace, State};
pub use status::{LabStatus, Report};
pub use up::{Up, UpOptions};
pub use validate::validate;

use std::ffi::OsString;

/// The subcommands that a program must offer so that labs can be made of it, without being told of them by `--help`:
/// call this first in `main` with the arguments after the program's name. `None`: it was none of them.
pub fn hidden_main(args: &[OsString]) -> Option<i32> {
    let (command, rest) = args.split_first()?;
    match command.to_str()? {
        holder::HOLDER_COMMAND => Some(holder::main(rest)),
        server::SUBCOMMAND => Some(server::main()),
        _ => None,
    }
}
