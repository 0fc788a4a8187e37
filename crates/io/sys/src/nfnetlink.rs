//! Requests to the netfilter subsystems of the kernel.
//!
//! `net/netfilter/nfnetlink.c: nfnetlink_rcv_msg()`, v6.18: a message has a `struct nfgenmsg`, then attributes.

use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NFNL_SUBSYS_CTNETLINK: u16 = 1;
const IPCTNL_MSG_CT_DELETE: u16 = 2;
const NFNL_SUBSYS_IPSET: u16 = 6;
const IPSET_CMD_FLUSH: u16 = 4;
const IPSET_ATTR_PROTOCOL: u16 = 1;
const IPSET_ATTR_SETNAME: u16 = 2;
/// `IPSET_PROTOCOL_MIN`: what every kernel speaks.
const IPSET_PROTOCOL: u8 = 6;

/// A socket that stays with the network namespace in which it was opened.
pub struct NfNetlink(OwnedFd);

impl NfNetlink {
    /// In the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel has no nfnetlink.
    pub fn open() -> io::Result<NfNetlink> {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkNetFilter,
        )?;
        Ok(NfNetlink(socket))
    }

    /// Sends one request and waits until it is done. `flags` are those beside `NLM_F_REQUEST` and `NLM_F_ACK`; the
    /// attributes are as [`attribute`] makes them.
    ///
    /// # Errors
    /// What the kernel answers, e.g. EPERM without `CAP_NET_ADMIN`.
    pub fn request(&self, subsystem: u16, message: u16, flags: u16, attributes: &[u8]) -> io::Result<()> {
        let length = 16 + 4 + attributes.len();
        let mut out = Vec::with_capacity(length);
        out.extend((length as u32).to_ne_bytes());
        out.extend((subsystem << 8 | message).to_ne_bytes());
        out.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
        // Sequence and port; then family, version and resource: all of them any.
        out.extend([0; 12]);
        out.extend(attributes);
        sendto(self.0.as_raw_fd(), &out, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        let mut answer = [0u8; 512];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        match error_of(&answer[..length]) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::Error::other("nfnetlink: an unexpected answer")),
        }
    }

    /// Forgets every connection that the namespace tracks.
    ///
    /// # Errors
    /// The kernel does not track any, or `CAP_NET_ADMIN` is missing.
    pub fn forget_connections(&self) -> io::Result<()> {
        self.request(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE, 0, &[])
    }

    /// Removes every element of a set of ipset (`net/netfilter/ipset/ip_set_core.c: ip_set_flush()`).
    ///
    /// # Errors
    /// There is no such set (ENOENT), or `CAP_NET_ADMIN` is missing.
    pub fn flush_set(&self, name: &str) -> io::Result<()> {
        let mut attributes = attribute(IPSET_ATTR_PROTOCOL, &[IPSET_PROTOCOL]);
        attributes.extend(attribute(IPSET_ATTR_SETNAME, format!("{name}\0").as_bytes()));
        self.request(NFNL_SUBSYS_IPSET, IPSET_CMD_FLUSH, 0, &attributes)
    }
}

/// `struct nlattr` with its padding.
pub fn attribute(kind: u16, payload: &[u8]) -> Vec<u8> {
    let length = 4 + payload.len();
    let mut out = Vec::with_capacity(length.next_multiple_of(4));
    out.extend((length as u16).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(payload);
    out.resize(length.next_multiple_of(4), 0);
    out
}

fn error_of(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded() {
        assert_eq!(attribute(1, b"abc\0"), *b"\x08\0\x01\0abc\0");
        assert_eq!(attribute(2, b"a\0").len(), 8);
    }

    #[test]
    fn answers_are_errors_or_none() {
        let mut answer = [0; 36];
        answer[4] = 2;
        assert_eq!(error_of(&answer), Some(0));
        answer[16..20].copy_from_slice(&(-17i32).to_ne_bytes());
        assert_eq!(error_of(&answer), Some(-17));
        assert_eq!(error_of(&answer[..12]), None);
    }
}
