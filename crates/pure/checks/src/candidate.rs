//! What a check offers for a broken promise.

use crate::promise::Promise;
use netwhy_model::{Cluster, Patch};
use netwhy_sim::{Outcome, Trace};

/// A broken promise at its current end: what a check looks at.
#[derive(Clone, Copy, Debug)]
pub struct Broken<'a> {
    /// The cluster, with the patches of earlier rounds.
    pub cluster: &'a Cluster,
    /// What was promised.
    pub promise: &'a Promise,
    /// Its trace.
    pub trace: &'a Trace,
    /// The outcome that breaks it.
    pub outcome: &'a Outcome,
}

/// A change towards a norm that might heal.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Code of the check that offers it.
    pub code: &'static str,
    /// Ids of the catalogue, the most exact first.
    pub faults: Vec<&'static str>,
    /// Where the cause is.
    pub object: Object,
    /// Node whose kernel shows it.
    pub node: Option<String>,
    /// The change.
    pub patches: Vec<Patch>,
    /// One sentence: what is wrong.
    pub summary: String,
    /// Facts with their places.
    pub evidence: Vec<String>,
    /// Who says that it should be otherwise.
    pub norm: String,
    /// How to mend it.
    pub fix: Fix,
    /// The observed state fits several causes that differ only in what no node shows.
    pub alike: bool,
}

/// A Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// `Node`, `Pod`, `Service`, ...; `Cluster` for what concerns all.
    pub kind: &'static str,
    /// Namespace, if it has one.
    pub namespace: Option<String>,
    /// Name; `None` for `Cluster`.
    pub name: Option<String>,
}

/// How to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Write sysctls and keep them.
    Sysctl {
        /// Node.
        node: String,
        /// Keys and values, in order.
        changes: Vec<(String, String)>,
        /// Modules that must be loaded at boot for the keys to exist.
        modules: Vec<String>,
        /// Links that become routers by it.
        routes_between: Vec<String>,
    },
    /// Commands for a person, each with the place where it is typed.
    Manual {
        /// Node or namespace at which they are typed.
        at: String,
        /// Shell commands.
        commands: Vec<String>,
        /// Who should own the change, and how it lasts.
        note: String,
    },
}

impl Object {
    /// A node.
    #[must_use]
    pub fn node(name: &str) -> Object {
        Object {
            kind: "Node",
            namespace: None,
            name: Some(name.to_owned()),
        }
    }

    /// A namespaced object.
    #[must_use]
    pub fn namespaced(kind: &'static str, namespace: &str, name: &str) -> Object {
        Object {
            kind,
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
        }
    }
}

impl std::fmt::Display for Object {
    /// `node/worker-1`, `svc/shop/api`, `pod/shop/web`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            "Service" => "svc".to_owned(),
            other => other.to_ascii_lowercase(),
        };
        match (&self.namespace, &self.name) {
            (Some(ns), Some(name)) => write!(f, "{kind}/{ns}/{name}"),
            (None, Some(name)) => write!(f, "{kind}/{name}"),
            _ => write!(f, "{kind}"),
        }
    }
}
