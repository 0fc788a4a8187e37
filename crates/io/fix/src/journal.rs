//! The journal: what a fix changes, and what was there before. On disk before the act, so that whatever kills the act can
//! be undone.

use crate::error::{FixError, Result};
use crate::files::{Content, Root};
use crate::plan::{FileChange, Journaled, Plan};
use crate::request::{Env, check_id};
use serde::{Deserialize, Serialize};
use std::fs::File;

/// How far a fix has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Begun; it may have been stopped anywhere.
    Begun,
    /// All of it is done.
    Applied,
    /// Its undoing was begun.
    RollingBack,
    /// Undone.
    RolledBack,
}

/// A journal, as [`journals`] lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalInfo {
    /// Its name.
    pub id: String,
    /// The finding.
    pub code: String,
    /// The node.
    pub node: String,
    /// RFC 3339.
    pub made: String,
    /// How far it came.
    pub state: State,
    /// `net.ipv4.ip_forward 0 → 1`, the side effects too.
    pub values: Vec<String>,
    /// As the node sees them.
    pub files: Vec<String>,
}

const VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Journal {
    pub version: u32,
    pub id: String,
    pub code: String,
    pub node: String,
    pub made: String,
    pub state: State,
    pub values: Vec<Journaled>,
    pub files: Vec<FileEntry>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub path: String,
    /// `None`: there was none.
    pub before: Option<Stored>,
    pub after: Stored,
    /// Folders that were made for it.
    pub dirs: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    #[serde(flatten)]
    pub bytes: Bytes,
}

/// Text where it is text, so that a person can read the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Bytes {
    Text(String),
    Hex(String),
}

impl From<&Content> for Stored {
    fn from(content: &Content) -> Self {
        let bytes = match std::str::from_utf8(&content.bytes) {
            Ok(text) => Bytes::Text(text.to_owned()),
            Err(_) => Bytes::Hex(content.bytes.iter().map(|b| format!("{b:02x}")).collect()),
        };
        Stored {
            mode: format!("{:04o}", content.mode),
            uid: content.uid,
            gid: content.gid,
            bytes,
        }
    }
}

impl Stored {
    /// `None` for a journal that was damaged.
    pub fn content(&self) -> Option<Content> {
        let bytes = match &self.bytes {
            Bytes::Text(text) => text.clone().into_bytes(),
            Bytes::Hex(hex) => unhex(hex)?,
        };
        let mode = u32::from_str_radix(&self.mode, 8).ok().filter(|mode| *mode <= 0o7777)?;
        Some(Content {
            bytes,
            mode,
            uid: self.uid,
            gid: self.gid,
        })
    }
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}

impl Journal {
    pub fn new(plan: &Plan, made: &str) -> Self {
        let file = |change: &FileChange| FileEntry {
            path: change.path.clone(),
            before: change.before.as_ref().map(Stored::from),
            after: Stored::from(&change.after),
            dirs: change.dirs.clone(),
        };
        Journal {
            version: VERSION,
            id: plan.id.clone(),
            code: plan.code.clone(),
            node: plan.node.clone(),
            made: made.to_owned(),
            state: State::Begun,
            values: plan.values.clone(),
            files: plan.files.iter().map(file).collect(),
        }
    }

    /// On disk when this returns.
    pub fn write(&self, root: &Root, env: &Env) -> Result<()> {
        root.make_dirs(&env.journal_dir, 0o700)?;
        let path = path(env, &self.id);
        let failed = |e: serde_json::Error| FixError::BadJournal {
            path: path.clone(),
            why: e.to_string(),
        };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(failed)?;
        bytes.push(b'\n');
        root.write(
            &path,
            &Content {
                mode: 0o600,
                ..Content::new(bytes)
            },
            &self.id,
        )
    }

    pub fn read(root: &Root, env: &Env, id: &str) -> Result<Self> {
        check_id(id)?;
        let path = path(env, id);
        let missing = || FixError::NoJournal {
            id: id.to_owned(),
            dir: env.journal_dir.clone(),
        };
        let content = root.read(&path)?.ok_or_else(missing)?;
        let bad = |why: String| FixError::BadJournal {
            path: path.clone(),
            why,
        };
        let journal: Journal = serde_json::from_slice(&content.bytes).map_err(|e| bad(e.to_string()))?;
        match journal.version == VERSION && journal.id == id {
            true => Ok(journal),
            false => Err(bad("of another version, or renamed".to_owned())),
        }
    }

    fn info(&self) -> JournalInfo {
        let moved = |v: &&Journaled| v.before.as_deref() != Some(v.after.as_str());
        let line = |v: &Journaled| format!("{} {} → {}", v.key, v.before.as_deref().unwrap_or("(none)"), v.after);
        JournalInfo {
            id: self.id.clone(),
            code: self.code.clone(),
            node: self.node.clone(),
            made: self.made.clone(),
            state: self.state,
            values: self.values.iter().filter(moved).map(line).collect(),
            files: self.files.iter().map(|f| f.path.clone()).collect(),
        }
    }
}

fn path(env: &Env, id: &str) -> String {
    format!("{}/{id}.json", env.journal_dir.trim_end_matches('/'))
}

pub(crate) fn exists(root: &Root, env: &Env, id: &str) -> Result<bool> {
    Ok(root.read(&path(env, id))?.is_some())
}

/// Held while values and files are changed; freed when the process ends, however it ends.
pub(crate) struct Lock(File);

impl Drop for Lock {
    /// A child that another thread is starting has the file too until its `execve()`: closing ours would not free it.
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Takes the lock of a root.
///
/// # Errors
/// Another process has it.
pub(crate) fn lock(root: &Root, env: &Env) -> Result<Lock> {
    let dir = root.dir_file(&env.journal_dir)?;
    match dir.try_lock() {
        Ok(()) => Ok(Lock(dir)),
        Err(std::fs::TryLockError::WouldBlock) => Err(FixError::Locked {
            dir: env.journal_dir.clone(),
        }),
        Err(std::fs::TryLockError::Error(e)) => Err(FixError::file(std::path::Path::new(&env.journal_dir), e)),
    }
}

/// The journals below the root, the oldest first. Those that cannot be read are left out.
///
/// # Errors
/// The root or the folder cannot be read.
pub fn journals(env: &Env) -> Result<Vec<JournalInfo>> {
    let root = env.open()?;
    let names = root.list(&env.journal_dir)?;
    let ids = names.iter().filter_map(|name| name.strip_suffix(".json"));
    let mut all: Vec<_> = ids
        .filter_map(|id| Journal::read(&root, env, id).ok())
        .map(|j| j.info())
        .collect();
    all.sort_by(|a, b| (&a.made, &a.id).cmp(&(&b.made, &b.id)));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_given_back_is_free_while_a_child_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let env = Env {
            root: folder.path().to_owned(),
            netns: None,
            journal_dir: "/".into(),
            now: String::new(),
            id: String::new(),
            allow_host: false,
        };
        let root = env.open().unwrap();
        let first = lock(&root, &env).unwrap();
        assert!(matches!(lock(&root, &env), Err(FixError::Locked { .. })));
        let _of_a_child = first.0.try_clone().unwrap();
        drop(first);
        lock(&root, &env).unwrap();
    }
}
