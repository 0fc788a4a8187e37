//! The IP layer: `net/ipv4/ip_input.c`, `ip_forward.c`, `ip_output.c`, `icmp.c`, `net/ipv6/ip6_input.c`, `ip6_output.c`,
//! `icmp.c` (6.18).

mod icmp_send;
mod icmpv6_send;
mod ip6_forward;
mod ip6_output;
mod ip6_rcv;
mod ip_defrag;
mod ip_error;
mod ip_forward;
mod ip_local_deliver;
mod ip_local_out;
mod ip_output;
mod ip_rcv;
mod ip_rt_send_redirect;
mod send_unreach;

pub(crate) use icmp_send::{ERRORS, icmp_send, icmp_send_info};
pub(crate) use icmpv6_send::icmpv6_send;
pub(crate) use ip_defrag::{DefragUser, FragQueue, ip_defrag};
pub(crate) use ip_error::ip_error;
pub(crate) use ip_local_out::{ip_local_out, ip_route_me_harder};
pub(crate) use ip_output::{ip_fragment, ip_output};
pub(crate) use ip_rcv::ip_rcv;
pub(crate) use send_unreach::{Unreach, send_unreach};
