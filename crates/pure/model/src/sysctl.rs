//! Sysctls of a namespace, by the dotted name that `sysctl` prints.

use std::collections::BTreeMap;

/// Key to value; keys have slashes inside interface names, as printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctls {
    /// Values without surrounding white space.
    pub values: BTreeMap<Box<str>, Box<str>>,
}

impl Sysctls {
    /// A value.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(|v| &**v)
    }

    /// A value as a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    /// The name of a per-interface key: `conf_key("flannel.1", "forwarding")` is `net.ipv4.conf.flannel/1.forwarding`.
    #[must_use]
    pub fn conf_key(link: &str, key: &str) -> String {
        format!("net.ipv4.conf.{}.{key}", link.replace('.', "/"))
    }
}
