//! Services and kube-proxy.

pub mod endpoints_not_ready;
pub mod kube_proxy_stale;
pub mod named_port_missing;
pub mod selects_nothing;
pub mod target_port_wrong;
