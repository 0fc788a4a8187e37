//! The loop of one pod: its listeners, its UDP sockets, its connections.

use super::BIG;
use crate::spec::{PodPort, Protocol};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType,
    SockaddrIn, bind, listen, recvmsg, sendmsg, setsockopt, socket, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A client may be silent for so long.
const PATIENCE: Duration = Duration::from_secs(30);
/// A request that is longer gets no answer.
const LONGEST_REQUEST: usize = 8 * 1024;
/// More connections than any probe opens at once.
const BACKLOG: i32 = 4096;

/// Everything that one pod serves.
pub(super) struct Loop {
    pod: String,
    listeners: Vec<TcpListener>,
    datagrams: Vec<OwnedFd>,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    client: String,
    state: State,
    until: Instant,
}

enum State {
    Reading(Vec<u8>),
    Writing { answer: Vec<u8>, sent: usize },
    Done,
}

impl Loop {
    /// Binds every port in the network namespace of the calling thread.
    pub fn bind(pod: &str, ports: &[PodPort]) -> io::Result<Loop> {
        let mut it = Loop {
            pod: pod.to_owned(),
            listeners: Vec::new(),
            datagrams: Vec::new(),
            connections: Vec::new(),
        };
        for port in ports {
            match port.protocol {
                Protocol::Tcp => it.listeners.push(tcp(port.port)?),
                Protocol::Udp => it.datagrams.push(udp(port.port)?),
            }
        }
        Ok(it)
    }

    /// Serves for ever.
    pub fn run(mut self) {
        loop {
            if let Err(e) = self.turn()
                && e.kind() != io::ErrorKind::Interrupted
            {
                // Out of memory or of descriptors: the next turn may find some.
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn turn(&mut self) -> io::Result<()> {
        let fixed = self.listeners.len() + self.datagrams.len();
        let ready: Vec<bool> = {
            let input = PollFlags::POLLIN;
            let listeners = self.listeners.iter().map(|l| PollFd::new(l.as_fd(), input));
            let datagrams = self.datagrams.iter().map(|d| PollFd::new(d.as_fd(), input));
            let connections = self
                .connections
                .iter()
                .map(|c| PollFd::new(c.stream.as_fd(), c.waits_for()));
            let mut fds: Vec<PollFd<'_>> = listeners.chain(datagrams).chain(connections).collect();
            let timeout = match self.connections.is_empty() {
                true => PollTimeout::NONE,
                false => PollTimeout::from(1000u16),
            };
            poll(&mut fds, timeout)?;
            fds.iter().map(|fd| fd.any().unwrap_or(true)).collect()
        };
        let now = Instant::now();
        for (connection, _) in (self.connections.iter_mut().zip(&ready[fixed..])).filter(|(_, r)| **r) {
            connection.go_on(&self.pod, now);
        }
        self.connections
            .retain(|c| !matches!(c.state, State::Done) && c.until > now);
        for (listener, _) in (self.listeners.iter().zip(&ready)).filter(|(_, r)| **r) {
            accept(listener, &mut self.connections, now);
        }
        let asked = self.datagrams.iter().zip(&ready[self.listeners.len()..]);
        for (socket, _) in asked.filter(|(_, r)| **r) {
            answer_datagrams(socket, &self.pod);
        }
        Ok(())
    }
}

fn identity(pod: &str, client: &str) -> String {
    format!("pod={pod} client={client}\n")
}

fn accept(listener: &TcpListener, connections: &mut Vec<Connection>, now: Instant) {
    loop {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {
                // No descriptor left: some will be closed soon.
                std::thread::sleep(Duration::from_millis(10));
                return;
            }
        };
        if stream.set_nonblocking(true).is_ok() {
            connections.push(Connection {
                stream,
                client: client.to_string(),
                state: State::Reading(Vec::new()),
                until: now + PATIENCE,
            });
        }
    }
}

impl Connection {
    fn waits_for(&self) -> PollFlags {
        match self.state {
            State::Writing { .. } => PollFlags::POLLOUT,
            _ => PollFlags::POLLIN,
        }
    }

    fn go_on(&mut self, pod: &str, now: Instant) {
        match self.step(pod) {
            Ok(()) => self.until = now + PATIENCE,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => self.state = State::Done,
        }
    }

    fn step(&mut self, pod: &str) -> io::Result<()> {
        if let State::Reading(request) = &mut self.state {
            let mut part = [0u8; 1024];
            match self.stream.read(&mut part)? {
                0 => self.state = State::Done,
                n => {
                    request.extend(&part[..n]);
                    match answer(request, &identity(pod, &self.client)) {
                        Some(answer) => self.state = State::Writing { answer, sent: 0 },
                        None if request.len() > LONGEST_REQUEST => self.state = State::Done,
                        None => {}
                    }
                }
            }
        }
        while let State::Writing { answer, sent } = &mut self.state {
            *sent += self.stream.write(&answer[*sent..])?;
            if *sent == answer.len() {
                self.state = State::Done;
            }
        }
        Ok(())
    }
}

/// The answer to a request, when the request is complete.
fn answer(request: &[u8], identity: &str) -> Option<Vec<u8>> {
    let line = request.split(|b| *b == b'\n').next()?;
    if line.len() == request.len() {
        return None;
    }
    let line = String::from_utf8_lossy(line);
    if let Some(path) = line.strip_prefix("GET ") {
        let complete = request.ends_with(b"\r\n\r\n") || request.ends_with(b"\n\n");
        let body = body(identity, path.starts_with("/big"));
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        return complete.then(|| [head.into_bytes(), body].concat());
    }
    Some(body(identity, line.trim() == "big"))
}

fn body(identity: &str, big: bool) -> Vec<u8> {
    let mut body = identity.as_bytes().to_vec();
    if big {
        body.resize(body.len() + BIG, b'.');
    }
    body
}

fn tcp(port: u16) -> io::Result<TcpListener> {
    let listener = open(SockType::Stream)?;
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port))?;
    listen(&listener, Backlog::new(BACKLOG)?)?;
    Ok(TcpListener::from(listener))
}

fn udp(port: u16) -> io::Result<OwnedFd> {
    let socket = open(SockType::Datagram)?;
    // The answer must leave from the address that was asked: a node has several.
    setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    // Many probes at once; without the privilege the default must do.
    let _ = setsockopt(&socket, sockopt::RcvBufForce, &(1 << 20));
    bind(socket.as_raw_fd(), &SockaddrIn::new(0, 0, 0, 0, port))?;
    Ok(socket)
}

fn open(kind: SockType) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let protocol: Option<SockProtocol> = None;
    Ok(socket(AddressFamily::Inet, kind, flags, protocol)?)
}

fn answer_datagrams(socket: &OwnedFd, pod: &str) {
    let fd = socket.as_raw_fd();
    loop {
        let mut datagram = [0u8; 2048];
        let mut parts = [IoSliceMut::new(&mut datagram)];
        let mut space = nix::cmsg_space!(nix::libc::in_pktinfo);
        let received = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut space), MsgFlags::MSG_DONTWAIT);
        let Ok(message) = received else { return };
        let Some(client) = message.address else {
            continue;
        };
        let asked = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::Ipv4PacketInfo(info) => Some(info),
                _ => None,
            })
        });
        let line = identity(pod, &SocketAddrV4::new(client.ip(), client.port()).to_string());
        let answer = [IoSlice::new(line.as_bytes())];
        let source = asked.map(|info| nix::libc::in_pktinfo { ipi_ifindex: 0, ..info });
        let control = source.as_ref().map(ControlMessage::Ipv4PacketInfo);
        let control = control.as_slice();
        // Where there is no way back the client waits in vain, as it should.
        let _ = sendmsg(fd, &answer, control, MsgFlags::MSG_DONTWAIT, Some(&client));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_has_no_answer() {
        assert_eq!(answer(b"who", "id\n"), None);
        assert_eq!(answer(b"who\n", "id\n"), Some(b"id\n".to_vec()));
    }

    #[test]
    fn big_is_64_kib_more() {
        assert_eq!(answer(b"big\n", "id\n").map(|a| a.len()), Some(BIG + 3));
    }

    #[test]
    fn curl_gets_http() {
        assert_eq!(answer(b"GET / HTTP/1.1\r\nHost: x\r\n", "id\n"), None);
        let whole = answer(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "id\n").unwrap();
        let whole = String::from_utf8(whole).unwrap();
        assert!(whole.starts_with("HTTP/1.0 200 OK\r\n"), "{whole}");
        assert!(whole.ends_with("Content-Length: 3\r\n\r\nid\n"), "{whole}");
    }
}
