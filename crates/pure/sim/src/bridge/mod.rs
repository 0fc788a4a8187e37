//! The Linux bridge and br_netfilter: `net/bridge/br_input.c`, `br_forward.c`, `br_device.c`, `br_netfilter_hooks.c` (6.18).

mod br_arp_nd_proxy;
mod br_fdb;
mod br_forward;
mod br_handle_frame;
mod br_netfilter;

pub(crate) use br_arp_nd_proxy::proxied;
pub(crate) use br_forward::{br_dev_xmit, floods_many, should_deliver, takes_flood};
pub(crate) use br_handle_frame::br_handle_frame;
