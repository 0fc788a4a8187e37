//! Netfilter.

pub mod foreign_rule_drops;
pub mod forward_policy_drop;
pub mod vxlan_udp_blocked;
