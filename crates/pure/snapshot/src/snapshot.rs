//! The members of a bundle by path.

use crate::archive::{self, BundleError};
use crate::blob::Store;
use crate::glob;
use crate::{Blob, BlobId, Limits, Meta, Problem};
use std::collections::BTreeMap;

/// A bundle in memory. Paths are below the top folder, with `/`: `nodes/worker-1/host/route.json`.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// `bundle.json`. It is no member: [`Snapshot::paths`] does not list it.
    pub meta: Meta,
    /// What is wrong with the bundle as a whole or with members, found while reading it. Parsers return their own.
    pub problems: Vec<Problem>,
    members: BTreeMap<String, Blob>,
    store: Store,
}

/// A network namespace that has a folder in the bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetnsDir {
    /// Path of the folder, without a slash at the end: `nodes/worker-1/pods/shop_web`.
    pub path: String,
    /// Whose it is.
    pub kind: NetnsKind,
}

/// Whose namespace it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetnsKind {
    /// A node's own: `nodes/<node>/host`.
    Host {
        /// Name of the node.
        node: String,
    },
    /// A pod's: `nodes/<node>/pods/<namespace>_<name>`.
    Pod {
        /// Name of the node.
        node: String,
        /// Kubernetes namespace of the pod.
        namespace: String,
        /// Name of the pod.
        name: String,
    },
    /// A host that is no node: `outside/<name>`.
    Outside {
        /// Its name.
        name: String,
    },
}

impl NetnsKind {
    /// The node that a namespace lies on.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            NetnsKind::Host { node } | NetnsKind::Pod { node, .. } => Some(node),
            NetnsKind::Outside { .. } => None,
        }
    }
}

impl std::fmt::Display for NetnsKind {
    /// `node/worker-1`, `pod/shop/web`, `outside/client`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NetnsKind::Host { node } => write!(f, "node/{node}"),
            NetnsKind::Pod { namespace, name, .. } => write!(f, "pod/{namespace}/{name}"),
            NetnsKind::Outside { name } => write!(f, "outside/{name}"),
        }
    }
}

impl Snapshot {
    /// A bundle without members.
    pub fn new(meta: Meta) -> Snapshot {
        Snapshot {
            meta,
            ..Snapshot::default()
        }
    }

    /// Reads a bundle that lies in a folder: `(path below the folder, bytes)` of each regular file, in any order.
    ///
    /// # Errors
    /// A path that leaves the folder, a limit that is exceeded, no `bundle.json`, or one of another major version.
    pub fn from_members<I>(members: I, limits: &Limits) -> Result<Snapshot, BundleError>
    where
        I: IntoIterator<Item = (String, Vec<u8>)>,
    {
        archive::from_members(members, limits)
    }

    /// Reads a `.tar.zst`, or a plain `.tar`, with one top folder of any name. An archive that is cut or damaged gives what
    /// stands before the damage, with a [`Problem`] in `problems`, if `bundle.json` was among it.
    ///
    /// # Errors
    /// A path that leaves the folder, a link or device, a limit that is exceeded, no `bundle.json`, or one of another major
    /// version.
    pub fn from_archive(bytes: &[u8], limits: &Limits) -> Result<Snapshot, BundleError> {
        archive::from_archive(bytes, limits)
    }

    /// The bundle as `.tar.zst`: one top folder `netwhy-bundle`, members sorted, no times, no owners. Equal bundles give
    /// equal bytes.
    ///
    /// # Errors
    /// A member that cannot be stored (its path is too long), or the compressor failed.
    pub fn to_archive(&self) -> Result<Vec<u8>, BundleError> {
        archive::to_archive(self)
    }

    /// Adds or replaces a member. The path is taken as it is: of strangers' paths only those that [`Limits`] let through
    /// come here.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Vec<u8>>) -> BlobId {
        let blob = self.store.intern(bytes.into());
        let id = blob.id();
        self.members.insert(path.into(), blob);
        id
    }

    /// Removes a member and returns its content.
    pub fn remove(&mut self, path: &str) -> Option<Blob> {
        self.members.remove(path)
    }

    /// Keeps the members below a folder (with its slash, or empty), and names them from there. Contents are numbered anew in
    /// the order of the paths, so that the order of reading leaves no trace.
    pub(crate) fn reroot(&mut self, top: &str) {
        let mut members = BTreeMap::new();
        for (path, blob) in std::mem::take(&mut self.members) {
            match path.strip_prefix(top) {
                Some(inner) => {
                    members.insert(inner.to_owned(), blob);
                }
                None => Problem::new("beside the bundle's folder: ignored")
                    .of(&path)
                    .push_to(&mut self.problems),
            }
        }
        self.store.renumber(members.values_mut());
        self.members = members;
        for problem in &mut self.problems {
            if let Some(inner) = problem.path.strip_prefix(top) {
                problem.path = inner.to_owned();
            }
        }
    }

    /// The content of a member. `None` is ignorance; an empty content is knowledge (the command printed nothing).
    pub fn get(&self, path: &str) -> Option<&Blob> {
        self.members.get(path)
    }

    /// The text of a member. `None` if there is no such member; a problem if it is not UTF-8.
    pub fn text(&self, path: &str) -> Option<Result<&str, Problem>> {
        let blob = self.get(path)?;
        Some(
            blob.text()
                .map_err(|offset| Problem::new(format!("not UTF-8 at byte {offset}")).of(path)),
        )
    }

    /// The content with this number.
    pub fn blob(&self, id: BlobId) -> Option<&Blob> {
        self.store.get(id)
    }

    /// How many distinct contents there are; ids are below it.
    pub fn blobs(&self) -> usize {
        self.store.len()
    }

    /// All paths, sorted.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// All members, sorted by path.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Blob)> {
        self.members.iter().map(|(path, blob)| (path.as_str(), blob))
    }

    /// The members below a folder, sorted, with their full paths. A slash at the end of `folder` makes no difference.
    pub fn under(&self, folder: &str) -> impl Iterator<Item = (&str, &Blob)> {
        let mut prefix = folder.trim_end_matches('/').to_owned();
        if !prefix.is_empty() {
            prefix.push('/');
        }
        self.members
            .range(prefix.clone()..)
            .take_while(move |(path, _)| path.starts_with(&prefix))
            .map(|(path, blob)| (path.as_str(), blob))
    }

    /// The network namespaces that have at least one member, sorted by path.
    pub fn netns_dirs(&self) -> Vec<NetnsDir> {
        let mut dirs: Vec<NetnsDir> = Vec::new();
        for path in self.paths() {
            let Some(dir) = netns_of(path) else { continue };
            // Sorted paths keep a folder's members together, but "host-x" may sort between; so compare with the last only.
            if dirs.last() != Some(&dir) {
                dirs.push(dir);
            }
        }
        dirs.sort();
        dirs.dedup();
        dirs
    }

    /// Why a member or folder is missing, if the collector said so; the first entry of `not_read` that matches the path or
    /// a folder above it.
    pub fn not_read(&self, path: &str) -> Option<&str> {
        let hit = |glob: &str| {
            let glob = glob.trim_end_matches('/');
            glob::matches(glob, path)
                || path
                    .match_indices('/')
                    .any(|(at, _)| path.get(..at).is_some_and(|dir| glob::matches(glob, dir)))
        };
        self.meta
            .not_read
            .iter()
            .find(|entry| hit(&entry.path))
            .map(|entry| entry.why.as_str())
    }

    /// When a member was read, RFC 3339: its own entry of `read`, else that of the nearest folder above. `None`: unknown.
    pub fn read_at(&self, path: &str) -> Option<&str> {
        let mut part = path;
        loop {
            if let Some(time) = self.meta.read.get(part) {
                return Some(time);
            }
            part = part.rsplit_once('/')?.0;
        }
    }

    /// Where a member comes from: the text of `provenance.other` for the nearest folder above it, else the default.
    pub fn provenance(&self, path: &str) -> &str {
        let mut part = path;
        loop {
            if let Some(text) = self.meta.provenance.other.get(part) {
                return text;
            }
            match part.rsplit_once('/') {
                Some((above, _)) => part = above,
                None => return &self.meta.provenance.default,
            }
        }
    }
}

/// The namespace folder that a member lies in.
fn netns_of(path: &str) -> Option<NetnsDir> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["nodes", node, "host", _, ..] => Some(NetnsDir {
            path: format!("nodes/{node}/host"),
            kind: NetnsKind::Host {
                node: (*node).to_owned(),
            },
        }),
        ["nodes", node, "pods", pod, _, ..] => {
            // `_` cannot occur in a Kubernetes name.
            let (namespace, name) = pod.split_once('_')?;
            Some(NetnsDir {
                path: format!("nodes/{node}/pods/{pod}"),
                kind: NetnsKind::Pod {
                    node: (*node).to_owned(),
                    namespace: namespace.to_owned(),
                    name: name.to_owned(),
                },
            })
        }
        ["outside", name, _, ..] => Some(NetnsDir {
            path: format!("outside/{name}"),
            kind: NetnsKind::Outside {
                name: (*name).to_owned(),
            },
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NotRead, Provenance};

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::new(Meta::new(vec!["n1".into()]));
        for path in [
            "nodes/n1/host/addr.json",
            "nodes/n1/host-x/addr.json",
            "nodes/n1/host/link.json",
            "nodes/n1/pods/shop_web-1/addr.json",
            "nodes/n1/pods/noname/addr.json",
            "nodes/n1/files/etc/hosts",
            "outside/ext/addr.json",
            "outside/readme",
            "cluster/pods.json",
        ] {
            snapshot.insert(path, "[]");
        }
        snapshot
    }

    #[test]
    fn equal_contents_are_one() {
        let mut snapshot = snapshot();
        assert_eq!((snapshot.blobs(), snapshot.paths().count()), (1, 9));
        let id = snapshot.insert("nodes/n1/host/sysctl.txt", "a = 1\n");
        assert_eq!((id, snapshot.blobs()), (BlobId(1), 2));
        assert_eq!(snapshot.blob(id).and_then(|blob| blob.text().ok()), Some("a = 1\n"));
        snapshot.insert("x", vec![b'a', 0xff]);
        assert!(snapshot.text("x").unwrap().unwrap_err().what.contains("byte 1"));
        assert!(snapshot.text("y").is_none());
    }

    #[test]
    fn namespaces() {
        let dirs = snapshot().netns_dirs();
        let paths: Vec<&str> = dirs.iter().map(|dir| dir.path.as_str()).collect();
        assert_eq!(paths, ["nodes/n1/host", "nodes/n1/pods/shop_web-1", "outside/ext"]);
        let pod = NetnsKind::Pod {
            node: "n1".into(),
            namespace: "shop".into(),
            name: "web-1".into(),
        };
        assert_eq!(dirs.get(1).map(|dir| &dir.kind), Some(&pod));
    }

    #[test]
    fn what_lies_under_a_folder() {
        let snapshot = snapshot();
        let under = |folder: &str| {
            snapshot
                .under(folder)
                .map(|(path, _)| path.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            under("nodes/n1/host"),
            ["nodes/n1/host/addr.json", "nodes/n1/host/link.json"]
        );
        assert_eq!(under("nodes/n1/host/"), under("nodes/n1/host"));
        assert_eq!((under("").len(), under("nope").len()), (9, 0));
    }

    #[test]
    fn reasons_times_and_origins() {
        let mut snapshot = snapshot();
        let entry = |path: &str, why: &str| NotRead {
            path: path.into(),
            why: why.into(),
        };
        snapshot.meta.not_read = vec![
            entry("nodes/*/kube-proxy/configz.json", "refused"),
            entry("nodes/n2/", "gone"),
            entry("**/nft.json", "no nft"),
        ];
        assert_eq!(snapshot.not_read("nodes/n1/kube-proxy/configz.json"), Some("refused"));
        assert_eq!(snapshot.not_read("nodes/n2/host/addr.json"), Some("gone"));
        assert_eq!(snapshot.not_read("nodes/n1/pods/a_b/nft.json"), Some("no nft"));
        assert_eq!(snapshot.not_read("nodes/n1/x/kube-proxy/configz.json"), None);
        snapshot.meta.read = [
            ("nodes/n1".into(), "10:00".into()),
            ("nodes/n1/host/addr.json".into(), "10:01".into()),
        ]
        .into();
        let times = [
            "nodes/n1/host/addr.json",
            "nodes/n1/host/link.json",
            "cluster/pods.json",
        ]
        .map(|path| snapshot.read_at(path));
        assert_eq!(times, [Some("10:01"), Some("10:00"), None]);
        snapshot.meta.provenance = Provenance {
            other: [("nodes/n1/pods/a_b".into(), "rebuilt".into())].into(),
            ..Provenance::default()
        };
        assert_eq!(snapshot.provenance("nodes/n1/pods/a_b/addr.json"), "rebuilt");
        assert_eq!(snapshot.provenance("nodes/n1/host/addr.json"), "recorded");
    }
}
