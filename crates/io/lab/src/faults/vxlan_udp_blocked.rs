//! A host firewall knows nothing of the overlay.

use super::{Fault, arg, each_node};
use crate::Change;

pub(super) const FAULT: Fault = Fault {
    id: "vxlan-udp-blocked",
    does: "drops the UDP port of VXLAN in filter INPUT of a node",
    decoy: false,
    params: &["node"],
    options: &[],
    sites: each_node,
    plan: |_, state, args| {
        let rule = format!("-p udp -m udp --dport {} -j DROP", state.spec.vxlan_port);
        Ok(vec![Change::rule(
            arg(args, "node")?,
            "iptables-nft",
            "filter",
            "INPUT",
            &rule,
        )])
    },
};
