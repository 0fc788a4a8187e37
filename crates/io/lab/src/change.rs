//! What a fault changes, each with what is needed to take it back exactly.

use crate::build::sysctls::in_netns;
use crate::error::at;
use crate::spec::Service;
use crate::{Lab, LabError, sync};
use netwhy_sys::sysctl;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;

/// One change. It is written to the journal before it is made; making it and taking it back twice is harmless.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A kernel setting.
    Sysctl {
        /// Namespace.
        ns: String,
        /// Key, as `sysctl -a` spells it.
        key: String,
        /// New value.
        value: String,
        /// What it and the keys that follow it were before.
        before: Vec<(String, String)>,
    },
    /// A rule, put before all others of its chain.
    Rule {
        /// Namespace.
        ns: String,
        /// `iptables-nft` or `iptables-legacy`.
        program: String,
        /// Table.
        table: String,
        /// Chain.
        chain: String,
        /// Matches and target.
        rule: Vec<String>,
    },
    /// The policy of a built-in chain of the filter table.
    Policy {
        /// Namespace.
        ns: String,
        /// Chain.
        chain: String,
        /// New policy.
        policy: String,
        /// The one before.
        before: String,
    },
    /// A chain of the filter table loses its rules.
    Flush {
        /// Namespace.
        ns: String,
        /// Chain.
        chain: String,
        /// The rules, as `iptables -S` prints them.
        before: Vec<String>,
    },
    /// A route disappears.
    RouteGone {
        /// Namespace.
        ns: String,
        /// The route, as `ip route` prints it.
        route: String,
    },
    /// A route appears.
    Route {
        /// Namespace.
        ns: String,
        /// The route, as `ip route add` takes it.
        route: String,
    },
    /// A file below a node's root.
    File {
        /// Node.
        node: String,
        /// Path below the root.
        path: String,
        /// New content.
        text: String,
        /// Bytes and mode before; `None` if there was no such file.
        before: Option<(Vec<u8>, u32)>,
    },
    /// A Service of the API, and the rules that kube-proxy writes for it on every node.
    Service {
        /// Before.
        before: Service,
        /// After.
        after: Service,
    },
}

/// Keys that follow a write to one of these, without being named (`net/ipv4/devinet.c: inet_forward_change`).
fn followers(key: &str) -> bool {
    matches!(key, "net.ipv4.ip_forward" | "net.ipv4.conf.all.forwarding")
}

impl Change {
    /// A setting, with what it and its followers are now.
    pub(crate) fn sysctl(lab: &Lab, ns: &str, key: &str, value: &str) -> Result<Self, LabError> {
        let read = || {
            let mut before = vec![(key.to_owned(), sysctl::read(key).map_err(|e| LabError::step(key, e))?)];
            if followers(key) {
                let all = sysctl::read_tree("net.ipv4.conf").into_iter();
                let follow = |key: &str| key.ends_with(".forwarding") || key.ends_with(".all.accept_redirects");
                before.extend(
                    all.filter_map(|(key, value)| Some((key, value.ok()?)))
                        .filter(|(key, _)| follow(key)),
                );
            }
            Ok(before)
        };
        let before = in_netns(&lab.netns(ns)?, ns, read)?;
        Ok(Self::Sysctl {
            ns: ns.into(),
            key: key.into(),
            value: value.into(),
            before,
        })
    }

    /// A rule at the top of a chain.
    pub(crate) fn rule(ns: &str, program: &str, table: &str, chain: &str, rule: &str) -> Self {
        let rule = rule.split_whitespace().map(str::to_owned).collect();
        Self::Rule {
            ns: ns.into(),
            program: program.into(),
            table: table.into(),
            chain: chain.into(),
            rule,
        }
    }

    /// A policy of the filter table.
    pub(crate) fn policy(lab: &Lab, ns: &str, chain: &str, policy: &str) -> Result<Self, LabError> {
        let listed = chain_rules(lab, ns, chain)?;
        let before = listed
            .iter()
            .find_map(|line| line.strip_prefix(&format!("-P {chain} ")));
        let before = before
            .ok_or_else(|| LabError::step(format!("policy of {chain} in {ns}"), "not found"))?
            .to_owned();
        Ok(Self::Policy {
            ns: ns.into(),
            chain: chain.into(),
            policy: policy.into(),
            before,
        })
    }

    /// A chain of the filter table without its rules.
    pub(crate) fn flush(lab: &Lab, ns: &str, chain: &str) -> Result<Self, LabError> {
        let before = chain_rules(lab, ns, chain)?
            .into_iter()
            .filter(|line| line.starts_with("-A "))
            .collect();
        Ok(Self::Flush {
            ns: ns.into(),
            chain: chain.into(),
            before,
        })
    }

    /// The route to exactly this destination.
    pub(crate) fn route_gone(lab: &Lab, ns: &str, to: &str) -> Result<Self, LabError> {
        let output = lab.run(ns, &["ip", "-4", "route", "show", "exact", to], None)?.text();
        match output.lines().map(str::trim).find(|line| !line.is_empty()) {
            Some(route) => Ok(Self::RouteGone {
                ns: ns.into(),
                route: route.replace(" linkdown", ""),
            }),
            None => Err(LabError::NoPlace {
                fault: format!("removing the route to {to}"),
                why: format!("{ns} has none"),
            }),
        }
    }

    /// A file below a node's root.
    pub(crate) fn file(lab: &Lab, node: &str, path: &str, text: &str) -> Result<Self, LabError> {
        let file = lab.node_root(node).join(path);
        let before = match fs::read(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            bytes => Some((
                bytes.map_err(at(&file))?,
                fs::metadata(&file).map_err(at(&file))?.permissions().mode(),
            )),
        };
        Ok(Self::File {
            node: node.into(),
            path: path.into(),
            text: text.into(),
            before,
        })
    }

    /// Makes the change.
    pub(crate) fn apply(&self, lab: &Lab) -> Result<(), LabError> {
        match self {
            Self::Sysctl { ns, key, value, .. } => {
                in_netns(&lab.netns(ns)?, ns, || crate::build::sysctls::write(key, value))
            }
            Self::Rule { ns, .. } => run(lab, ns, &self.rule_argv("-I")),
            Self::Policy { ns, chain, policy, .. } => set_policy(lab, ns, chain, policy),
            Self::Flush { ns, chain, .. } => run(lab, ns, &["iptables-nft".into(), "-F".into(), chain.clone()]),
            Self::RouteGone { ns, route } => run(lab, ns, &route_argv("del", route)),
            Self::Route { ns, route } => run(lab, ns, &route_argv("replace", route)),
            Self::File { node, path, text, .. } => write_file(lab, node, path, text.as_bytes(), 0o644),
            Self::Service { before, after } => sync::replace_service(lab, before, after),
        }
    }

    /// Takes the change back; harmless if it was not made.
    pub(crate) fn undo(&self, lab: &Lab) -> Result<(), LabError> {
        match self {
            Self::Sysctl { ns, before, .. } => in_netns(&lab.netns(ns)?, ns, || restore(before)),
            Self::Rule { ns, .. } => match run(lab, ns, &self.rule_argv("-C")) {
                Ok(()) => run(lab, ns, &self.rule_argv("-D")),
                Err(_) => Ok(()),
            },
            Self::Policy { ns, chain, before, .. } => set_policy(lab, ns, chain, before),
            Self::Flush { ns, chain, before } => refill(lab, ns, chain, before),
            Self::RouteGone { ns, route } => run(lab, ns, &route_argv("replace", route)),
            Self::Route { ns, route } => {
                // Gone already, with its interface or by hand: that is what was wanted.
                let _ = run(lab, ns, &route_argv("del", route));
                Ok(())
            }
            Self::File {
                node,
                path,
                before: Some((bytes, mode)),
                ..
            } => write_file(lab, node, path, bytes, *mode),
            Self::File {
                node,
                path,
                before: None,
                ..
            } => {
                let file = lab.node_root(node).join(path);
                match fs::remove_file(&file) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(&file)(e)),
                    _ => Ok(()),
                }
            }
            Self::Service { before, after } => sync::replace_service(lab, after, before),
        }
    }

    /// Whether it outlives a reboot of the node, given the namespaces of the node and its pods.
    pub(crate) fn survives_reboot(&self, namespaces: &[String]) -> bool {
        match self {
            Self::File { .. } | Self::Service { .. } => true,
            Self::Sysctl { ns, .. }
            | Self::Rule { ns, .. }
            | Self::Policy { ns, .. }
            | Self::Flush { ns, .. }
            | Self::RouteGone { ns, .. }
            | Self::Route { ns, .. } => !namespaces.contains(ns),
        }
    }

    fn rule_argv(&self, action: &str) -> Vec<String> {
        let Self::Rule {
            program,
            table,
            chain,
            rule,
            ..
        } = self
        else {
            return Vec::new();
        };
        let head = [program.as_str(), "-w", "-t", table, action, chain].map(str::to_owned);
        head.into_iter().chain(rule.iter().cloned()).collect()
    }
}

fn run(lab: &Lab, ns: &str, argv: &[String]) -> Result<(), LabError> {
    let argv: Vec<_> = argv.iter().map(String::as_str).collect();
    lab.run(ns, &argv, None).map(|_| ())
}

fn route_argv(action: &str, route: &str) -> Vec<String> {
    ["ip", "-4", "route", action]
        .into_iter()
        .chain(route.split_whitespace())
        .map(str::to_owned)
        .collect()
}

fn chain_rules(lab: &Lab, ns: &str, chain: &str) -> Result<Vec<String>, LabError> {
    Ok(lab
        .run(ns, &["iptables-nft", "-S", chain], None)?
        .text()
        .lines()
        .map(str::to_owned)
        .collect())
}

fn set_policy(lab: &Lab, ns: &str, chain: &str, policy: &str) -> Result<(), LabError> {
    lab.run(ns, &["iptables-nft", "-P", chain, policy], None).map(|_| ())
}

/// Puts the rules back, in one step.
fn refill(lab: &Lab, ns: &str, chain: &str, rules: &[String]) -> Result<(), LabError> {
    let text = format!("*filter\n-F {chain}\n{}\nCOMMIT\n", rules.join("\n"));
    lab.run(ns, &["iptables-nft-restore", "--noflush"], Some(&text))
        .map(|_| ())
}

fn write_file(lab: &Lab, node: &str, path: &str, bytes: &[u8], mode: u32) -> Result<(), LabError> {
    let file = lab.node_root(node).join(path);
    fs::write(&file, bytes).map_err(at(&file))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).map_err(at(&file))
}

/// Writes values back, the one with followers first. Keys of interfaces that are gone are skipped.
fn restore(before: &[(String, String)]) -> Result<(), LabError> {
    for (key, value) in before {
        match sysctl::read(key) {
            Ok(now) if now == *value => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            _ => crate::build::sysctls::write(key, value)?,
        }
    }
    Ok(())
}
