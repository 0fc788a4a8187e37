//! Where a fix is done: a node of a lab, or this machine.

use crate::fail::Fail;
use crate::target::{Target, now};
use anyhow::Result;
use netwhy_fix::{Env, FixError};
use netwhy_lab::{Kind, Lab};

/// Journals of a node, as the node sees them.
const JOURNALS: &str = "/var/lib/netwhy";

/// A node that can be changed.
pub(super) struct Place {
    /// Its name.
    pub node: String,
    /// Its files and its namespace.
    pub env: Env,
}

impl Place {
    /// The place of a node; `None` if the target cannot be changed. The lab must have been entered.
    pub fn of(target: &Target, node: &str) -> Result<Option<Place>> {
        match target {
            Target::File(_) => Ok(None),
            Target::Lab(_) => in_lab(&lab()?, node).map(Some),
            Target::ThisMachine => {
                let here = netwhy_collect::hostname();
                if node != here {
                    return Err(Fail::new(
                        format!("the finding is on node/{node}, this machine is {here}"),
                        "",
                    ));
                }
                Ok(Some(this_machine(here)))
            }
        }
    }

    /// Every node of the target.
    pub fn all(target: &Target) -> Result<Vec<Place>> {
        match target {
            Target::File(_) => Err(Fail::new(
                "a file has no journals",
                "--lab, or --this-machine on the node",
            )),
            Target::Lab(name) => {
                let failure = crate::verbs::lab::failure;
                netwhy_lab::Labs::here().enter(name).map_err(failure)?;
                let lab = lab()?;
                let state = lab.state().map_err(failure)?;
                let nodes = state.namespaces.iter().filter(|n| n.kind == Kind::Node);
                nodes.map(|n| in_lab(&lab, &n.name)).collect()
            }
            Target::ThisMachine => Ok(vec![this_machine(netwhy_collect::hostname())]),
        }
    }
}

fn lab() -> Result<Lab> {
    Lab::inside().map_err(crate::verbs::lab::failure)
}

fn in_lab(lab: &Lab, node: &str) -> Result<Place> {
    Ok(Place {
        node: node.to_owned(),
        env: Env {
            root: lab.node_root(node),
            netns: Some(lab.netns(node).map_err(crate::verbs::lab::failure)?),
            journal_dir: JOURNALS.to_owned(),
            now: now(),
            id: String::new(),
            allow_host: false,
        },
    })
}

fn this_machine(node: String) -> Place {
    Place {
        node,
        env: Env {
            root: "/".into(),
            netns: None,
            journal_dir: JOURNALS.to_owned(),
            now: now(),
            id: String::new(),
            allow_host: true,
        },
    }
}

/// A failure of a fix, with the way out.
pub(super) fn failure(e: FixError) -> anyhow::Error {
    let way_out = match &e {
        FixError::Conflict(_) => "--force overwrites it",
        FixError::Stale { .. } => "the same command again makes a new plan",
        FixError::NoJournal { .. } => "--list shows the fixes that were applied",
        FixError::Locked { .. } => "wait until it has ended",
        _ => "",
    };
    Fail::new(e.to_string(), way_out)
}
