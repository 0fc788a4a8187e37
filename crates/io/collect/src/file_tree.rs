//! Files below a root that is not ours: links are followed only inside, sizes are bounded.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

/// Links in one path; the kernel's own limit.
const LINKS: usize = 40;

/// What a path below a root leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A regular file: its path below the root, after all links.
    File(PathBuf),
    /// A directory: its path below the root, after all links.
    Directory(PathBuf),
    /// `/dev/null`: how files of one directory mask those of another.
    Null,
    /// There is nothing.
    Nothing,
}

/// Follows a path below a root, links too, as if the root were `/`.
pub(crate) fn find(root: &Path, path: &Path) -> io::Result<Found> {
    let mut todo: VecDeque<PathBuf> = parts(path);
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(part) = todo.pop_front() {
        if part == Path::new("..") {
            at.pop();
            continue;
        }
        at.push(&part);
        let here = root.join(&at);
        let meta = match fs::symlink_metadata(&here) {
            Ok(meta) => meta,
            Err(error) if is_nothing(&error) => {
                at.extend(todo);
                // A node's own root need not have a /dev for a mask to be one.
                return Ok(if at == Path::new("dev/null") {
                    Found::Null
                } else {
                    Found::Nothing
                });
            }
            Err(error) => return Err(error),
        };
        if !meta.is_symlink() {
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(io::Error::other("too many links"));
        }
        let target = fs::read_link(&here)?;
        if target.is_absolute() {
            at = PathBuf::new();
        } else {
            at.pop();
        }
        for part in parts(&target).into_iter().rev() {
            todo.push_front(part);
        }
    }
    kind(root, at)
}

fn kind(root: &Path, at: PathBuf) -> io::Result<Found> {
    let meta = fs::symlink_metadata(root.join(&at))?;
    let kind = meta.file_type();
    if kind.is_file() {
        return Ok(Found::File(at));
    }
    if kind.is_dir() {
        return Ok(Found::Directory(at));
    }
    if kind.is_char_device() && at == Path::new("dev/null") {
        return Ok(Found::Null);
    }
    Err(io::Error::other("neither a file nor a directory"))
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn parts(path: &Path) -> VecDeque<PathBuf> {
    let part = |component| match component {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(part).collect()
}

/// The names in a directory, sorted; those that are not UTF-8 are left out. At most `most` and one more.
pub(crate) fn names(directory: &Path, most: usize) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.extend(entry?.file_name().into_string());
        if names.len() > most {
            break;
        }
    }
    names.sort();
    Ok(names)
}

/// A regular file's bytes, or why not.
pub(crate) fn read_bounded(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(most as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) if bytes.len() > most => Err(format!("more than {most} bytes")),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_stay_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        fs::create_dir_all(root.join("etc/a")).unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        fs::write(root.join("secret"), "inside").unwrap();
        fs::write(root.join("etc/file"), "x").unwrap();
        let find = |path: &str| find(&root, Path::new(path)).map_err(|error| error.to_string());
        symlink("../file", root.join("etc/a/relative")).unwrap();
        symlink("/etc/file", root.join("etc/a/absolute")).unwrap();
        symlink("../../../../../secret", root.join("etc/a/escape")).unwrap();
        symlink(outer.path().join("secret"), root.join("etc/a/out")).unwrap();
        symlink("/dev/null", root.join("etc/a/mask")).unwrap();
        symlink("loop", root.join("etc/a/loop")).unwrap();
        symlink("etc", root.join("lib")).unwrap();
        assert_eq!(find("etc/a/relative"), Ok(Found::File("etc/file".into())));
        assert_eq!(find("etc/a/absolute"), Ok(Found::File("etc/file".into())));
        assert_eq!(find("etc/a/escape"), Ok(Found::File("secret".into())));
        assert_eq!(find("etc/a/out"), Ok(Found::Nothing));
        assert_eq!(find("etc/a/mask"), Ok(Found::Null));
        assert_eq!(find("etc/a/loop"), Err("too many links".into()));
        assert_eq!(find("lib/a"), Ok(Found::Directory("etc/a".into())));
        assert_eq!(
            (find("etc/file/x"), find("no")),
            (Ok(Found::Nothing), Ok(Found::Nothing))
        );
    }

    #[test]
    fn too_large() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_bounded(&file, 5), Ok(b"12345".to_vec()));
        assert_eq!(read_bounded(&file, 4), Err("more than 4 bytes".into()));
        assert_eq!(names(dir.path(), 5).unwrap(), ["f"]);
    }
}
