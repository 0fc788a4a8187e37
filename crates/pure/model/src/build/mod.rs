//! Building a cluster from a snapshot.
//!
//! Each file here turns the members of one kind into facts. What a member does not say becomes a gap at the place
//! where the fact would stand.

mod api;
mod conns;
mod fib;
mod files;
mod iptables;
mod links;
mod misprints;
mod neigh;
mod netfilter;
mod nft;
mod segments;
mod sets;
mod sockets;
mod sysctl;
#[cfg(test)]
mod tests;
mod wires;
mod with;

use crate::cluster::{Cluster, Netns, NetnsId, Node};
use crate::fact::{Fact, GapId, Gaps};
use crate::family::Family;
use crate::link::Links;
use netwhy_snapshot::{NetnsKind, Problem, Snapshot};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What every builder needs: the members, and where gaps go.
struct Ctx<'a> {
    snap: &'a Snapshot,
    gaps: Gaps,
    tables: iptables::Cache,
    ends: Vec<wires::End>,
}

/// A list with what could not be read of it.
struct List<T> {
    items: Vec<T>,
    /// First element that was left out, if any.
    cut: Option<GapId>,
}

impl<'a> Ctx<'a> {
    /// The gap of a member that is not in the bundle.
    fn missing(&mut self, path: &str) -> GapId {
        let why = self.snap.not_read(path).unwrap_or("not collected").to_owned();
        self.gaps.add(path, why)
    }

    /// The gap of something in a member that could not be used.
    fn problem(&mut self, path: &str, problem: &Problem) -> GapId {
        match problem.line {
            Some(line) => self.gaps.add(format!("{path}:{line}"), problem.what.clone()),
            None => self.gaps.add(path, problem.what.clone()),
        }
    }

    /// The text of a member.
    fn text(&mut self, path: &str) -> Fact<&'a str> {
        match self.snap.text(path) {
            None => Err(self.missing(path)),
            Some(Err(problem)) => Err(self.problem(path, &problem)),
            Some(Ok(text)) => Ok(text),
        }
    }

    /// A JSON list. An empty text is an empty list: the command printed nothing.
    fn list<T: DeserializeOwned + Default + PartialEq>(&mut self, path: &str) -> Fact<List<T>> {
        let text = self.text(path)?;
        if text.trim().is_empty() {
            return Ok(List {
                items: Vec::new(),
                cut: None,
            });
        }
        let (items, problems) = netwhy_snapshot::format::ip_json::parse_list(text);
        let mut cut = None;
        for problem in &problems {
            let gap = self.problem(path, problem);
            cut = cut.or(Some(gap));
        }
        if let (true, Some(gap)) = (items.is_empty(), cut) {
            return Err(gap);
        }
        Ok(List { items, cut })
    }
}

impl Cluster {
    /// The meaning of a snapshot. Never fails: see the crate's documentation.
    #[must_use]
    pub fn build(snapshot: Snapshot) -> Self {
        let snapshot = Arc::new(snapshot);
        let mut ctx = Ctx {
            snap: &snapshot,
            gaps: Gaps::default(),
            tables: iptables::Cache::default(),
            ends: Vec::new(),
        };
        let mut netns = namespaces(&mut ctx);
        wires::connect(&mut netns, &ctx.ends);
        let segments = segments::assume(&mut netns);
        let api = api::build(&mut ctx);
        let nodes = nodes(&mut ctx, &netns, &api);
        let gaps = ctx.gaps;
        Cluster {
            name: snapshot.meta.cluster.clone(),
            netns: netns.into_iter().map(Arc::new).collect(),
            nodes,
            segments,
            api: Arc::new(api),
            gaps,
            snapshot,
        }
    }
}

/// All namespaces, without their wires.
fn namespaces(ctx: &mut Ctx<'_>) -> Vec<Netns> {
    let dirs = ctx.snap.netns_dirs().into_iter().enumerate();
    dirs.map(|(i, dir)| namespace(ctx, NetnsId(i as u32), dir.kind, dir.path))
        .collect()
}

/// One namespace.
fn namespace(ctx: &mut Ctx<'_>, id: NetnsId, kind: NetnsKind, dir: String) -> Netns {
    let sysctl = sysctl::build(ctx, &dir);
    let read = sysctl.as_ref().map_err(|g| *g);
    let links = links::build(ctx, id, &dir, read);
    let names = links.as_ref().ok();
    let fib = fib::build(ctx, &dir, names, read, Family::Inet).map(Arc::new);
    let fib6 = fib::build(ctx, &dir, names, read, Family::Inet6).map(Arc::new);
    let neigh = neigh::neighs(ctx, &dir, names).map(Arc::new);
    let fdb = neigh::fdb(ctx, &dir, names).map(Arc::new);
    let netfilter = Arc::new(netfilter::build(ctx, &dir, names));
    let sockets = sockets::build(ctx, &dir).map(Arc::new);
    let conns = conns::build(ctx, &dir).map(Arc::new);
    Netns {
        id,
        kind,
        dir,
        links: links.map(Arc::new),
        fib,
        fib6,
        neigh,
        fdb,
        netfilter,
        sysctl: sysctl.map(Arc::new),
        sockets,
        conns,
    }
}

/// The nodes of the bundle and of the API.
fn nodes(ctx: &mut Ctx<'_>, netns: &[Netns], api: &crate::api::Api) -> Vec<Node> {
    let mut by_name: BTreeMap<String, Node> = BTreeMap::new();
    let named = ctx.snap.meta.nodes.iter().map(String::as_str);
    let listed = api.nodes.iter().flatten().map(|n| n.name.as_str());
    let folders = netns.iter().filter_map(|n| n.kind.node());
    for name in named.chain(listed).chain(folders) {
        if !by_name.contains_key(name) {
            by_name.insert(name.to_owned(), empty_node(ctx, name));
        }
    }
    for ns in netns {
        let Some(node) = ns.kind.node().and_then(|n| by_name.get_mut(n)) else {
            continue;
        };
        match ns.kind {
            NetnsKind::Host { .. } => node.host = Some(ns.id),
            _ => node.pods.push(ns.id),
        }
    }
    for object in api.nodes.iter().flatten() {
        if let Some(node) = by_name.get_mut(&object.name) {
            node.internal_ips.clone_from(&object.internal_ips);
            node.pod_cidrs.clone_from(&object.pod_cidrs);
        }
    }
    by_name.into_values().collect()
}

fn empty_node(ctx: &mut Ctx<'_>, name: &str) -> Node {
    Node {
        name: name.to_owned(),
        host: None,
        pods: Vec::new(),
        internal_ips: Vec::new(),
        pod_cidrs: Vec::new(),
        files: files::build(ctx, name).map(Arc::new),
    }
}

/// The ifindex of a name; 0 if no such link is known.
fn index_of(links: Option<&Links>, name: &str) -> u32 {
    links.and_then(|l| l.named(name)).map_or(0, |l| l.index)
}
