//! What was seen.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// What a client saw. The class is the errno's, not the program's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// ETIMEDOUT, or the client's own limit before a connection was made.
    ConnectTimeout,
    /// ECONNREFUSED.
    Refused,
    /// EHOSTUNREACH.
    NoRoute,
    /// ENETUNREACH.
    NetUnreachable,
    /// EACCES or EPERM.
    Prohibited,
    /// EINVAL, what a blackhole route gives to the node itself.
    InvalidArgument,
    /// ECONNRESET.
    Reset,
    /// The connection was made; the TLS handshake hung or broke.
    Tls,
    /// The connection was made; no answer, or only its beginning.
    Hang,
    /// A name was not resolved.
    Dns(DnsError),
    /// An answer came from another address than was asked; only a capture shows it.
    AnsweredElsewhere,
    /// No connection, and the client does not say why.
    ConnectFailed,
    /// Out of time, and the client does not say whether a connection was made.
    Timeout,
}

/// How a name was not resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsError {
    /// NXDOMAIN, or no address under the name.
    NotFound,
    /// SERVFAIL.
    ServFail,
    /// Nobody listens at the name server.
    Refused,
    /// No answer from the name server.
    Unanswered,
    /// The client does not say.
    Unspecified,
}

impl Kind {
    /// The word of a flow's result (`client_sees` of a trace), where there is one.
    #[must_use]
    pub fn client_sees(self) -> Option<&'static str> {
        Some(match self {
            Kind::ConnectTimeout | Kind::AnsweredElsewhere => "timeout",
            Kind::Refused => "refused",
            Kind::NoRoute => "no-route",
            Kind::NetUnreachable => "net-unreachable",
            Kind::Prohibited => "prohibited",
            Kind::InvalidArgument => "invalid-argument",
            Kind::Reset => "reset",
            Kind::Tls | Kind::Hang | Kind::Dns(_) | Kind::ConnectFailed | Kind::Timeout => return None,
        })
    }

    /// In words, for `read as`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Kind::ConnectTimeout => "connect timeout",
            Kind::Refused => "connection refused",
            Kind::NoRoute => "no route to host",
            Kind::NetUnreachable => "network is unreachable",
            Kind::Prohibited => "permission denied",
            Kind::InvalidArgument => "invalid argument",
            Kind::Reset => "connection reset",
            Kind::Tls => "TLS handshake broken off",
            Kind::Hang => "connected, then no answer",
            Kind::Dns(DnsError::NotFound) => "name not found",
            Kind::Dns(DnsError::ServFail) => "name server failure (SERVFAIL)",
            Kind::Dns(DnsError::Refused) => "name server refuses",
            Kind::Dns(DnsError::Unanswered) => "name server does not answer",
            Kind::Dns(DnsError::Unspecified) => "name not resolved",
            Kind::AnsweredElsewhere => "answered from another address",
            Kind::ConnectFailed => "no connection, reason not said",
            Kind::Timeout => "out of time, stage not said",
        }
    }

    /// Whether the other one says the same, but more exactly.
    pub(crate) fn is_refined_by(self, other: Kind) -> bool {
        match self {
            Kind::ConnectFailed => !matches!(other, Kind::ConnectFailed | Kind::Timeout | Kind::Dns(_)),
            Kind::Timeout => matches!(other, Kind::ConnectTimeout | Kind::Hang | Kind::Tls),
            Kind::Dns(DnsError::Unspecified) => matches!(other, Kind::Dns(e) if e != DnsError::Unspecified),
            _ => false,
        }
    }
}

/// When the client learned it. Lab note 0005, kernel-measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimeClass {
    /// Below 0.9 s: somebody answered, or the kernel had no way.
    AtOnce,
    /// About 1 s: an answer that was lost or rate limited once.
    OneSecond,
    /// About 3 s: a neighbour that does not answer, or two SYN repeats where they were lowered.
    ThreeSeconds,
    /// About 5 s: one lost DNS datagram.
    FiveSeconds,
    /// 127 to 137 s: all SYN repeats of Linux' defaults.
    AllRetries,
    /// None of these: the client's own limit.
    Deadline,
    /// Not said.
    Unknown,
}

impl TimeClass {
    /// The class of a time.
    #[must_use]
    pub fn of(after_ms: Option<u64>) -> Self {
        match after_ms {
            None => TimeClass::Unknown,
            Some(0..900) => TimeClass::AtOnce,
            Some(900..=1_300) => TimeClass::OneSecond,
            Some(2_800..=3_600) => TimeClass::ThreeSeconds,
            Some(4_900..=5_400) => TimeClass::FiveSeconds,
            Some(127_000..=137_000) => TimeClass::AllRetries,
            Some(_) => TimeClass::Deadline,
        }
    }
}

/// Where it wanted to go: an address or a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// An address.
    Ip(IpAddr),
    /// A name, as written.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Ip(ip) => ip.fmt(f),
            Host::Name(name) => f.write_str(name),
        }
    }
}

/// Where it wanted to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// As the text has it.
    pub host: Host,
    /// The address behind a name, if the text tells (`Trying 10.0.21.231:3000...`).
    pub address: Option<IpAddr>,
    /// The port.
    pub port: Option<u16>,
}

impl Target {
    /// The address, if one is known.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ip(ip) => Some(*ip),
            Host::Name(_) => self.address,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Host::Ip(IpAddr::V6(ip)), Some(port)) => write!(f, "[{ip}]:{port}"),
            (host, Some(port)) => write!(f, "{host}:{port}"),
            (host, None) => host.fmt(f),
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// curl.
    Curl,
    /// wget, GNU's or BusyBox's.
    Wget,
    /// nc, ncat, telnet, bash's `/dev/tcp`.
    Netcat,
    /// A program in Go.
    Go,
    /// The kubelet's probes: from the node to its own pod.
    Kubelet,
    /// Python.
    Python,
    /// Java.
    Java,
    /// Node.js.
    NodeJs,
    /// A capture.
    Wire,
    /// Something else.
    Other,
}

/// Something that a client saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What.
    pub kind: Kind,
    /// Where it wanted to go, if that was said.
    pub target: Option<Target>,
    /// Where it came from, if that was said.
    pub source: Option<SocketAddr>,
    /// The name server, if one was named.
    pub server: Option<SocketAddr>,
    /// After how long, if that was said.
    pub after_ms: Option<u64>,
    /// What the time tells.
    pub time_class: TimeClass,
    /// Who said it.
    pub client: Client,
    /// The quoted piece; may hold anything but line ends. Renderers escape it.
    pub words: String,
    /// Where the quoted piece stands in the text, in bytes. Empty for a capture.
    pub span: Range<usize>,
    /// How many lines of the text say the same.
    pub lines: usize,
}
