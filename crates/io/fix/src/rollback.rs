//! The undoing: every value and every file as it was, and nothing that somebody else changed meanwhile.

use crate::error::{FixError, Result};
use crate::files::Root;
use crate::journal::{self, FileEntry, Journal, State};
use crate::plan::Journaled;
use crate::quote::printable;
use crate::request::Env;
use crate::values::{self, Values, is_global, is_link_forwarding, same};

/// What a rollback did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledBack {
    /// `net.ipv4.ip_forward 1 → 0`, in the order in which they were written.
    pub values: Vec<String>,
    /// Files that were restored or removed.
    pub files: Vec<String>,
    /// Keys that do not exist any more: their interface is gone.
    pub gone: Vec<String>,
    /// What somebody else had changed, and what was overwritten by force.
    pub forced: Vec<String>,
}

/// Whether to overwrite what somebody else changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// Refuse.
    No,
    /// Overwrite.
    Yes,
}

/// Undoes a fix, also one that was stopped midway.
///
/// # Errors
/// No such journal; undone already; [`FixError::Conflict`] if a value or a file was changed by somebody else since (nothing
/// is changed then).
pub fn rollback(id: &str, env: &Env, force: Force) -> Result<RolledBack> {
    let root = env.open()?;
    env.check_netns()?;
    let mut journal = Journal::read(&root, env, id)?;
    let _lock = journal::lock(&root, env)?;
    if journal.state == State::RolledBack {
        return Err(FixError::RolledBack(id.to_owned()));
    }
    undo(&mut journal, &root, env, force)
}

pub(crate) fn undo(journal: &mut Journal, root: &Root, env: &Env, force: Force) -> Result<RolledBack> {
    let conflicts = conflicts(journal, root, env)?;
    if force == Force::No && !conflicts.is_empty() {
        return Err(FixError::Conflict(conflicts));
    }
    journal.state = State::RollingBack;
    journal.write(root, env)?;
    let mut done = RolledBack {
        forced: conflicts,
        ..RolledBack::default()
    };
    // What is read at boot first: if this is killed, the next boot does not redo the fix.
    for file in &journal.files {
        restore_file(file, root, &journal.id, &mut done)?;
    }
    restore_values(&journal.values, env, &mut done)?;
    journal.state = State::RolledBack;
    journal.write(root, env)?;
    Ok(done)
}

/// What is neither as it was before nor as the fix made it.
fn conflicts(journal: &Journal, root: &Root, env: &Env) -> Result<Vec<String>> {
    let now = values::read(env, keys(&journal.values))?;
    let switch = journal.values.iter().find(|v| is_global(&v.key));
    let mut conflicts = Vec::new();
    for value in &journal.values {
        let Some(found) = now.get(&value.key) else { continue };
        if !is_ours(journal.state, value, found, switch) {
            conflicts.push(format!("{} is {found}, the fix left {}", value.key, value.after));
        }
    }
    for file in &journal.files {
        let found = root.read(&file.path)?;
        let stored = |s: &journal::Stored| s.content();
        let ours = match &found {
            None => file.before.is_none(),
            Some(found) => {
                file.before.as_ref().and_then(stored).as_ref() == Some(found) || is_after(file, &found.bytes)
            }
        };
        if !ours {
            conflicts.push(printable(&file.path));
        }
    }
    Ok(conflicts)
}

/// Mode and owner may have been changed by somebody else; they are put back with the bytes.
fn is_after(file: &FileEntry, bytes: &[u8]) -> bool {
    file.after.content().is_some_and(|after| after.bytes == bytes)
}

fn is_ours(state: State, value: &Journaled, found: &str, switch: Option<&Journaled>) -> bool {
    if same(value.before.as_deref(), found) || same(Some(&value.after), found) {
        return true;
    }
    // Begun and not finished: any value on the way.
    let on_the_way = value.between.iter().any(|v| same(Some(v), found));
    // An undoing that was stopped: the switch was turned back, and the links that had a value of their own have not got
    // it again.
    let turned_back = || {
        let switched = switch
            .and_then(|s| s.before.as_deref())
            .is_some_and(|v| same(Some(v), found));
        value.key == values::ALL_REDIRECTS || (is_link_forwarding(&value.key) && switched)
    };
    match state {
        State::Begun => on_the_way,
        State::RollingBack => on_the_way || turned_back(),
        State::Applied | State::RolledBack => false,
    }
}

fn keys(values: &[Journaled]) -> Vec<String> {
    values.iter().map(|v| v.key.clone()).collect()
}

/// The switch first, because it rewrites every link; then each link's own value; then the rest.
fn restore_values(values: &[Journaled], env: &Env, done: &mut RolledBack) -> Result<()> {
    let rank = |v: &Journaled| match v.key.as_str() {
        key if is_global(key) => 0,
        key if values::conf(key).is_some_and(|(link, _)| link == "default") => 1,
        key if is_link_forwarding(key) => 2,
        _ => 3,
    };
    let mut ordered: Vec<&Journaled> = values.iter().collect();
    ordered.sort_by_key(|v| rank(v));
    for round in 0..4 {
        let group: Vec<&&Journaled> = ordered.iter().filter(|v| rank(v) == round).collect();
        // Read again for each group: the one before had side effects.
        let mut now = values::read(env, group.iter().map(|v| v.key.clone()).collect::<Vec<_>>())?;
        for value in group {
            restore_value(value, &mut now, env, done)?;
        }
    }
    Ok(())
}

fn restore_value(value: &Journaled, now: &mut Values, env: &Env, done: &mut RolledBack) -> Result<()> {
    let Some(before) = &value.before else { return Ok(()) };
    let Some(found) = now.get(&value.key).cloned() else {
        done.gone.push(value.key.clone());
        return Ok(());
    };
    if same(Some(before), &found) {
        return Ok(());
    }
    match values::write(env, &value.key, before) {
        // The interface went away between reading and writing.
        Err(FixError::Sysctl { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            done.gone.push(value.key.clone());
            return Ok(());
        }
        other => other?,
    }
    // The other name of the switch has followed.
    if is_global(&value.key) {
        for key in [values::IP_FORWARD, values::ALL_FORWARDING] {
            now.insert(key.to_owned(), before.clone());
        }
    }
    done.values.push(format!("{} {found} → {before}", value.key));
    Ok(())
}

fn restore_file(file: &FileEntry, root: &Root, id: &str, done: &mut RolledBack) -> Result<()> {
    root.remove_temporary(&file.path, id);
    let found = root.read(&file.path)?;
    let damaged = || FixError::BadJournal {
        path: file.path.clone(),
        why: "its old bytes cannot be read".to_owned(),
    };
    let before = match &file.before {
        Some(stored) => Some(stored.content().ok_or_else(damaged)?),
        None => None,
    };
    if found != before {
        match &before {
            Some(before) => root.write(&file.path, before, id)?,
            None => root.remove(&file.path)?,
        }
        done.files.push(file.path.clone());
    }
    for dir in file.dirs.iter().rev() {
        root.remove_empty_dir(dir);
    }
    Ok(())
}
