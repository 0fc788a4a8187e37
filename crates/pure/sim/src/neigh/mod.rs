//! Neighbours: `net/core/neighbour.c`, `net/ipv4/arp.c`, `net/ipv6/ndisc.c` (6.18).

mod arp;
mod arp_ignore;
mod arp_process;
mod ndisc;
mod neigh_output;

pub(crate) use arp_process::{ARP, arp_rcv};
pub(crate) use neigh_output::{Resolved, neigh_failed, neigh_output, neigh_resolve};
