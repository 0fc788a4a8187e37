//! The copy of the sources that is mutated, with a target folder of its own that stays warm.

use super::list;
use crate::machine;
use crate::repo::Repo;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the referee is built from. The rest of the repository is not copied.
const SOURCES: [&str; 5] = [".cargo/", "Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "crates/"];
/// A member of the workspace, without which cargo does nothing; what it does makes no difference to a verdict.
const ALSO: &str = "xtask/";

const TOOL: &str = "cargo-mutants";
const VERSION: &str = "27.1.0";

/// The copy.
pub struct Tree {
    /// Everything of this command, below the target folder.
    pub folder: PathBuf,
    /// Of the sources, without a mutant.
    pub hash: String,
    root: PathBuf,
}

impl Tree {
    /// Copies what is not there as it is in the repository: all at first, later what has changed, and what a run that was
    /// broken off left mutated.
    pub fn copy(repo: &Repo) -> Result<Tree> {
        let target = std::env::var("CARGO_TARGET_DIR").map_or_else(|_| repo.root.join("target"), Into::into);
        let folder = std::path::absolute(target)?.join("mutants");
        let root = folder.join("tree");
        fs::create_dir_all(&root)?;
        let mut hash = Fnv::default();
        let mut copied = BTreeSet::new();
        for file in &repo.files {
            let is_source = SOURCES.iter().any(|source| file.path.starts_with(source));
            if !is_source && !file.path.starts_with(ALSO) {
                continue;
            }
            let bytes = fs::read(repo.root.join(&file.path)).with_context(|| format!("cannot read {}", file.path))?;
            if is_source {
                hash.add(file.path.as_bytes());
                hash.add(&bytes);
            }
            write(&root.join(&file.path), &bytes)?;
            copied.insert(file.path.as_str());
        }
        for old in Repo::read(root.clone())?.files {
            if !copied.contains(old.path.as_str()) {
                fs::remove_file(root.join(old.path))?;
            }
        }
        Ok(Tree {
            folder,
            hash: format!("{:016x}", hash.0),
            root,
        })
    }

    /// The text of a file.
    pub fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| format!("cannot read {file}"))
    }

    /// Replaces it.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        write(&self.root.join(file), text.as_bytes())
    }

    /// All mutants of the packages, as JSON.
    pub fn cargo_mutants(&self) -> Result<String> {
        machine::cargo_tool(TOOL, VERSION)?;
        let mut command = Command::new(cargo());
        command.args(["mutants", "--list", "--json", "--colors", "never"]);
        for package in list::PACKAGES {
            command.args(["--package", package]);
        }
        let done = command.current_dir(&self.root).stderr(Stdio::inherit()).output()?;
        ensure!(done.status.success(), "cargo mutants --list failed");
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }

    /// Builds the referee's test program; `None` if it does not compile.
    pub fn build(&self) -> Result<Option<PathBuf>> {
        let log = fs::File::create(self.log())?;
        let done = Command::new(cargo())
            .args(["test", "--package", "netwhy-judge", "--test", "referee", "--no-run"])
            .args(["--locked", "--quiet", "--message-format", "json-render-diagnostics"])
            .env("CARGO_TARGET_DIR", self.folder.join("build"))
            .env("PATH", machine::path())
            .current_dir(&self.root)
            .stderr(log)
            .output()
            .context("cannot start cargo")?;
        if !done.status.success() {
            return Ok(None);
        }
        let path = program(&String::from_utf8_lossy(&done.stdout)).context("cargo built no test program")?;
        Ok(Some(path))
    }

    /// What cargo said when it built last.
    pub fn log(&self) -> PathBuf {
        self.folder.join("build.log")
    }
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Leaves a file alone that is the same, for cargo goes by times.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// The path of the test program in cargo's messages.
fn program(messages: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let named = message["target"]["name"] == "referee";
        let path = message["executable"].as_str().filter(|_| named)?;
        Some(path.into())
    })
}

/// FNV-1a: enough to tell two states of the sources apart, and the same with every compiler.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        let length = bytes.len() as u64;
        for byte in bytes.iter().chain(&length.to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_libraries() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"netwhy_judge\"},\"executable\":null}\n",
            "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"referee\"},\"executable\":\"/t/referee-1\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n"
        );
        assert_eq!(program(messages), Some("/t/referee-1".into()));
        assert_eq!(program("{\"reason\":\"build-finished\"}\n"), None);
    }

    #[test]
    fn the_hash_knows_where_a_file_ends() {
        let hash = |parts: &[&str]| {
            let mut hash = Fnv::default();
            parts.iter().for_each(|part| hash.add(part.as_bytes()));
            hash.0
        };
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_eq!(hash(&["ab", "c"]), hash(&["ab", "c"]));
    }
}
