//! What is looked at: a file, a lab, this machine.

mod lab;
mod when;

pub use lab::{LabScope, open_lab};
pub use when::now;

use crate::cli::TargetArgs;
use crate::fail::Fail;
use anyhow::Result;
use netwhy_model::Cluster;
use netwhy_snapshot::{Limits, Snapshot};
use std::path::{Path, PathBuf};

/// What is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A bundle.
    File(PathBuf),
    /// A lab by name.
    Lab(String),
    /// The namespace that this program runs in.
    ThisMachine,
}

/// A target that was read.
#[derive(Debug)]
pub struct Opened {
    /// What it is.
    pub target: Target,
    /// What was read.
    pub cluster: Cluster,
    /// Without `target`: `lab flannel-vxlan (this machine), 3 of 3 nodes, read 21:04:10 to 21:04:11`.
    pub title: String,
}

impl Target {
    /// From the flags; `None` if there is none of them.
    ///
    /// # Errors
    /// More than one, or one that is not possible yet.
    pub fn given(args: &TargetArgs) -> Result<Option<Target>> {
        if args.context.is_some() || args.kubeconfig.is_some() {
            return Err(no_remote("a cluster through its API cannot be read yet"));
        }
        let file = args.file.clone().map(Target::File);
        let lab = args.lab.clone().map(Target::Lab);
        let here = args.this_machine.then_some(Target::ThisMachine);
        let mut all = [file, lab, here].into_iter().flatten();
        match (all.next(), all.next()) {
            (one, None) => Ok(one),
            _ => Err(Fail::new(
                "more than one target",
                "one of: -f BUNDLE · --lab[=NAME] · --this-machine",
            )),
        }
    }

    /// From the flags.
    ///
    /// # Errors
    /// None is given: there is no default yet.
    pub fn needed(args: &TargetArgs) -> Result<Target> {
        Target::given(args)?.ok_or_else(no_target)
    }

    /// The flags that mean this target.
    pub fn flags(&self) -> Vec<String> {
        match self {
            Target::File(path) => vec!["-f".to_owned(), path.to_string_lossy().into_owned()],
            Target::Lab(name) if name == netwhy_lab::DEFAULT_NAME => vec!["--lab".to_owned()],
            Target::Lab(name) => vec![format!("--lab={name}")],
            Target::ThisMachine => vec!["--this-machine".to_owned()],
        }
    }

    /// It can be changed, and read again.
    pub fn is_alive(&self) -> bool {
        !matches!(self, Target::File(_))
    }

    /// Its name for people.
    pub fn name(&self) -> String {
        match self {
            Target::File(path) => {
                let name = path.file_name().unwrap_or(path.as_os_str());
                format!("file {}", name.to_string_lossy())
            }
            Target::Lab(name) => format!("lab {name} (this machine)"),
            Target::ThisMachine => "this machine".to_owned(),
        }
    }

    /// Reads it. For a lab, this program enters it first: what comes after runs inside, and nothing before has an effect.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn open(&self, scope: LabScope) -> Result<Opened> {
        let snapshot = match self {
            Target::File(path) => read_file(path)?,
            Target::Lab(name) => open_lab(name, scope)?,
            Target::ThisMachine => this_machine(),
        };
        let times = when::times(self, &snapshot);
        let cluster = Cluster::build(snapshot);
        let title = title(self, &cluster, &times);
        Ok(Opened {
            target: self.clone(),
            cluster,
            title,
        })
    }
}

fn title(target: &Target, cluster: &Cluster, times: &str) -> String {
    let mut parts = vec![target.name()];
    if let Target::File(_) = target
        && !cluster.name.is_empty()
    {
        parts[0] = format!("{} ({})", parts[0], cluster.name);
    }
    if cluster.nodes.len() > 1 || *target != Target::ThisMachine {
        let read = cluster.nodes.iter().filter(|n| n.host.is_some()).count();
        parts.push(format!("{read} of {} nodes", cluster.nodes.len()));
    }
    if !times.is_empty() {
        parts.push(times.to_owned());
    }
    parts.join(", ")
}

fn read_file(path: &Path) -> Result<Snapshot> {
    netwhy_collect::read_bundle(path, &Limits::default()).map_err(|e| {
        let way_out = match &e {
            netwhy_collect::StoreError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                "a bundle is made by netwhy collect, or by hand: see the README"
            }
            _ => "a bundle is a folder with bundle.json, or the same as .tar.zst",
        };
        Fail::new(e.to_string(), way_out)
    })
}

fn this_machine() -> Snapshot {
    netwhy_collect::collect(&netwhy_collect::this_machine(&now(), &made_by()), &now).snapshot
}

/// Program and version, for `bundle.json`.
pub fn made_by() -> String {
    concat!("netwhy ", env!("CARGO_PKG_VERSION")).to_owned()
}

const OTHERS: &str = "a lab on this machine: netwhy lab up, then --lab · a file: -f BUNDLE · this node: --this-machine";

fn no_remote(what: &str) -> anyhow::Error {
    Fail::new(what, OTHERS)
}

/// No target flag: the kubeconfig's cluster would be meant.
fn no_target() -> anyhow::Error {
    let set = std::env::var_os("KUBECONFIG").filter(|v| !v.is_empty());
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let default = home.map(|h| h.join(".kube/config")).filter(|p| p.exists());
    match (set, default) {
        (None, None) => no_remote("no cluster: KUBECONFIG is not set and ~/.kube/config does not exist"),
        _ => no_remote("there is a kubeconfig, but a cluster through its API cannot be read yet"),
    }
}
