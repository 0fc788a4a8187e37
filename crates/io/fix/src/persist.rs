//! One drop-in that wins, both in `systemd-sysctl` and in `sysctl --system`, computed over the files that are there.

use crate::error::Result;
use crate::files::{Content, Root};
use crate::plan::{FileChange, Plan, Step};
use crate::quote::printable;
use crate::request::{Env, Request, SysctlChange};
use crate::sysctl_d::{self, CONF, Setting, Settings, parse_line, to_path, who_sets};
use crate::values::{ALL_FORWARDING, IP_FORWARD, is_global, same};
use std::collections::BTreeMap;

const DIR: &str = "/etc/sysctl.d";
const MODULES: &str = "/etc/modules-load.d/netwhy.conf";
/// `modules-load.d` has the folders of `sysctl.d`.
const MODULES_DIRS: [&str; 5] = [
    "/etc/modules-load.d",
    "/run/modules-load.d",
    "/usr/local/lib/modules-load.d",
    "/usr/lib/modules-load.d",
    "/lib/modules-load.d",
];
/// More lines of `/etc/sysctl.conf` are not commented out.
const EDITS_MAX: usize = 100;

/// Who sets a key at boot once the files of the plan are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// What is wanted.
    pub change: SysctlChange,
    /// Now.
    pub before: Settings,
    /// Then.
    pub after: Settings,
}

impl Kept {
    /// The wanted value stays, whichever program applies the files.
    #[must_use]
    pub fn wins(&self) -> bool {
        gives(&self.after, &self.change.value)
    }
}

type Files = BTreeMap<String, String>;

/// Adds the files that keep the changes over a reboot.
pub(crate) fn add(plan: &mut Plan, root: &Root, request: &Request, changes: &[SysctlChange], env: &Env) -> Result<()> {
    let files = root.sysctl_files()?;
    let changes = last_of_each(changes);
    let missing: Vec<_> = changes
        .iter()
        .filter(|c| !gives(&who_sets(&files, &c.key), &c.value))
        .cloned()
        .collect();
    for change in changes.iter().filter(|c| !missing.contains(c)) {
        let by = who_sets(&files, &change.key)
            .first()
            .map(|s| format!("{}:{}", s.file, s.line))
            .unwrap_or_default();
        plan.notes
            .push(format!("{} = {}: {by} keeps it already", change.key, change.value));
    }
    let mut then = files.clone();
    if !missing.is_empty() {
        let header = header(plan, env);
        let (path, text) = drop_in(root, &files, &missing, &header);
        then.insert(path.clone(), text.clone());
        comment_out(plan, root, &mut then, &missing)?;
        write_step(plan, root, &path, text, wins_over(&files, &path, &missing))?;
    }
    for change in changes {
        let (before, after) = (who_sets(&files, &change.key), who_sets(&then, &change.key));
        let kept = Kept { change, before, after };
        if !kept.wins() {
            let by = |s: Option<&Setting>| s.map_or("nobody".to_owned(), |s| format!("{}:{}", s.file, s.line));
            let (boot, system) = (
                by(kept.after.systemd.winner.as_ref()),
                by(kept.after.procps.winner.as_ref()),
            );
            plan.notes.push(format!(
                "{} will not stay: {boot} sets it at boot, {system} in `sysctl --system`",
                kept.change.key
            ));
        }
        plan.kept.push(kept);
    }
    if request.changes.iter().any(|c| c.key.starts_with("net.bridge.")) && !loads_at_boot(root, "br_netfilter")? {
        modules(plan, root, &["br_netfilter".to_owned()])?;
    }
    Ok(())
}

fn gives(settings: &Settings, value: &str) -> bool {
    same(settings.systemd.value(), value) && same(settings.procps.value(), value)
}

/// Of two changes of one key the later one is kept.
fn last_of_each(changes: &[SysctlChange]) -> Vec<SysctlChange> {
    let mut all: Vec<SysctlChange> = Vec::new();
    for change in changes {
        all.retain(|c| c.key != change.key);
        all.push(change.clone());
    }
    all
}

fn header(plan: &Plan, env: &Env) -> String {
    let place = printable(&format!("{} on node/{}, {}", plan.code, plan.node, env.now));
    format!("# netwhy {}: {place}. Undo: netwhy fix --rollback {}", plan.id, plan.id)
}

/// The first name whose file wins, with its text. If none wins, the usual one.
fn drop_in(root: &Root, files: &Files, changes: &[SysctlChange], header: &str) -> (String, String) {
    let mut usual = None;
    for name in names(files) {
        let path = format!("{DIR}/{name}");
        let old = files.get(&path).map(String::as_str).unwrap_or_default();
        let mut lines = changes.to_vec();
        for _ in 0..2 {
            let text = merge(old, &lines, header);
            let losing = losing(root, files, &path, &text, changes);
            if losing.is_empty() {
                return (path, text);
            }
            usual.get_or_insert((path.clone(), text));
            lines = with_other_names(&lines, &losing);
        }
    }
    usual.unwrap_or_else(|| (format!("{DIR}/99-zz-netwhy.conf"), merge("", changes, header)))
}

/// Names to try, each read later than the one before.
fn names(files: &Files) -> Vec<String> {
    let last = files
        .keys()
        .filter(|p| p.as_str() != CONF)
        .filter_map(|p| p.rsplit_once('/'))
        .map(|(_, name)| name)
        .max();
    let usual = [
        "99-zz-netwhy.conf",
        "99-zzz-netwhy.conf",
        "zz-netwhy.conf",
        "zzz-netwhy.conf",
    ];
    let beyond = last.map(|name| format!("{name}-netwhy.conf"));
    usual.map(str::to_owned).into_iter().chain(beyond).collect()
}

/// The changes that would not win. `/etc/sysctl.conf`, which no name beats, is not counted: it gets a step of its own.
fn losing(root: &Root, files: &Files, path: &str, text: &str, changes: &[SysctlChange]) -> Vec<SysctlChange> {
    let mut then = files.clone();
    then.insert(path.to_owned(), text.to_owned());
    let loses = |change: &&SysctlChange| {
        let settings = who_sets(&then, &change.key);
        let by_conf = settings.procps.winner.as_ref().is_some_and(|s| is_conf(root, &s.file));
        !same(settings.systemd.value(), &change.value) || !(same(settings.procps.value(), &change.value) || by_conf)
    };
    changes.iter().filter(loses).cloned().collect()
}

fn is_conf(root: &Root, path: &str) -> bool {
    path == CONF || root.same_file(path, CONF)
}

/// A value with two names is kept by both of them where one alone loses (systemd leaves a repeated assignment at its
/// early place).
fn with_other_names(lines: &[SysctlChange], losing: &[SysctlChange]) -> Vec<SysctlChange> {
    let mut all = lines.to_vec();
    for change in losing.iter().filter(|c| is_global(&c.key)) {
        let key = if change.key == IP_FORWARD {
            ALL_FORWARDING
        } else {
            IP_FORWARD
        };
        all.push(SysctlChange {
            key: key.to_owned(),
            value: change.value.clone(),
        });
    }
    last_of_each(&all)
}

/// The file with the lines in it: a line that sets one of the keys gets the new value, all others stay.
fn merge(old: &str, lines: &[SysctlChange], header: &str) -> String {
    let mut text = String::new();
    let mut left: Vec<&SysctlChange> = lines.iter().collect();
    for line in old.lines() {
        let path = parse_line(line)
            .filter(|(_, value)| value.is_some())
            .map(|(key, _)| to_path(key));
        let is_its = |c: &&SysctlChange| Some(to_path(&c.key)) == path;
        match lines.iter().find(is_its) {
            Some(change) if left.iter().any(|c| c.key == change.key) => {
                text += &format!("{} = {}\n", change.key, change.value);
                left.retain(|c| c.key != change.key);
            }
            // Set twice in our own file: once is enough.
            Some(_) => {}
            None => text += &format!("{line}\n"),
        }
    }
    if !left.is_empty() {
        text += &format!("{header}\n");
    }
    for change in left {
        text += &format!("{} = {}\n", change.key, change.value);
    }
    text
}

/// `wins over 60-cis.conf:12 at boot and in sysctl --system`.
fn wins_over(files: &Files, own: &str, changes: &[SysctlChange]) -> String {
    let mut places: Vec<String> = Vec::new();
    for change in changes {
        let Settings { systemd, procps, .. } = who_sets(files, &change.key);
        let all = [
            systemd.losers,
            procps.losers,
            Vec::from_iter(systemd.winner),
            Vec::from_iter(procps.winner),
        ]
        .concat();
        let contrary = all
            .iter()
            .filter(|s| s.file != own && s.file != CONF && !same(Some(&s.value), &change.value));
        for setting in contrary {
            let name = setting.file.rsplit('/').next().unwrap_or(&setting.file);
            places.push(format!("{name}:{}", setting.line));
        }
    }
    places.sort();
    places.dedup();
    match places.len() {
        0 => "no other file sets it at boot or in `sysctl --system`".to_owned(),
        1..=3 => format!("wins over {} at boot and in `sysctl --system`", places.join(" ")),
        n => format!(
            "wins over {} and {} more at boot and in `sysctl --system`",
            places[..3].join(" "),
            n - 3
        ),
    }
}

/// A step that writes a file, unless it has that text.
fn write_step(plan: &mut Plan, root: &Root, path: &str, text: String, note: String) -> Result<()> {
    root.check_plain(path)?;
    let before = root.read(path)?;
    let after = match &before {
        Some(before) => Content {
            bytes: text.clone().into_bytes(),
            ..before.clone()
        },
        None => Content::new(text.clone().into_bytes()),
    };
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    let new = before.is_none();
    plan.steps.push(Step::Write {
        path: path.to_owned(),
        text,
        mode: after.mode,
        new,
        note,
    });
    let dirs = root.missing_dirs(path)?;
    plan.files.push(FileChange {
        path: path.to_owned(),
        before,
        after,
        dirs,
    });
    Ok(())
}

/// Comments out the lines of `/etc/sysctl.conf` that would undo the drop-in in `sysctl --system`.
fn comment_out(plan: &mut Plan, root: &Root, then: &mut Files, changes: &[SysctlChange]) -> Result<()> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    while let Some(line) = contrary_line(root, then, changes).filter(|_| lines.len() < EDITS_MAX) {
        let links: Vec<String> = then.keys().filter(|path| is_conf(root, path)).cloned().collect();
        for path in links {
            if let Some(text) = then.get_mut(&path) {
                *text = hash_line(text, line);
            }
        }
        lines.push((line, String::new()));
    }
    if lines.is_empty() {
        return Ok(());
    }
    root.check_plain(CONF)?;
    let Some(before) = root.read(CONF)? else { return Ok(()) };
    lines.sort();
    let mut bytes: Vec<Vec<u8>> = before.bytes.split(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    for (number, text) in &mut lines {
        if let Some(line) = bytes.get_mut(*number as usize - 1) {
            *text = String::from_utf8_lossy(line).trim().to_owned();
            line.splice(0..0, *b"# ");
        }
    }
    let after = Content {
        bytes: bytes.join(&b'\n'),
        ..before.clone()
    };
    let note = "`sysctl --system` reads it last".to_owned();
    plan.steps.push(Step::CommentOut {
        path: CONF.to_owned(),
        lines,
        note,
    });
    plan.files.push(FileChange {
        path: CONF.to_owned(),
        before: Some(before),
        after,
        dirs: Vec::new(),
    });
    Ok(())
}

/// A line of `/etc/sysctl.conf` that sets one of the keys, last of all, to something else.
fn contrary_line(root: &Root, files: &Files, changes: &[SysctlChange]) -> Option<u32> {
    changes.iter().find_map(|change| {
        let winner = who_sets(files, &change.key).procps.winner?;
        (is_conf(root, &winner.file) && !same(Some(&winner.value), &change.value)).then_some(winner.line)
    })
}

fn hash_line(text: &str, number: u32) -> String {
    let hash = |(at, line): (usize, &str)| {
        if at + 1 == number as usize {
            format!("# {line}")
        } else {
            line.to_owned()
        }
    };
    text.split('\n').enumerate().map(hash).collect::<Vec<_>>().join("\n")
}

/// Adds `/etc/modules-load.d/netwhy.conf`, unless some file there loads the modules already.
pub(crate) fn modules(plan: &mut Plan, root: &Root, modules: &[String]) -> Result<()> {
    let mut missing = Vec::new();
    for module in modules {
        if plan.files.iter().all(|f| f.path != MODULES) && !loads_at_boot(root, module)? {
            missing.push(module.clone());
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let old = root
        .read(MODULES)?
        .map(|c| String::from_utf8_lossy(&c.bytes).into_owned())
        .unwrap_or_default();
    let kept: Vec<&str> = old.lines().chain(missing.iter().map(String::as_str)).collect();
    let note = "loaded at boot, before the sysctls are set".to_owned();
    write_step(plan, root, MODULES, format!("{}\n", kept.join("\n")), note)
}

fn loads_at_boot(root: &Root, module: &str) -> Result<bool> {
    let plain = |name: &str| name.replace('-', "_");
    let mut by_name: BTreeMap<String, String> = BTreeMap::new();
    for dir in MODULES_DIRS {
        for name in root.list(dir)?.into_iter().filter(|name| sysctl_d::is_conf(name)) {
            by_name.entry(name.clone()).or_insert(format!("{dir}/{name}"));
        }
    }
    for path in by_name.values() {
        let bytes = root.read(path).ok().flatten().map(|c| c.bytes).unwrap_or_default();
        if String::from_utf8_lossy(&bytes)
            .lines()
            .any(|line| plain(line.trim()) == plain(module))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
