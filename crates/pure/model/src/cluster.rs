//! The cluster: namespaces, nodes, wires, API objects.

use crate::api::Api;
use crate::conn::Conns;
use crate::fact::{Fact, GapId, Gaps};
use crate::family::Family;
use crate::fib::Fib;
use crate::link::Links;
use crate::neigh::{Fdb, Neighs};
use crate::netfilter::{Netfilter, Table};
use crate::socket::Sockets;
use crate::sysctl::Sysctls;
use netwhy_snapshot::{NetnsKind, Snapshot};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Index into [`Cluster::netns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsId(pub u32);

/// Index into [`Cluster::nodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Index into [`Cluster::segments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u32);

/// Everything that is known about a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Cluster name as `bundle.json` gives it, possibly empty.
    pub name: String,
    /// Network namespaces, in the order of their folders.
    pub netns: Vec<Arc<Netns>>,
    /// Nodes, sorted by name: those of the API and those of the bundle.
    pub nodes: Vec<Node>,
    /// Layer 2 segments that the bundle does not show and that are assumed (bundle.md, "How namespaces are wired", 3).
    pub segments: Vec<Segment>,
    /// API objects.
    pub api: Arc<Api>,
    /// What is not known.
    pub gaps: Gaps,
    /// The snapshot, for evidence: lines of members, files, counters.
    pub snapshot: Arc<Snapshot>,
}

/// An assumed broadcast domain: interfaces without a known peer whose addresses share a subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The subnet, e.g. 192.168.50.0/24.
    pub subnet: ipnet::IpNet,
    /// Members: namespace and ifindex.
    pub ports: Vec<(NetnsId, u32)>,
}

/// One network namespace with all its facts.
#[derive(Clone, Debug)]
pub struct Netns {
    /// Own id.
    pub id: NetnsId,
    /// Whose it is.
    pub kind: NetnsKind,
    /// Folder in the bundle, e.g. `nodes/worker-1/host`.
    pub dir: String,
    /// Links with their addresses and the configuration that sysctls give them.
    pub links: Fact<Arc<Links>>,
    /// Rules and routes of IPv4.
    pub fib: Fact<Arc<Fib>>,
    /// Rules and routes of IPv6.
    pub fib6: Fact<Arc<Fib>>,
    /// Neighbours.
    pub neigh: Fact<Arc<Neighs>>,
    /// Forwarding entries of bridges and VXLAN devices.
    pub fdb: Fact<Arc<Fdb>>,
    /// Netfilter.
    pub netfilter: Arc<Netfilter>,
    /// Sysctls as read.
    pub sysctl: Fact<Arc<Sysctls>>,
    /// Listeners and bound sockets.
    pub sockets: Fact<Arc<Sockets>>,
    /// Tracked connections.
    pub conns: Fact<Arc<Conns>>,
}

/// A node by name.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name.
    pub name: String,
    /// Its own namespace, if the bundle has its folder.
    pub host: Option<NetnsId>,
    /// Namespaces of its pods.
    pub pods: Vec<NetnsId>,
    /// `status.addresses` of type InternalIP.
    pub internal_ips: Vec<IpAddr>,
    /// `spec.podCIDRs`.
    pub pod_cidrs: Vec<ipnet::IpNet>,
    /// Files of the node by absolute path (`/etc/sysctl.d/99-k8s.conf`), as far as they were recorded; directories that
    /// were read and are empty map to themselves with a trailing slash and an empty text.
    pub files: Fact<Arc<BTreeMap<String, String>>>,
}

impl Cluster {
    /// A namespace by id.
    ///
    /// # Panics
    /// If the id belongs to another cluster.
    #[must_use]
    pub fn ns(&self, id: NetnsId) -> &Netns {
        &self.netns[id.0 as usize]
    }

    /// The node of a name.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes
            .binary_search_by(|n| n.name.as_str().cmp(name))
            .ok()
            .map(|i| &self.nodes[i])
    }

    /// The namespace of a pod: its own, or its node's with `hostNetwork`. `None` if the bundle has neither.
    #[must_use]
    pub fn pod_netns(&self, namespace: &str, name: &str) -> Option<NetnsId> {
        let own = self
            .netns
            .iter()
            .find(|n| matches!(&n.kind, NetnsKind::Pod { namespace: a, name: b, .. } if a == namespace && b == name));
        if let Some(ns) = own {
            return Some(ns.id);
        }
        let pod = self.api.pod(namespace, name)?;
        if pod.host_network {
            self.node(&pod.node)?.host
        } else {
            None
        }
    }

    /// Why the namespace is not known that an address leads to by what the API says of pods and nodes; `None` if it is
    /// known, or the API gives the address to nobody.
    #[must_use]
    pub fn unread_holder(&self, addr: IpAddr) -> Option<GapId> {
        let unread = |id: NetnsId| self.ns(id).links.as_ref().err().copied();
        let holds = |n: &&Node| n.internal_ips.contains(&addr) || n.pod_cidrs.iter().any(|net| net.contains(&addr));
        let node = self.nodes.iter().find(holds).and_then(|n| n.host);
        if let Some(gap) = node.and_then(unread) {
            return Some(gap);
        }
        let mut pods = self.api.pods.iter().flatten().filter(|p| !p.host_network);
        let pod = pods.find(|p| p.ips.contains(&addr))?;
        unread(self.pod_netns(&pod.namespace, &pod.name)?)
    }

    /// The namespace of a host outside the cluster.
    #[must_use]
    pub fn outside(&self, name: &str) -> Option<NetnsId> {
        self.netns
            .iter()
            .find(|n| matches!(&n.kind, NetnsKind::Outside { name: a } if a == name))
            .map(|n| n.id)
    }
}

impl Netns {
    /// Rules and routes of a family.
    ///
    /// # Errors
    /// The gap, if they were not read.
    pub fn fib_of(&self, family: Family) -> Fact<&Fib> {
        let fib = match family {
            Family::Inet => &self.fib,
            Family::Inet6 => &self.fib6,
        };
        fib.as_deref().map_err(|gap| *gap)
    }

    /// The member of this namespace that a table stands in. `Table::path` may name another namespace's equal text.
    #[must_use]
    pub fn member_of(&self, table: &Table) -> String {
        let file = table.path.rsplit('/').next().unwrap_or_default();
        format!("{}/{file}", self.dir)
    }
}
