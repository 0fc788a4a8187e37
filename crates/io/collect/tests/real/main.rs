//! Collecting from this kernel and from files of the disk.

mod common;
mod files_and_canary;
mod namespaces;
mod store;
