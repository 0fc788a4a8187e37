//! Files below a root folder, and nothing outside it: each path is resolved by the kernel as if the root were `/`
//! (`openat2` with `RESOLVE_IN_ROOT`), so that no symbolic link leads out, not even one that appears meanwhile.
//!
//! Writes are atomic: a temporary file beside the target, `fsync`, rename, `fsync` of the folder.

use crate::error::{FixError, Result};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2, readlinkat, renameat};
use nix::sys::stat::{Mode, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, unlinkat};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A larger file is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// More files in one folder are refused.
const FILES_MAX: usize = 10_000;

/// A file as it was found, or as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Content {
    /// A file of root's with mode 0644, as drop-ins are.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Content {
            bytes,
            mode: 0o644,
            uid: Uid::effective().as_raw(),
            gid: Gid::effective().as_raw(),
        }
    }
}

/// A folder that stands for `/`.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

impl Root {
    pub fn open(path: &Path) -> Result<Self> {
        let real = std::fs::canonicalize(path).map_err(|e| FixError::file(path, e))?;
        let dir = File::open(&real).map_err(|e| FixError::file(path, e))?;
        let is_dir = dir.metadata().is_ok_and(|m| m.is_dir());
        match is_dir {
            true => Ok(Root {
                dir: dir.into(),
                path: real,
            }),
            false => Err(FixError::file(path, Errno::ENOTDIR.into())),
        }
    }

    /// The root is the machine's own.
    pub fn is_host(&self) -> bool {
        self.path == Path::new("/")
    }

    fn open_at(&self, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(flags | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        // The kernel asks to try again where a rename raced with the walk.
        let mut tries = 0;
        loop {
            match openat2(self.dir.as_fd(), path, how) {
                Err(Errno::EAGAIN) if tries < 100 => tries += 1,
                other => return other,
            }
        }
    }

    fn error(path: &str, errno: Errno) -> FixError {
        FixError::file(Path::new(path), errno.into())
    }

    /// A file; `None` if there is none. Links are followed below the root.
    pub fn read(&self, path: &str) -> Result<Option<Content>> {
        match self.open_at(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK) {
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(Self::error(path, errno)),
            Ok(fd) => content(File::from(fd))
                .map(Some)
                .map_err(|e| FixError::file(Path::new(path), e)),
        }
    }

    /// The folder of a path, and the name in it.
    fn parent<'p>(&self, path: &'p str) -> Result<(OwnedFd, &'p str)> {
        let (dir, name) = split(path)?;
        let fd = self
            .open_at(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .map_err(|e| Self::error(dir, e))?;
        Ok((fd, name))
    }

    /// Refuses a path whose last part is a link or no plain file: a rename would replace it, not what it leads to.
    pub fn check_plain(&self, path: &str) -> Result<()> {
        let (dir, name) = split(path)?;
        let dir = match self.open_at(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => return Ok(()),
            other => other.map_err(|e| Self::error(dir, e))?,
        };
        match fstatat(dir.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(Self::error(path, errno)),
            Ok(stat) if stat.st_mode & libc_s_ifmt() == nix::sys::stat::SFlag::S_IFREG.bits() => Ok(()),
            Ok(_) => Err(FixError::NotPlain { path: path.to_owned() }),
        }
    }

    /// Makes the folders of a path that are missing; returns them, outermost first.
    pub fn make_dirs(&self, dir: &str, mode: u32) -> Result<Vec<String>> {
        let mut made = Vec::new();
        let mut at = String::new();
        for part in dir.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            match self.open_at(&at, OFlag::O_PATH | OFlag::O_DIRECTORY) {
                Ok(_) => continue,
                Err(Errno::ENOENT) => {}
                Err(errno) => return Err(Self::error(&at, errno)),
            }
            let (parent, name) = self.parent(&at)?;
            mkdirat(parent.as_fd(), name, Mode::from_bits_truncate(mode)).map_err(|e| Self::error(&at, e))?;
            sync(&parent);
            made.push(at.clone());
        }
        Ok(made)
    }

    /// The folders of a path that are missing, outermost first.
    pub fn missing_dirs(&self, path: &str) -> Result<Vec<String>> {
        let (dir, _) = split(path)?;
        let mut missing = Vec::new();
        let mut at = String::new();
        for part in dir.split('/').filter(|part| !part.is_empty()) {
            at = format!("{at}/{part}");
            if let Err(Errno::ENOENT) = self.open_at(&at, OFlag::O_PATH | OFlag::O_DIRECTORY) {
                missing.push(at.clone());
            }
        }
        Ok(missing)
    }

    /// Writes a file whole, or not at all. The folder must exist. `tag` names the temporary file.
    pub fn write(&self, path: &str, content: &Content, tag: &str) -> Result<()> {
        self.check_plain(path)?;
        let (dir, name) = self.parent(path)?;
        let temporary = temporary_name(name, tag);
        let failed = |e: std::io::Error| FixError::file(Path::new(path), e);
        let _ = unlinkat(dir.as_fd(), temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        let written = fill(&dir, &temporary, content)
            .and_then(|()| Ok(renameat(dir.as_fd(), temporary.as_str(), dir.as_fd(), name)?));
        if written.is_err() {
            let _ = unlinkat(dir.as_fd(), temporary.as_str(), UnlinkatFlags::NoRemoveDir);
        }
        written.map_err(failed)?;
        sync(&dir);
        Ok(())
    }

    /// Removes a file, and what a write that was killed left beside it.
    pub fn remove(&self, path: &str) -> Result<()> {
        let (dir, name) = self.parent(path)?;
        match unlinkat(dir.as_fd(), name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => sync(&dir),
            Err(errno) => return Err(Self::error(path, errno)),
        }
        Ok(())
    }

    /// Removes what a write that was killed left behind.
    pub fn remove_temporary(&self, path: &str, tag: &str) {
        if let Ok((dir, name)) = self.parent(path) {
            let _ = unlinkat(
                dir.as_fd(),
                temporary_name(name, tag).as_str(),
                UnlinkatFlags::NoRemoveDir,
            );
        }
    }

    /// Removes a folder if it is empty.
    pub fn remove_empty_dir(&self, path: &str) {
        if let Ok((dir, name)) = self.parent(path) {
            let _ = unlinkat(dir.as_fd(), name, UnlinkatFlags::RemoveDir);
            sync(&dir);
        }
    }

    /// The names in a folder, sorted; none if it does not exist.
    pub fn list(&self, dir: &str) -> Result<Vec<String>> {
        let fd = match self.open_at(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            Err(Errno::ENOENT) => return Ok(Vec::new()),
            other => other.map_err(|e| Self::error(dir, e))?,
        };
        let failed = |e: std::io::Error| FixError::file(Path::new(dir), e);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(failed)? {
            names.extend(entry.map_err(failed)?.file_name().into_string().ok());
            if names.len() > FILES_MAX {
                return Err(failed(std::io::Error::other(format!("more than {FILES_MAX} files"))));
            }
        }
        names.sort();
        Ok(names)
    }

    /// A folder to lock.
    pub fn dir_file(&self, dir: &str) -> Result<File> {
        let fd = self
            .open_at(dir, OFlag::O_RDONLY | OFlag::O_DIRECTORY)
            .map_err(|e| Self::error(dir, e))?;
        Ok(fd.into())
    }

    /// The texts of the files that set sysctls at boot. A link to `/dev/null` hides its name, as an empty file does; a
    /// link to nowhere is no file.
    pub fn sysctl_files(&self) -> Result<BTreeMap<String, String>> {
        let mut files = BTreeMap::new();
        for dir in crate::sysctl_d::dirs() {
            for name in self.list(dir)?.into_iter().filter(|name| name.ends_with(".conf")) {
                let path = format!("{dir}/{name}");
                if let Some(text) = self.text(&path)? {
                    files.insert(path, text);
                }
            }
        }
        let conf = crate::sysctl_d::CONF.to_owned();
        if let Some(text) = self.text(&conf)? {
            files.insert(conf, text);
        }
        Ok(files)
    }

    fn text(&self, path: &str) -> Result<Option<String>> {
        if self.link_target(path).as_deref() == Some("/dev/null") {
            return Ok(Some(String::new()));
        }
        Ok(self
            .read(path)?
            .map(|content| String::from_utf8_lossy(&content.bytes).into_owned()))
    }

    fn link_target(&self, path: &str) -> Option<String> {
        let (dir, name) = self.parent(path).ok()?;
        readlinkat(dir.as_fd(), name).ok()?.into_string().ok()
    }

    /// Two paths are one file.
    pub fn same_file(&self, a: &str, b: &str) -> bool {
        let inode = |path| {
            let fd = self.open_at(path, OFlag::O_PATH).ok()?;
            let meta = File::from(fd).metadata().ok()?;
            Some((meta.dev(), meta.ino()))
        };
        inode(a).is_some_and(|found| Some(found) == inode(b))
    }
}

fn libc_s_ifmt() -> u32 {
    nix::sys::stat::SFlag::S_IFMT.bits()
}

fn split(path: &str) -> Result<(&str, &str)> {
    match path.rsplit_once('/') {
        Some((dir, name)) if path.starts_with('/') && !matches!(name, "" | "." | "..") => {
            Ok((if dir.is_empty() { "/" } else { dir }, name))
        }
        _ => Err(FixError::BadPath { path: path.to_owned() }),
    }
}

/// Ends in no suffix that a reader of `*.d` folders takes.
fn temporary_name(name: &str, tag: &str) -> String {
    format!(".{name}.{tag}.tmp")
}

fn content(mut file: File) -> std::io::Result<Content> {
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(std::io::Error::other("not a plain file"));
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file)
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(std::io::Error::other(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    Ok(Content {
        bytes,
        mode: meta.mode() & 0o7777,
        uid: meta.uid(),
        gid: meta.gid(),
    })
}

fn fill(dir: &OwnedFd, name: &str, content: &Content) -> std::io::Result<()> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let fd = nix::fcntl::openat(dir.as_fd(), name, flags, Mode::from_bits_truncate(0o600))?;
    let mut file = File::from(fd);
    file.write_all(&content.bytes)?;
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (content.uid, content.gid) {
        fchown(
            &file,
            Some(Uid::from_raw(content.uid)),
            Some(Gid::from_raw(content.gid)),
        )?;
    }
    file.set_permissions(std::fs::Permissions::from_mode(content.mode))?;
    file.sync_all()
}

/// The file is on disk already; a folder that cannot be synced (some file systems) is no failure.
fn sync(dir: &OwnedFd) {
    if let Ok(copy) = dir.try_clone() {
        let _ = File::from(copy).sync_all();
    }
}

#[cfg(test)]
mod tests;
