//! What is inside a lab: `/run/netwhy/lab.json` and the folders beside it.

use crate::LabError;
use crate::error::at;
use crate::names::{SWITCH, netns_of, pod_netns};
use crate::spec::{Pod, Spec};
use netwhy_sys::{Limits, Netns, Output, run_in};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The lab as it is now. Faults that change API objects change `spec`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Name of the lab.
    pub name: String,
    /// Its shape: what the API says now.
    pub spec: Spec,
    /// All its network namespaces: the switch, the outside host, the nodes, the pods.
    pub namespaces: Vec<Namespace>,
}

/// One network namespace of a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// What it stands for.
    pub kind: Kind,
    /// Its name below `/run/netns`, so that `ip netns exec NAME` works inside the lab; a pod's is `<namespace>_<pod>`.
    pub name: String,
    /// The node that a pod runs on.
    pub node: Option<String>,
    /// The file to enter it by, inside the lab.
    pub path: PathBuf,
    /// A node's own file system root, inside the lab: `etc/sysctl.d` and what else it reads are below.
    pub root: Option<PathBuf>,
}

/// What a network namespace stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The segment between the nodes.
    Switch,
    /// The host outside the cluster.
    Outside,
    /// A node.
    Node,
    /// A pod with a namespace of its own.
    Pod,
}

impl Namespace {
    /// Its folder in a bundle.
    pub fn bundle_folder(&self) -> String {
        match (self.kind, &self.node) {
            (Kind::Switch | Kind::Outside, _) => format!("outside/{}", self.name),
            (Kind::Node, _) => format!("nodes/{}/host", self.name),
            (Kind::Pod, node) => format!("nodes/{}/pods/{}", node.as_deref().unwrap_or_default(), self.name),
        }
    }
}

impl State {
    /// The state of a lab of this shape that has just been built.
    pub fn new(name: &str, spec: &Spec) -> Self {
        let one = |kind, name: &str, node: Option<&str>| Namespace {
            kind,
            name: name.to_owned(),
            node: node.map(str::to_owned),
            path: Path::new("/run/netns").join(name),
            root: (kind == Kind::Node).then(|| node_root(Path::new("/run"), name)),
        };
        let mut namespaces = vec![
            one(Kind::Switch, SWITCH, None),
            one(Kind::Outside, &spec.outside.name, None),
        ];
        namespaces.extend(spec.nodes.iter().map(|n| one(Kind::Node, &n.name, None)));
        let own = spec.pods.iter().filter(|p| !p.host_network);
        namespaces.extend(own.map(|p| one(Kind::Pod, &pod_netns(&p.namespace, &p.name), Some(&p.node))));
        Self {
            name: name.to_owned(),
            spec: spec.clone(),
            namespaces,
        }
    }

    /// The pod `namespace/name`.
    pub fn pod(&self, full_name: &str) -> Result<&Pod, LabError> {
        let found = self
            .spec
            .pods
            .iter()
            .find(|p| full_name == format!("{}/{}", p.namespace, p.name));
        found.ok_or_else(|| {
            let known: Vec<_> = self
                .spec
                .pods
                .iter()
                .map(|p| format!("{}/{}", p.namespace, p.name))
                .collect();
            LabError::unknown("pod", full_name, known.iter().map(String::as_str))
        })
    }
}

fn node_root(run: &Path, node: &str) -> PathBuf {
    run.join("netwhy/nodes").join(node).join("root")
}

/// A lab, seen from inside (`/run`) or, for looking only, from outside.
#[derive(Clone, Debug)]
pub struct Lab {
    run: PathBuf,
}

impl Lab {
    /// The lab that this process is in.
    pub fn inside() -> Result<Self, LabError> {
        let lab = Self { run: "/run".into() };
        match lab.state_file().exists() {
            true => Ok(lab),
            false => Err(LabError::NotInside(lab.state_file())),
        }
    }

    /// The lab whose `/run` is here, e.g. `/proc/<holder>/root/run`.
    pub(crate) fn at_run(run: PathBuf) -> Self {
        Self { run }
    }

    fn state_file(&self) -> PathBuf {
        self.run.join("netwhy/lab.json")
    }

    /// A file or folder of the lab's own.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.run.join("netwhy").join(name)
    }

    /// The folder of the API lists, `cluster/` in a bundle.
    pub fn cluster_folder(&self) -> PathBuf {
        self.own("cluster")
    }

    /// A node's file system root.
    pub fn node_root(&self, node: &str) -> PathBuf {
        node_root(&self.run, node)
    }

    /// The file of a network namespace.
    pub fn netns_path(&self, name: &str) -> PathBuf {
        self.run.join("netns").join(name)
    }

    /// `lab.json`.
    pub fn state(&self) -> Result<State, LabError> {
        read_json(&self.state_file())
    }

    /// Writes `lab.json`, whole or not at all.
    pub(crate) fn write_state(&self, state: &State) -> Result<(), LabError> {
        write_json(&self.state_file(), state)
    }

    /// A network namespace by its name.
    pub fn netns(&self, name: &str) -> Result<Netns, LabError> {
        let path = self.netns_path(name);
        match Netns::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let state = self.state()?;
                Err(LabError::unknown(
                    "namespace",
                    name,
                    state.namespaces.iter().map(|n| n.name.as_str()),
                ))
            }
            other => other.map_err(at(&path)),
        }
    }

    /// The network namespace that a pod runs in.
    pub fn pod_netns(&self, pod: &Pod) -> Result<Netns, LabError> {
        self.netns(&netns_of(pod))
    }

    /// Runs a program in a namespace and demands that it succeeds.
    pub(crate) fn run(&self, ns: &str, argv: &[&str], stdin: Option<&str>) -> Result<Output, LabError> {
        run_ok(&self.netns(ns)?, ns, argv, stdin)
    }
}

/// Building on a machine with many neighbours may be slow; a hang must still end.
const STEP_LIMIT: Duration = Duration::from_secs(60);

/// Runs a program in a namespace and demands that it succeeds.
pub(crate) fn run_ok(ns: &Netns, ns_name: &str, argv: &[&str], stdin: Option<&str>) -> Result<Output, LabError> {
    let limits = Limits {
        time: STEP_LIMIT,
        ..Limits::default()
    };
    let step = || format!("{} in {ns_name}", argv.join(" "));
    let output = run_in(Some(ns), argv, stdin.map(str::as_bytes), &limits).map_err(|e| LabError::step(step(), e))?;
    match output.success() {
        true => Ok(output),
        false => Err(LabError::step(
            step(),
            format!("exit code {:?}: {}", output.status, output.complaint()),
        )),
    }
}

/// Reads a JSON file.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LabError> {
    let bytes = fs::read(path).map_err(at(path))?;
    serde_json::from_slice(&bytes).map_err(|source| LabError::Json {
        path: path.to_owned(),
        source,
    })
}

/// Writes a JSON file by renaming, so that a reader sees the old or the new one, never half of it.
pub(crate) fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), LabError> {
    let text = serde_json::to_vec_pretty(value).map_err(|source| LabError::Json {
        path: path.to_owned(),
        source,
    })?;
    let new = path.with_extension("new");
    fs::write(&new, text).map_err(at(&new))?;
    fs::rename(&new, path).map_err(at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_and_their_folders() {
        let state = State::new("test", &Spec::default_with(2));
        let folder = |name: &str| {
            state
                .namespaces
                .iter()
                .find(|n| n.name == name)
                .map(Namespace::bundle_folder)
        };
        assert_eq!(folder("switch").as_deref(), Some("outside/switch"));
        assert_eq!(folder("worker-2").as_deref(), Some("nodes/worker-2/host"));
        assert_eq!(folder("shop_web").as_deref(), Some("nodes/worker-1/pods/shop_web"));
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
    }

    #[test]
    fn an_unknown_pod_is_answered_with_the_known() {
        let error = State::new("test", &Spec::default_with(2))
            .pod("shop/nobody")
            .unwrap_err()
            .to_string();
        assert!(error.contains("shop/web"), "{error}");
    }

    #[test]
    fn outside_a_lab() {
        if std::env::var_os(crate::labs::ENV_INSIDE).is_none() {
            assert!(matches!(Lab::inside(), Err(LabError::NotInside(_))));
        }
    }
}
