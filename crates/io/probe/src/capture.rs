//! Captures: what the interfaces of a namespace send and receive, as a pcap file in memory.

use crate::Filter;
use netwhy_sys::Netns;
use netwhy_sys::packet::{Layer, PacketSocket, Received};
use netwhy_wire::decode::link_type;
use netwhy_wire::pcap::Writer;
use nix::net::if_::if_nametoindex;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Which interfaces are watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// One, by its name: the file has its frames as they are.
    One(String),
    /// All of the namespace: the file has Linux "cooked" headers, version 2, which name the interface of each packet.
    All,
}

/// Where a capture ends by itself.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Packets.
    pub packets: usize,
    /// Bytes of the file.
    pub bytes: usize,
    /// Time.
    pub time: Duration,
}

/// See [`Bounds::packets`].
pub const PACKETS: usize = 100_000;
/// See [`Bounds::bytes`].
pub const BYTES: usize = 64 << 20;
/// See [`Bounds::time`].
pub const TIME: Duration = Duration::from_secs(300);

impl Default for Bounds {
    fn default() -> Self {
        Self {
            packets: PACKETS,
            bytes: BYTES,
            time: TIME,
        }
    }
}

/// What was captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// A pcap file.
    pub pcap: Vec<u8>,
    /// Packets in it.
    pub packets: usize,
    /// Frames that the kernel had to forget because they were not taken in time: the file may lack packets.
    pub lost: u32,
    /// The bound that ended it, if it was not stopped.
    pub bound: Option<&'static str>,
}

/// Why there is no capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// No right to see packets.
    #[error("capturing needs CAP_NET_RAW in the network namespace: {0}")]
    NotAllowed(io::Error),
    /// The namespace has no such interface.
    #[error("no interface {0:?} in the network namespace")]
    NoSuchLink(String),
    /// Another failure.
    #[error("cannot capture: {0}")]
    Io(#[from] io::Error),
}

/// A capture that runs until it is stopped, dropped, or ended by a bound.
#[derive(Debug)]
pub struct Capture {
    thread: Option<JoinHandle<io::Result<Captured>>>,
    stop: Option<PipeWriter>,
}

impl Capture {
    /// Starts to capture: what happens after this has returned is seen.
    ///
    /// # Errors
    /// No right to, or no such interface.
    pub fn start(netns: &Netns, links: &Links, filter: Filter, bounds: Bounds) -> Result<Self, CaptureError> {
        let socket = netns.run(|| open(links))??;
        let (stopped, stop) = io::pipe()?;
        let layer = match links {
            Links::One(_) => Layer::Frame,
            Links::All => Layer::Packet,
        };
        let file_type = file_type(layer, socket.hardware());
        let mut taker = Taker {
            file: Writer::with_link_type(file_type),
            file_type,
            layer,
            filter,
            bounds,
            packets: 0,
            bound: None,
            socket,
        };
        let thread = std::thread::Builder::new()
            .name("capture".into())
            .spawn(move || taker.run(&stopped).map(|()| taker.finish()))?;
        Ok(Self {
            thread: Some(thread),
            stop: Some(stop),
        })
    }

    /// Stops, and returns what was seen until now.
    ///
    /// # Errors
    /// The socket failed meanwhile: the interface was removed, for example.
    pub fn stop(mut self) -> Result<Captured, CaptureError> {
        drop(self.stop.take());
        let Some(thread) = self.thread.take() else {
            return Err(CaptureError::Io(io::ErrorKind::NotFound.into()));
        };
        match thread.join() {
            Ok(result) => Ok(result?),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Captures while a closure runs.
///
/// # Errors
/// As [`Capture::start`] and [`Capture::stop`].
pub fn capture_during<T>(
    netns: &Netns,
    links: &Links,
    filter: Filter,
    bounds: Bounds,
    act: impl FnOnce() -> T,
) -> Result<(T, Captured), CaptureError> {
    let capture = Capture::start(netns, links, filter, bounds)?;
    let value = act();
    Ok((value, capture.stop()?))
}

fn open(links: &Links) -> Result<PacketSocket, CaptureError> {
    let (ifindex, layer) = match links {
        Links::All => (0, Layer::Packet),
        Links::One(name) => {
            let index = if_nametoindex(name.as_str()).map_err(|_| CaptureError::NoSuchLink(name.clone()))?;
            (index, Layer::Frame)
        }
    };
    PacketSocket::open(ifindex, layer).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => CaptureError::NotAllowed(error),
        _ => CaptureError::Io(error),
    })
}

/// `ARPHRD_ETHER` and `ARPHRD_LOOPBACK` have Ethernet headers.
const ETHERNET: [u16; 2] = [1, 772];
const LOOPBACK: u16 = 772;
/// `PACKET_OUTGOING`
const OUTGOING: u8 = 4;

fn file_type(layer: Layer, hardware: u16) -> u32 {
    match layer {
        Layer::Packet => link_type::LINUX_SLL2,
        Layer::Frame if ETHERNET.contains(&hardware) => link_type::EN10MB,
        // Tunnels have no link header.
        Layer::Frame => link_type::RAW,
    }
}

/// Takes frames from the socket into the file.
struct Taker {
    file: Writer,
    file_type: u32,
    layer: Layer,
    filter: Filter,
    bounds: Bounds,
    packets: usize,
    bound: Option<&'static str>,
    socket: PacketSocket,
}

impl Taker {
    fn run(&mut self, stopped: &PipeReader) -> io::Result<()> {
        let deadline = Instant::now() + self.bounds.time;
        let mut buffer = vec![0; Writer::SNAP_LEN - SLL2_LEN];
        while self.bound.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            let over = wait(&self.socket, stopped, left)?;
            self.drain(&mut buffer)?;
            if over {
                break;
            }
            if left.is_zero() {
                self.bound = Some("time");
            }
        }
        Ok(())
    }

    /// Takes what is there. A socket that is fed faster than it is read ends at a bound.
    fn drain(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        while self.bound.is_none() {
            let Some(got) = self.socket.receive(buffer)? else { break };
            // On loopback each frame is seen twice.
            if got.hardware == LOOPBACK && got.kind == OUTGOING {
                continue;
            }
            let frame = buffer.get(..got.len).unwrap_or_default();
            match self.layer {
                Layer::Frame => self.take(&got, frame),
                Layer::Packet => {
                    let cooked = [&sll2(&got), frame].concat();
                    self.take(&got, &cooked);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, got: &Received, frame: &[u8]) {
        if !self.filter.keeps(self.file_type, frame) {
            return;
        }
        self.file.packet(got.at_us, frame);
        self.packets += 1;
        if self.packets >= self.bounds.packets {
            self.bound = Some("packets");
        } else if self.file.bytes().len() >= self.bounds.bytes {
            self.bound = Some("bytes");
        }
    }

    fn finish(&mut self) -> Captured {
        Captured {
            lost: self.socket.lost().unwrap_or_default(),
            pcap: std::mem::take(&mut self.file).finish(),
            packets: self.packets,
            bound: self.bound,
        }
    }
}

const SLL2_LEN: usize = 20;

/// The header of `LINKTYPE_LINUX_SLL2`.
fn sll2(got: &Received) -> [u8; SLL2_LEN] {
    let mut head = [0; SLL2_LEN];
    let parts: [&[u8]; 7] = [
        &got.protocol.to_be_bytes(),
        &[0, 0],
        &got.ifindex.to_be_bytes(),
        &got.hardware.to_be_bytes(),
        &[got.kind, 6],
        &got.source,
        &[0, 0],
    ];
    for (to, from) in head.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    head
}

/// Waits for a frame or the end; true if it is the end.
fn wait(socket: &PacketSocket, stopped: &PipeReader, left: Duration) -> io::Result<bool> {
    let mut fds = [
        PollFd::new(socket.as_fd(), PollFlags::POLLIN),
        PollFd::new(stopped.as_fd(), PollFlags::POLLIN),
    ];
    let millis = u16::try_from(left.as_millis().saturating_add(1)).unwrap_or(u16::MAX);
    match poll(&mut fds, PollTimeout::from(millis)) {
        Ok(_) => {}
        Err(nix::Error::EINTR) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    }
    let over = fds.get(1).and_then(PollFd::revents);
    Ok(over.is_some_and(|events| !events.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cooked_header() {
        let got = Received {
            len: 0,
            wire_len: 0,
            at_us: 0,
            ifindex: 7,
            hardware: 1,
            protocol: 0x0800,
            kind: OUTGOING,
            source: [2, 0, 0, 0, 0, 9],
        };
        let head = sll2(&got);
        assert_eq!(head, [8, 0, 0, 0, 0, 0, 0, 7, 0, 1, 4, 6, 2, 0, 0, 0, 0, 9, 0, 0]);
        assert_eq!(netwhy_wire::decode(link_type::LINUX_SLL2, &head).ifindex, Some(7));
    }

    #[test]
    fn file_types() {
        assert_eq!(file_type(Layer::Frame, 1), link_type::EN10MB);
        assert_eq!(file_type(Layer::Frame, 65534), link_type::RAW);
        assert_eq!(file_type(Layer::Packet, 0), link_type::LINUX_SLL2);
    }
}
