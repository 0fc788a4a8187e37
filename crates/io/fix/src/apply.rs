//! The act: journal, steps, check.

use crate::error::{FixError, Result};
use crate::files::Root;
use crate::journal::{self, Journal, State};
use crate::plan::{FileChange, Plan, Step};
use crate::request::Env;
use crate::rollback::{Force, undo};
use crate::values::{self, same};
use netwhy_sys::{Limits, run_in};

/// What the check after the act found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyResult {
    /// The connections that were broken are delivered.
    pub healed: bool,
    /// In words.
    pub text: String,
}

/// What became of a fix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The journal.
    pub id: String,
    /// What the check found; `Err` if it could not look. Then the change stays.
    pub verified: std::result::Result<VerifyResult, String>,
    /// The check found that it did not heal, so all of it was undone again.
    pub rolled_back: bool,
    /// Values that are not what the plan said, with what they are.
    pub surprises: Vec<String>,
}

/// Where a test stops the act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "only tests stop the act"))]
pub(crate) enum FailPoint {
    /// Nowhere.
    #[default]
    None,
    /// As `kill -9` would, after so many moments.
    Kill(usize),
    /// The step fails.
    Fail(usize),
}

impl FailPoint {
    fn pass(self, moment: usize) -> Result<()> {
        match self {
            FailPoint::Kill(at) if at == moment => Err(FixError::Killed),
            FailPoint::Fail(at) if at == moment => Err(FixError::Sysctl {
                key: "failpoint".into(),
                source: std::io::Error::other("told to fail"),
            }),
            _ => Ok(()),
        }
    }
}

/// Does what a plan says. The journal is on disk before the first change. If a step fails, those before it are undone;
/// if the check says that it did not heal, all are.
///
/// # Errors
/// The plan is out of date, has steps that netwhy does not do, or a step failed (then it is undone, and the error says so).
pub fn apply(
    plan: &Plan,
    env: &Env,
    verify: impl FnOnce() -> std::result::Result<VerifyResult, String>,
) -> Result<Applied> {
    apply_until(plan, env, verify, FailPoint::None)
}

pub(crate) fn apply_until(
    plan: &Plan,
    env: &Env,
    verify: impl FnOnce() -> std::result::Result<VerifyResult, String>,
    fail: FailPoint,
) -> Result<Applied> {
    let root = env.open()?;
    env.check_netns()?;
    refuse(plan, env)?;
    root.make_dirs(&env.journal_dir, 0o700)?;
    let _lock = journal::lock(&root, env)?;
    if journal::exists(&root, env, &plan.id)? {
        return Err(FixError::IdTaken(plan.id.clone()));
    }
    check_fresh(plan, &root, env)?;
    let mut journal = Journal::new(plan, &env.now);
    journal.write(&root, env)?;
    act(plan, &root, env, &mut journal, fail)?;
    let surprises = settle(&root, env, &mut journal)?;
    let verified = verify();
    let rolled_back = matches!(&verified, Ok(result) if !result.healed);
    if rolled_back {
        undo(&mut journal, &root, env, Force::No)?;
    }
    Ok(Applied {
        id: plan.id.clone(),
        verified,
        rolled_back,
        surprises,
    })
}

fn refuse(plan: &Plan, env: &Env) -> Result<()> {
    let manual: Vec<String> = plan
        .steps
        .iter()
        .filter(|s| matches!(s, Step::Unsupported(_)))
        .filter_map(Step::command)
        .collect();
    if !manual.is_empty() {
        return Err(FixError::Manual(manual));
    }
    let loads = plan.steps.iter().filter(|s| matches!(s, Step::Load { .. }));
    // A module is the whole machine's, whatever the namespace.
    let loads: Vec<String> = loads.filter_map(Step::command).collect();
    if !loads.is_empty() && !env.allow_host {
        return Err(FixError::Manual(loads));
    }
    Ok(())
}

/// Between plan and act nobody else changed anything.
fn check_fresh(plan: &Plan, root: &Root, env: &Env) -> Result<()> {
    let now = values::read(env, plan.values.iter().map(|v| v.key.clone()).collect::<Vec<_>>())?;
    for value in &plan.values {
        let found = now.get(&value.key).cloned();
        if found != value.before {
            let none = || "(not there)".to_owned();
            let (planned, found) = (value.before.clone().unwrap_or_else(none), found.unwrap_or_else(none));
            return Err(FixError::Stale {
                what: value.key.clone(),
                planned,
                found,
            });
        }
    }
    for change in &plan.files {
        if root.read(&change.path)? != change.before {
            let (planned, found) = ("as planned".to_owned(), "another file".to_owned());
            return Err(FixError::Stale {
                what: change.path.clone(),
                planned,
                found,
            });
        }
    }
    Ok(())
}

fn act(plan: &Plan, root: &Root, env: &Env, journal: &mut Journal, fail: FailPoint) -> Result<()> {
    for (at, step) in plan.steps.iter().enumerate() {
        let done = fail.pass(at).and_then(|()| act_one(plan, root, env, step));
        match done {
            Ok(()) => {}
            Err(FixError::Killed) => return Err(FixError::Killed),
            Err(why) => {
                let undone = match undo(journal, root, env, Force::No) {
                    Ok(_) => "the steps before it are undone".to_owned(),
                    Err(e) => format!("undoing failed too: {e}; try netwhy fix --rollback {} --force", plan.id),
                };
                return Err(FixError::Step {
                    number: at + 1,
                    why: why.to_string(),
                    undone,
                });
            }
        }
    }
    fail.pass(plan.steps.len())
}

fn act_one(plan: &Plan, root: &Root, env: &Env, step: &Step) -> Result<()> {
    match step {
        Step::Load { module } => load(module),
        Step::Set { key, to, .. } => values::write(env, key, to),
        Step::Write { path, .. } | Step::CommentOut { path, .. } => plan
            .files
            .iter()
            .filter(|f| f.path == *path)
            .try_for_each(|file| write(root, file, &plan.id)),
        Step::Unsupported(_) | Step::Verify => Ok(()),
    }
}

fn write(root: &Root, file: &FileChange, id: &str) -> Result<()> {
    for dir in &file.dirs {
        root.make_dirs(dir, 0o755)?;
    }
    root.write(&file.path, &file.after, id)
}

fn load(module: &str) -> Result<()> {
    let failed = |source| FixError::Sysctl {
        key: format!("modprobe {module}"),
        source,
    };
    let output = run_in(None, &["modprobe", module], None, &Limits::default())
        .map_err(|e| failed(std::io::Error::other(e.to_string())))?;
    match output.success() {
        true => Ok(()),
        false => Err(failed(std::io::Error::other(output.complaint()))),
    }
}

/// Reads what the values really are now, writes that into the journal, and tells what was not foreseen.
fn settle(root: &Root, env: &Env, journal: &mut Journal) -> Result<Vec<String>> {
    let now = values::read(env, journal.values.iter().map(|v| v.key.clone()).collect::<Vec<_>>())?;
    let mut surprises = Vec::new();
    for value in &mut journal.values {
        let Some(found) = now.get(&value.key) else { continue };
        if !same(Some(found), &value.after) && !value.between.contains(found) {
            surprises.push(format!("{} is {found}, not {}", value.key, value.after));
        }
        value.after.clone_from(found);
    }
    journal.state = State::Applied;
    journal.write(root, env)?;
    Ok(surprises)
}
