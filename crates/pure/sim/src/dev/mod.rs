//! Devices: receiving and sending frames (`net/core/dev.c`, `drivers/net/`).

mod dev_queue_xmit;
mod netif_receive_skb;
mod vxlan;

pub(crate) use dev_queue_xmit::{dev_queue_xmit, eth_type};
pub(crate) use netif_receive_skb::{deliver_skb, netif_receive_skb};
pub(crate) use vxlan::{vxlan_carries, vxlan_rcv, vxlan_xmit};
