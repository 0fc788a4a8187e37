//! The accounting objects that kube-proxy's rules count with (`-m nfacct`): a rule cannot be loaded without its object.
//!
//! `net/netfilter/nfnetlink_acct.c: nfnl_acct_new()`, v6.18: with NLM_F_EXCL an object that is there answers EEXIST.

use netwhy_sys::nfnetlink::{NfNetlink, attribute};
use std::io;

/// Counter of packets that conntrack could not place.
pub const INVALID_DROPPED: &str = "ct_state_invalid_dropped_pkts";
/// Counter of packets to a node port at 127.0.0.1.
pub const LOCALHOST_NODE_PORTS: &str = "localhost_nps_accepted_pkts";

/// Names of the objects that the rules of a node use.
pub const NAMES: [&str; 2] = [INVALID_DROPPED, LOCALHOST_NODE_PORTS];

const NFNL_SUBSYS_ACCT: u16 = 7;
const NFNL_MSG_ACCT_NEW: u16 = 0;
const NFACCT_NAME: u16 = 1;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const EEXIST: i32 = 17;

/// Makes the objects in the network namespace of the calling thread; those that are there stay as they are.
///
/// An error means that this kernel has no accounting, or that the caller may not use it (CAP_NET_ADMIN): load the
/// rules without the match then.
pub fn ensure() -> io::Result<()> {
    let netlink = NfNetlink::open()?;
    for name in NAMES {
        let name = attribute(NFACCT_NAME, format!("{name}\0").as_bytes());
        match netlink.request(NFNL_SUBSYS_ACCT, NFNL_MSG_ACCT_NEW, NLM_F_EXCL | NLM_F_CREATE, &name) {
            Err(error) if error.raw_os_error() != Some(EEXIST) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
