//! Reads this kernel into a [`Snapshot`](netwhy_snapshot::Snapshot), and bundles from and to files.
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | what to read: namespaces, files, API lists, and how much it may cost |
//! | [`store`] | bundles as folders and archives |
//!
//! [`collect()`] enters each network namespace of a [`Plan`] on a thread of its own and runs the well-known commands
//! there; a command that would load a kernel module is not run, one that costs too much is ended, and each member that
//! is missing afterwards has its reason in `not_read`. Nothing here changes anything: no module, no table, no lock.

mod allow;
mod cluster;
mod collect;
mod file_tree;
mod files;
mod firewall;
mod http;
mod machine;
mod modules;
mod netns;
pub mod plan;
mod shelf;
pub mod store;
mod sysctl_tree;

pub use collect::{Collected, collect};
pub use machine::{hostname, this_machine};
pub use plan::{Budget, Detail, NetnsRef, NodeFiles, Plan, Role, Target};
pub use store::{Overwrite, StoreError, read_bundle, write_archive, write_dir};
