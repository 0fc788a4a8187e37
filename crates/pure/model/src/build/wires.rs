//! Which veth is the other end of which (bundle.md, "How namespaces are wired").

use crate::cluster::{Netns, NetnsId};
use crate::link::{Link, LinkKind};
use crate::neigh::NudState;
use netwhy_snapshot::NetnsKind;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// What `link.json` says of the other end of a veth.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub ns: NetnsId,
    pub index: u32,
    pub far: Far,
}

#[derive(Clone, Debug)]
pub(super) enum Far {
    /// ifindex in another namespace.
    Index(u32),
    /// Name in the same namespace.
    Name(String),
}

/// A namespace and an ifindex.
type Port = (NetnsId, u32);

/// Two ends that may be a pair.
#[derive(Clone, Copy)]
struct Pair {
    a: Port,
    b: Port,
    seen: Seen,
}

/// What forwarding and neighbour tables say about a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// One side's MAC was seen behind the other.
    Yes,
    /// Only other MACs were seen there.
    No,
    Silent,
}

/// Sets the peers of all veths that have one in the bundle.
pub(super) fn connect(netns: &mut [Netns], ends: &[End]) {
    for end in ends {
        if let Far::Name(name) = &end.far {
            let far = links_of(netns, end.ns).and_then(|l| l.named(name)).map(|l| l.index);
            if let Some(far) = far {
                join(netns, (end.ns, end.index), (end.ns, far));
            }
        }
    }
    // A pod's other end can only be on its own node, so these go first.
    let pods = candidates(netns, ends, |a, b| match (a, b) {
        (NetnsKind::Pod { node, .. }, NetnsKind::Host { node: host }) => node == host,
        _ => false,
    });
    settle(netns, pods);
    let mut others = candidates(netns, ends, |a, b| {
        !matches!((a, b), (NetnsKind::Pod { .. }, _) | (_, NetnsKind::Pod { .. }))
    });
    others.retain(|p| p.seen != Seen::No);
    settle(netns, others);
}

fn links_of(netns: &[Netns], ns: NetnsId) -> Option<&crate::link::Links> {
    netns.get(ns.0 as usize)?.links.as_deref().ok()
}

fn link_of(netns: &[Netns], (ns, index): Port) -> Option<&Link> {
    links_of(netns, ns)?.get(index)
}

fn connected(netns: &[Netns], port: Port) -> bool {
    !matches!(
        link_of(netns, port).map(|l| &l.kind),
        Some(LinkKind::Veth { peer: None, .. })
    )
}

/// Pairs whose indexes agree both ways, among the namespaces that `may` allows.
fn candidates(netns: &[Netns], ends: &[End], may: impl Fn(&NetnsKind, &NetnsKind) -> bool) -> Vec<Pair> {
    let mut by_index: FxHashMap<(u32, u32), Vec<Port>> = FxHashMap::default();
    for end in ends {
        if let Far::Index(far) = end.far {
            by_index.entry((end.index, far)).or_default().push((end.ns, end.index));
        }
    }
    let kind = |port: Port| netns.get(port.0.0 as usize).map(|n| &n.kind);
    let mut pairs = Vec::new();
    for end in ends {
        let Far::Index(far) = end.far else { continue };
        let a = (end.ns, end.index);
        if connected(netns, a) {
            continue;
        }
        for &b in by_index.get(&(far, end.index)).into_iter().flatten() {
            let allowed = kind(a).zip(kind(b)).is_some_and(|(ka, kb)| a.0 != b.0 && may(ka, kb));
            // Where both orders are allowed, one of the two is enough.
            let twice = a > b && kind(a).zip(kind(b)).is_some_and(|(ka, kb)| may(kb, ka));
            if allowed && !twice && !connected(netns, b) {
                pairs.push(Pair {
                    a,
                    b,
                    seen: seen(netns, a, b),
                });
            }
        }
    }
    pairs
}

/// Joins what is unambiguous, by indexes or by MACs, until nothing more is.
fn settle(netns: &mut [Netns], mut pairs: Vec<Pair>) {
    loop {
        let mut all: FxHashMap<Port, u32> = FxHashMap::default();
        let mut yes: FxHashMap<Port, u32> = FxHashMap::default();
        for pair in &pairs {
            for port in [pair.a, pair.b] {
                *all.entry(port).or_default() += 1;
                *yes.entry(port).or_default() += u32::from(pair.seen == Seen::Yes);
            }
        }
        let sure = |p: &&Pair| {
            let one = |counts: &FxHashMap<Port, u32>| counts.get(&p.a) == Some(&1) && counts.get(&p.b) == Some(&1);
            one(&all) || (p.seen == Seen::Yes && one(&yes))
        };
        let sure: Vec<Pair> = pairs.iter().filter(sure).copied().collect();
        if sure.is_empty() {
            return;
        }
        for pair in sure {
            if !connected(netns, pair.a) && !connected(netns, pair.b) {
                join(netns, pair.a, pair.b);
            }
        }
        pairs.retain(|p| !connected(netns, p.a) && !connected(netns, p.b));
    }
}

fn join(netns: &mut [Netns], a: Port, b: Port) {
    for (own, other) in [(a, b), (b, a)] {
        let Some(Ok(links)) = netns.get_mut(own.0.0 as usize).map(|n| &mut n.links) else {
            continue;
        };
        if let Some(LinkKind::Veth { peer, .. }) = Arc::make_mut(links).get_mut(own.1).map(|l| &mut l.kind) {
            *peer = Some(other);
        }
    }
}

fn seen(netns: &[Netns], a: Port, b: Port) -> Seen {
    match (behind(netns, a, b), behind(netns, b, a)) {
        (Seen::Yes, _) | (_, Seen::Yes) => Seen::Yes,
        (Seen::No, _) | (_, Seen::No) => Seen::No,
        _ => Seen::Silent,
    }
}

/// Whether the MAC of `far`, or of the bridge that it is a port of, was seen behind `near`.
fn behind(netns: &[Netns], near: Port, far: Port) -> Seen {
    let (Some(ns), Some(link)) = (netns.get(near.0.0 as usize), link_of(netns, far)) else {
        return Seen::Silent;
    };
    let bridge = link.master.and_then(|m| link_of(netns, (far.0, m)));
    let mut other = false;
    let learned = ns
        .fdb
        .iter()
        .flat_map(|f| &f.bridge)
        .filter(|(_, port)| **port == near.1)
        .map(|((_, mac), _)| *mac);
    // What somebody wrote there is no sight of anybody.
    let neighbours = ns
        .neigh
        .iter()
        .flat_map(|n| &n.entries)
        .filter(|((dev, _), n)| *dev == near.1 && n.state != NudState::Permanent);
    for mac in learned.chain(neighbours.filter_map(|(_, n)| n.lladdr)) {
        if mac == link.mac || bridge.is_some_and(|b| b.mac == mac) {
            return Seen::Yes;
        }
        other = true;
    }
    // Behind a bridge there may be anybody.
    if other && bridge.is_none() {
        Seen::No
    } else {
        Seen::Silent
    }
}
