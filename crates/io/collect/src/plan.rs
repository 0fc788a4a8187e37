//! What to read, and how much it may cost.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Name of the cluster, for `bundle.json`.
    pub cluster_name: String,
    /// Program and version, for `bundle.json`.
    pub made_by: String,
    /// When the bundle is made, RFC 3339.
    pub now: String,
    /// Network namespaces.
    pub namespaces: Vec<Target>,
    /// Files of nodes.
    pub files: Vec<NodeFiles>,
    /// A folder of API lists (`pods.json`, ...) that pass the allow-list into `cluster/`.
    pub cluster_files: Option<PathBuf>,
    /// If given, only the namespaces whose `dir` is in it are read; files and API lists are read in any case.
    pub only: Option<BTreeSet<String>>,
    /// How much of each namespace.
    pub detail: Detail,
    /// What reading may cost.
    pub budget: Budget,
}

/// A network namespace and its folder in the bundle.
#[derive(Clone, Debug)]
pub struct Target {
    /// `nodes/<node>/host`, `nodes/<node>/pods/<namespace>_<pod>` or `outside/<name>`.
    pub dir: String,
    /// How to enter it.
    pub netns: NetnsRef,
    /// What it stands for: decides which members are worth reading.
    pub role: Role,
    /// The `resolv.conf` that its processes see; `None` if nobody knows.
    pub resolv_conf: Option<PathBuf>,
}

/// How to enter a network namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetnsRef {
    /// By a file: `/run/netns/worker-1`, `/proc/17/ns/net`.
    Path(PathBuf),
    /// The one that the caller is in; needs no privilege to enter.
    Current,
}

/// What a network namespace stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A node's own.
    Host,
    /// A pod's.
    Pod,
    /// A host that is no node; the text says what it is, for people ("external host").
    Outside(String),
}

/// The files of one node.
#[derive(Clone, Debug)]
pub struct NodeFiles {
    /// Name of the node.
    pub node: String,
    /// Its file system root. Links are followed only below it.
    pub root: PathBuf,
}

/// How much of each namespace is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// Everything that the bundle format names.
    #[default]
    Full,
    /// What decides the path of a packet: no offloads, no statistics, no queueing counters.
    Path,
}

/// What reading may cost. Beyond it, a member is missing and `not_read` says why.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Wall-clock time of one command.
    pub command_time: Duration,
    /// Wall-clock time of one command that dumps a whole rule set.
    pub rules_time: Duration,
    /// Bytes that one command may print, and one file may have.
    pub member_bytes: usize,
    /// Lines of rules in `iptables-save` and `ip6tables-save` together above which `nft -j` is not run: it needs more
    /// than ten times their time.
    pub nft_rules: usize,
    /// Tracked connections above which the table is not listed.
    pub conntrack_entries: u64,
    /// Interfaces of one namespace that are asked one by one (`ethtool -k`, `tc filter`).
    pub devices: usize,
    /// Files below one directory of a node.
    pub files_per_directory: usize,
    /// Namespaces that are read at the same time; 0 = by the number of processors, at most [`WORKERS`].
    pub workers: usize,
}

/// See [`Budget::command_time`].
pub const COMMAND_TIME: Duration = Duration::from_secs(10);
/// See [`Budget::rules_time`].
pub const RULES_TIME: Duration = Duration::from_secs(20);
/// See [`Budget::member_bytes`].
pub const MEMBER_BYTES: usize = 64 << 20;
/// See [`Budget::nft_rules`].
pub const NFT_RULES: usize = 10_000;
/// See [`Budget::conntrack_entries`].
pub const CONNTRACK_ENTRIES: u64 = 200_000;
/// See [`Budget::devices`].
pub const DEVICES: usize = 64;
/// See [`Budget::files_per_directory`].
pub const FILES_PER_DIRECTORY: usize = 1000;
/// The most that [`Budget::workers`] becomes by itself: a node has other things to do than to be read.
pub const WORKERS: usize = 4;

impl Default for Budget {
    fn default() -> Self {
        Self {
            command_time: COMMAND_TIME,
            rules_time: RULES_TIME,
            member_bytes: MEMBER_BYTES,
            nft_rules: NFT_RULES,
            conntrack_entries: CONNTRACK_ENTRIES,
            devices: DEVICES,
            files_per_directory: FILES_PER_DIRECTORY,
            workers: 0,
        }
    }
}

impl Plan {
    /// The namespaces that will be read.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Target> {
        let wanted = |target: &&Target| self.only.as_ref().is_none_or(|only| only.contains(&target.dir));
        self.namespaces.iter().filter(wanted)
    }

    /// The names of the nodes, sorted: of all namespaces, read or not, and of all files.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let of_dirs = self.namespaces.iter().filter_map(|target| {
            let rest = target.dir.strip_prefix("nodes/")?;
            rest.split('/').next()
        });
        let of_files = self.files.iter().map(|files| files.node.as_str());
        let all: BTreeSet<&str> = of_dirs.chain(of_files).collect();
        all.into_iter().map(str::to_owned).collect()
    }
}
