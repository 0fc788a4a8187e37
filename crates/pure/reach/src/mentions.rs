//! What the rules of nodes single out: addresses, MACs and links, by themselves or in sets.

use crate::native;
use netwhy_model::family::bits;
use netwhy_model::netfilter::{Chain, Conntrack, Dim, IfPattern, IpSet, Match, Rule, SetElem, Target};
use netwhy_model::{Cluster, Family, Mac, Netns, NetnsId, NetnsKind};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// For each address, network, MAC or link that a rule names, a sentence without it.
#[derive(Default)]
pub(crate) struct Mentions {
    by_net: FxHashMap<ipnet::IpNet, Vec<String>>,
    /// Prefix lengths that occur in `by_net`.
    lengths: BTreeSet<u8>,
    ranges: Vec<((IpAddr, IpAddr), String)>,
    by_mac: FxHashMap<Mac, Vec<String>>,
    by_link: FxHashMap<(NetnsId, Box<str>), Vec<String>>,
    prefixes: Vec<(NetnsId, IfPattern, String)>,
    /// Some rule looks at any bytes of a packet, and so at any address.
    bytes: bool,
    sets: FxHashSet<(NetnsId, Box<str>)>,
}

impl Mentions {
    pub fn of(cluster: &Cluster) -> Mentions {
        let mut mentions = Mentions::default();
        for ns in cluster
            .netns
            .iter()
            .filter(|n| !matches!(n.kind, NetnsKind::Pod { .. }))
        {
            for table in &ns.netfilter.tables {
                for chain in &table.chains {
                    for rule in &chain.rules {
                        mentions.rule(ns, table.name.as_str(), chain, rule);
                    }
                }
            }
            for table in &ns.netfilter.native {
                native::mention(&mut mentions, ns, table);
            }
            let Ok(fib) = &ns.fib else { continue };
            for rule in &fib.rules {
                for net in [rule.src, rule.dst].into_iter().flatten() {
                    mentions.add(net, format!("{} rule {}", ns.dir, rule.priority));
                }
            }
        }
        mentions
    }

    fn rule(&mut self, ns: &Netns, table: &str, chain: &Chain, rule: &Rule) {
        // The chain of one endpoint is named after its address: only its family counts.
        let family = chain.name.rsplit_once('-').map_or(&*chain.name, |(family, _)| family);
        let text = |side: &str| {
            format!(
                "{} {table} {family} {side} {:?} {:?} {:?}",
                ns.dir,
                rule.matches,
                rule.proto,
                target(rule)
            )
        };
        for (side, net) in [("s", rule.src), ("d", rule.dst)] {
            if let Some((net, not)) = net {
                self.add(net, text(&format!("{side}{not}")));
            }
        }
        for (side, link) in [("i", &rule.iif), ("o", &rule.oif)] {
            if let Some((pattern, not)) = link {
                let text = quiet(ns, table, family, &format!("{side}{not}"), rule, &|_| false);
                self.add_link(ns.id, pattern, text);
            }
        }
        for m in &rule.matches {
            // What the sentence is about stands in it without its name.
            let about = |other: &Match| std::mem::discriminant(other) == std::mem::discriminant(m);
            self.one_match(ns, m, &|side| quiet(ns, table, family, side, rule, &about));
        }
    }

    fn one_match(&mut self, ns: &Netns, m: &Match, text: &dyn Fn(&str) -> String) {
        match m {
            Match::Set { set, .. } => self.set(ns, set),
            Match::IpRange { src, dst } => {
                for (side, range) in [("s", src), ("d", dst)] {
                    if let Some(range) = range {
                        self.ranges
                            .push((range.value, text(&format!("range {side}{}", range.not))));
                    }
                }
            }
            Match::Conntrack(ct) => {
                let nets = [&ct.orig_src, &ct.orig_dst, &ct.reply_src, &ct.reply_dst];
                let rest = Conntrack {
                    orig_src: None,
                    orig_dst: None,
                    reply_src: None,
                    reply_dst: None,
                    ..(**ct).clone()
                };
                for (i, net) in nets.into_iter().enumerate() {
                    if let Some(net) = net {
                        self.add(net.value, text(&format!("ct {i} {} {rest:?}", net.not)));
                    }
                }
            }
            Match::MacSource(mac) => push(
                self.by_mac.entry(mac.value).or_default(),
                text(&format!("mac {}", mac.not)),
            ),
            Match::Physdev {
                iif,
                oif,
                is_in,
                is_out,
                is_bridged,
            } => {
                for (side, link) in [("pi", iif), ("po", oif)] {
                    if let Some(link) = link {
                        let text = text(&format!("{side}{} {is_in:?} {is_out:?} {is_bridged:?}", link.not));
                        self.add_link(ns.id, &link.value, text);
                    }
                }
            }
            Match::U32 { .. } => self.bytes = true,
            _ => {}
        }
    }

    /// Once for each set, whatever the number of rules that ask for it.
    fn set(&mut self, ns: &Netns, set: &IpSet) {
        if !self.sets.insert((ns.id, set.name.clone())) {
            return;
        }
        for inner in set.sets.iter().flatten() {
            self.set(ns, inner);
        }
        for (elem, nomatch) in &set.members {
            let rest = |side: &str, rest: SetElem| format!("{} set {} {side} {nomatch} {rest:?}", ns.dir, set.name);
            if let Some(net) = elem.net(set) {
                let other = SetElem {
                    ip: 0,
                    iface: Box::default(),
                    mac: [0; 6],
                    ..elem.clone()
                };
                self.add(net, rest("1", other));
            }
            if let Some(net) = elem.net2(set) {
                let other = SetElem { ip2: 0, ..elem.clone() };
                self.add(net, rest("2", other));
            }
            if elem.mac != [0; 6] {
                let text = rest("mac", SetElem::default());
                push(self.by_mac.entry(Mac(elem.mac)).or_default(), text);
            }
            if set.kind.dims().contains(&Dim::Iface) {
                let pattern = IfPattern {
                    name: elem.iface.clone(),
                    prefix: elem.wildcard,
                };
                self.add_link(ns.id, &pattern, rest("link", SetElem::default()));
            }
        }
    }

    pub fn add_range(&mut self, (low, high): (IpAddr, IpAddr), text: String) {
        let len = (bits(low) ^ bits(high)).leading_zeros() as u8;
        match ipnet::IpNet::new(low, len.min(Family::of(low).addr_len())) {
            Ok(net) if (net.network(), net.broadcast()) == (low, high) => self.add(net, text),
            _ => self.ranges.push(((low, high), text)),
        }
    }

    pub fn add_mac(&mut self, mac: Mac, text: String) {
        push(self.by_mac.entry(mac).or_default(), text);
    }

    fn add(&mut self, net: ipnet::IpNet, text: String) {
        self.lengths.insert(net.prefix_len());
        push(self.by_net.entry(net.trunc()).or_default(), text);
    }

    pub fn add_link(&mut self, netns: NetnsId, pattern: &IfPattern, text: String) {
        if !pattern.prefix {
            push(self.by_link.entry((netns, pattern.name.clone())).or_default(), text);
        } else if !self
            .prefixes
            .iter()
            .any(|(n, p, t)| (*n, p, t) == (netns, pattern, &text))
        {
            self.prefixes.push((netns, pattern.clone(), text));
        }
    }

    /// What is said of an address.
    pub fn address(&self, text: &mut String, addr: IpAddr) {
        let nets = self
            .lengths
            .iter()
            .filter_map(|len| ipnet::IpNet::new(addr, *len).ok())
            .filter_map(|net| self.by_net.get(&net.trunc()))
            .flatten();
        let ranges = self
            .ranges
            .iter()
            .filter(|((low, high), _)| (*low..=*high).contains(&addr));
        write_sorted(text, nets.chain(ranges.map(|(_, t)| t)));
        if self.bytes {
            let _ = writeln!(text, "{addr}");
        }
    }

    /// What is said of a MAC.
    pub fn mac(&self, text: &mut String, mac: Mac) {
        write_sorted(text, self.by_mac.get(&mac).into_iter().flatten());
    }

    /// What is said of a link of a node.
    pub fn link(&self, text: &mut String, netns: NetnsId, name: &str) {
        let own = self.by_link.get(&(netns, name.into())).into_iter().flatten();
        let prefixes = self.prefixes.iter().filter(|(n, p, _)| *n == netns && p.fits(name));
        write_sorted(text, own.chain(prefixes.map(|(.., t)| t)));
    }
}

fn push(list: &mut Vec<String>, text: String) {
    if !list.contains(&text) {
        list.push(text);
    }
}

fn write_sorted<'a>(text: &mut String, lines: impl Iterator<Item = &'a String>) {
    let mut lines: Vec<&str> = lines.map(String::as_str).collect();
    lines.sort_unstable();
    let _ = writeln!(text, "{}", lines.join("\n"));
}

/// A rule without its comments, and without what the sentence is about.
fn quiet(ns: &Netns, table: &str, family: &str, side: &str, rule: &Rule, about: &dyn Fn(&Match) -> bool) -> String {
    let kept = |m: &&Match| !matches!(m, Match::Comment(_)) && !about(m);
    let rest: Vec<&Match> = rule.matches.iter().filter(kept).collect();
    format!(
        "{} {table} {family} {side} {rest:?} {:?} {:?}",
        ns.dir,
        rule.proto,
        target(rule)
    )
}

/// A target without the chain number that differs for each endpoint.
fn target(rule: &Rule) -> String {
    match &rule.target {
        Target::Jump(_) => "jump".to_owned(),
        Target::Goto(_) => "goto".to_owned(),
        other => format!("{other:?}"),
    }
}
