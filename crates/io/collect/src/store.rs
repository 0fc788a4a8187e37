//! Bundles as folders and archives.

use crate::file_tree::{self, Found, find};
use netwhy_snapshot::{BundleError, Limits, Snapshot};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Why a bundle could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is something, and overwriting was not asked for.
    #[error("{0} exists already")]
    Exists(PathBuf),
    /// A link that leads out of the bundle's folder, a pipe, a socket or a device.
    #[error("{path}: {why}")]
    NotAFile {
        /// Which.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// It is no bundle, or one beyond the limits.
    #[error("{path}: {source}")]
    Bundle {
        /// Which file or folder.
        path: PathBuf,
        /// What is wrong with it.
        source: BundleError,
    },
}

/// What to do with what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// It stays, and writing is an error.
    No,
    /// It is replaced.
    Yes,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    |source| StoreError::Io { path, source }
}

/// Writes a bundle as `.tar.zst`, whole or not at all, for its owner's eyes only.
///
/// # Errors
/// Something is there already, or the file cannot be written.
pub fn write_archive(snapshot: &Snapshot, path: &Path, overwrite: Overwrite) -> Result<(), StoreError> {
    if overwrite == Overwrite::No && path.symlink_metadata().is_ok() {
        return Err(StoreError::Exists(path.to_owned()));
    }
    let bytes = snapshot.to_archive().map_err(|source| StoreError::Bundle {
        path: path.to_owned(),
        source,
    })?;
    let folder = folder_of(path);
    let mut file = tempfile::Builder::new()
        .prefix(".netwhy-")
        .tempfile_in(folder)
        .map_err(at(folder))?;
    file.write_all(&bytes)
        .and_then(|()| file.as_file().sync_all())
        .map_err(at(path))?;
    let done = match overwrite {
        Overwrite::Yes => file.persist(path),
        Overwrite::No => file.persist_noclobber(path),
    };
    match done {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(StoreError::Exists(path.to_owned())),
        Err(error) => Err(at(path)(error.error)),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes a bundle as a folder, whole or not at all. An empty folder may be there already; any other is replaced only if
/// it is a bundle itself and [`Overwrite::Yes`] is said.
///
/// # Errors
/// Something else is there, or the folder cannot be written.
pub fn write_dir(snapshot: &Snapshot, path: &Path, overwrite: Overwrite) -> Result<(), StoreError> {
    let there = path.symlink_metadata().is_ok();
    let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let replaceable = overwrite == Overwrite::Yes && path.join("bundle.json").is_file();
    if there && !empty && !replaceable {
        return Err(StoreError::Exists(path.to_owned()));
    }
    let above = folder_of(path);
    let temp = tempfile::Builder::new()
        .prefix(".netwhy-")
        .tempdir_in(above)
        .map_err(at(above))?;
    write_member(temp.path(), "bundle.json", snapshot.meta.print().as_bytes())?;
    for (name, blob) in snapshot.members() {
        write_member(temp.path(), name, blob.bytes())?;
    }
    if there && !empty {
        fs::remove_dir_all(path).map_err(at(path))?;
    }
    fs::rename(temp.path(), path).map_err(at(path))?;
    // It has another name now.
    let _ = temp.keep();
    Ok(())
}

fn write_member(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let inside = !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let file = folder.join(name);
    if !inside {
        return Err(StoreError::NotAFile {
            path: file,
            why: "no path inside a bundle".to_owned(),
        });
    }
    if let Some(above) = file.parent() {
        fs::create_dir_all(above).map_err(at(above))?;
    }
    fs::write(&file, bytes).map_err(at(&file))
}

/// Reads a bundle: a folder with a `bundle.json`, or a `.tar.zst` or `.tar`.
///
/// # Errors
/// There is no such file, it is no bundle, a link leads out of it, or a limit is exceeded.
pub fn read_bundle(path: &Path, limits: &Limits) -> Result<Snapshot, StoreError> {
    let bundle = |source| StoreError::Bundle {
        path: path.to_owned(),
        source,
    };
    let kind = fs::metadata(path).map_err(at(path))?.file_type();
    if kind.is_dir() {
        return read_folder(path, limits)?.map_err(bundle);
    }
    if !kind.is_file() && !kind.is_fifo() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
            why: "neither a file nor a folder".to_owned(),
        });
    }
    // An archive is never larger than what is in it, but for some padding.
    let most = limits.total_bytes.saturating_add(1 << 20);
    let bytes = read_file(path, most)?;
    Snapshot::from_archive(&bytes, limits).map_err(bundle)
}

/// At most `most` bytes and one more.
fn read_file(path: &Path, most: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = |file: File| file.take(most.saturating_add(1)).read_to_end(&mut bytes);
    File::open(path).and_then(read).map_err(at(path))?;
    Ok(bytes)
}

fn read_folder(top: &Path, limits: &Limits) -> Result<Result<Snapshot, BundleError>, StoreError> {
    let mut failure = None;
    let mut walk = Walk::new(top, limits);
    // The snapshot asks for members one by one, so that its limits end the reading, not only the bundle.
    let members = std::iter::from_fn(|| match walk.next_file() {
        Ok(member) => member,
        Err(error) => {
            failure = Some(error);
            None
        }
    });
    let result = Snapshot::from_members(members, limits);
    match failure {
        Some(error) => Err(error),
        None => Ok(result),
    }
}

/// The files of a folder, one by one.
struct Walk<'a> {
    top: &'a Path,
    limits: &'a Limits,
    /// Paths below the top that are still to be looked at, with their depth.
    todo: Vec<(String, usize)>,
    seen: usize,
}

impl<'a> Walk<'a> {
    fn new(top: &'a Path, limits: &'a Limits) -> Self {
        Self {
            top,
            limits,
            todo: vec![(String::new(), 0)],
            seen: 0,
        }
    }

    fn next_file(&mut self) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        while let Some((path, depth)) = self.todo.pop() {
            let here = self.top.join(&path);
            match find(self.top, Path::new(&path)).map_err(at(&here))? {
                Found::File(real) => {
                    let bytes = read_file(&self.top.join(real), self.limits.member_bytes)?;
                    return Ok(Some((path, bytes)));
                }
                Found::Directory(real) if self.is_link(&path) => {
                    // Links between folders could go round in circles.
                    return Err(StoreError::NotAFile {
                        path: here,
                        why: format!("a link to the folder {}", real.display()),
                    });
                }
                Found::Directory(real) => self.enter(&path, &real, depth)?,
                Found::Nothing | Found::Null => {
                    return Err(StoreError::NotAFile {
                        path: here,
                        why: "a link that leads to nothing in the bundle".to_owned(),
                    });
                }
            }
        }
        Ok(None)
    }

    fn is_link(&self, path: &str) -> bool {
        !path.is_empty()
            && self
                .top
                .join(path)
                .symlink_metadata()
                .is_ok_and(|meta| meta.is_symlink())
    }

    fn enter(&mut self, path: &str, real: &Path, depth: usize) -> Result<(), StoreError> {
        let here = self.top.join(real);
        let too_much = |name, what, limit| StoreError::Bundle {
            path: here.clone(),
            source: BundleError::Limit {
                path: path.to_owned(),
                name,
                what,
                limit: limit as u64,
            },
        };
        if depth > self.limits.path_depth {
            return Err(too_much("path_depth", "components in a path", self.limits.path_depth));
        }
        let left = self.limits.members.saturating_mul(2).saturating_sub(self.seen);
        let names = file_tree::names(&here, left).map_err(at(&here))?;
        self.seen += names.len();
        if names.len() > left {
            return Err(too_much("members", "files and folders", self.limits.members));
        }
        // Last in, first out: in the order of the names.
        for name in names.into_iter().rev() {
            let child = if path.is_empty() {
                name
            } else {
                format!("{path}/{name}")
            };
            self.todo.push((child, depth + 1));
        }
        Ok(())
    }
}
