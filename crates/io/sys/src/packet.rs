//! Packet sockets, and the one TCP option for which there is no safe door.

use crate::io as to_io;
use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

/// Room for frames that nobody has taken yet.
const RECEIVE_BUFFER: usize = 4 << 20;

/// What a packet socket gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The frame with its link header.
    Frame,
    /// What is in it: [`Received`] tells what the header said.
    Packet,
}

/// A socket that sees what the interfaces of a network namespace send and receive. It stays in the namespace in which it
/// was opened, and never waits.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    hardware: u16,
}

/// What is known of a frame besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes that are in the buffer.
    pub len: usize,
    /// Bytes that there were.
    pub wire_len: usize,
    /// When, microseconds since 1970, by the kernel.
    pub at_us: u64,
    /// Index of the interface.
    pub ifindex: u32,
    /// `ARPHRD_*` of the interface: 1 = Ethernet, 772 = loopback, 65534 = none.
    pub hardware: u16,
    /// EtherType.
    pub protocol: u16,
    /// `PACKET_*`: 0 = for us, 1 = broadcast, 2 = multicast, 3 = for another host, 4 = sent by us.
    pub kind: u8,
    /// Address of the sender on the link, 6 bytes; zeros if it has none.
    pub source: [u8; 6],
}

impl PacketSocket {
    /// A socket on one interface of the calling thread's namespace, by its index; 0 = on all of them.
    pub fn open(ifindex: u32, layer: Layer) -> io::Result<Self> {
        let kind = match layer {
            Layer::Frame => SockType::Raw,
            Layer::Packet => SockType::Datagram,
        };
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Protocol 0 takes nothing: only what is bound below is seen, from its first frame.
        let fd = socket(AddressFamily::Packet, kind, flags, None).map_err(to_io)?;
        // As large as it may be; a smaller one only loses frames sooner.
        if setsockopt(&fd, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            let _ = setsockopt(&fd, sockopt::RcvBuf, &RECEIVE_BUFFER);
        }
        setsockopt(&fd, sockopt::ReceiveTimestampns, &true).map_err(to_io)?;
        let hardware = bind(fd.as_fd(), ifindex)?;
        Ok(Self { fd, hardware })
    }

    /// `ARPHRD_*` of the interface; 0 for all of them.
    pub fn hardware(&self) -> u16 {
        self.hardware
    }

    /// The next frame, if there is one.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let mut control = cmsg_space!(TimeSpec);
        let mut parts = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_TRUNC;
        let got = match recvmsg::<LinkAddr>(self.fd.as_raw_fd(), &mut parts, Some(&mut control), flags) {
            Ok(got) => got,
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => return Ok(None),
            Err(errno) => return Err(to_io(errno)),
        };
        let stamp = got.cmsgs().map_err(to_io)?.find_map(|message| match message {
            ControlMessageOwned::ScmTimestampns(time) => Some(microseconds(time)),
            _ => None,
        });
        let (wire_len, address) = (got.bytes, got.address);
        let from = address.as_ref();
        Ok(Some(Received {
            len: wire_len.min(buffer.len()),
            wire_len,
            at_us: stamp.unwrap_or_else(now),
            ifindex: from.map_or(0, |a| u32::try_from(a.ifindex()).unwrap_or_default()),
            hardware: from.map_or(0, LinkAddr::hatype),
            protocol: from.map_or(0, |a| u16::from_be(a.protocol())),
            kind: from.map_or(0, LinkAddr::pkttype),
            source: from.and_then(LinkAddr::addr).unwrap_or_default(),
        }))
    }

    /// Frames that were lost since the last call, because nobody took them in time.
    pub fn lost(&self) -> io::Result<u32> {
        let mut stats = libc::tpacket_stats {
            tp_packets: 0,
            tp_drops: 0,
        };
        let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `len` bytes, which is the size of `stats`; both outlive the call.
        let done = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut stats).cast(),
                &raw mut len,
            )
        };
        match done {
            0 => Ok(stats.tp_drops),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Binds to an interface and every protocol; returns the interface's `ARPHRD_*`.
fn bind(fd: BorrowedFd<'_>, ifindex: u32) -> io::Result<u16> {
    // SAFETY: `sockaddr_ll` is plain old data for which all zeros is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex =
        i32::try_from(ifindex).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "no index of an interface"))?;
    let mut len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address is a live `sockaddr_ll` of the length that is given.
    if unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), len) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel writes at most `len` bytes, which is the size of `address`; both outlive the call.
    if unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut address).cast(), &raw mut len) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(address.sll_hatype)
}

fn microseconds(time: TimeSpec) -> u64 {
    let seconds = u64::try_from(time.tv_sec()).unwrap_or_default();
    seconds * 1_000_000 + u64::try_from(time.tv_nsec()).unwrap_or_default() / 1000
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// How often a TCP socket repeats its first SYN before it gives up: `TCP_SYNCNT`, for this socket only.
pub fn set_syn_retries(socket: &impl AsFd, retries: u8) -> io::Result<()> {
    let value = libc::c_int::from(retries);
    // SAFETY: the kernel reads an int, which lives as long as the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_SYNCNT,
            (&raw const value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_a_datagram_on_loopback() {
        let socket = match PacketSocket::open(0, Layer::Frame) {
            Ok(socket) => socket,
            Err(error) => {
                assert!(!nix::unistd::geteuid().is_root(), "root, but no packet socket: {error}");
                eprintln!("not run: needs CAP_NET_RAW");
                return;
            }
        };
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"netwhy-packet-test", "127.0.0.1:9").unwrap();
        let mut buffer = [0; 2048];
        let seen = std::iter::from_fn(|| socket.receive(&mut buffer).unwrap().map(|got| (got, buffer)));
        let found = seen
            .take(100_000)
            .find(|(_, bytes)| bytes.windows(18).any(|w| w == b"netwhy-packet-test"));
        let (got, _) = found.expect("the datagram was not seen");
        assert_eq!(
            (got.hardware, got.protocol, got.wire_len),
            (772, 0x0800, 14 + 20 + 8 + 18)
        );
        assert!(got.ifindex > 0 && got.at_us > 1_700_000_000_000_000);
        socket.lost().unwrap();
    }

    #[test]
    fn no_such_interface() {
        if let Err(error) = PacketSocket::open(0x7fff_fff0, Layer::Frame) {
            let raw = error.raw_os_error();
            assert!(matches!(raw, Some(libc::ENODEV | libc::EPERM)), "{error}");
        }
    }

    #[test]
    fn syn_retries() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        set_syn_retries(&listener, 2).unwrap();
        assert!(set_syn_retries(&listener, 255).is_err(), "the kernel takes 1 to 127");
    }
}
