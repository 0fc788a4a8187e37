//! Sockets at both ends: `net/ipv4/tcp_ipv4.c`, `udp.c`, `icmp.c`, `inet_hashtables.c`, and their like of `net/ipv6` (6.18).

mod client;
mod icmp_rcv;
mod icmpv6_rcv;
mod lookup;
mod tcp_v4_rcv;
mod udp_rcv;

pub(crate) use client::{advertise_mss, connect};
pub(crate) use icmp_rcv::icmp_rcv;
pub(crate) use icmpv6_rcv::icmpv6_rcv;
pub(crate) use lookup::lookup_tuple;
pub(crate) use tcp_v4_rcv::tcp_v4_rcv;
pub(crate) use udp_rcv::udp_rcv;
