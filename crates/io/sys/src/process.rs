//! Processes in new namespaces, their death, and re-execution.

use nix::sched::CloneFlags;
use nix::sys::signal::{SigHandler, Signal};
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// A handle of a process that never means another one: the kernel does not reuse it.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else owns it. Descriptors fit in an int.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Sends SIGKILL to the process of a handle. One that is gone already is no error.
pub fn pidfd_kill(pidfd: BorrowedFd<'_>) -> io::Result<()> {
    let info: *const libc::siginfo_t = std::ptr::null();
    // SAFETY: pidfd_send_signal with a null siginfo takes integers only.
    let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), libc::SIGKILL, info, 0) };
    match done {
        0 => Ok(()),
        _ if io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH) => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits until the process of a handle has ended; false if it has not within the limit. The first process of a PID
/// namespace ends only after every other one in it.
pub fn pidfd_wait(pidfd: BorrowedFd<'_>, most: Duration) -> io::Result<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let deadline = std::time::Instant::now() + most;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
        let millis = u16::try_from(left.as_millis()).unwrap_or(u16::MAX);
        match poll(&mut fds, PollTimeout::from(millis)) {
            Ok(0) if left.is_zero() || u128::from(millis) == left.as_millis() => return Ok(false),
            Ok(0) | Err(nix::Error::EINTR) => {}
            Ok(_) => return Ok(true),
            Err(errno) => return Err(crate::io(errno)),
        }
    }
}

/// Which namespaces of a process to join.
#[derive(Clone, Copy, Debug, Default)]
pub struct Joined {
    /// The mount namespace.
    pub mounts: bool,
    /// The network namespace.
    pub net: bool,
    /// The PID namespace, for *children* of the calling thread.
    pub pids: bool,
}

/// Moves the calling thread into namespaces of a process, for good. The thread no longer shares its working folder with
/// the rest of the process, so that this works with any number of threads.
pub fn join_thread(pidfd: BorrowedFd<'_>, which: Joined) -> io::Result<()> {
    let mut flags = CloneFlags::empty();
    flags.set(CloneFlags::CLONE_NEWNS, which.mounts);
    flags.set(CloneFlags::CLONE_NEWNET, which.net);
    flags.set(CloneFlags::CLONE_NEWPID, which.pids);
    if which.mounts {
        nix::sched::unshare(CloneFlags::CLONE_FS).map_err(crate::io)?;
    }
    nix::sched::setns(pidfd, flags).map_err(crate::io)
}

/// Runs a command to its end on this process's terminal, as a shell would: signals of the terminal go to it and not to
/// this process, which waits for it; and it dies with the calling thread.
pub fn run_attached(command: &mut Command) -> io::Result<ExitStatus> {
    // SAFETY: between fork and exec the closure makes one system call and touches no memory.
    unsafe {
        command.pre_exec(die_with_parent);
    }
    let mut child = command.spawn()?;
    // The handlers are changed only now, so that the child has the usual ones.
    // SAFETY: SIG_IGN is no handler that could run.
    let ignore = |signal| unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) };
    let before = [Signal::SIGINT, Signal::SIGQUIT].map(|signal| (signal, ignore(signal)));
    let status = child.wait();
    for (signal, handler) in before {
        if let Ok(handler) = handler {
            // SAFETY: the handler is the one that was in force before.
            let _ = unsafe { nix::sys::signal::signal(signal, handler) };
        }
    }
    status
}

/// The search path of this process, with the folders of the network tools, which an ordinary user's may not have.
pub fn system_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    for folder in ["/usr/sbin", "/sbin"] {
        if !folders.iter().any(|known| known == Path::new(folder)) {
            folders.push(folder.into());
        }
    }
    // Folders that came out of a path can be joined to one again.
    std::env::join_paths(folders).unwrap_or(path)
}

/// Takes over a descriptor that the parent handed down at a number that both know, and keeps it from further children.
/// To be called first thing in `main`. `None` if nothing is open there.
pub fn inherited(fd: RawFd) -> Option<OwnedFd> {
    use nix::fcntl::{FcntlArg, FdFlag, fcntl};
    // SAFETY: whether the number is open is checked by the call itself, which fails with EBADF if not.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: the descriptor is open (above), and by convention belongs to nobody else in this process: callers do this
    // before anything else is opened.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Forgets a dead child, if it is one of ours. Never blocks.
pub fn reap(pid: u32) {
    use nix::sys::wait::{WaitPidFlag, waitpid};
    let _ = waitpid(
        nix::unistd::Pid::from_raw(pid.cast_signed()),
        Some(WaitPidFlag::WNOHANG),
    );
}

/// Forgets all dead children: the duty of the first process of a PID namespace. Never blocks.
pub fn reap_all() {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    while !matches!(
        waitpid(None, Some(WaitPidFlag::WNOHANG)),
        Ok(WaitStatus::StillAlive) | Err(_)
    ) {}
}

/// Asks the kernel to kill the calling process when the thread that made it ends.
pub fn die_with_parent() -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(crate::io)
}

/// Which new namespaces a child gets.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewNamespaces {
    /// A PID namespace: the child is its first process, and all in it die with the child.
    pub pids: bool,
    /// A mount namespace.
    pub mounts: bool,
    /// A network namespace.
    pub net: bool,
}

/// Starts a program in new namespaces, in a session of its own, in `/`. The descriptors `fds[0]`, `fds[1]`, … become
/// 0, 1, … of the child; all others are closed. Returns its process number.
///
/// The child does not die with its parent. `program` must be a path.
pub fn spawn_in_new(ns: NewNamespaces, program: &Path, args: &[OsString], fds: &[BorrowedFd<'_>]) -> io::Result<u32> {
    let program = c_string(program.as_os_str())?;
    let mut argv = vec![program.clone()];
    for arg in args {
        argv.push(c_string(arg)?);
    }
    let env = environment()?;
    let argv_pointers: Vec<_> = argv.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
    let env_pointers: Vec<_> = env.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
    // Copies above every target number, so that no dup2 of the child closes a source that is still needed.
    let high = fds
        .iter()
        .map(|fd| dup_above(fd.as_fd(), 64))
        .collect::<io::Result<Vec<_>>>()?;
    let sources: Vec<RawFd> = high.iter().map(AsRawFd::as_raw_fd).collect();
    let mut flags = libc::SIGCHLD;
    flags |= if ns.pids { libc::CLONE_NEWPID } else { 0 };
    flags |= if ns.mounts { libc::CLONE_NEWNS } else { 0 };
    flags |= if ns.net { libc::CLONE_NEWNET } else { 0 };
    // SAFETY: without CLONE_VM and with a null stack, clone behaves as fork. The child calls only async-signal-safe
    // functions on memory that was prepared above, and ends in execve or _exit.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(flags), 0, 0, 0, 0) };
    match pid {
        0 => child(&program, &argv_pointers, &env_pointers, &sources),
        ..0 => Err(io::Error::last_os_error()),
        pid => Ok(pid as u32),
    }
}

/// The child between clone and exec.
fn child(program: &CString, argv: &[*const libc::c_char], env: &[*const libc::c_char], sources: &[RawFd]) -> ! {
    // SAFETY: system calls only; `argv` and `env` are null-terminated arrays of C strings that live in this copy of the
    // parent's memory.
    unsafe {
        libc::setsid();
        libc::chdir(c"/".as_ptr());
        // What the parent ignores, say SIGCHLD, the child must not inherit.
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut mask: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut mask);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const mask, std::ptr::null_mut());
        for (target, source) in sources.iter().enumerate() {
            if libc::dup2(*source, target as RawFd) < 0 {
                libc::_exit(126);
            }
        }
        libc::syscall(libc::SYS_close_range, sources.len(), libc::c_uint::MAX, 0);
        libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr());
        libc::_exit(127)
    }
}

fn dup_above(fd: BorrowedFd<'_>, least: RawFd) -> io::Result<OwnedFd> {
    use nix::fcntl::{FcntlArg, fcntl};
    let copy = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(least)).map_err(crate::io)?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))
}

fn environment() -> io::Result<Vec<CString>> {
    std::env::vars_os()
        .map(|(key, value)| {
            let mut entry = key;
            entry.push("=");
            entry.push(value);
            c_string(&entry)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_sees_the_end() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let handle = pidfd_open(child.id()).unwrap();
        assert!(!pidfd_wait(handle.as_fd(), Duration::from_millis(20)).unwrap());
        pidfd_kill(handle.as_fd()).unwrap();
        assert!(pidfd_wait(handle.as_fd(), Duration::from_secs(30)).unwrap());
        child.wait().unwrap();
        pidfd_kill(handle.as_fd()).unwrap();
    }

    #[test]
    fn first_process_of_its_own_namespace() {
        use std::io::Read;
        let (mut reader, writer) = io::pipe().unwrap();
        let null = std::fs::File::open("/dev/null").unwrap();
        let ns = NewNamespaces {
            pids: true,
            mounts: true,
            net: true,
        };
        let args = ["-c".into(), "echo $$".into()];
        let pid = match spawn_in_new(ns, Path::new("/bin/sh"), &args, &[null.as_fd(), writer.as_fd()]) {
            Ok(pid) => pid,
            Err(e) => {
                assert!(!nix::unistd::geteuid().is_root(), "root, but no namespaces: {e}");
                eprintln!("not run: needs CAP_SYS_ADMIN");
                return;
            }
        };
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "1\n");
        let handle = pidfd_open(pid).unwrap();
        assert!(pidfd_wait(handle.as_fd(), Duration::from_secs(30)).unwrap());
        reap(pid);
    }
}
