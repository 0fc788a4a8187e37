//! Bridged packets pass the rules by: replies of a pod on the same node are not translated back.

use super::{Fault, arg, each_node};
use crate::Change;

pub(super) const FAULT: Fault = Fault {
    id: "bridge-nf-off",
    does: "sets net.bridge.bridge-nf-call-iptables=0 on a node",
    decoy: false,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |lab, _, args| {
        Ok(vec![Change::sysctl(
            lab,
            arg(args, "node")?,
            "net.bridge.bridge-nf-call-iptables",
            "0",
        )?])
    },
};
