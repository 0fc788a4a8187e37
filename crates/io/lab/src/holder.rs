//! The holder: the first process of a lab's PID namespace. It builds the lab and then only holds it: when it ends, the
//! kernel ends everything else in it.

use crate::error::at;
use crate::state::{Lab, read_json};
use crate::{LabError, build, spec::Spec};
use netwhy_sys::{mount, process};
use nix::sys::signal::{SigSet, Signal};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The hidden subcommand.
pub(crate) const HOLDER_COMMAND: &str = "__lab-holder";
/// What the holder tells the command when the lab can be used.
pub(crate) const READY: &str = "ready\n";

/// Runs as the holder; returns only if building failed, or when told to end.
pub(crate) fn main(args: &[OsString]) -> i32 {
    let [name] = args else { return 2 };
    let Some(name) = name.to_str() else { return 2 };
    match Holder::take_over(name) {
        Some(holder) => holder.run(),
        None => {
            eprintln!("{HOLDER_COMMAND} is for `lab up` only");
            2
        }
    }
}

/// Who has the last word while the lab is being built: the builder, or the watcher when the command dies.
#[derive(Default)]
struct Phase(AtomicU8);

impl Phase {
    const BUILDING: u8 = 0;
    const READY: u8 = 1;
    const ABORTED: u8 = 2;

    /// Whether this side was first.
    fn decide(&self, end: u8) -> bool {
        self.0
            .compare_exchange(Self::BUILDING, end, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }
}

struct Holder {
    name: String,
    command: UnixStream,
    /// The lock: held as long as this process lives, by it alone.
    _lock: OwnedFd,
    labs: OwnedFd,
    phase: Arc<Phase>,
}

impl Holder {
    /// Takes over the descriptors that `lab up` handed down. `None` if this is not the first process of a namespace.
    fn take_over(name: &str) -> Option<Self> {
        if std::process::id() != 1 {
            return None;
        }
        let command = UnixStream::from(process::inherited(0)?);
        Some(Self {
            name: name.to_owned(),
            command,
            _lock: process::inherited(3)?,
            labs: process::inherited(4)?,
            phase: Arc::default(),
        })
    }

    /// A file of the lab's folder outside, which may lie below a `/run` that is covered by now.
    fn outside(&self, file: &str) -> PathBuf {
        Path::new("/proc/self/fd")
            .join(self.labs.as_raw_fd().to_string())
            .join(&self.name)
            .join(file)
    }

    fn run(mut self) -> i32 {
        let mut signals = SigSet::empty();
        [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGINT]
            .into_iter()
            .for_each(|signal| signals.add(signal));
        // Before any thread starts, so that all of them inherit it.
        if let Err(e) = signals.thread_block() {
            eprintln!("blocking signals: {e}");
        }
        if let Err(e) = self.watch_command().and_then(|()| self.build()) {
            eprintln!("{e}");
            let _ = writeln!(self.command, "{}", one_line(&e.to_string()));
            self.remove_files();
            return 1;
        }
        self.hold(&signals);
        self.remove_files();
        0
    }

    /// Ends this process, and with it all others of the lab, if the command dies before the lab is ready.
    fn watch_command(&self) -> Result<(), LabError> {
        let failed = |e| LabError::step("watching the command", e);
        let (command, phase, folder) = (
            self.command.try_clone().map_err(failed)?,
            Arc::clone(&self.phase),
            self.outside(""),
        );
        let watch = move || {
            use std::io::Read;
            let mut command = command;
            // The command never writes: this returns when it closes its end, by dying or because it is content.
            while matches!(command.read(&mut [0; 16]), Ok(1..)) {}
            if phase.decide(Phase::ABORTED) {
                let _ = fs::remove_dir_all(folder);
                std::process::exit(1);
            }
        };
        std::thread::Builder::new()
            .name("watch".into())
            .spawn(watch)
            .map(|_| ())
            .map_err(failed)
    }

    fn build(&mut self) -> Result<(), LabError> {
        // The /proc of the machine stays: its numbers are those that the commands outside know.
        let number = fs::read_link("/proc/self").map_err(at(Path::new("/proc/self")))?;
        let pid_file = self.outside("pid");
        fs::write(&pid_file, format!("{}\n", number.display())).map_err(at(&pid_file))?;
        let spec: Spec = read_json(&self.outside("spec.json"))?;
        mount::make_private().map_err(|e| LabError::step("private mounts", e))?;
        mount::tmpfs(Path::new("/run"), 0o755).map_err(|e| LabError::step("private /run", e))?;
        let state = build::build(&self.name, &spec)?;
        let lab = Lab::at_run("/run".into());
        lab.write_state(&state)?;
        if !self.phase.decide(Phase::READY) {
            return Err(LabError::step("building", "the command has ended"));
        }
        let ready = self.outside("ready");
        fs::write(&ready, "").map_err(at(&ready))?;
        // If the command died just now, the lab is there all the same.
        let _ = self.command.write_all(READY.as_bytes());
        let _ = self.command.shutdown(std::net::Shutdown::Both);
        Ok(())
    }

    /// Collects dead children until told to end.
    fn hold(&self, signals: &SigSet) {
        loop {
            process::reap_all();
            match signals.wait() {
                Ok(Signal::SIGCHLD) | Err(nix::Error::EINTR) => {}
                _ => return,
            }
        }
    }

    fn remove_files(&self) {
        let _ = fs::remove_dir_all(self.outside(""));
    }
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
