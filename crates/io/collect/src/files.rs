//! Files of a node: settings that come back after a reboot, and what network plugins, kubelet and kube-proxy were told.

use crate::allow;
use crate::file_tree::{self, Found, find, read_bounded};
use crate::plan::{Budget, NodeFiles};
use crate::shelf::Shelf;
use std::path::Path;

/// A directory that was read and holds nothing that is taken has this file in the bundle.
const EMPTY: &str = ".netwhy-empty";

const CHANGED: &str = "it changed while it was read";

/// A place to look at, below the root of a node. What is taken of it, the allow-list decides.
struct Place {
    path: &'static str,
    /// How many levels of directories below it are looked at; 0 = it is a file.
    depth: usize,
    absent: Absent,
}

/// What it means that nothing is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absent {
    /// No settings come from there, which is knowledge.
    NoSettings,
    /// It should be said: most clusters have it.
    Told,
    /// Another plugin's.
    Ordinary,
}

const fn place(path: &'static str, depth: usize, absent: Absent) -> Place {
    Place { path, depth, absent }
}

use Absent::{NoSettings, Ordinary, Told};

const PLACES: &[Place] = &[
    place("etc/sysctl.d", 1, NoSettings),
    place("run/sysctl.d", 1, NoSettings),
    place("usr/local/lib/sysctl.d", 1, NoSettings),
    place("usr/lib/sysctl.d", 1, NoSettings),
    place("lib/sysctl.d", 1, NoSettings),
    place("etc/sysctl.conf", 0, Told),
    place("etc/modules-load.d", 1, NoSettings),
    place("run/modules-load.d", 1, NoSettings),
    place("usr/local/lib/modules-load.d", 1, NoSettings),
    place("usr/lib/modules-load.d", 1, NoSettings),
    place("lib/modules-load.d", 1, NoSettings),
    place("etc/modules", 0, Ordinary),
    place("etc/cni/net.d", 1, Told),
    place("etc/kubernetes", 2, Ordinary),
    place("etc/kube-flannel", 1, Ordinary),
    place("etc/calico/confd/config", 1, Ordinary),
    place("var/lib/kubelet/config.yaml", 0, Told),
    place("var/lib/kube-proxy/config.conf", 0, Told),
    place("run/flannel/subnet.env", 0, Told),
    place("var/lib/calico/nodename", 0, Ordinary),
    place("var/lib/calico/mtu", 0, Ordinary),
    place("run/calico/endpoint-status", 1, Ordinary),
    place("var/lib/cni/networks", 2, Ordinary),
    place("var/lib/cni/flannel", 1, Ordinary),
];

/// Reads the files of one node.
pub(crate) fn read(files: &NodeFiles, budget: &Budget) -> Shelf {
    let mut walk = Walk {
        root: &files.root,
        budget,
        shelf: Shelf::new(format!("nodes/{}/files", files.node)),
        left: 0,
    };
    for place in PLACES {
        walk.left = budget.files_per_directory;
        walk.place(place);
    }
    walk.shelf
}

struct Walk<'a> {
    root: &'a Path,
    budget: &'a Budget,
    shelf: Shelf,
    /// Files that may still be read of this place.
    left: usize,
}

impl Walk<'_> {
    fn place(&mut self, place: &Place) {
        match find(self.root, Path::new(place.path)) {
            Err(error) => self.shelf.missing(place.path, error.to_string()),
            Ok(Found::Nothing) if place.absent == NoSettings => self.empty(place.path),
            Ok(Found::Nothing) if place.absent == Ordinary => {}
            Ok(Found::Nothing) => self.shelf.missing(place.path, "there is no such file"),
            Ok(Found::Directory(real)) if place.depth > 0 => self.directory(place.path, &real, place.depth),
            Ok(Found::File(_) | Found::Null) if place.depth == 0 => {
                let above = Path::new(place.path).parent().unwrap_or(Path::new(""));
                match find(self.root, above) {
                    Ok(Found::Directory(real)) => self.file(place.path, &real),
                    _ => self.shelf.missing(place.path, CHANGED),
                }
            }
            Ok(_) if place.depth > 0 => self.shelf.missing(place.path, "it is no directory"),
            Ok(_) => self.shelf.missing(place.path, "it is no file"),
        }
    }

    fn directory(&mut self, path: &str, real: &Path, depth: usize) {
        let names = match file_tree::names(&self.root.join(real), self.budget.files_per_directory) {
            Ok(names) if names.len() > self.budget.files_per_directory => {
                let why = format!("more than {} files", self.budget.files_per_directory);
                return self.shelf.missing(path, why);
            }
            Ok(names) => names,
            Err(error) => return self.shelf.missing(path, error.to_string()),
        };
        let before = (self.shelf.members.len(), self.shelf.not_read.len());
        for name in names {
            let child = format!("{path}/{name}");
            match find(self.root, Path::new(&child)) {
                Ok(Found::Directory(real)) if depth > 1 => self.directory(&child, &real, depth - 1),
                Ok(Found::File(_) | Found::Null) => self.file(&child, real),
                // A directory deeper down, or a link that leads nowhere: nothing that an agent reads.
                Ok(Found::Directory(_) | Found::Nothing) => {}
                Err(error) if allow::file_path(&child) => self.shelf.missing(&child, error.to_string()),
                Err(_) => {}
            }
        }
        if before == (self.shelf.members.len(), self.shelf.not_read.len()) {
            self.empty(path);
        }
    }

    /// `home` is the directory that it lies in, after all links of that directory's own path.
    fn file(&mut self, path: &str, home: &Path) {
        if !allow::file_path(path) {
            return;
        }
        if self.left == 0 {
            return self.shelf.missing(path, "too many files");
        }
        self.left -= 1;
        let real = match find(self.root, Path::new(path)) {
            Ok(Found::Null) => return self.shelf.put(path, ""),
            Ok(Found::File(real)) => real,
            _ => return self.shelf.missing(path, CHANGED),
        };
        // A link must not give a forbidden file an allowed name.
        if !real.starts_with(home) && !real.to_str().is_some_and(allow::file_path) {
            let why = format!("it is a link to /{}, which is not taken", real.display());
            return self.shelf.missing(path, why);
        }
        match read_bounded(&self.root.join(&real), self.budget.member_bytes) {
            Ok(bytes) => self.shelf.result(path, allow::file(path, &bytes)),
            Err(why) => self.shelf.missing(path, why),
        }
    }

    fn empty(&mut self, path: &str) {
        let mark = format!("{path}/{EMPTY}");
        if allow::file_path(&mark) {
            self.shelf.put(&mark, "");
        }
    }
}
