//! What `lab status` tells.

use crate::labs::{Labs, Phase};
use crate::{Injected, LabError, State, owner};
use std::fs;

/// A lab, or what is left of one.
#[derive(Clone, Debug)]
pub struct LabStatus {
    /// Its name.
    pub name: String,
    /// Whether it lives.
    pub phase: Phase,
    /// The number of its holder.
    pub pid: Option<u32>,
    /// The ordinary user whose own it is; `None` for a lab of root's.
    pub user: Option<u32>,
    /// What is in it, if it can be used.
    pub report: Option<Report>,
}

/// What is in a lab.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its shape and namespaces.
    pub state: State,
    /// Living children of the holder: one server a node, if all is well.
    pub servers: usize,
    /// The faults in it, oldest first.
    pub injected: Vec<Injected>,
}

impl Report {
    /// What is not as it should be, apart from faults that were injected: one sentence each.
    pub fn complaints(&self) -> Vec<String> {
        let spec = &self.state.spec;
        let expected = spec
            .nodes
            .iter()
            .filter(|node| spec.pods.iter().any(|pod| pod.node == node.name))
            .count();
        let mut all = Vec::new();
        if self.servers < expected {
            all.push(format!(
                "{} of {expected} servers are alive; make the lab anew",
                self.servers
            ));
        }
        let half = self.injected.iter().filter(|entry| !entry.done);
        all.extend(half.map(|entry| format!("injecting {} was interrupted; heal it", entry.fault)));
        all
    }
}

impl Labs {
    /// All labs of this machine. Files of dead ones are removed; they are listed once more, as dead.
    pub fn status(&self) -> Result<Vec<LabStatus>, LabError> {
        let mut all = Vec::new();
        for name in self.names()? {
            let Some(mut phase) = self.phase(&name)? else {
                continue;
            };
            let report = if phase == Phase::Usable {
                self.report(&name).ok()
            } else {
                None
            };
            if phase == Phase::Usable && report.is_none() {
                // It may have died while we looked.
                phase = self.phase(&name)?.unwrap_or(Phase::Dead);
            }
            if phase == Phase::Dead {
                self.sweep(&name)?;
            }
            let pid = self.holder(&name)?.map(|(pid, _)| pid);
            all.push(LabStatus {
                name,
                phase,
                pid,
                user: pid.and_then(owner::user_of),
                report,
            });
        }
        Ok(all)
    }

    fn report(&self, name: &str) -> Result<Report, LabError> {
        let (pid, _) = self.usable_holder(name)?;
        let lab = self.view(name)?;
        Ok(Report {
            state: lab.state()?,
            servers: children(pid).len(),
            injected: lab.injected()?,
        })
    }
}

/// The living children of a process.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|pid: &u32| parent_of(*pid) == Some(parent)).collect()
}

/// The parent of a process that is not a zombie (`/proc/PID/stat`: after the name in brackets, state and parent).
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.next()?.parse().ok().filter(|_| state != "Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Spec;

    #[test]
    fn complaints() {
        let state = State::new("test", &Spec::default_with(3));
        let half = Injected {
            fault: "x".into(),
            args: Default::default(),
            changes: Vec::new(),
            done: false,
        };
        let mut report = Report {
            state,
            servers: 2,
            injected: vec![half],
        };
        assert_eq!(report.complaints().len(), 2);
        report = Report {
            servers: 3,
            injected: Vec::new(),
            ..report
        };
        assert!(report.complaints().is_empty());
    }

    #[test]
    fn parents() {
        let me = std::process::id();
        assert_eq!(parent_of(me), Some(std::os::unix::process::parent_id()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(children(me).contains(&child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
