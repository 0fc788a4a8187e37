//! Going into a lab.

use crate::{LabError, Labs, labs::ENV_INSIDE, owner};
use netwhy_sys::Netns;
use netwhy_sys::process::{self, Joined};
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// The name of the lab that this process runs in, if [`Labs::enter`] started it.
pub fn inside_lab() -> Option<String> {
    std::env::var(ENV_INSIDE).ok().filter(|name| !name.is_empty())
}

impl Labs {
    /// Runs this program again inside the lab, with the same arguments, and ends with its exit code: from there on, the
    /// code that reads the machine reads the lab. Returns only inside, at once, or with an error.
    ///
    /// Inside, `/run` is the lab's and everything else is the machine's. The process dies with the lab. An ordinary user
    /// becomes root of the lab's user namespace, which takes a process of one thread.
    pub fn enter(&self, name: &str) -> Result<(), LabError> {
        if inside_lab().as_deref() == Some(name) {
            return Ok(());
        }
        let program = std::env::current_exe().map_err(|e| LabError::step("finding this program", e))?;
        let mut command = Command::new(program);
        command.args(std::env::args_os().skip(1)).env(ENV_INSIDE, name);
        let status = self.run_inside(name, None, command)?;
        std::process::exit(exit_code(status))
    }

    /// Runs a program inside the lab, in one of its network namespaces if a name is given, on this process's terminal.
    /// Returns its exit code, 128 and more for signals, as a shell does. The program dies with the lab.
    pub fn exec<S: AsRef<OsStr>>(&self, name: &str, netns: Option<&str>, argv: &[S]) -> Result<i32, LabError> {
        let (program, args) = argv.split_first().ok_or_else(|| LabError::step("exec", "no program"))?;
        let mut command = Command::new(program);
        command.args(args).env(ENV_INSIDE, name);
        self.run_inside(name, netns, command).map(exit_code)
    }

    fn run_inside(&self, name: &str, netns: Option<&str>, mut command: Command) -> Result<ExitStatus, LabError> {
        let (pid, handle) = self.usable_holder(name)?;
        owner::able_to_enter(name, pid, &handle)?;
        let program = command.get_program().to_string_lossy().into_owned();
        let netns = netns.map(|netns| self.view(name)?.netns(netns)).transpose()?;
        command.env("PATH", process::system_path());
        if let Ok(folder) = std::env::current_dir() {
            // Inside, the working folder is found again by its name; below /run it is not, and `/` takes its place.
            command.current_dir(if folder.starts_with("/run") {
                Path::new("/")
            } else {
                &folder
            });
        }
        let run = || {
            process::join_thread(
                handle.as_fd(),
                Joined {
                    mounts: true,
                    net: true,
                    pids: true,
                },
            )?;
            netns.as_ref().map_or(Ok(()), Netns::enter)?;
            process::run_attached(&mut command)
        };
        let ended =
            std::thread::scope(|scope| scope.spawn(run).join().unwrap_or_else(|p| std::panic::resume_unwind(p)));
        ended.map_err(|e| LabError::step(format!("running {program} in lab {name}"), e))
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1)
}
