//! Sysctls and state of a node.

pub mod bridge_nf_disabled;
pub mod forwarding_not_persistent;
pub mod iface_forwarding_disabled;
pub mod ip_forward_disabled;
pub mod rp_filter_strict;
