//! The journal of a lab: which faults are in it, and how to take each back. Written before anything is changed.

use crate::error::at;
use crate::faults::{self, Args};
use crate::state::{read_json, write_json};
use crate::{Change, Lab, LabError};
use netwhy_sys::lock::{FileLock, lock_within};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fault that is in the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Injected {
    /// Its id.
    pub fault: String,
    /// Where: all parameters.
    pub args: Args,
    /// What it changes, in order.
    pub changes: Vec<Change>,
    /// Whether all of it was done. If not, the command was killed meanwhile; healing works all the same.
    pub done: bool,
}

impl Lab {
    /// The faults that are in the lab, oldest first.
    pub fn injected(&self) -> Result<Vec<Injected>, LabError> {
        let file = self.journal_file();
        if file.exists() {
            read_json(&file)
        } else {
            Ok(Vec::new())
        }
    }

    /// Injects a fault. Parameters that are not given are chosen: the first place in the lab that fits the others.
    pub fn break_(&self, fault: &str, args: &Args) -> Result<Injected, LabError> {
        let _lock = self.journal_lock()?;
        let mut journal = self.injected()?;
        self.inject(&mut journal, fault, args)
    }

    /// Takes a fault back, wherever it was injected, or all of them (`all`). Faults that were injected after it stay.
    /// Returns what was healed.
    pub fn heal(&self, fault: &str) -> Result<Vec<Injected>, LabError> {
        let _lock = self.journal_lock()?;
        let mut journal = self.injected()?;
        let wanted = |entry: &Injected| fault == "all" || entry.fault == fault;
        if fault != "all" && !journal.iter().any(wanted) {
            return Err(LabError::unknown(
                "injected fault",
                fault,
                journal.iter().map(|e| e.fault.as_str()),
            ));
        }
        let Some(oldest) = journal.iter().position(wanted) else {
            return Ok(Vec::new());
        };
        // Later faults recorded what they found, which was the work of earlier ones: so all are taken back in turn, and
        // those that are to stay are injected anew.
        let (mut healed, mut again) = (Vec::new(), Vec::new());
        while journal.len() > oldest {
            let Some(entry) = journal.last() else { break };
            self.undo(entry)?;
            self.write_journal(&journal[..journal.len() - 1])?;
            let Some(entry) = journal.pop() else { break };
            if wanted(&entry) {
                healed.push(entry)
            } else {
                again.push(entry)
            }
        }
        for entry in again.into_iter().rev() {
            self.inject(&mut journal, &entry.fault, &entry.args)?;
        }
        healed.reverse();
        Ok(healed)
    }

    fn inject(&self, journal: &mut Vec<Injected>, id: &str, args: &Args) -> Result<Injected, LabError> {
        let fault = faults::find(id)?;
        if let Some(why) = fault.refused() {
            return Err(LabError::FaultNeedsRoot {
                fault: id.to_owned(),
                why: why.to_owned(),
            });
        }
        let state = self.state()?;
        let args = fault.complete(&state.spec, args)?;
        if journal.iter().any(|entry| entry.fault == id && entry.args == args) {
            return Err(LabError::NoPlace {
                fault: id.to_owned(),
                why: "it is there already".into(),
            });
        }
        let changes = fault.plan(self, &state, &args)?;
        journal.push(Injected {
            fault: id.to_owned(),
            args,
            changes: changes.clone(),
            done: false,
        });
        self.write_journal(journal)?;
        for change in &changes {
            change.apply(self)?;
        }
        if let Some(entry) = journal.last_mut() {
            entry.done = true;
        }
        self.write_journal(journal)?;
        journal
            .last()
            .cloned()
            .ok_or_else(|| LabError::step("journal", "empty"))
    }

    /// Takes back what an entry changed, last change first.
    pub(crate) fn undo(&self, entry: &Injected) -> Result<(), LabError> {
        entry.changes.iter().rev().try_for_each(|change| change.undo(self))
    }

    fn journal_file(&self) -> std::path::PathBuf {
        self.own("journal.json")
    }

    pub(crate) fn write_journal(&self, entries: &[Injected]) -> Result<(), LabError> {
        write_json(&self.journal_file(), &entries)
    }

    /// One command at a time changes a lab.
    pub(crate) fn journal_lock(&self) -> Result<FileLock, LabError> {
        let file = self.own("journal.lock");
        lock_within(&file, Duration::from_secs(30)).map_err(at(&file))
    }
}
