//! The repository as a list of files, read once.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What is no part of the repository, by name and at any depth. `.git` is a file where the folder is a second work tree.
const SKIPPED: &[&str] = &[".git", "target"];

/// All files below the root, sorted, with `/` in their paths.
pub struct Repo {
    /// The folder that holds the workspace's `Cargo.toml`.
    pub root: PathBuf,
    /// The files.
    pub files: Vec<File>,
}

/// One file of the repository.
pub struct File {
    /// Path from the root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The text; `None` when it is not UTF-8.
    pub text: Option<String>,
}

impl Repo {
    /// The repository that this program was built from.
    pub fn here() -> Result<Repo> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here.parent().context("xtask has no parent folder")?.to_path_buf();
        Repo::read(root)
    }

    /// The files below any folder.
    pub fn read(root: PathBuf) -> Result<Repo> {
        let mut files = Vec::new();
        walk(&root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Repo { root, files })
    }

    /// A repository that exists only in a test.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Repo {
        let file = |(path, text): &(&str, &str)| File {
            path: (*path).to_owned(),
            bytes: text.len() as u64,
            text: Some((*text).to_owned()),
        };
        Repo {
            root: PathBuf::new(),
            files: files.iter().map(file).collect(),
        }
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// Paths and texts of the files that end so.
    pub fn with_ending<'a>(&'a self, ending: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(ending))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    /// Does this path name a file or a folder?
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty()
            || self
                .files
                .iter()
                .any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &path, files)?;
        } else if kind.is_file() {
            // A file may vanish while an editor or a build works; then it is none of ours.
            let Ok(content) = fs::read(entry.path()) else {
                continue;
            };
            files.push(File {
                path,
                bytes: content.len() as u64,
                text: String::from_utf8(content).ok(),
            });
        }
    }
    Ok(())
}

/// A Rust file without its tests: the part above `#[cfg(test)]` followed by a module.
pub fn without_tests(text: &str) -> &str {
    let mut from = 0;
    while let Some(at) = text[from..].find("#[cfg(test)]\n") {
        let start = from + at;
        let after = text[start + "#[cfg(test)]\n".len()..].trim_start();
        if after.starts_with("mod ") || after.starts_with("#[") || after.starts_with("pub mod ") {
            return &text[..start];
        }
        from = start + 1;
    }
    text
}

/// Is this a file of tests only?
pub fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.contains("/benches/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_at_the_bottom_are_cut_and_test_only_functions_are_not() {
        let file = "fn a() {}\n#[cfg(test)]\nfn helper() {}\nfn b() {}\n#[cfg(test)]\nmod tests {}\n";
        assert_eq!(
            without_tests(file),
            "fn a() {}\n#[cfg(test)]\nfn helper() {}\nfn b() {}\n"
        );
    }
}
