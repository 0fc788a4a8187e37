//! What is asked: one client, one destination.

use netwhy_model::NetnsId;
use std::net::IpAddr;

/// A conversation to simulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Namespace of the client.
    pub from: NetnsId,
    /// Protocol: 6 TCP, 17 UDP, 1 ICMP echo.
    pub proto: u8,
    /// Address that the client connects to.
    pub dst: IpAddr,
    /// Port; ignored for ICMP.
    pub dport: u16,
    /// Local port of the client; 0 lets the kernel choose one of `ip_local_port_range`.
    pub sport: u16,
    /// Local address, if the client binds one.
    pub src: Option<IpAddr>,
}

impl Flow {
    /// A flow with a port of the kernel's choice.
    #[must_use]
    pub fn new(from: NetnsId, proto: u8, dst: IpAddr, dport: u16) -> Self {
        Flow {
            from,
            proto,
            dst,
            dport,
            sport: 0,
            src: None,
        }
    }
}

/// Bounds and extras of a trace.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Random choices that are followed at most; what is cut is an `unknown` outcome with the rest of the weight.
    pub paths_max: usize,
    /// Combinations of unread facts that are tried at most.
    pub worlds_max: usize,
    /// Stages that one conversation may pass.
    pub steps_max: usize,
    /// Also send a full-size segment with DF each way after the connection is made.
    pub full_size: bool,
    /// `ip_error()` may have told this peer enough (`net.ipv4.route.error_burst`): both ways are tried.
    pub errors_spent: bool,
    /// So may have been told of a better gateway (`net.ipv4.route.redirect_load`): both ways are tried.
    pub redirects_spent: bool,
    /// Visit every rule of a chain instead of those that the index gives.
    pub linear: bool,
    /// Keep the steps of each outcome.
    pub steps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            paths_max: 4096,
            worlds_max: 64,
            steps_max: 4000,
            full_size: false,
            errors_spent: false,
            redirects_spent: false,
            linear: false,
            steps: true,
        }
    }
}
