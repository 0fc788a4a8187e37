//! Facts and the gaps that may stand in their place.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A value that was read, or the gap that says why it was not.
pub type Fact<T> = Result<T, GapId>;

/// Index into [`Gaps`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GapId(pub u32);

/// Something that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gap {
    /// Member of the bundle, e.g. `nodes/worker-2/host/iptables-save`, with `:line` where a line is meant.
    pub path: String,
    /// What is not known and why, in one phrase: `not collected`, `permission denied`, `match "bpf" is not modelled`.
    pub why: String,
}

/// All gaps of a cluster; equal ones share an id. Copies share them until one adds another.
#[derive(Clone, Debug, Default)]
pub struct Gaps {
    inner: Arc<Inner>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    list: Vec<Gap>,
    ids: BTreeMap<Gap, GapId>,
}

impl Gaps {
    /// Adds a gap, or finds it.
    pub fn add(&mut self, path: impl Into<String>, why: impl Into<String>) -> GapId {
        let gap = Gap {
            path: path.into(),
            why: why.into(),
        };
        if let Some(id) = self.inner.ids.get(&gap) {
            return *id;
        }
        let inner = Arc::make_mut(&mut self.inner);
        let id = GapId(inner.list.len() as u32);
        inner.list.push(gap.clone());
        inner.ids.insert(gap, id);
        id
    }

    /// The gap behind an id of this cluster.
    ///
    /// # Panics
    /// If the id belongs to another cluster.
    #[must_use]
    pub fn get(&self, id: GapId) -> &Gap {
        &self.inner.list[id.0 as usize]
    }

    /// All gaps in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = (GapId, &Gap)> {
        self.inner.list.iter().enumerate().map(|(i, g)| (GapId(i as u32), g))
    }
}
