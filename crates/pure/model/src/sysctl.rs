//! Sysctls of a namespace, by the dotted name that `sysctl` prints.

use crate::cluster::Netns;
use crate::fact::{Fact, GapId};
use crate::family::Family;
use crate::link::LinkKind;
use std::collections::BTreeMap;

/// Key to value; keys have slashes inside interface names, as printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctls {
    /// Values without surrounding white space.
    pub values: BTreeMap<Box<str>, Box<str>>,
    /// The gap of a key that `sysctl.txt` does not list.
    pub absent: Option<GapId>,
    /// Keys that exist and that the collector was not allowed to read.
    pub denied: Vec<Box<str>>,
    /// The text lists all of `net.*`, as `sysctl -a` does: a key that is not in it does not exist in this kernel.
    pub lists_net: bool,
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

    /// The name of a per-interface key of IPv6.
    #[must_use]
    pub fn conf6_key(link: &str, key: &str) -> String {
        format!("net.ipv6.conf.{}.{key}", link.replace('.', "/"))
    }

    /// The same of IPv4: `conf_key("flannel.1", "forwarding")` is `net.ipv4.conf.flannel/1.forwarding`.
    #[must_use]
    pub fn conf_key(link: &str, key: &str) -> String {
        format!("net.ipv4.conf.{}.{key}", link.replace('.', "/"))
    }
}

impl Netns {
    /// A sysctl as a switch.
    ///
    /// A `net.*` key that a full listing does not have belongs to a module that is not loaded: off.
    ///
    /// # Errors
    /// The gap, if `sysctl.txt` was not read, or does not list the key and not all of `net.*` either.
    pub fn sysctl_flag(&self, key: &str) -> Fact<bool> {
        let sysctl = self.sysctl.as_ref().map_err(|g| *g)?;
        if let Some(value) = sysctl.get(key) {
            return match (value.parse::<i64>(), sysctl.absent) {
                (Err(_), Some(gap)) => Err(gap),
                (number, _) => Ok(number.is_ok_and(|n| n != 0)),
            };
        }
        let known = key.starts_with("net.") && sysctl.lists_net && !sysctl.denied.iter().any(|d| &**d == key);
        match sysctl.absent {
            Some(gap) if !known => Err(gap),
            _ => Ok(false),
        }
    }

    /// Whether frames that this bridge forwards pass the netfilter hooks of a family: `net.bridge.bridge-nf-call-iptables`
    /// (`-ip6tables`), or the bridge's own `nf_call_iptables` (`nf_call_ip6tables`). Without `br_netfilter` neither has an effect (`br_netfilter_hooks.c: br_nf_pre_routing()`).
    ///
    /// # Errors
    /// The gap that hides it.
    pub fn bridge_nf_call_iptables(&self, bridge: u32, family: Family) -> Fact<bool> {
        let key = match family {
            Family::Inet => "net.bridge.bridge-nf-call-iptables",
            Family::Inet6 => "net.bridge.bridge-nf-call-ip6tables",
        };
        let loaded = self.sysctl.as_ref().is_ok_and(|s| s.get(key).is_some());
        match self.sysctl_flag(key) {
            Ok(false) if loaded => {
                let link = self.links.as_ref().map_err(|g| *g)?.get(bridge);
                Ok(match link.map(|l| &l.kind) {
                    Some(LinkKind::Bridge {
                        nf_call_iptables,
                        nf_call_ip6tables,
                        ..
                    }) => match family {
                        Family::Inet => *nf_call_iptables,
                        Family::Inet6 => *nf_call_ip6tables,
                    },
                    _ => false,
                })
            }
            other => other,
        }
    }
}
