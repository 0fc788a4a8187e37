//! Docker or ufw has set the policy, and flannel's accept rules are not there.

use super::{Fault, arg, each_node};
use crate::Change;

pub(super) const FAULT: Fault = Fault {
    id: "forward-policy-drop",
    does: "sets the policy of filter FORWARD to DROP on a node whose FLANNEL-FWD chain has lost its accept rules",
    decoy: false,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |lab, _, args| {
        let node = arg(args, "node")?;
        Ok(vec![
            Change::flush(lab, node, "FLANNEL-FWD")?,
            Change::policy(lab, node, "FORWARD", "DROP")?,
        ])
    },
};
