//! The files of `sysctl.d`: their order and their lines, for each of the two programs that read them.

use super::Reader;
use super::glob::is_glob;
use std::collections::{BTreeMap, BTreeSet};

/// One line that means something, in the order in which the program writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Assign {
    pub file: String,
    pub line: u32,
    /// As written.
    pub key: String,
    /// Below `/proc/sys`; may be a pattern.
    pub path: String,
    pub value: String,
    pub glob: bool,
}

/// What a program would write.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    pub assigns: Vec<Assign>,
    /// Paths that patterns leave alone: those that are named somewhere, with or without a value.
    pub named: BTreeSet<String>,
    /// Lines that a later one took out before anything was written.
    pub dropped: Vec<Assign>,
}

impl Sequence {
    fn drop_path(&mut self, path: &str) {
        self.dropped.extend(self.assigns.extract_if(.., |a| a.path == path));
    }
}

/// systemd 252 `sysctl.c: CONF_PATHS`, highest priority first.
const SYSTEMD_DIRS: [&str; 5] = [
    "/etc/sysctl.d",
    "/run/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];
/// procps 4.0 `sysctl.c: PreloadSystem()`. `/run` comes first here.
const PROCPS_DIRS: [&str; 5] = [
    "/run/sysctl.d",
    "/etc/sysctl.d",
    "/usr/local/lib/sysctl.d",
    "/usr/lib/sysctl.d",
    "/lib/sysctl.d",
];
/// Read by `sysctl --system` after all others, and not at all by systemd.
pub const SYSCTL_CONF: &str = "/etc/sysctl.conf";

/// All folders, in the order of systemd.
pub fn dirs() -> [&'static str; 5] {
    SYSTEMD_DIRS
}

/// The files that a program reads, in its order. Of files with one name only the first folder's is read; an empty one
/// hides the others too.
fn order(files: &BTreeMap<String, String>, reader: Reader) -> Vec<&str> {
    let dirs = match reader {
        Reader::Systemd => SYSTEMD_DIRS,
        Reader::Procps => PROCPS_DIRS,
    };
    let mut by_name: BTreeMap<&str, &str> = BTreeMap::new();
    for dir in dirs {
        for path in files.keys() {
            let name = path.strip_prefix(dir).and_then(|rest| rest.strip_prefix('/'));
            if let Some(name) = name.filter(|name| !name.contains('/') && is_conf(name)) {
                by_name.entry(name).or_insert(path);
            }
        }
    }
    let mut all: Vec<&str> = by_name.into_values().collect();
    if reader == Reader::Procps && files.contains_key(SYSCTL_CONF) {
        all.push(SYSCTL_CONF);
    }
    all
}

/// systemd skips hidden files and backups; procps takes whatever ends in `.conf`. A hidden drop-in is rare enough to be
/// read by neither here.
pub fn is_conf(name: &str) -> bool {
    name.len() > 5 && name.ends_with(".conf") && !name.starts_with('.')
}

/// What a program would write, from the texts of the files.
pub(super) fn sequence(files: &BTreeMap<String, String>, reader: Reader) -> Sequence {
    let mut all = Sequence::default();
    for path in order(files, reader) {
        let text = files.get(path).map(String::as_str).unwrap_or_default();
        for (number, line) in text.split('\n').enumerate() {
            let number = u32::try_from(number + 1).unwrap_or(u32::MAX);
            match parse_line(line) {
                Some((key, Some(value))) => add(&mut all, reader, path, number, key, value),
                Some((key, None)) => {
                    all.named.insert(to_path(key));
                    if reader == Reader::Systemd {
                        all.drop_path(&to_path(key));
                    }
                }
                None => {}
            }
        }
    }
    all
}

/// A line: the key, and its value unless the line only excludes the key from patterns.
pub fn parse_line(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => (key.trim_end(), Some(value.trim())),
        None if line.starts_with('-') => (line, None),
        None => return None,
    };
    let key = key.strip_prefix('-').unwrap_or(key).trim();
    (!key.is_empty()).then_some((key, value))
}

fn add(all: &mut Sequence, reader: Reader, file: &str, line: u32, key: &str, value: &str) {
    let path = to_path(key);
    let glob = is_glob(&path);
    if reader == Reader::Systemd {
        // An equal assignment keeps its early place; another value moves to the end (`parse_file()`). procps writes all.
        if all.assigns.iter().any(|a| a.path == path && a.value == value) {
            return;
        }
        all.drop_path(&path);
    }
    if !glob {
        all.named.insert(path.clone());
    }
    let (file, key, value) = (file.to_owned(), key.to_owned(), value.to_owned());
    all.assigns.push(Assign {
        file,
        line,
        key,
        path,
        value,
        glob,
    });
}

/// `sysctl_normalize()`: if the first separator is a dot, dots and slashes change places.
pub fn to_path(key: &str) -> String {
    let path: String = match key.find(['.', '/']) {
        Some(at) if key.as_bytes().get(at) == Some(&b'/') => key.to_owned(),
        _ => key.chars().map(swap).collect(),
    };
    path.split('/')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/")
}

/// The key of a path, dotted.
pub fn to_key(path: &str) -> String {
    path.chars().map(swap).collect()
}

fn swap(c: char) -> char {
    match c {
        '.' => '/',
        '/' => '.',
        c => c,
    }
}
