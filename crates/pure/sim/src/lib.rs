//! What the kernels would do with a packet: `(Cluster, Flow) -> Trace`.
//!
//! One file per box of the netfilter and routing diagram, named after the kernel function:
//!
//! ```text
//!  receive                                                       transmit
//!  dev/netif_receive_skb                                         dev/dev_queue_xmit ─► veth_xmit, vxlan_xmit, loopback_xmit
//!    │      └ bridge port ─► bridge/br_handle_frame ─► br_forward ──►▲
//!    │                       (br_netfilter calls the inet hooks)     │
//!  ip/ip_rcv                                                     neigh/neigh_resolve_output   ARP
//!    │                                                               ▲
//!  nf PRE_ROUTING   raw -300, conntrack -200, mangle -150,       ip/ip_output   mtu, fragments
//!    │              dnat -100                                        ▲
//!  route/ip_route_input ─ error ─► ip/ip_error                   nf POST_ROUTING   mangle -150, snat 100, confirm
//!    │ local      └ forward ─► ip/ip_forward ─► nf FORWARD ─────────►▲
//!  nf LOCAL_IN                                                   nf LOCAL_OUT ─► reroute
//!    │                                                               ▲
//!  sock/tcp, sock/udp, ip/icmp_rcv, dev/vxlan_rcv                ip/ip_local_out
//! ```
//!
//! A trace is a conversation: the client's packet, the answer, and every ICMP error on its way back. It is judged at the
//! client's socket. Forks (random rules, unread facts) are explored by running the conversation again with another
//! choice: see [`oracle`].

pub mod arrival;
mod bridge;
mod conversation;
mod dev;
mod engine;
pub mod flow;
mod ip;
mod neigh;
mod nf;
mod opts;
pub use nf::HOOK_ORDER;
pub mod oracle;
pub mod reason;
mod route;
mod skb;
mod sock;
mod state;
pub mod trace;

pub use conversation::trace;
pub use flow::{Flow, Options};
pub use reason::{DropReason, Stage};
pub use trace::{ClientSees, Detail, Disposition, End, Outcome, Step, Trace, Weight};
