//! The accounting objects that kube-proxy's rules count with (`-m nfacct`): a rule cannot be loaded without its object.
//!
//! `net/netfilter/nfnetlink_acct.c: nfnl_acct_new()`, v6.18: with NLM_F_EXCL an object that is there answers EEXIST.

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::io;
use std::os::fd::AsRawFd;

/// Counter of packets that conntrack could not place.
pub const INVALID_DROPPED: &str = "ct_state_invalid_dropped_pkts";
/// Counter of packets to a node port at 127.0.0.1.
pub const LOCALHOST_NODE_PORTS: &str = "localhost_nps_accepted_pkts";

/// Names of the objects that the rules of a node use.
pub const NAMES: [&str; 2] = [INVALID_DROPPED, LOCALHOST_NODE_PORTS];

const NFNL_SUBSYS_ACCT: u16 = 7;
const NFNL_MSG_ACCT_NEW: u16 = 0;
const NFACCT_NAME: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const EEXIST: i32 = 17;

/// Makes the objects in the network namespace of the calling thread; those that are there stay as they are.
///
/// An error means that this kernel has no accounting, or that the caller may not use it (CAP_NET_ADMIN): load the
/// rules without the match then.
pub fn ensure() -> io::Result<()> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkNetFilter,
    )?;
    for (sequence, name) in (1u32..).zip(NAMES) {
        let message = new_object(name, sequence);
        let kernel = NetlinkAddr::new(0, 0);
        sendto(netlink.as_raw_fd(), &message, &kernel, MsgFlags::empty())?;
        let mut answer = [0u8; 512];
        let length = recv(netlink.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        match error_of(&answer[..length]) {
            Some(0) => {}
            Some(code) if -code == EEXIST => {}
            Some(code) => return Err(io::Error::from_raw_os_error(-code)),
            None => return Err(io::Error::other("unexpected answer about nfacct")),
        }
    }
    Ok(())
}

fn new_object(name: &str, sequence: u32) -> Vec<u8> {
    let attribute = 4 + name.len() + 1;
    let padded = attribute.next_multiple_of(4);
    let length = 16 + 4 + padded;
    let mut out = Vec::with_capacity(length);
    out.extend((length as u32).to_ne_bytes());
    out.extend((NFNL_SUBSYS_ACCT << 8 | NFNL_MSG_ACCT_NEW).to_ne_bytes());
    out.extend((NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE).to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend(0u32.to_ne_bytes());
    out.extend([0, 0, 0, 0]);
    out.extend((attribute as u16).to_ne_bytes());
    out.extend(NFACCT_NAME.to_ne_bytes());
    out.extend(name.as_bytes());
    out.resize(length, 0);
    out
}

fn error_of(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(code)
}
