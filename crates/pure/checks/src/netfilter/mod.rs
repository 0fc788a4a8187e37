//! Netfilter.

pub mod foreign_rule_drops;
pub mod forward_policy_drop;
mod native;
pub mod vxlan_udp_blocked;
