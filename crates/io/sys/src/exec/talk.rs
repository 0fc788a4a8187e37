//! Talking with a child until it ends.

use super::Limits;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

/// Standard error beyond this is read and forgotten.
const STDERR_KEPT: usize = 64 << 10;

/// How it ended.
pub(super) enum End {
    Exited,
    Timeout,
    TooLarge,
}

/// Feeds and drains a child until it has ended.
pub(super) struct Talk<'a> {
    end: OwnedFd,
    stdin: Option<(ChildStdin, &'a [u8])>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    pub(super) out_bytes: Vec<u8>,
    pub(super) err_bytes: Vec<u8>,
    stdout_limit: usize,
}

impl<'a> Talk<'a> {
    pub(super) fn new(child: &mut Child, input: &'a [u8], limits: &Limits) -> io::Result<Self> {
        let talk = Self {
            end: crate::process::pidfd_open(child.id())?,
            stdin: child.stdin.take().map(|pipe| (pipe, input)),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            out_bytes: Vec::new(),
            err_bytes: Vec::new(),
            stdout_limit: limits.stdout_bytes,
        };
        let pipes = [
            talk.stdin.as_ref().map(|(pipe, _)| pipe.as_fd()),
            talk.stdout.as_ref().map(AsFd::as_fd),
            talk.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(crate::io)?;
        }
        Ok(talk)
    }

    pub(super) fn until_exit(&mut self, deadline: Instant) -> io::Result<End> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let exited = self.wait(left)?;
            self.feed()?;
            self.drain()?;
            if self.out_bytes.len() > self.stdout_limit {
                return Ok(End::TooLarge);
            }
            if exited {
                return Ok(End::Exited);
            }
            if left.is_zero() {
                return Ok(End::Timeout);
            }
        }
    }

    /// Waits until a pipe can be used or the child has ended; true in the second case.
    fn wait(&self, left: Duration) -> io::Result<bool> {
        let mut fds = vec![PollFd::new(self.end.as_fd(), PollFlags::POLLIN)];
        if let Some((pipe, _)) = &self.stdin {
            fds.push(PollFd::new(pipe.as_fd(), PollFlags::POLLOUT));
        }
        fds.extend(self.stdout.as_ref().map(|p| PollFd::new(p.as_fd(), PollFlags::POLLIN)));
        fds.extend(self.stderr.as_ref().map(|p| PollFd::new(p.as_fd(), PollFlags::POLLIN)));
        // One more than the whole milliseconds, so that the last round does not spin.
        let millis = left.as_millis().min(60_000) as u16 + u16::from(!left.is_zero());
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(crate::io(errno)),
        }
        Ok(fds[0].revents().is_some_and(|events| !events.is_empty()))
    }

    fn feed(&mut self) -> io::Result<()> {
        let Some((pipe, rest)) = &mut self.stdin else {
            return Ok(());
        };
        while !rest.is_empty() {
            match pipe.write(rest) {
                Ok(n) => *rest = &rest[n..],
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // It does not want the rest; its exit code says whether that is bad.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => break,
                Err(e) => return Err(e),
            }
        }
        self.stdin = None;
        Ok(())
    }

    fn drain(&mut self) -> io::Result<()> {
        let out_end = match &mut self.stdout {
            Some(pipe) => read_ready(pipe, &mut self.out_bytes, self.stdout_limit + 1)?,
            None => false,
        };
        if out_end {
            self.stdout = None;
        }
        let err_end = match &mut self.stderr {
            Some(pipe) => read_ready(pipe, &mut self.err_bytes, usize::MAX)?,
            None => false,
        };
        self.err_bytes.truncate(STDERR_KEPT);
        if err_end {
            self.stderr = None;
        }
        Ok(())
    }
}

/// Reads what is there; true at the end of the file.
fn read_ready(pipe: &mut impl Read, into: &mut Vec<u8>, most: usize) -> io::Result<bool> {
    let mut buffer = [0; 16 << 10];
    while into.len() < most {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(n) => into.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(false)
}
