//! One connection of the matrix, from `connect` to the end of the answer.

use super::Target;
use crate::spec::Protocol;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, connect, getsockopt, recv, send, socket,
    sockopt,
};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// A connection under way.
pub(super) struct Try {
    /// Index of its pair.
    pub pair: usize,
    /// The try that decides the cell.
    pub first: bool,
    socket: OwnedFd,
    udp: bool,
    connected: bool,
    pub began: Instant,
    /// When connected, or answered over UDP.
    pub reached: Option<Duration>,
    /// When our patience is over.
    pub until: Instant,
    /// The first bytes of the answer.
    pub head: Vec<u8>,
    /// How many came in all.
    pub bytes: usize,
}

/// How a try ended.
pub(super) struct End {
    /// 0 if it went well.
    pub errno: i32,
    /// Our patience was over.
    pub gave_up: bool,
}

impl Try {
    /// Starts to connect; UDP is asked at once. The error is one that the kernel knew without waiting.
    pub fn open(pair: usize, target: &Target, first: bool, patience: Duration) -> nix::Result<Try> {
        let began = Instant::now();
        let udp = target.protocol == Protocol::Udp;
        let socket = open(target.protocol)?;
        let to = SockaddrIn::from(SocketAddrV4::new(target.ip, target.port));
        match connect(socket.as_raw_fd(), &to) {
            Ok(()) | Err(Errno::EINPROGRESS) => {}
            Err(errno) => return Err(errno),
        }
        if udp {
            send(socket.as_raw_fd(), b"who\n", MsgFlags::MSG_NOSIGNAL)?;
        }
        Ok(Try {
            pair,
            first,
            socket,
            udp,
            connected: udp,
            began,
            reached: None,
            until: began + patience,
            head: Vec::new(),
            bytes: 0,
        })
    }

    /// What to wait for.
    pub fn poll_fd(&self) -> PollFd<'_> {
        let wanted = match self.connected {
            true => PollFlags::POLLIN,
            false => PollFlags::POLLOUT,
        };
        PollFd::new(self.socket.as_fd(), wanted)
    }

    /// Goes on with a socket that has something to say; an end, if it came.
    pub fn go_on(&mut self, patience: Duration) -> Option<End> {
        let over = |errno| Some(End { errno, gave_up: false });
        if !self.connected {
            match getsockopt(&self.socket, sockopt::SocketError) {
                Ok(0) => {}
                Ok(errno) => return over(errno),
                Err(errno) => return over(errno as i32),
            }
            self.connected = true;
            self.reached = Some(self.began.elapsed());
            self.until = Instant::now() + patience;
            let request: &[u8] = if self.first { b"big\n" } else { b"who\n" };
            return match send(self.socket.as_raw_fd(), request, MsgFlags::MSG_NOSIGNAL) {
                Ok(_) => None,
                Err(errno) => over(errno as i32),
            };
        }
        let mut part = [0u8; 32 * 1024];
        loop {
            match recv(self.socket.as_raw_fd(), &mut part, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => return over(0),
                Ok(count) => {
                    let head = 256usize.saturating_sub(self.head.len()).min(count);
                    self.head.extend(&part[..head]);
                    self.bytes += count;
                    self.until = Instant::now() + patience;
                    if self.udp {
                        self.reached = Some(self.began.elapsed());
                        return over(0);
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => return None,
                Err(errno) => return over(errno as i32),
            }
        }
    }
}

fn open(protocol: Protocol) -> nix::Result<OwnedFd> {
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Inet, kind, flags, None::<SockProtocol>)
}

/// Length of the line that tells who answered.
pub(super) fn line_length(head: &[u8]) -> usize {
    let end = head.iter().position(|b| *b == b'\n');
    end.map_or(head.len(), |end| end + 1)
}

/// Who answered and whom it saw: `pod=NAMESPACE/NAME client=ADDRESS:PORT`.
pub(super) fn parse(head: &[u8]) -> Option<(String, Ipv4Addr)> {
    let line = String::from_utf8_lossy(&head[..line_length(head)]).into_owned();
    let (pod, client) = line.trim().strip_prefix("pod=")?.split_once(" client=")?;
    let client: SocketAddrV4 = client.parse().ok()?;
    Some((pod.to_owned(), *client.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_tells_who_and_whom() {
        let head = b"pod=shop/api-a client=10.244.1.7:43210\n....";
        let client = Ipv4Addr::new(10, 244, 1, 7);
        assert_eq!(parse(head), Some(("shop/api-a".to_owned(), client)));
        assert_eq!(line_length(head), 39);
        assert_eq!(parse(b"pod=shop/api-a cli"), None);
        assert_eq!(parse(b""), None);
    }
}
