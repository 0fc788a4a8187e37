//! `lab up`, the side of the command: it starts the holder and waits for its word.

use crate::error::at;
use crate::holder::{HOLDER_COMMAND, READY};
use crate::labs::end;
use crate::state::write_json;
use crate::validate::validate;
use crate::{LabError, Labs, Phase, State, labs::check_name, owner, spec::Spec};
use netwhy_sys::lock::{self, TryLock};
use netwhy_sys::process::{NewNamespaces, pidfd_open, reap, spawn_in_new};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How to bring a lab up.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// Its name.
    pub name: String,
    /// The program that becomes the holder and the servers in the pods, by way of [`crate::hidden_main`]; this program
    /// if `None`.
    pub program: Option<PathBuf>,
    /// The longest that building may take.
    pub limit: Duration,
}

impl Default for UpOptions {
    fn default() -> Self {
        Self {
            name: crate::labs::DEFAULT_NAME.into(),
            program: None,
            limit: Duration::from_secs(120),
        }
    }
}

/// A lab that has just come up.
#[derive(Clone, Debug)]
pub struct Up {
    /// What is in it.
    pub state: State,
    /// From the command to the holder's word that everything is there.
    pub took: Duration,
}

/// Removing the files of a dead lab takes no longer.
const SWEEP_LIMIT: Duration = Duration::from_millis(500);

impl Labs {
    /// Builds a lab. When this process is killed meanwhile, the holder notices and takes everything away.
    ///
    /// Without root, this process becomes root of a new user namespace, and that is the lab's; it must have one thread.
    pub fn up(&self, spec: &Spec, options: &UpOptions) -> Result<Up, LabError> {
        let started = Instant::now();
        let name = &options.name;
        check_name(name)?;
        validate(spec)?;
        owner::able_to_make()?;
        self.make_folder(name)?;
        let lock = self.lock_or_exists(name)?;
        let result = self.start(spec, options, lock, started + options.limit);
        if result.is_err() {
            // The holder is gone, or was never there.
            let _ = self.sweep(name);
        }
        result.map(|state| Up {
            state,
            took: started.elapsed(),
        })
    }

    /// The lock of a lab that does not live. Leftovers of a dead one are removed.
    fn lock_or_exists(&self, name: &str) -> Result<lock::FileLock, LabError> {
        let file = self.lock_file(name);
        let deadline = Instant::now() + SWEEP_LIMIT;
        let lock = loop {
            match lock::try_lock(&file) {
                Ok(TryLock::Got(lock)) => break lock,
                Ok(TryLock::Held) if self.phase(name)? == Some(Phase::Usable) || Instant::now() > deadline => {
                    return Err(LabError::Exists(name.to_owned()));
                }
                // Another command may be just removing what is left of a dead one.
                Ok(TryLock::Held) => std::thread::sleep(Duration::from_millis(5)),
                // Another command has swept the folder away.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    self.make_folder(name)?;
                }
                Err(e) => return Err(at(&file)(e)),
            }
        };
        for left in ["ready", "pid", "spec.json", "holder.log"] {
            let file = self.folder(name).join(left);
            match fs::remove_file(&file) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(at(&file)(e)),
                _ => {}
            }
        }
        Ok(lock)
    }

    fn start(
        &self,
        spec: &Spec,
        options: &UpOptions,
        lock: lock::FileLock,
        deadline: Instant,
    ) -> Result<State, LabError> {
        let name = &options.name;
        let folder = self.folder(name);
        write_json(&folder.join("spec.json"), spec)?;
        let log_file = folder.join("holder.log");
        let log = File::create(&log_file).map_err(at(&log_file))?;
        let root = File::open(self.root()).map_err(at(self.root()))?;
        let (mine, theirs) = UnixStream::pair().map_err(|e| LabError::step("socket pair", e))?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe().map_err(|e| LabError::step("finding this program", e))?,
        };
        let namespaces = NewNamespaces {
            pids: true,
            mounts: true,
            net: true,
        };
        let args = [HOLDER_COMMAND.into(), name.into()];
        // The numbers are known to the holder: 0 this command, 1 and 2 the log, 3 the lock, 4 the folder of all labs.
        let fds = [theirs.as_fd(), log.as_fd(), log.as_fd(), lock.as_fd(), root.as_fd()];
        let pid = spawn_in_new(namespaces, &program, &args, &fds)
            .map_err(|e| LabError::step(format!("starting {} in new namespaces", program.display()), e))?;
        drop((theirs, lock));
        let handle = pidfd_open(pid).map_err(|e| LabError::step("handle of the holder", e))?;
        match wait_for_word(mine, deadline) {
            Ok(word) if word == READY => Ok(State::new(name, spec)),
            other => {
                let _ = end(pid, &handle, Instant::now() + Duration::from_secs(30));
                reap(pid);
                Err(LabError::NotUp {
                    name: name.clone(),
                    why: reason(other, &log_file),
                })
            }
        }
    }
}

/// All that the holder says until it closes its end, or until it says that it is ready.
fn wait_for_word(mut from: UnixStream, deadline: Instant) -> io::Result<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .max(Duration::from_millis(1));
        from.set_read_timeout(Some(left))?;
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => text.extend_from_slice(&buffer[..n]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(e) => return Err(e),
        }
        if text.ends_with(b"\n") {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn reason(word: io::Result<String>, log: &Path) -> String {
    match word {
        Ok(word) if !word.is_empty() => word.trim().to_owned(),
        Ok(_) => {
            let log = fs::read_to_string(log).unwrap_or_default();
            let tail: Vec<_> = log.lines().rev().take(5).collect();
            let tail = tail.into_iter().rev().collect::<Vec<_>>().join("; ");
            format!("the holder ended without a word ({tail})")
        }
        Err(e) if e.kind() == io::ErrorKind::TimedOut => "the time limit was reached".into(),
        Err(e) => e.to_string(),
    }
}
