//! Pods of a node with equal fingerprints.

use crate::fingerprint::fingerprint;
use crate::mentions::Mentions;
use netwhy_model::{Cluster, NetnsId, NetnsKind};
use rustc_hash::FxHashMap;

/// Index into [`Classes::list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u32);

/// Namespaces that behave alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Node, or empty for a host outside.
    pub node: String,
    /// Members, at least one; the first speaks for all.
    pub members: Vec<NetnsId>,
    /// What they are.
    pub kind: ClassKind,
}

/// Pods, a node itself, or a host outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassKind {
    /// Pods with a namespace of their own.
    Pods,
    /// A node's own namespace.
    Node,
    /// A host outside the cluster.
    Outside,
}

/// All classes of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// In the order of their first members.
    pub list: Vec<Class>,
    of: FxHashMap<NetnsId, ClassId>,
}

impl Classes {
    /// Sorts every namespace into a class.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Classes {
        let mentions = Mentions::of(cluster);
        let mut classes = Classes::default();
        let mut known: FxHashMap<(String, u64), ClassId> = FxHashMap::default();
        for ns in &cluster.netns {
            let (node, kind) = match &ns.kind {
                NetnsKind::Host { node } => (node.clone(), ClassKind::Node),
                NetnsKind::Pod { node, .. } => (node.clone(), ClassKind::Pods),
                NetnsKind::Outside { .. } => (String::new(), ClassKind::Outside),
            };
            let same = (kind == ClassKind::Pods).then(|| (node.clone(), fingerprint(cluster, ns, &mentions)));
            let id = match same.as_ref().and_then(|key| known.get(key)) {
                Some(id) => *id,
                None => {
                    let id = ClassId(classes.list.len() as u32);
                    classes.list.push(Class {
                        node,
                        members: Vec::new(),
                        kind,
                    });
                    known.extend(same.map(|key| (key, id)));
                    id
                }
            };
            classes.list[id.0 as usize].members.push(ns.id);
            classes.of.insert(ns.id, id);
        }
        classes
    }

    /// The class of a namespace.
    #[must_use]
    pub fn class_of(&self, netns: NetnsId) -> Option<ClassId> {
        self.of.get(&netns).copied()
    }

    /// A class by id.
    ///
    /// # Panics
    /// If the id belongs to other classes.
    #[must_use]
    pub fn get(&self, id: ClassId) -> &Class {
        &self.list[id.0 as usize]
    }
}
