//! Netfilter: hooks, iptables, nftables, connection tracking, address translation (6.18).

mod conntrack;
mod conntrack_alloc;
mod conntrack_find;
pub(crate) mod conntrack_tcp;
mod ipt_do_table;
mod nat;
mod nat_chains;
mod nf_hook;
mod nft;
mod nft_do_chain;
mod reject;
mod xt;

pub(crate) use conntrack::{attach_error, confirm};
pub use nf_hook::HOOK_ORDER;
pub(crate) use nf_hook::{Hooked, nf_hook};
pub(crate) use nft::Changed;
