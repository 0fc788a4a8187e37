//! Listeners and bound sockets.

use crate::fact::GapId;
use crate::family::Family;
use std::net::IpAddr;

/// Sockets of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Sockets {
    /// All, as listed.
    pub list: Vec<Socket>,
    /// A line could not be read: a socket that is not listed may exist.
    pub incomplete: Option<GapId>,
}

/// A TCP listener or a bound UDP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// 6 TCP, 17 UDP.
    pub protocol: u8,
    /// Local address; `None` is the wildcard.
    pub addr: Option<IpAddr>,
    /// The only family whose packets reach it; `None` is both, as of a wildcard IPv6 socket without `IPV6_V6ONLY`.
    pub family: Option<Family>,
    /// Port.
    pub port: u16,
    /// `SO_BINDTODEVICE`.
    pub device: Option<Box<str>>,
    /// Connected UDP socket: only this peer reaches it.
    pub peer: Option<(IpAddr, u16)>,
    /// Process name, if it was shown.
    pub process: Option<Box<str>>,
    /// Line in `sockets.txt`.
    pub line: u32,
}
