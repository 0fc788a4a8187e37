//! A TAP device: a link whose wire is a file descriptor.

use crate::Netns;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

/// `/dev/net/tun`, or, where nobody made that file, one of our own.
fn open_tun() -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    match nix::fcntl::open("/dev/net/tun", flags, Mode::empty()) {
        Err(nix::Error::ENOENT) => {}
        other => return other.map_err(crate::io),
    }
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("netwhy-tun-{}-{number}", std::process::id()));
    // Character device 10:200 (Documentation/admin-guide/devices.txt).
    let mode = Mode::S_IRUSR | Mode::S_IWUSR;
    nix::sys::stat::mknod(&path, SFlag::S_IFCHR, mode, nix::sys::stat::makedev(10, 200)).map_err(crate::io)?;
    let fd = nix::fcntl::open(&path, flags, Mode::empty()).map_err(crate::io);
    std::fs::remove_file(&path)?;
    fd
}

/// One TAP device. It goes away with this value.
#[derive(Debug)]
pub struct Tap {
    fd: OwnedFd,
}

impl Tap {
    /// Makes a device of this name (at most 15 bytes) in a namespace: no packet information, no offloads.
    ///
    /// # Errors
    /// There is no `/dev/net/tun`, the right is missing, or the name is taken.
    pub fn create(netns: &Netns, name: &str) -> io::Result<Tap> {
        if name.len() >= libc::IFNAMSIZ {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{name}: too long")));
        }
        let name = name.to_owned();
        netns.run(move || {
            let fd = open_tun()?;
            // SAFETY: all fields of `ifreq` may be zero.
            let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
            for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
                *to = from as libc::c_char;
            }
            request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
            // SAFETY: `request` lives through the call and is as large as the kernel expects.
            let done = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF as _, &request) };
            if done < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Tap { fd })
        })?
    }

    /// Injects a frame. The kernel works it off before the call returns, as far as it does so at once.
    ///
    /// # Errors
    /// The device is down, or the frame is shorter than its header.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        nix::unistd::write(&self.fd, frame).map(drop).map_err(crate::io)
    }

    /// The next frame that the kernel sent to the device, if there is one.
    ///
    /// # Errors
    /// The device is gone.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match nix::unistd::read(&self.fd, buffer) {
            Ok(length) => Ok(Some(length)),
            Err(nix::Error::EAGAIN | nix::Error::EINTR) => Ok(None),
            Err(errno) => Err(crate::io(errno)),
        }
    }
}
