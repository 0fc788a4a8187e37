//! The plan: numbered steps, each with its words for a person and the command that a person could type.

use crate::error::Result;
use crate::files::{Content, Root};
use crate::persist::{self, Kept};
use crate::quote::{command, printable, quote};
use crate::request::{Env, Manual, Request, SysctlChange, check_module, checked};
use crate::values::{self, Change, Effects, Values, is_link_forwarding, same};
use std::collections::{BTreeMap, BTreeSet};

/// What would be done, and with what. It holds all that was read, so that [`apply`](crate::apply()) can tell whether it
/// is still true.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Names the journal.
    pub id: String,
    /// The finding.
    pub code: String,
    /// The node.
    pub node: String,
    /// In this order. The last one is [`Step::Verify`].
    pub steps: Vec<Step>,
    /// What one should know besides.
    pub notes: Vec<String>,
    /// Who sets the keys at boot, with the files of the plan. Empty unless it was asked to persist.
    pub kept: Vec<Kept>,
    pub(crate) values: Vec<Journaled>,
    pub(crate) files: Vec<FileChange>,
}

/// A value that a plan may change, with all that it is meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Journaled {
    pub key: String,
    /// `None`: the key does not exist yet (its module is not loaded).
    pub before: Option<String>,
    /// Values on the way, and those that it may get.
    pub between: Vec<String>,
    pub after: String,
}

/// A file that a plan writes.
#[derive(Clone, Debug)]
pub(crate) struct FileChange {
    pub path: String,
    pub before: Option<Content>,
    pub after: Content,
    /// Folders that are made for it.
    pub dirs: Vec<String>,
}

/// One step.
#[derive(Clone, Debug)]
pub enum Step {
    /// Load a kernel module.
    Load {
        /// Its name.
        module: String,
    },
    /// Write a sysctl.
    Set {
        /// The key.
        key: String,
        /// What it is; `None` if it does not exist yet.
        from: Option<String>,
        /// What it will be.
        to: String,
        /// What the kernel changes besides.
        effects: Effects,
    },
    /// Write a file.
    Write {
        /// As the node sees it.
        path: String,
        /// All of it.
        text: String,
        /// Its mode.
        mode: u32,
        /// It does not exist yet.
        new: bool,
        /// Why this one is read last: `wins over 60-cis.conf:12 at boot and in sysctl --system`.
        note: String,
    },
    /// Put a `#` before lines of a file.
    CommentOut {
        /// As the node sees it.
        path: String,
        /// From 1, with their text.
        lines: Vec<(u32, String)>,
        /// Why.
        note: String,
    },
    /// What netwhy does not do.
    Unsupported(Manual),
    /// Collect and trace again.
    Verify,
}

/// Reads what is, and says what would be done. Writes nothing.
///
/// # Errors
/// Keys or values that are not written, files or sysctls that cannot be read, a root or namespace that was not allowed.
pub fn plan(request: &Request, env: &Env) -> Result<Plan> {
    let root = env.open()?;
    env.check_netns()?;
    let changes = request.changes.iter().map(checked).collect::<Result<Vec<_>>>()?;
    request.modules.iter().try_for_each(|name| check_module(name))?;
    let mut plan = Plan {
        id: env.journal_id(request)?,
        code: request.code.clone(),
        node: request.node.clone(),
        steps: Vec::new(),
        notes: Vec::new(),
        kept: Vec::new(),
        values: Vec::new(),
        files: Vec::new(),
    };
    plan.load_modules(&root, request)?;
    plan.set_values(values::read_for(env, &changes)?, &changes);
    if request.persist {
        persist::add(&mut plan, &root, request, &changes, env)?;
    } else if !changes.is_empty() {
        plan.notes.push("not kept: the next boot undoes it".to_owned());
    }
    plan.steps.extend(request.manual.iter().cloned().map(Step::Unsupported));
    plan.steps.push(Step::Verify);
    Ok(plan)
}

impl Plan {
    fn load_modules(&mut self, root: &Root, request: &Request) -> Result<()> {
        for module in &request.modules {
            if !is_loaded(module) {
                self.steps.push(Step::Load { module: module.clone() });
            }
        }
        match request.persist {
            true => persist::modules(self, root, &request.modules),
            false => Ok(()),
        }
    }

    /// The writes that change something, and every value that they reach.
    fn set_values(&mut self, start: Values, changes: &[SysctlChange]) {
        let mut now = start.clone();
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut touched: BTreeSet<String> = BTreeSet::new();
        for SysctlChange { key, value } in changes {
            let from = now.get(key).cloned();
            if same(from.as_deref(), value) {
                self.notes
                    .push(format!("{key} is {value} already: writing it again changes nothing"));
                continue;
            }
            let effects = values::simulate(&mut now, key, value);
            touched.extend(reached(&start, key, &effects));
            for (key, value) in &now {
                seen.entry(key.clone()).or_default().push(value.clone());
            }
            for change in &effects.possible {
                seen.entry(change.key.clone()).or_default().push(change.to.clone());
            }
            self.steps.push(Step::Set {
                key: key.clone(),
                from,
                to: value.clone(),
                effects,
            });
        }
        self.values = touched
            .into_iter()
            .map(|key| journaled(key, &start, &now, &mut seen))
            .collect();
    }
}

/// All keys that a write may touch now, or that its undoing would touch: with the global switch every link's own.
fn reached(start: &Values, key: &str, effects: &Effects) -> Vec<String> {
    let mut keys = vec![key.to_owned()];
    if values::is_global(key) {
        keys.extend([values::IP_FORWARD, values::ALL_FORWARDING, values::ALL_REDIRECTS].map(str::to_owned));
        keys.extend(start.keys().filter(|k| is_link_forwarding(k)).cloned());
    }
    keys.extend(effects.possible.iter().map(|c| c.key.clone()));
    keys
}

fn journaled(key: String, start: &Values, end: &Values, seen: &mut BTreeMap<String, Vec<String>>) -> Journaled {
    let before = start.get(&key).cloned();
    let after = end.get(&key).cloned().unwrap_or_default();
    let mut between = seen.remove(&key).unwrap_or_default();
    between.sort();
    between.dedup();
    between.retain(|value| Some(value) != before.as_ref() && *value != after);
    Journaled {
        key,
        before,
        between,
        after,
    }
}

/// `/sys/module` lists what is built in too, if it has parameters. `br_netfilter` is known by its sysctls as well.
fn is_loaded(module: &str) -> bool {
    let folder = format!("/sys/module/{}", module.replace('-', "_"));
    std::path::Path::new(&folder).exists()
        || (module == "br_netfilter" && netwhy_sys::sysctl::read("net.bridge.bridge-nf-call-iptables").is_ok())
}

/// A step in words: a verb, what, a remark at the right, and further lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// `set`, `write`, `load`, `edit`, `type`, `check`.
    pub verb: &'static str,
    /// What.
    pub text: String,
    /// Empty, or why.
    pub note: String,
    /// Side effects, one a line.
    pub more: Vec<String>,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub fn describe(&self) -> Described {
        let plain = |verb, text: String, note: &str| {
            let (text, note) = (printable(&text), printable(note));
            Described {
                verb,
                text,
                note,
                more: Vec::new(),
            }
        };
        match self {
            Step::Load { module } => plain("load", format!("kernel module {module}"), "for the whole machine"),
            Step::Set { key, from, to, effects } => {
                let from = from.as_deref().unwrap_or("(not there yet)");
                let more = effects_lines(key, to, effects)
                    .iter()
                    .map(|line| printable(line))
                    .collect();
                Described {
                    more,
                    ..plain("set", format!("{key} {from} → {to}"), "")
                }
            }
            Step::Write {
                path, mode, new, note, ..
            } => {
                let state = if *new { "new" } else { "changed" };
                plain("write", format!("{path} ({state}, {mode:04o})"), note)
            }
            Step::CommentOut { path, lines, note } => {
                let more = lines
                    .iter()
                    .map(|(line, text)| printable(&format!("{path}:{line}  # {text}")))
                    .collect();
                Described {
                    more,
                    ..plain("edit", format!("{path}: {} commented out", count(lines.len())), note)
                }
            }
            Step::Unsupported(manual) => plain("type", manual.commands.join("; "), &manual.what),
            Step::Verify => plain("check", "collect and trace again".to_owned(), ""),
        }
    }

    /// The command that does the same on the node, quoted for the shell. `None`: there is none.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        Some(match self {
            Step::Load { module } => command(&["modprobe", module]),
            Step::Set { key, to, .. } => command(&["sysctl", "-w", &format!("{key}={to}")]),
            Step::Write { path, text, .. } => {
                let lines: Vec<&str> = ["printf", "%s\\n"].into_iter().chain(text.lines()).collect();
                format!("{} > {}", command(&lines), quote(path))
            }
            Step::CommentOut { path, lines, .. } => {
                let script: Vec<String> = lines.iter().map(|(line, _)| format!("{line}s/^/# /")).collect();
                command(&["sed", "-i", &script.join(";"), path])
            }
            Step::Unsupported(manual) => manual.commands.join("; "),
            Step::Verify => return None,
        })
    }
}

fn count(lines: usize) -> String {
    if lines == 1 {
        "1 line".to_owned()
    } else {
        format!("{lines} lines")
    }
}

/// More names are counted.
const NAMES_MAX: usize = 12;

fn effects_lines(key: &str, to: &str, effects: &Effects) -> Vec<String> {
    let mut lines = Vec::new();
    if !effects.certain.is_empty() {
        lines.push(format!("changes too: {}", grouped(&effects.certain)));
    }
    if !effects.possible.is_empty() {
        lines.push(format!("may change too: {}", grouped(&effects.possible)));
    }
    let routers = routers(key, to, effects);
    if !routers.is_empty() {
        lines.push(format!("makes a router of: {}", some(&routers, " ")));
    }
    lines
}

/// Links that forward afterwards and did not before, as `ip link` spells them. `lo` and the default are none.
fn routers(key: &str, to: &str, effects: &Effects) -> Vec<String> {
    let on = |c: &&Change| is_link_forwarding(&c.key) && !same(Some("0"), &c.to) && same(Some("0"), &c.from);
    let own = (is_link_forwarding(key) && !same(Some("0"), to)).then_some(key);
    let keys = effects.certain.iter().filter(on).map(|c| c.key.as_str()).chain(own);
    let links = keys
        .filter_map(|key| Some(values::conf(key)?.0))
        .filter(|link| !matches!(*link, "lo" | "default"));
    links.map(|link| link.replace('/', ".")).collect()
}

/// `conf.{cni0,eth0,default}.forwarding 0 → 1, conf.all.accept_redirects 1 → 0`.
fn grouped(changes: &[Change]) -> String {
    let mut groups: Vec<(&str, &Change, Vec<String>)> = Vec::new();
    for change in changes {
        let Some((link, leaf)) = values::conf(&change.key) else {
            continue;
        };
        let same_group =
            |(l, c, _): &&mut (&str, &Change, Vec<String>)| *l == leaf && c.from == change.from && c.to == change.to;
        match groups.iter_mut().find(same_group) {
            Some((_, _, links)) => links.push(link.to_owned()),
            None => groups.push((leaf, change, vec![link.to_owned()])),
        }
    }
    // Forwarding first; the default after the links.
    groups.sort_by_key(|(leaf, _, _)| *leaf != "forwarding");
    let texts = groups.iter_mut().map(|(leaf, change, links)| {
        links.sort_by_key(|link| (link == "default", link == "lo"));
        let Change { from, to, .. } = change;
        match links.as_slice() {
            [link] => format!("conf.{link}.{leaf} {from} → {to}"),
            links => format!("conf.{{{}}}.{leaf} {from} → {to}", some(links, ",")),
        }
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn some(names: &[String], separator: &str) -> String {
    match names.len().checked_sub(NAMES_MAX) {
        Some(more) if more > 0 => format!("{}{separator}… and {more} more", names[..NAMES_MAX].join(separator)),
        _ => names.join(separator),
    }
}

#[cfg(test)]
mod tests;
