//! Children with a time limit and an output limit.

mod talk;

use crate::Netns;
use nix::sched::{CloneFlags, setns};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use talk::{End, Talk};

/// What a child may use. Beyond it, its whole process group is killed.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Wall-clock time.
    pub time: Duration,
    /// Bytes on standard output.
    pub stdout_bytes: usize,
}

impl Default for Limits {
    /// Ten seconds and 64 MiB.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(10),
            stdout_bytes: 64 << 20,
        }
    }
}

/// What a child left.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; `None` if a signal ended it.
    pub status: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// Standard error, its first 64 KiB.
    pub stderr: Vec<u8>,
    /// From the start to the end.
    pub took: Duration,
}

impl Output {
    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.status == Some(0)
    }

    /// Standard output as text, with � for what is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text, trimmed.
    pub fn complaint(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }
}

/// Why a child gave no usable output.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The program is not in `PATH`, `/usr/sbin` or `/sbin`.
    #[error("{program}: not found in PATH, /usr/sbin, /sbin")]
    NotFound {
        /// Its name.
        program: String,
    },
    /// The time limit was reached; the process group was killed.
    #[error("{program}: no end within {limit:?}, killed")]
    Timeout {
        /// Its name.
        program: String,
        /// The limit.
        limit: Duration,
    },
    /// The output limit was reached; the process group was killed.
    #[error("{program}: more than {limit} bytes of output, killed")]
    TooLarge {
        /// Its name.
        program: String,
        /// The limit.
        limit: usize,
    },
    /// It could not be started or read.
    #[error("{program}: {source}")]
    Io {
        /// Its name.
        program: String,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Where a program is: `PATH`, then `/usr/sbin`, then `/sbin`. A name with a slash is taken as it is.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Path::new(name).exists().then(|| name.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end, inside a network namespace if one is given, with `LC_ALL=C`, and without a terminal.
///
/// The child leads a process group of its own. The group is killed at a limit, and also at the child's end, so that
/// nothing that it started stays behind; and when the calling thread dies.
pub fn run_in(ns: Option<&Netns>, argv: &[&str], stdin: Option<&[u8]>, limits: &Limits) -> Result<Output, ExecError> {
    let program = argv.first().copied().unwrap_or_default();
    let failed = |source| ExecError::Io {
        program: program.to_owned(),
        source,
    };
    let file = find_program(program).ok_or_else(|| ExecError::NotFound {
        program: program.to_owned(),
    })?;
    let started = Instant::now();
    let mut command = Command::new(file);
    command
        .args(&argv[1..])
        .env("LC_ALL", "C")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .process_group(0);
    in_namespace(&mut command, ns.map(|ns| ns.as_fd().as_raw_fd()));
    let mut child = command.spawn().map_err(failed)?;
    let talked = Talk::new(&mut child, stdin.unwrap_or_default(), limits).and_then(|mut talk| {
        let end = talk.until_exit(started + limits.time);
        end.map(|end| (end, talk))
    });
    kill_group(&child);
    let status = child.wait().map_err(failed)?;
    match talked.map_err(failed)? {
        (End::Exited, talk) => Ok(Output {
            status: status.code(),
            signal: status.signal(),
            stdout: talk.out_bytes,
            stderr: talk.err_bytes,
            took: started.elapsed(),
        }),
        (End::Timeout, _) => Err(ExecError::Timeout {
            program: program.to_owned(),
            limit: limits.time,
        }),
        (End::TooLarge, _) => Err(ExecError::TooLarge {
            program: program.to_owned(),
            limit: limits.stdout_bytes,
        }),
    }
}

/// The child joins the namespace, and dies with the thread that waits for it.
fn in_namespace(command: &mut Command, ns: Option<RawFd>) {
    let parent = nix::unistd::getpid();
    // SAFETY: the closure runs between fork and exec in the child. It only makes system calls (prctl, getppid, setns)
    // and touches no memory that another thread of the parent could hold locked. The descriptor `ns` is open in the
    // child: the caller keeps its owner borrowed until the child has been waited for.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(crate::io)?;
            if nix::unistd::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            match ns {
                Some(fd) => setns(BorrowedFd::borrow_raw(fd), CloneFlags::CLONE_NEWNET).map_err(crate::io),
                None => Ok(()),
            }
        });
    }
}

fn kill_group(child: &Child) {
    // The child has not been waited for, so its number, and with it the group's, cannot belong to another.
    let group = nix::unistd::Pid::from_raw(child.id().cast_signed());
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(argv: &[&str], stdin: Option<&[u8]>, limits: &Limits) -> Result<Output, ExecError> {
        run_in(None, argv, stdin, limits)
    }

    #[test]
    fn output_and_code() {
        let out = run(
            &["sh", "-c", "echo out; echo err >&2; exit 3"],
            None,
            &Limits::default(),
        )
        .unwrap();
        assert_eq!(
            (out.status, out.text().as_str(), out.complaint().as_str()),
            (Some(3), "out\n", "err")
        );
    }

    #[test]
    fn input_larger_than_a_pipe_comes_back() {
        let input = vec![b'x'; 1 << 20];
        assert_eq!(run(&["cat"], Some(&input), &Limits::default()).unwrap().stdout, input);
    }

    #[test]
    fn a_child_that_reads_nothing_is_no_error() {
        let input = vec![b'x'; 1 << 20];
        assert!(run(&["true"], Some(&input), &Limits::default()).unwrap().success());
    }

    #[test]
    fn time_limit_kills_the_group() {
        let limits = Limits {
            time: Duration::from_millis(100),
            ..Limits::default()
        };
        let started = Instant::now();
        let error = run(&["sh", "-c", "sleep 60 & sleep 60"], None, &limits).unwrap_err();
        assert!(matches!(error, ExecError::Timeout { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_grandchild_that_keeps_the_pipe_does_not_hold_us() {
        let out = run(&["sh", "-c", "sleep 60 & echo done"], None, &Limits::default()).unwrap();
        assert_eq!(out.text(), "done\n");
    }

    #[test]
    fn output_limit() {
        let limits = Limits {
            stdout_bytes: 1000,
            ..Limits::default()
        };
        let error = run(&["yes"], None, &limits).unwrap_err();
        assert!(matches!(error, ExecError::TooLarge { limit: 1000, .. }), "{error}");
        let fits = run(&["head", "-c", "1000", "/dev/zero"], None, &limits).unwrap();
        assert_eq!(fits.stdout.len(), 1000);
    }

    #[test]
    fn in_another_namespace() {
        let Ok(ns) = Netns::create() else {
            eprintln!("not run: needs CAP_SYS_ADMIN");
            return;
        };
        let inode = |ns| {
            run_in(ns, &["readlink", "/proc/self/ns/net"], None, &Limits::default())
                .unwrap()
                .text()
        };
        assert_ne!(inode(Some(&ns)), inode(None));
    }

    #[test]
    fn missing_program() {
        let error = run(&["netwhy-no-such-program"], None, &Limits::default()).unwrap_err();
        assert!(matches!(error, ExecError::NotFound { .. }), "{error}");
        assert!(matches!(
            run(&[], None, &Limits::default()),
            Err(ExecError::NotFound { .. })
        ));
    }

    #[test]
    fn a_signal_is_told() {
        let out = run(&["sh", "-c", "kill -TERM $$"], None, &Limits::default()).unwrap();
        assert_eq!((out.status, out.signal), (None, Some(15)));
    }
}
