//! [`Cluster::with`]: a changed copy, with what the kernel would do besides.

mod link;
mod route;
mod rules;
#[cfg(test)]
mod tests;

use super::sysctl::Conf;
use crate::cluster::{Cluster, Netns, NetnsId};
use crate::fact::Gaps;
use crate::neigh::{Neigh, NudState, VxlanDst};
use crate::patch::Patch;
use crate::socket::Socket;
use crate::sysctl::Sysctls;
use std::sync::Arc;

impl Cluster {
    /// A copy with changes; everything that they do not touch is shared.
    ///
    /// A patch to a fact that was not read changes nothing: the gap stays.
    #[must_use]
    pub fn with(&self, patches: &[Patch]) -> Self {
        let mut cluster = self.clone();
        for patch in patches {
            cluster.apply(patch);
        }
        cluster
    }

    fn apply(&mut self, patch: &Patch) {
        if let Patch::Link { netns, link } = patch {
            return link::replace(self, *netns, link);
        }
        let Cluster { netns, gaps, .. } = self;
        let Some(ns) = ns_mut(netns, patch.netns()) else { return };
        match patch {
            Patch::Link { .. } => {}
            Patch::Sysctl { key, value, .. } => sysctl(ns, gaps, key, value),
            Patch::RouteAdd { table, route, .. } => route::add(ns, *table, route),
            Patch::RouteDel { table, dst, metric, .. } => route::delete(ns, *table, *dst, *metric),
            Patch::NeighSet { link, addr, lladdr, .. } => {
                if let Ok(neigh) = &mut ns.neigh {
                    let entry = Neigh {
                        lladdr: Some(*lladdr),
                        state: NudState::Permanent,
                    };
                    Arc::make_mut(neigh).entries.insert((*link, *addr), entry);
                }
            }
            Patch::VxlanFdbSet { link, mac, addr, .. } => {
                if let Ok(fdb) = &mut ns.fdb {
                    let dst = VxlanDst {
                        addr: Some(*addr),
                        port: None,
                        vni: None,
                        permanent: true,
                    };
                    Arc::make_mut(fdb).vxlan.insert((*link, *mac), vec![dst]);
                }
            }
            Patch::RuleDel {
                family,
                backend,
                table,
                chain,
                number,
                ..
            } => {
                rules::delete(ns, (*family, *backend, *table), chain, *number);
            }
            Patch::RuleInsert {
                family,
                backend,
                table,
                chain,
                number,
                rule,
                ..
            } => {
                rules::insert(ns, (*family, *backend, *table), chain, *number, rule);
            }
            Patch::Policy {
                family,
                backend,
                table,
                chain,
                accept,
                ..
            } => rules::policy(ns, (*family, *backend, *table), chain, *accept),
            Patch::NftRuleDel {
                family,
                table,
                chain,
                handle,
                ..
            } => rules::edit_native(ns, (*family, table), chain, |chain| {
                chain.rules.retain(|r| r.handle != *handle)
            }),
            Patch::NftPolicy {
                family,
                table,
                chain,
                accept,
                ..
            } => rules::edit_native(ns, (*family, table), chain, |chain| {
                if let Some(base) = &mut chain.base {
                    base.accept = *accept;
                }
            }),
            Patch::UnknownHooksDel { .. } => rules::forget_unknown(ns),
            Patch::DnatRetarget { from, to, .. } => rules::retarget(ns, *from, *to),
            Patch::Listen { protocol, port, .. } => {
                if let Ok(sockets) = &mut ns.sockets {
                    Arc::make_mut(sockets).list.push(listener(*protocol, *port));
                }
            }
        }
    }
}

/// A namespace to change.
fn ns_mut(netns: &mut [Arc<Netns>], id: NetnsId) -> Option<&mut Netns> {
    netns.get_mut(id.0 as usize).map(Arc::make_mut)
}

/// A socket on all addresses that no line of `sockets.txt` shows.
fn listener(protocol: u8, port: u16) -> Socket {
    Socket {
        protocol,
        addr: None,
        family: None,
        port,
        device: None,
        peer: None,
        process: None,
        line: 0,
    }
}

/// Keys of one variable (`net/ipv4/devinet.c`).
const FORWARD: [&str; 2] = ["net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"];

/// Of IPv6, where there is one name.
const FORWARD6: &str = "net.ipv6.conf.all.forwarding";

fn sysctl(ns: &mut Netns, gaps: &mut Gaps, key: &str, value: &str) {
    let conf_key = if key == FORWARD6 {
        Sysctls::conf6_key
    } else {
        Sysctls::conf_key
    };
    let names: Vec<String> = ns
        .links
        .iter()
        .flat_map(|l| l.iter())
        .map(|l| conf_key(&l.name, "forwarding"))
        .collect();
    let Ok(sysctls) = &mut ns.sysctl else { return };
    let sysctls = Arc::make_mut(sysctls);
    if FORWARD.contains(&key) {
        ip_forward(sysctls, names, value);
    } else if key == FORWARD6 {
        forward6(sysctls, names, value);
    } else {
        sysctls.values.insert(key.into(), value.into());
    }
    let Ok(links) = &mut ns.links else { return };
    let links = Arc::make_mut(links);
    let mut conf = Conf {
        sysctl: Ok(sysctls),
        dir: &ns.dir,
        gaps,
    };
    links.all = conf.of("all");
    links.all6 = conf.of6("all");
    for link in links.iter_mut() {
        link.conf = conf.of(&link.name);
        link.conf6 = conf.of6(&link.name);
    }
}

/// `addrconf_fixup_forwarding()` (`net/ipv6/addrconf.c`): nothing happens if the value stays; else every link follows, and
/// the default.
fn forward6(sysctls: &mut Sysctls, links: Vec<String>, value: &str) {
    if sysctls.get(FORWARD6).is_some_and(|old| old == value) {
        return;
    }
    let listed: Vec<String> = sysctls
        .values
        .keys()
        .filter(|k| k.starts_with("net.ipv6.conf.") && k.ends_with(".forwarding") && !k.ends_with(".mc_forwarding"))
        .map(|k| k.to_string())
        .collect();
    let fixed = [FORWARD6, "net.ipv6.conf.default.forwarding"].map(str::to_owned);
    for key in fixed.into_iter().chain(listed).chain(links) {
        if !key.ends_with(".force_forwarding") {
            sysctls.values.insert(key.into(), value.into());
        }
    }
}

/// `devinet_sysctl_forward()` and `inet_forward_change()`: nothing happens if the value stays; else every link follows,
/// and the default, and redirects are accepted by hosts only.
fn ip_forward(sysctls: &mut Sysctls, links: Vec<String>, value: &str) {
    let number = |text: &str| text.trim().parse::<i64>().unwrap_or(0);
    let new = number(value);
    // 1 and 2 both forward, and are not the same.
    if FORWARD
        .iter()
        .find_map(|k| sysctls.get(k))
        .is_some_and(|old| number(old) == new)
    {
        return;
    }
    let listed: Vec<Box<str>> = sysctls
        .values
        .keys()
        .filter(|k| k.starts_with("net.ipv4.conf.") && k.ends_with(".forwarding") && !k.ends_with(".mc_forwarding"))
        .cloned()
        .collect();
    let fixed = FORWARD
        .into_iter()
        .chain(["net.ipv4.conf.default.forwarding"])
        .map(Box::from);
    for key in fixed.chain(listed).chain(links.into_iter().map(Into::into)) {
        sysctls.values.insert(key, new.to_string().into());
    }
    let redirects = if new == 0 { "1" } else { "0" };
    sysctls
        .values
        .insert("net.ipv4.conf.all.accept_redirects".into(), redirects.into());
}
