//! The probe matrix: every source against every target of a lab, by real sockets.
//!
//! Nothing here knows rules, routes or objects beyond the [`Spec`](crate::spec::Spec): a cell is what `connect`, `send`
//! and `recv` answered.

mod connection;
mod probe;
mod render;
mod table;

pub use probe::probe;
pub use render::render;
pub use table::{differences, pairs, same, sources, targets};

use crate::spec::Protocol;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Where a connection starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `pod/NAMESPACE/NAME`, `node/NAME` or `outside/NAME`.
    pub name: String,
    /// Name of its network namespace.
    pub netns: String,
}

/// What kind of address a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A pod's own address.
    Pod,
    /// A Service's cluster address.
    Service,
    /// A Service's port on the address of a node.
    NodePort,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `pod/NAMESPACE/NAME:PORT`, `svc/NAMESPACE/NAME:PORT` or `node/NAME:PORT`.
    pub name: String,
    /// Kind.
    pub kind: TargetKind,
    /// Address.
    pub ip: Ipv4Addr,
    /// Port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// One cell to fill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// From here.
    pub source: Source,
    /// To there.
    pub target: Target,
}

/// What the client sees, spelled as in the output of `trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// TCP: the connection was made. UDP: an answer came.
    Ok,
    /// Nothing within the patience, or ETIMEDOUT.
    Timeout,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH.
    NoRoute,
    /// ENETUNREACH.
    NetUnreachable,
    /// EACCES or EPERM.
    Prohibited,
    /// EINVAL.
    InvalidArgument,
    /// ECONNRESET.
    Reset,
    /// Another error; `errno` tells which.
    Other,
}

impl Class {
    /// The class of an error number.
    pub fn of_errno(errno: i32) -> Class {
        use nix::libc::*;
        match errno {
            0 => Class::Ok,
            ETIMEDOUT => Class::Timeout,
            ECONNREFUSED => Class::Refused,
            EHOSTUNREACH => Class::NoRoute,
            ENETUNREACH => Class::NetUnreachable,
            EACCES | EPERM => Class::Prohibited,
            EINVAL => Class::InvalidArgument,
            ECONNRESET => Class::Reset,
            _ => Class::Other,
        }
    }

    /// The spelling, e.g. `net-unreachable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Ok => "ok",
            Class::Timeout => "timeout",
            Class::Refused => "refused",
            Class::NoRoute => "no-route",
            Class::NetUnreachable => "net-unreachable",
            Class::Prohibited => "prohibited",
            Class::InvalidArgument => "invalid-argument",
            Class::Reset => "reset",
            Class::Other => "other",
        }
    }
}

/// When the client learnt it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeClass {
    /// Within 0.3 s.
    #[serde(rename = "instant")]
    Instant,
    /// After about a second: one packet was sent again.
    #[serde(rename = "1s")]
    OneSecond,
    /// After two seconds or more: a neighbour did not answer.
    #[serde(rename = "3s")]
    ThreeSeconds,
    /// Not within the patience.
    #[serde(rename = "never")]
    Never,
}

impl TimeClass {
    /// The class of a duration after which something came.
    pub fn of(time: Duration) -> TimeClass {
        match time.as_millis() {
            0..300 => TimeClass::Instant,
            300..2000 => TimeClass::OneSecond,
            _ => TimeClass::ThreeSeconds,
        }
    }
}

/// What one source got from one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Name of the source.
    pub source: String,
    /// Name of the target.
    pub target: String,
    /// Protocol.
    pub protocol: Protocol,
    /// Result of the first try.
    pub class: Class,
    /// Its error number; none if it went well, or if our own patience ended it.
    pub errno: Option<i32>,
    /// Its time.
    pub time: TimeClass,
    /// TCP: so many bytes of the 64 KiB came through. 0 for UDP.
    pub bytes: usize,
    /// Who answered the first try: `NAMESPACE/NAME`.
    pub answered_by: Option<String>,
    /// The client address that the answering server saw, first try.
    pub seen_client: Option<Ipv4Addr>,
    /// Who answered in all tries, and which client address it saw.
    pub backends: BTreeMap<String, Ipv4Addr>,
    /// Results of all tries: 40 to a Service whose first try was answered, else one; see [`Options`].
    pub outcomes: BTreeMap<Class, u32>,
}

/// How to probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long to wait for the connection, and then for each next part of the answer. With less than three seconds a
    /// neighbour that does not answer looks like a timeout.
    pub patience: Duration,
    /// Tries to a Service whose first try was answered, the first one included.
    pub tries: u32,
    /// As many tries where the first one timed out: for Services of which some backends are out of reach. Not where it
    /// was refused: the kernel limits the rate of the ICMP errors that say so, and the others would look like timeouts.
    pub always: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            patience: Duration::from_millis(1200),
            tries: 40,
            always: false,
        }
    }
}
