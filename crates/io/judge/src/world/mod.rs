//! Small worlds of network namespaces, written as text, and what happens in them: measured, and simulated.
//!
//! A file of worlds holds blocks. `topology NAME` names lines for `use NAME`; `world NAME` is one to build. Lines:
//!
//! ```text
//! ns n node                     a namespace: node, pod NODE, or outside
//! veth n:va a:eth0              a pair, both ends up
//! n ip addr add ...             ip, bridge, nft, ipset, iptables, legacy (iptables of both backends), sysctl KEY=VALUE
//! tap n:t0 MAC                  a TAP device, up
//! b hold tcp 8080 [ADDR]        a bound socket that nobody reads; udp too
//! b serve tcp 8080 [ADDR]       answers with its name, the port and the client's address; udp too
//! n tracked yes                 afterwards connection tracking holds entries there, or not
//! ? a tcp 10.1.0.3:8080 [x40] [slow] = ok b:8080 10.1.0.2 | refused ; NETFILTER_DROP@nft_do_chain
//! ```
//!
//! A question says what is known of kernels: every way it can end, and where the packet is dropped. `=?` allows the
//! simulator not to know. The kernel must agree with the text, and the simulator with the kernel. A question without an
//! answer only compares the two.

mod ask;
mod build;
mod drops;
mod judge;
mod measured;
mod read;
mod text;

pub use build::{Space, World};
pub use drops::{Dropped, Drops};
pub use judge::{Row, Wrong, judge, question};
pub use text::{Ask, Recipe, recipes};
