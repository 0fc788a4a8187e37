//! Recordings as files.

use crate::question::Question;
use netwhy_snapshot::{BundleError, Limits, Snapshot};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A file.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line of JSON.
    #[error("{}: line {line}: {source}", path.display())]
    Json {
        /// In which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// A bundle.
    #[error("{}: {source}", path.display())]
    Bundle {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: BundleError,
    },
    /// No such recording.
    #[error("no recording is called {0}")]
    Unknown(String),
}

/// One value or several: repeated probes may differ.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Results {
    /// The same each time.
    One(String),
    /// Different ones.
    Many(Vec<String>),
}

impl Results {
    /// All values.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let all = match self {
            Results::One(one) => std::slice::from_ref(one),
            Results::Many(many) => many.as_slice(),
        };
        all.iter().map(String::as_str)
    }
}

/// A connection that was made when the cluster was recorded.
#[derive(Clone, Debug, Deserialize)]
pub struct Measured {
    /// What was asked.
    #[serde(flatten)]
    pub question: Question,
    /// Kind of target, for people: `pod`, `clusterip`, ...
    pub kind: String,
    /// Name of the target.
    #[serde(default)]
    pub to_name: Option<String>,
    /// What the client saw.
    pub result: Results,
    /// The pod that answered.
    #[serde(default)]
    pub answered_by: Option<Results>,
    /// The node, where the pod that answered is on its network.
    #[serde(default)]
    pub answered_by_node: Option<String>,
    /// The client address that the server saw.
    #[serde(default)]
    pub seen_client: Option<Results>,
    /// Whether a snapshot can say what should come out.
    pub judge: bool,
    /// Other classes that are right too.
    #[serde(default)]
    pub accept: Vec<String>,
    /// `recorded` or `reconstructed`: the namespaces on the way.
    pub basis: String,
    /// What the healthy cluster answers, where the fault changed it.
    #[serde(default)]
    pub differs: Option<serde_json::Value>,
}

/// `truth.json`.
#[derive(Clone, Debug, Deserialize)]
pub struct Truth {
    /// After this time without an answer the probe gave up.
    pub probe_timeout_ms: u64,
    /// What is wrong with the recorded clusters themselves, by group.
    pub baseline: BTreeMap<String, Vec<BaselineEntry>>,
    /// Recordings by name.
    pub bundles: BTreeMap<String, BundleTruth>,
}

/// Something that may be reported and is neither right nor wrong.
#[derive(Clone, Debug, Deserialize)]
pub struct BaselineEntry {
    /// Ids of faults; `*` at the end stands for anything.
    pub faults: Vec<String>,
    /// Where.
    pub objects: Vec<ObjectRef>,
    /// Why, for people.
    #[serde(default)]
    pub why: String,
    /// `real`, or a fact (`info`, `tolerated`) that must not be called an error.
    #[serde(default = "real")]
    pub strength: String,
}

fn real() -> String {
    "real".to_owned()
}

/// An object of the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: String,
    /// Its namespace; `*` stands for any.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Its name; `*` stands for any.
    #[serde(default)]
    pub name: Option<String>,
}

/// What is wrong with a recorded cluster.
#[derive(Clone, Debug, Deserialize)]
pub struct BundleTruth {
    /// Group whose baseline it has.
    pub group: String,
    /// `fault` or `healthy`.
    pub kind: String,
    /// What was done, for people.
    #[serde(default)]
    pub injected: String,
    /// Ids of faults that are right.
    #[serde(default)]
    pub accept: Vec<String>,
    /// Ids that are right as soon as the catalogue has them.
    #[serde(default)]
    pub proposed_ids: BTreeMap<String, serde_json::Value>,
    /// Where the cause is.
    #[serde(default)]
    pub places: Vec<ObjectRef>,
    /// Ids of faults that follow from the cause.
    #[serde(default)]
    pub consequences: Vec<String>,
    /// The deviation breaks nothing.
    #[serde(default)]
    pub harmless: bool,
    /// What this recording has wrong beyond its group's baseline.
    #[serde(default)]
    pub baseline_here: Vec<BaselineEntry>,
}

/// A folder of recordings.
#[derive(Clone, Debug)]
pub struct Recordings {
    folder: PathBuf,
    /// What is wrong where.
    pub truth: Truth,
}

/// One recording.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// The cluster's state.
    pub snapshot: Snapshot,
    /// The connections.
    pub flows: Vec<Measured>,
}

impl Recordings {
    /// The recordings of a folder with a `truth.json`.
    ///
    /// # Errors
    /// The file cannot be read or understood.
    pub fn open(folder: &Path) -> Result<Recordings, ScoreError> {
        let path = folder.join("truth.json");
        let text = std::fs::read(&path).map_err(file(&path))?;
        let truth = serde_json::from_slice(&text).map_err(|source| ScoreError::Json {
            path,
            line: source.line(),
            source,
        })?;
        Ok(Recordings {
            folder: folder.to_owned(),
            truth,
        })
    }

    /// What is wrong with one of them.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn truth(&self, name: &str) -> Result<&BundleTruth, ScoreError> {
        let found = self.truth.bundles.get(name);
        found.ok_or_else(|| ScoreError::Unknown(name.to_owned()))
    }

    /// All that may be reported without being judged: the baseline of the group, and of this recording.
    pub fn baseline(&self, name: &str) -> Vec<&BaselineEntry> {
        let Some(bundle) = self.truth.bundles.get(name) else {
            return Vec::new();
        };
        let group = self.truth.baseline.get(&bundle.group);
        group.into_iter().flatten().chain(&bundle.baseline_here).collect()
    }

    /// The bundle of a recording.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn snapshot(&self, name: &str) -> Result<Snapshot, ScoreError> {
        let path = self.folder.join(format!("{name}.tar.zst"));
        let bytes = std::fs::read(&path).map_err(file(&path))?;
        Snapshot::from_archive(&bytes, &Limits::default()).map_err(|source| ScoreError::Bundle { path, source })
    }

    /// The connections of a recording.
    ///
    /// # Errors
    /// They cannot be read or understood.
    pub fn flows(&self, name: &str) -> Result<Vec<Measured>, ScoreError> {
        let path = self.folder.join(format!("{name}.flows.jsonl.zst"));
        let bytes = std::fs::read(&path).map_err(file(&path))?;
        let text = zstd::decode_all(bytes.as_slice()).map_err(file(&path))?;
        let lines = text.split(|b| *b == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let parsed = lines.map(|(at, line)| {
            serde_json::from_slice(line).map_err(|source| ScoreError::Json {
                path: path.clone(),
                line: at + 1,
                source,
            })
        });
        parsed.collect()
    }

    /// A recording with all its parts.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn load(&self, name: &str) -> Result<Recording, ScoreError> {
        Ok(Recording {
            name: name.to_owned(),
            snapshot: self.snapshot(name)?,
            flows: self.flows(name)?,
        })
    }
}

impl Measured {
    /// Asked an IPv4 address.
    pub fn is_ipv4(&self) -> bool {
        !self.question.to_ip.contains(':')
    }
}

fn file(path: &Path) -> impl Fn(std::io::Error) -> ScoreError {
    move |source| ScoreError::File {
        path: path.to_owned(),
        source,
    }
}
