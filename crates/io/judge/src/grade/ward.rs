//! The ward of this machine: real labs, the library's check, and a shell.

use super::{Fixed, GradeError, Ward, kubectl};
use crate::live;
use netwhy_checks::{CheckOptions, check};
use netwhy_lab::matrix::{Cell, Options, Pair};
use netwhy_lab::spec::Spec;
use netwhy_lab::{Args, Fault, Lab, Labs, UpOptions};
use netwhy_model::Cluster;
use netwhy_view::report::{FindingView, FixView, ReportView};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Labs of this machine under one name.
pub struct LabWard<C> {
    labs: Labs,
    name: String,
    program: Option<PathBuf>,
    command: C,
}

impl<C: Fn(&str, &FindingView) -> Option<String>> LabWard<C> {
    /// Labs below `labs`, all called `name`. `program` becomes their holder and servers; `None` is this program. It is the
    /// first in the shell's search path.
    ///
    /// `command` gives the command line that the report on a lab of this name prints for a finding. Where it prints none,
    /// the commands of a manual fix are run where the finding says that they are typed.
    pub fn new(labs: Labs, name: &str, program: Option<PathBuf>, command: C) -> LabWard<C> {
        LabWard {
            labs,
            name: name.to_owned(),
            program,
            command,
        }
    }

    /// The lab that is up.
    ///
    /// # Errors
    /// There is none.
    pub fn lab(&self) -> Result<Lab, GradeError> {
        let lab = self.labs.view(&self.name);
        lab.map_err(|e| GradeError::new("looking into the lab", e))
    }

    /// Runs a command line, in a network namespace of the lab if one is given.
    fn shell(&self, netns: Option<&Path>, command: String) -> Result<Fixed, GradeError> {
        let mut shell = match netns {
            Some(path) => {
                let mut enter = Command::new("nsenter");
                enter.arg(format!("--net={}", path.display())).arg("sh");
                enter
            }
            None => Command::new("sh"),
        };
        shell.args(["-e", "-c", &command]);
        shell
            .env("PATH", self.path())
            .env(netwhy_lab::ENV_ROOT, self.labs.root());
        let output = shell.output().map_err(|e| GradeError::new("starting a shell", e))?;
        let text = [output.stdout, output.stderr].concat();
        Ok(Fixed::Ran {
            command,
            ok: output.status.success(),
            output: String::from_utf8_lossy(&text).into_owned(),
        })
    }

    /// A fix for a person: `at` is `node/NAME`, `pod/NAMESPACE/NAME`, or `cluster` for what kubectl does.
    fn by_hand(&self, at: &str, commands: &[String]) -> Result<Fixed, GradeError> {
        let lab = self.lab()?;
        let command = commands.join("\n");
        let parts: Vec<&str> = at.split('/').collect();
        let netns = match parts.as_slice() {
            ["node", name] => (*name).to_owned(),
            ["pod", namespace, name] => netwhy_lab::names::pod_netns(namespace, name),
            _ => {
                let done: Result<Vec<String>, String> = commands.iter().map(|c| kubectl::run(&lab, c)).collect();
                let ok = done.is_ok();
                let output = done.map_or_else(|why| why, |lines| lines.join("\n"));
                return Ok(Fixed::Ran { command, ok, output });
            }
        };
        self.shell(Some(&lab.netns_path(&netns)), command)
    }

    /// The search path with the program's folder first.
    fn path(&self) -> String {
        let program = self.program.clone().or_else(|| std::env::current_exe().ok());
        let folder = program.as_deref().and_then(Path::parent);
        let folder = folder.map(|f| f.display().to_string()).unwrap_or_default();
        format!("{folder}:{}", netwhy_sys::process::system_path().to_string_lossy())
    }
}

impl<C> LabWard<C> {
    /// Removes the lab.
    fn down(&self) -> Result<(), GradeError> {
        let down = self.labs.down(&self.name);
        down.map(|_| ()).map_err(|e| GradeError::new("lab down", e))
    }
}

impl<C> Drop for LabWard<C> {
    fn drop(&mut self) {
        let _ = self.down();
    }
}

impl<C: Fn(&str, &FindingView) -> Option<String>> Ward for LabWard<C> {
    fn fresh(&mut self, spec: &Spec) -> Result<(), GradeError> {
        self.down()?;
        let options = UpOptions {
            name: self.name.clone(),
            program: self.program.clone(),
            ..UpOptions::default()
        };
        let up = self.labs.up(spec, &options);
        up.map(|_| ()).map_err(|e| GradeError::new("lab up", e))
    }

    fn refuses(&self, fault: &Fault) -> Option<String> {
        fault.refused().map(str::to_owned)
    }

    fn inject(&mut self, fault: &str, args: &Args) -> Result<(), GradeError> {
        let injected = self.lab()?.break_(fault, args);
        injected.map(|_| ()).map_err(|e| GradeError::new(fault, e))
    }

    fn check(&mut self) -> Result<Vec<FindingView>, GradeError> {
        let collected = live::read(&self.lab()?, &|| "1970-01-01T00:00:00Z".to_owned());
        let collected = collected.map_err(|e| GradeError::new("reading the lab", e))?;
        let cluster = Cluster::build(collected.snapshot);
        let report = check(&cluster, &CheckOptions::default());
        Ok(ReportView::new(self.name.clone(), &cluster, &report).findings)
    }

    fn fix(&mut self, finding: &FindingView) -> Result<Fixed, GradeError> {
        if let Some(command) = (self.command)(&self.name, finding) {
            return self.shell(None, command);
        }
        match &finding.fix {
            Some(FixView::Manual { at, commands, .. }) => self.by_hand(at, commands),
            _ => Ok(Fixed::NoCommand),
        }
    }

    fn probe(&mut self, pairs: &[Pair]) -> Result<Vec<Cell>, GradeError> {
        let options = Options {
            always: true,
            ..Options::default()
        };
        let cells = live::probe(&self.lab()?, pairs, &options);
        cells.map_err(|e| GradeError::new("probing", e))
    }

    fn rest(&mut self) {
        std::thread::sleep(live::PAUSE);
    }
}
