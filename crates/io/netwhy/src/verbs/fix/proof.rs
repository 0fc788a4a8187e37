//! What a change heals and breaks, in the model.

use netwhy_checks::{CheckOptions, Finding, Report, check};
use netwhy_model::Cluster;

/// The whole check, before and with the change.
pub(super) struct Proof {
    /// Promises that are broken now.
    pub broken_before: usize,
    /// Of those that the finding breaks: how many.
    pub broken_by_it: usize,
    /// Healed by the change.
    pub healed: usize,
    /// Kept now, and not kept with the change.
    pub breaks: usize,
}

impl Proof {
    /// Lays the finding's change over the cluster and sweeps again.
    pub fn of(cluster: &Cluster, before: &Report, finding: &Finding) -> Proof {
        let patched = cluster.with(&finding.patches);
        let after = check(&patched, &CheckOptions::default());
        let (now, then) = (&before.coverage, &after.coverage);
        Proof {
            broken_before: now.broken,
            broken_by_it: finding.broken,
            healed: now.broken.saturating_sub(then.broken),
            breaks: now.kept.saturating_sub(then.kept),
        }
    }

    /// `proven: 126 of 126 broken promises heal, 0 break`.
    pub fn text(&self) -> String {
        match self.broken_by_it {
            0 => format!("breaks nothing now; with it {} break", self.breaks),
            n => format!(
                "proven: {} of {n} broken promises heal, {} break",
                self.healed.min(n),
                self.breaks
            ),
        }
    }
}
