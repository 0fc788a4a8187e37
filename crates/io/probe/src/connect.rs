//! Connections as a client makes them.

use netwhy_sys::{Netns, packet::set_syn_retries};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect as sys_connect, getsockname,
    getsockopt, recv, send, socket, sockopt,
};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A connection to make.
#[derive(Clone, Debug)]
pub struct Ask {
    /// To whom.
    pub addr: IpAddr,
    /// To which port.
    pub port: u16,
    /// How long to wait for the connection.
    pub patience: Duration,
    /// How often the first SYN is repeated; `None` = as the namespace's `net.ipv4.tcp_syn_retries` says.
    pub syn_retries: Option<u8>,
    /// What to say when connected; empty = nothing.
    pub say: Vec<u8>,
    /// How long to wait for the server's first line.
    pub line_patience: Duration,
}

impl Ask {
    /// A connection on which nothing is said, and half a second for a server that speaks first.
    pub fn new(addr: IpAddr, port: u16, patience: Duration) -> Self {
        Self {
            addr,
            port,
            patience,
            syn_retries: None,
            say: Vec::new(),
            line_patience: LINE_PATIENCE,
        }
    }
}

/// See [`Ask::new`].
pub const LINE_PATIENCE: Duration = Duration::from_millis(500);
/// The most that is read of a server's first line.
const LINE_BYTES: usize = 4096;

/// How a connection went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What came out.
    pub ended: Ended,
    /// From `connect()` to that.
    pub took: Duration,
}

/// What came out of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The connection was made.
    Connected {
        /// The client's own address and port.
        local: Option<SocketAddr>,
        /// The server's first line without its end, if it said one.
        line: Option<String>,
    },
    /// `connect()` failed.
    Failed {
        /// The number: 110 = `ETIMEDOUT`.
        errno: i32,
    },
    /// The patience was over before the kernel knew.
    GaveUp,
}

impl Attempt {
    /// Whether the connection was made.
    pub fn is_connected(&self) -> bool {
        matches!(self.ended, Ended::Connected { .. })
    }

    /// The server's first line.
    pub fn line(&self) -> Option<&str> {
        match &self.ended {
            Ended::Connected { line, .. } => line.as_deref(),
            _ => None,
        }
    }

    /// The errno, if `connect()` failed.
    pub fn errno(&self) -> Option<i32> {
        match self.ended {
            Ended::Failed { errno } => Some(errno),
            _ => None,
        }
    }

    /// Its name: `ETIMEDOUT`.
    pub fn errno_name(&self) -> Option<String> {
        Some(format!("{:?}", Errno::from_raw(self.errno()?)))
    }

    /// Its text, as the C library and `curl` print it: "Connection timed out".
    pub fn errno_text(&self) -> Option<&'static str> {
        Some(Errno::from_raw(self.errno()?).desc())
    }
}

/// The connection could not even be tried.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The namespace could not be entered, or no socket be made there.
    #[error("cannot make a socket in the network namespace: {0}")]
    Socket(#[from] io::Error),
    /// The number of repetitions is not one that the kernel takes.
    #[error("{retries} repetitions of the first SYN: {source}")]
    SynRetries {
        /// What was asked for.
        retries: u8,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Makes a TCP connection from inside a namespace and closes it. See [`ask`] for one on which something is said.
///
/// # Errors
/// The connection could not be tried; one that fails is an [`Attempt`].
pub fn connect(
    netns: &Netns,
    addr: IpAddr,
    port: u16,
    patience: Duration,
    syn_retries: Option<u8>,
) -> Result<Attempt, ConnectError> {
    let question = Ask {
        syn_retries,
        ..Ask::new(addr, port, patience)
    };
    ask(netns, &question)
}

/// Makes a TCP connection from inside a namespace, says something, reads the first line of the answer, closes it.
///
/// # Errors
/// The connection could not be tried; one that fails is an [`Attempt`].
pub fn ask(netns: &Netns, question: &Ask) -> Result<Attempt, ConnectError> {
    let socket = netns.run(|| open(question.addr))??;
    if let Some(retries) = question.syn_retries {
        set_syn_retries(&socket, retries).map_err(|source| ConnectError::SynRetries { retries, source })?;
    }
    let began = Instant::now();
    let result = made(&socket, question, began);
    let took = began.elapsed();
    let ended = match result {
        Ok(true) => Ended::Connected {
            local: local(&socket),
            line: line(&socket, question),
        },
        Ok(false) => Ended::GaveUp,
        Err(errno) => Ended::Failed { errno: errno as i32 },
    };
    Ok(Attempt { ended, took })
}

fn open(addr: IpAddr) -> io::Result<OwnedFd> {
    let family = match addr {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    Ok(socket(family, SockType::Stream, flags, None::<SockProtocol>)?)
}

/// Whether the connection was made within the patience.
fn made(socket: &OwnedFd, question: &Ask, began: Instant) -> nix::Result<bool> {
    let to = SockaddrStorage::from(SocketAddr::new(question.addr, question.port));
    match sys_connect(socket.as_raw_fd(), &to) {
        Ok(()) => return Ok(true),
        Err(Errno::EINPROGRESS | Errno::EINTR) => {}
        Err(errno) => return Err(errno),
    }
    if !ready(socket, PollFlags::POLLOUT, began + question.patience)? {
        return Ok(false);
    }
    match getsockopt(socket, sockopt::SocketError)? {
        0 => Ok(true),
        errno => Err(Errno::from_raw(errno)),
    }
}

/// Waits for a socket; false if the time is over.
fn ready(socket: &OwnedFd, what: PollFlags, until: Instant) -> nix::Result<bool> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // One more than the whole milliseconds, so that the last round does not spin.
        let millis = u16::try_from(left.as_millis().saturating_add(1)).unwrap_or(u16::MAX);
        match poll(&mut [PollFd::new(socket.as_fd(), what)], PollTimeout::from(millis)) {
            Ok(0) if left.is_zero() => return Ok(false),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(errno),
        }
    }
}

fn local(socket: &OwnedFd) -> Option<SocketAddr> {
    let name: SockaddrStorage = getsockname(socket.as_raw_fd()).ok()?;
    if let Some(v4) = name.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    name.as_sockaddr_in6().map(|v6| SocketAddr::from((v6.ip(), v6.port())))
}

/// The server's first line, if it says one in time.
fn line(socket: &OwnedFd, question: &Ask) -> Option<String> {
    if !question.say.is_empty() {
        send(socket.as_raw_fd(), &question.say, MsgFlags::MSG_NOSIGNAL).ok()?;
    }
    let until = Instant::now() + question.line_patience;
    let mut bytes: Vec<u8> = Vec::new();
    let mut part = [0; LINE_BYTES];
    while !bytes.contains(&b'\n') && bytes.len() < LINE_BYTES {
        if !ready(socket, PollFlags::POLLIN, until).ok()? {
            break;
        }
        match recv(socket.as_raw_fd(), &mut part, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(part.get(..count).unwrap_or_default()),
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let first = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let first: String = first.trim_end_matches('\r').chars().take(LINE_BYTES).collect();
    (!first.is_empty()).then_some(first)
}

/// The lines that `curl -v` prints about this: of a failure all, of a connection the first.
///
/// They are those of the curls that most articles quote; newer ones add "after N ms" and say "Couldn't connect to server"
/// at the end. When the patience ended it, they are those of `curl --connect-timeout`.
pub fn curl_words(attempt: &Attempt, addr: IpAddr, port: u16) -> Vec<String> {
    match &attempt.ended {
        Ended::Connected { .. } => vec![format!("* Connected to {addr} ({addr}) port {port} (#0)")],
        Ended::Failed { .. } => {
            let why = attempt.errno_text().unwrap_or_default();
            vec![
                format!("* connect to {addr} port {port} failed: {why}"),
                format!("* Failed to connect to {addr} port {port}: {why}"),
                "* Closing connection 0".to_owned(),
                format!("curl: (7) Failed to connect to {addr} port {port}: {why}"),
            ]
        }
        Ended::GaveUp => {
            let millis = attempt.took.as_millis();
            vec![
                format!("* Connection timed out after {millis} milliseconds"),
                "* Closing connection 0".to_owned(),
                format!("curl: (28) Connection timed out after {millis} milliseconds"),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_article_has_it() {
        let attempt = Attempt {
            ended: Ended::Failed {
                errno: Errno::ETIMEDOUT as i32,
            },
            took: Duration::from_secs(7),
        };
        let lines = curl_words(&attempt, "10.0.21.231".parse().unwrap(), 3000);
        let expected = "\
* connect to 10.0.21.231 port 3000 failed: Connection timed out
* Failed to connect to 10.0.21.231 port 3000: Connection timed out
* Closing connection 0
curl: (7) Failed to connect to 10.0.21.231 port 3000: Connection timed out";
        assert_eq!(lines.join("\n"), expected);
        assert_eq!(attempt.errno_name().as_deref(), Some("ETIMEDOUT"));
    }

    #[test]
    fn texts_of_the_errors() {
        for (errno, text) in [
            (Errno::ECONNREFUSED, "Connection refused"),
            (Errno::EHOSTUNREACH, "No route to host"),
            (Errno::ENETUNREACH, "Network is unreachable"),
            (Errno::EACCES, "Permission denied"),
            (Errno::EINVAL, "Invalid argument"),
            (Errno::ECONNRESET, "Connection reset by peer"),
        ] {
            let ended = Ended::Failed { errno: errno as i32 };
            let took = Duration::ZERO;
            assert_eq!(Attempt { ended, took }.errno_text(), Some(text));
        }
    }
}
