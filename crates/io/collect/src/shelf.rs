//! Where what was read is put, and why the rest is missing.

use crate::plan::Budget;
use netwhy_snapshot::NotRead;
use netwhy_sys::{ExecError, Limits, run_in};
use std::time::Duration;

/// The members of one folder of the bundle.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    dir: String,
    /// Full paths and contents.
    pub(crate) members: Vec<(String, Vec<u8>)>,
    /// What is missing, and why.
    pub(crate) not_read: Vec<NotRead>,
}

/// Why a member is missing, in a few words for people.
pub(crate) type Why = String;

impl Shelf {
    /// An empty one. `dir` has no slash at its end.
    pub(crate) fn new(dir: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            ..Self::default()
        }
    }

    /// Puts a member there.
    pub(crate) fn put(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        self.members.push((format!("{}/{name}", self.dir), bytes.into()));
    }

    /// Says why a member is missing.
    pub(crate) fn missing(&mut self, name: &str, why: impl Into<Why>) {
        let path = match name {
            "" => self.dir.clone(),
            name => format!("{}/{name}", self.dir),
        };
        self.not_read.push(NotRead { path, why: why.into() });
    }

    /// Puts what was read there, or says why it is missing.
    pub(crate) fn result(&mut self, name: &str, result: Result<Vec<u8>, Why>) {
        match result {
            Ok(bytes) => self.put(name, bytes),
            Err(why) => self.missing(name, why),
        }
    }

    /// Takes back what was said about a missing member.
    pub(crate) fn forgive(&mut self, name: &str) {
        let path = format!("{}/{name}", self.dir);
        self.not_read.retain(|entry| entry.path != path);
    }

    /// A member that is there already.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        let is = |path: &str| path.strip_prefix(&self.dir).and_then(|rest| rest.strip_prefix('/')) == Some(name);
        let found = self.members.iter().find(|(path, _)| is(path));
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// Runs a command in the namespace of the calling thread, within the ordinary time.
pub(crate) fn run(budget: &Budget, argv: &[&str]) -> Result<Vec<u8>, Why> {
    run_within(budget, budget.command_time, argv).map(|(out, _)| out)
}

/// Runs a command in the namespace of the calling thread: its output, and what it complained of in spite of its success.
pub(crate) fn run_within(budget: &Budget, time: Duration, argv: &[&str]) -> Result<(Vec<u8>, String), Why> {
    let limits = Limits {
        time,
        stdout_bytes: budget.member_bytes,
    };
    match run_in(None, argv, None, &limits) {
        Ok(output) if output.success() => {
            let complaint = output.complaint();
            Ok((output.stdout, complaint))
        }
        Ok(output) => {
            let complaint = output.complaint();
            let first = complaint.lines().next().unwrap_or("it said nothing");
            let end = match (output.status, output.signal) {
                (Some(code), _) => format!("exit code {code}"),
                (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
            };
            Err(format!("{}: {end}: {first}", argv.join(" ")))
        }
        Err(ExecError::NotFound { program }) => Err(not_found(&program)),
        Err(error) => Err(error.to_string()),
    }
}

/// The reason for a missing program.
pub(crate) fn not_found(program: &str) -> Why {
    format!("command {program} not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let budget = Budget::default();
        assert_eq!(run(&budget, &["echo", "x"]), Ok(b"x\n".to_vec()));
        assert_eq!(
            run(&budget, &["netwhy-no-such", "x"]),
            Err("command netwhy-no-such not found".into())
        );
        let failing = run(&budget, &["sh", "-c", "echo first >&2; echo second >&2; exit 3"]).unwrap_err();
        assert!(failing.ends_with("exit code 3: first"), "{failing}");
        let short = Budget {
            command_time: Duration::from_millis(20),
            member_bytes: 10,
            ..Budget::default()
        };
        assert!(run(&short, &["sleep", "60"]).unwrap_err().contains("no end within"));
        assert!(run(&short, &["yes"]).unwrap_err().contains("more than 10 bytes"));
    }

    #[test]
    fn names() {
        let mut shelf = Shelf::new("nodes/n1/host");
        shelf.put("a", "1");
        shelf.missing("b", "no");
        shelf.missing("", "gone");
        assert_eq!(shelf.members[0].0, "nodes/n1/host/a");
        assert_eq!((shelf.get("a"), shelf.get("b")), (Some(&b"1"[..]), None));
        let paths: Vec<&str> = shelf.not_read.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["nodes/n1/host/b", "nodes/n1/host"]);
    }
}
