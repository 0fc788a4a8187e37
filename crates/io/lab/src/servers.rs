//! Starts the servers of the pods: one process a node, this same program.

use crate::names::netns_of;
use crate::spec::Spec;
use crate::{Lab, LabError, server};
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

/// Binding some sockets takes no time; this is for machines with many neighbours.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Servers that have been started. They are never ended one by one: they die with the holder.
pub(crate) struct Servers(Vec<(String, Child)>);

/// Starts the server of each node. Addresses need not be there yet: they listen on all.
pub(crate) fn spawn(lab: &Lab, spec: &Spec) -> Result<Servers, LabError> {
    let program = this_program()?;
    let nodes = server::by_node(spec, |pod| lab.netns_path(&netns_of(pod))).into_iter();
    let start = |(node, pods): (String, Vec<_>)| {
        let child = server::spawn(&program, &pods).map_err(|e| LabError::step(format!("server of {node}"), e))?;
        Ok((node, child))
    };
    nodes.map(start).collect::<Result<_, _>>().map(Servers)
}

impl Servers {
    /// Waits until all of them listen.
    pub(crate) fn wait(self) -> Result<(), LabError> {
        for (node, mut child) in self.0 {
            server::wait_ready(&mut child, READY_LIMIT).map_err(|e| LabError::step(format!("server of {node}"), e))?;
        }
        Ok(())
    }
}

/// The file of this program, also when it has been replaced since it was started.
fn this_program() -> Result<PathBuf, LabError> {
    let file = std::env::current_exe().map_err(|e| LabError::step("finding this program", e))?;
    Ok(if file.exists() { file } else { "/proc/self/exe".into() })
}
