//! What is asked, and where it is to be done.

use crate::error::{FixError, Result};
use crate::files::Root;
use crate::sysctl_d;
use netwhy_sys::Netns;
use std::path::PathBuf;

/// What is asked of a node.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The finding, `NW1001`. For the journal and the comment in the drop-in.
    pub code: String,
    /// The node, as it is printed.
    pub node: String,
    /// All of them are made, in this order. The caller puts the narrowest first; one whose value is there by then (a
    /// side effect of one before it, or from the start) is left out.
    pub changes: Vec<SysctlChange>,
    /// Make it stay over a reboot.
    pub persist: bool,
    /// Kernel modules that must be loaded, `br_netfilter`.
    pub modules: Vec<String>,
    /// What netwhy does not do by itself.
    pub manual: Vec<Manual>,
}

/// A sysctl and the value that it shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SysctlChange {
    /// Dotted, slashes inside interface names.
    pub key: String,
    /// New value.
    pub value: String,
}

/// A step that a person has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    /// What it does.
    pub what: String,
    /// Shell commands, quoted by who made them.
    pub commands: Vec<String>,
}

/// Where it is done.
#[derive(Debug)]
pub struct Env {
    /// The folder that stands for the node's `/`. Every path is below it.
    pub root: PathBuf,
    /// The network namespace whose sysctls are read and written.
    pub netns: Option<Netns>,
    /// The folder of the journals, as the node sees it: `/var/lib/netwhy`.
    pub journal_dir: String,
    /// RFC 3339.
    pub now: String,
    /// Names the journal. Empty: derived from the request and `now`.
    pub id: String,
    /// The root may be `/`, and without a namespace the caller's own is meant.
    pub allow_host: bool,
}

impl Env {
    /// The root, if it may be touched.
    pub(crate) fn open(&self) -> Result<Root> {
        let root = Root::open(&self.root)?;
        match root.is_host() && !self.allow_host {
            true => Err(FixError::HostRefused),
            false => Ok(root),
        }
    }

    /// Reading changes nothing, but the values of another namespace would be wrong.
    pub(crate) fn check_netns(&self) -> Result<()> {
        match self.netns.is_none() && !self.allow_host {
            true => Err(FixError::NoNetns),
            false => Ok(()),
        }
    }

    /// The id of the journal.
    pub(crate) fn journal_id(&self, request: &Request) -> Result<String> {
        match self.id.as_str() {
            "" => Ok(derived_id(request, &self.now)),
            id => check_id(id).map(|()| id.to_owned()),
        }
    }
}

/// An id becomes the name of a file.
pub(crate) fn check_id(id: &str) -> Result<()> {
    let good = !id.is_empty() && id.len() <= 32 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    good.then_some(()).ok_or_else(|| FixError::BadId(id.to_owned()))
}

/// FNV-1a, folded to four hex digits.
fn derived_id(request: &Request, now: &str) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    let keys = request.changes.iter().flat_map(|c| [c.key.as_str(), c.value.as_str()]);
    for text in [request.code.as_str(), request.node.as_str(), now]
        .into_iter()
        .chain(keys)
    {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }
    format!("{:04x}", (hash >> 16) ^ (hash & 0xffff))
}

/// A key with its one spelling, and a value that fits on a line.
pub(crate) fn checked(change: &SysctlChange) -> Result<SysctlChange> {
    let path = sysctl_d::to_path(&change.key);
    let key = sysctl_d::to_key(&path);
    let no = |why| {
        Err(FixError::Key {
            key: change.key.clone(),
            why,
        })
    };
    let plain = |c: char| c.is_ascii_graphic() && !"=#;*?[]".contains(c);
    if path
        .split('/')
        .any(|part| part.is_empty() || part == "." || part == "..")
        || !path.chars().all(plain)
    {
        return no("no name of a sysctl");
    }
    if path.starts_with("net/ipv6/") {
        return no("the side effects of IPv6 keys are not modelled, so they are not written");
    }
    if !path.starts_with("net/") || path.split('/').count() < 3 {
        return no("only net.* is written: nothing else belongs to a network namespace");
    }
    let value = change.value.trim();
    if value.is_empty() || value.len() > 4096 || value.chars().any(char::is_control) {
        return Err(FixError::Value {
            key,
            value: change.value.clone(),
        });
    }
    Ok(SysctlChange {
        key,
        value: value.to_owned(),
    })
}

/// A module's name becomes a word of a command and a line of a file.
pub(crate) fn check_module(name: &str) -> Result<()> {
    let good = !name.is_empty()
        && name.len() <= 64
        && !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    good.then_some(()).ok_or_else(|| FixError::Module(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(key: &str, value: &str) -> SysctlChange {
        SysctlChange {
            key: key.into(),
            value: value.into(),
        }
    }

    #[test]
    fn keys_get_one_spelling() {
        for key in [
            "net.ipv4.conf.flannel/1.forwarding",
            "net/ipv4/conf/flannel.1/forwarding",
        ] {
            assert_eq!(
                checked(&change(key, " 1\n")).unwrap(),
                change("net.ipv4.conf.flannel/1.forwarding", "1")
            );
        }
    }

    #[test]
    fn what_is_no_key_or_value() {
        for key in [
            "",
            "net",
            "net.x",
            "kernel.core_pattern",
            "net/../kernel/x",
            "net.ipv4.a b",
            "net.ipv4.conf.*.x",
        ] {
            assert!(matches!(checked(&change(key, "1")), Err(FixError::Key { .. })), "{key}");
        }
        assert!(checked(&change("net.ipv6.conf.all.forwarding", "1")).is_err());
        for value in ["", " ", "1\n2"] {
            assert!(matches!(
                checked(&change("net.ipv4.ip_forward", value)),
                Err(FixError::Value { .. })
            ));
        }
    }

    #[test]
    fn ids_and_modules() {
        let request = Request {
            code: "NW1001".into(),
            ..Request::default()
        };
        assert_eq!(derived_id(&request, "a").len(), 4);
        assert_ne!(derived_id(&request, "a"), derived_id(&request, "b"));
        assert!(check_id("7f3a").is_ok());
        for id in ["", "../x", "a/b", "a.b"] {
            assert!(check_id(id).is_err());
        }
        assert!(check_module("br_netfilter").is_ok());
        for name in ["", "-r", "a b", "a/b", "x\n"] {
            assert!(check_module(name).is_err());
        }
    }
}
