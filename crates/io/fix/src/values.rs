//! Sysctls of the namespace, and what else a write changes: `net/ipv4/devinet.c: devinet_sysctl_forward(),
//! inet_forward_change(), devinet_conf_proc()`, v6.18, and lab note 0002.

use crate::error::{FixError, Result};
use crate::request::{Env, SysctlChange};
use netwhy_model::sysctl::Sysctls;
use netwhy_sys::sysctl;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Key to value, as far as the keys exist.
pub(crate) type Values = BTreeMap<String, String>;

pub(crate) const IP_FORWARD: &str = "net.ipv4.ip_forward";
pub(crate) const ALL_FORWARDING: &str = "net.ipv4.conf.all.forwarding";
pub(crate) const ALL_REDIRECTS: &str = "net.ipv4.conf.all.accept_redirects";

/// `ip_forward` and `conf.all.forwarding` are two names of one value.
pub(crate) fn is_global(key: &str) -> bool {
    key == IP_FORWARD || key == ALL_FORWARDING
}

/// The link and the leaf of `net.ipv4.conf.LINK.LEAF`; the link as the key spells it.
pub(crate) fn conf(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix("net.ipv4.conf.")?.rsplit_once('.')
}

/// A link's `forwarding`, the default's too.
pub(crate) fn is_link_forwarding(key: &str) -> bool {
    key != ALL_FORWARDING && conf(key).is_some_and(|(_, leaf)| leaf == "forwarding")
}

fn inside<T: Send>(env: &Env, f: impl FnOnce() -> T + Send) -> Result<T> {
    match &env.netns {
        Some(netns) => netns.run(f).map_err(FixError::Netns),
        None => Ok(f()),
    }
}

/// Every value that the changes could touch, their side effects included.
pub(crate) fn read_for(env: &Env, changes: &[SysctlChange]) -> Result<Values> {
    let mut leaves = BTreeSet::new();
    let mut keys: BTreeSet<String> = changes.iter().map(|c| c.key.clone()).collect();
    for change in changes {
        match conf(&change.key) {
            _ if is_global(&change.key) => leaves.extend(["forwarding".to_owned()]),
            Some(("default", leaf)) => leaves.extend([leaf.to_owned()]),
            _ => {}
        }
        if is_global(&change.key) || is_link_forwarding(&change.key) {
            keys.extend([IP_FORWARD, ALL_FORWARDING, ALL_REDIRECTS].map(str::to_owned));
        }
    }
    inside(env, move || {
        if !leaves.is_empty() {
            for link in links().map_err(|source| FixError::Sysctl {
                key: "net.ipv4.conf".into(),
                source,
            })? {
                keys.extend(leaves.iter().map(|leaf| Sysctls::conf_key(&link, leaf)));
            }
        }
        read_here(keys)
    })?
}

/// The values of keys that exist.
pub(crate) fn read(env: &Env, keys: impl IntoIterator<Item = String> + Send) -> Result<Values> {
    inside(env, move || read_here(keys))?
}

fn read_here(keys: impl IntoIterator<Item = String>) -> Result<Values> {
    let mut values = Values::new();
    for key in keys {
        match sysctl::read(&key) {
            Ok(value) => {
                values.insert(key, value.trim().to_owned());
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(FixError::Sysctl { key, source }),
        }
    }
    Ok(values)
}

fn links() -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(sysctl::path_of("net.ipv4.conf"))? {
        names.extend(entry?.file_name().into_string().ok());
    }
    Ok(names)
}

/// Writes one value.
pub(crate) fn write(env: &Env, key: &str, value: &str) -> Result<()> {
    inside(env, || sysctl::write(key, value))?.map_err(|source| FixError::Sysctl {
        key: key.to_owned(),
        source,
    })
}

/// A value that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// Before.
    pub from: String,
    /// After.
    pub to: String,
}

/// What a write changes besides its own key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Certain.
    pub certain: Vec<Change>,
    /// Those that a link takes over from `conf.default` unless something was set for it: nobody can read which.
    pub possible: Vec<Change>,
}

/// Writes a value into `values` as the kernel would, and says what else changed.
pub(crate) fn simulate(values: &mut Values, key: &str, value: &str) -> Effects {
    let before = values.insert(key.to_owned(), value.to_owned());
    let mut effects = Effects::default();
    if is_global(key) {
        let other = if key == IP_FORWARD { ALL_FORWARDING } else { IP_FORWARD };
        values.insert(other.to_owned(), value.to_owned());
        if !same(before.as_deref(), value) {
            effects.certain = forward_change(values, value);
        }
    } else if let Some(("default", leaf)) = conf(key)
        && leaf != "forwarding"
    {
        let own = |k: &str| conf(k).is_some_and(|(link, l)| l == leaf && link != "all" && link != "default");
        let differ = values.iter().filter(|(k, v)| own(k) && !same(Some(v), value));
        effects.possible = differ.map(|(k, v)| change(k, v, value)).collect();
    }
    effects
}

/// `inet_forward_change()`: the default, every link, and `all.accept_redirects` the other way round.
fn forward_change(values: &mut Values, value: &str) -> Vec<Change> {
    let redirects = if same(Some("0"), value) { "1" } else { "0" };
    let mut changes = Vec::new();
    for (key, old) in values.iter_mut() {
        let new = match key.as_str() {
            ALL_REDIRECTS => redirects,
            key if is_link_forwarding(key) => value,
            _ => continue,
        };
        if !same(Some(old), new) {
            changes.push(change(key, old, new));
            new.clone_into(old);
        }
    }
    changes
}

fn change(key: &str, from: &str, to: &str) -> Change {
    Change {
        key: key.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
    }
}

/// Two spellings of one value: numbers by their value, lists by their words.
pub(crate) fn same(a: Option<&str>, b: &str) -> bool {
    let Some(a) = a else { return false };
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a.split_whitespace().eq(b.split_whitespace()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> Values {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn node() -> Values {
        values(&[
            (IP_FORWARD, "0"),
            (ALL_FORWARDING, "0"),
            (ALL_REDIRECTS, "1"),
            ("net.ipv4.conf.default.forwarding", "0"),
            ("net.ipv4.conf.cni0.forwarding", "1"),
            ("net.ipv4.conf.flannel/1.forwarding", "0"),
        ])
    }

    #[test]
    fn ip_forward_rewrites_what_differs() {
        let mut all = node();
        let effects = simulate(&mut all, IP_FORWARD, "1");
        let keys: Vec<_> = effects
            .certain
            .iter()
            .map(|c| format!("{} {} {}", c.key, c.from, c.to))
            .collect();
        assert_eq!(
            keys,
            [
                "net.ipv4.conf.all.accept_redirects 1 0",
                "net.ipv4.conf.default.forwarding 0 1",
                "net.ipv4.conf.flannel/1.forwarding 0 1"
            ]
        );
        assert_eq!(all[ALL_FORWARDING], "1");
    }

    #[test]
    fn rewriting_the_same_value_changes_nothing() {
        let mut all = node();
        assert_eq!(simulate(&mut all, IP_FORWARD, "0"), Effects::default());
        assert_eq!(all, node());
    }

    #[test]
    fn one_link_is_one_value() {
        let mut all = node();
        assert_eq!(
            simulate(&mut all, "net.ipv4.conf.flannel/1.forwarding", "1"),
            Effects::default()
        );
        assert_eq!(
            simulate(&mut all, "net.ipv4.conf.default.forwarding", "1"),
            Effects::default()
        );
    }

    #[test]
    fn the_default_may_reach_links() {
        let mut all = values(&[
            ("net.ipv4.conf.all.rp_filter", "0"),
            ("net.ipv4.conf.default.rp_filter", "0"),
            ("net.ipv4.conf.eth0.rp_filter", "0"),
            ("net.ipv4.conf.lo.rp_filter", "2"),
        ]);
        let effects = simulate(&mut all, "net.ipv4.conf.default.rp_filter", "2");
        assert!(effects.certain.is_empty());
        assert_eq!(effects.possible, [change("net.ipv4.conf.eth0.rp_filter", "0", "2")]);
    }
}
