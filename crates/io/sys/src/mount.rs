//! Mounts in a private mount namespace.

use crate::io as to_io;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use std::io;
use std::path::Path;

const NOTHING: Option<&str> = None;

/// From now on no mount of this namespace is seen by another, nor the other way round.
pub fn make_private() -> io::Result<()> {
    mount(NOTHING, "/", NOTHING, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NOTHING).map_err(to_io)
}

/// A new mount namespace for the calling thread, private at once.
pub fn unshare_mounts() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(to_io)?;
    make_private()
}

/// An empty file system in memory.
pub fn tmpfs(target: &Path, mode: u32) -> io::Result<()> {
    let options = format!("mode={mode:o}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("netwhy"), target, Some("tmpfs"), flags, Some(options.as_str())).map_err(to_io)
}

/// Shows a file or folder at a second place.
pub fn bind(source: &Path, target: &Path) -> io::Result<()> {
    mount(Some(source), target, NOTHING, MsFlags::MS_BIND, NOTHING).map_err(to_io)
}

/// Takes a mount away, at once for new users, later for those that still have it open.
pub fn detach(target: &Path) -> io::Result<()> {
    umount2(target, MntFlags::MNT_DETACH).map_err(to_io)
}
