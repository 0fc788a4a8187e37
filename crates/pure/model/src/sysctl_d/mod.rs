//! Who sets a sysctl at boot: what `systemd-sysctl` and `sysctl --system` would make of the files of `sysctl.d`.
//!
//! Pure: takes the texts of the files by absolute path. Sources: systemd 252 `src/sysctl/sysctl.c`, procps-ng 4.0.2
//! `src/sysctl.c`; both programs are run against this in the tests.
//!
//! What the two have in common: files are read by name, whatever the folder; of one name only one is read; a pattern
//! never writes a key that is named anywhere. They differ in the folder that wins (`/etc` or `/run`), in
//! `/etc/sysctl.conf` (last, or not at all), and in a repeated assignment (see [`Reader`]).
//!
//! Not known here: other programs that write sysctls (kubelet, container engines, tuned, `sysctl.*` on the kernel's
//! command line).

mod glob;
mod parse;

pub use parse::dirs;
pub use parse::{SYSCTL_CONF as CONF, is_conf, parse_line, to_key, to_path};

use parse::{Assign, Sequence};
use std::collections::BTreeMap;

/// One of the two programs that apply the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// `systemd-sysctl`, at boot and for each new interface (`99-systemd.rules`). An assignment that repeats an earlier
    /// value keeps the earlier place.
    Systemd,
    /// `sysctl --system`, by hand, by packages and by scans. Writes every line in turn.
    Procps,
}

/// How a line reaches a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It names the key, or the other name of the same value (`ip_forward`, `conf.all.forwarding`).
    Named,
    /// A pattern.
    Glob,
    /// It writes `ip_forward`, which rewrites every interface.
    SideEffect,
    /// It writes `conf.default`, which an interface takes over when it appears.
    Default,
}

/// A line that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Absolute path.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// The key as the line spells it.
    pub key: String,
    /// What the asked key gets by it.
    pub value: String,
    /// How.
    pub how: How,
}

/// What one program does to a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// The line whose value stays.
    pub winner: Option<Setting>,
    /// The lines that it overrides, in the order in which they are written.
    pub losers: Vec<Setting>,
}

impl Verdict {
    /// The value that stays.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.winner.as_ref().map(|setting| setting.value.as_str())
    }
}

/// Who sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The key, dotted.
    pub key: String,
    /// At boot.
    pub systemd: Verdict,
    /// When somebody runs `sysctl --system`.
    pub procps: Verdict,
}

impl Settings {
    /// No file sets it.
    #[must_use]
    pub fn never_set(&self) -> bool {
        self.systemd.winner.is_none() && self.procps.winner.is_none()
    }

    /// Both programs leave this value.
    #[must_use]
    pub fn both_give(&self, value: &str) -> bool {
        self.systemd.value() == Some(value) && self.procps.value() == Some(value)
    }

    /// The line that a person should look at: the one that wins at boot, else the one of `sysctl --system`.
    #[must_use]
    pub fn first(&self) -> Option<&Setting> {
        self.systemd.winner.as_ref().or(self.procps.winner.as_ref())
    }
}

/// Who sets a key, over the texts of files by absolute path. Files elsewhere than in the five `sysctl.d` folders and
/// `/etc/sysctl.conf` are ignored.
#[must_use]
pub fn who_sets(files: &BTreeMap<String, String>, key: &str) -> Settings {
    let path = to_path(key);
    let systemd = parse::sequence(files, Reader::Systemd);
    let procps = parse::sequence(files, Reader::Procps);
    Settings {
        key: to_key(&path),
        systemd: if is_late(&path) {
            late(&systemd, &path)
        } else {
            replay(&systemd, &path)
        },
        procps: replay(&procps, &path),
    }
}

const IP_FORWARD: &str = "net/ipv4/ip_forward";
const ALL_FORWARDING: &str = "net/ipv4/conf/all/forwarding";
const ALL_REDIRECTS: &str = "net/ipv4/conf/all/accept_redirects";

/// Two names of one value.
fn is_global_forwarding(path: &str) -> bool {
    path == IP_FORWARD || path == ALL_FORWARDING
}

/// The link of `net/ipv4/conf/LINK/KEY`, and KEY.
fn conf(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("net/ipv4/conf/")?.rsplit_once('/')
}

fn is_late(path: &str) -> bool {
    conf(path).is_some_and(|(link, _)| !matches!(link, "all" | "default" | "lo"))
}

/// An interface that appears after boot: `conf.default` is copied, then udev lets systemd-sysctl write the lines that
/// name it.
fn late(sequence: &Sequence, path: &str) -> Verdict {
    let mut all: Vec<Setting> = Vec::new();
    if let Some((_, key)) = conf(path) {
        let inherited = replay(sequence, &format!("net/ipv4/conf/default/{key}"));
        let settings = inherited.losers.into_iter().chain(inherited.winner);
        all.extend(settings.map(|setting| Setting {
            how: How::Default,
            ..setting
        }));
    }
    all.extend(
        sequence
            .assigns
            .iter()
            .filter_map(|a| setting(a, hits(sequence, a, path)?, &a.value)),
    );
    verdict(sequence, path, all)
}

/// All lines in turn, with what the kernel does besides (`net/ipv4/devinet.c: inet_forward_change()`).
fn replay(sequence: &Sequence, path: &str) -> Verdict {
    let mut all = Vec::new();
    // What the kernel starts with.
    let mut forwarding = 0;
    for assign in &sequence.assigns {
        let direct = hits(sequence, assign, path);
        let global = [IP_FORWARD, ALL_FORWARDING]
            .iter()
            .find_map(|p| hits(sequence, assign, p));
        let number = assign.value.parse::<i64>().ok();
        let changed = global.is_some() && number.is_some_and(|n| n != forwarding);
        if let (Some(_), Some(number)) = (global, number) {
            forwarding = number;
        }
        let value = match conf(path) {
            _ if direct.is_some() => assign.value.clone(),
            Some((_, "forwarding")) if changed && !is_global_forwarding(path) => forwarding.to_string(),
            _ if path == ALL_REDIRECTS && changed => i64::from(forwarding == 0).to_string(),
            _ if is_global_forwarding(path) && global.is_some() => assign.value.clone(),
            _ => continue,
        };
        let how = direct
            .or(global.filter(|_| is_global_forwarding(path)))
            .unwrap_or(How::SideEffect);
        all.extend(setting(assign, how, &value));
    }
    verdict(sequence, path, all)
}

/// Whether a line writes a path.
fn hits(sequence: &Sequence, assign: &Assign, path: &str) -> Option<How> {
    if assign.glob {
        let hit = !sequence.named.contains(path) && glob::matches(&assign.path, path);
        hit.then_some(How::Glob)
    } else {
        (assign.path == path).then_some(How::Named)
    }
}

fn setting(assign: &Assign, how: How, value: &str) -> Option<Setting> {
    let (file, line, key) = (assign.file.clone(), assign.line, assign.key.clone());
    Some(Setting {
        file,
        line,
        key,
        value: value.to_owned(),
        how,
    })
}

fn verdict(sequence: &Sequence, path: &str, mut all: Vec<Setting>) -> Verdict {
    let winner = all.pop();
    let names = if is_global_forwarding(path) {
        vec![IP_FORWARD, ALL_FORWARDING]
    } else {
        vec![path]
    };
    let dropped = sequence.dropped.iter().filter(|a| names.contains(&a.path.as_str()));
    let mut losers: Vec<Setting> = dropped.filter_map(|a| setting(a, How::Named, &a.value)).collect();
    losers.append(&mut all);
    Verdict { winner, losers }
}

#[cfg(test)]
mod tests;
