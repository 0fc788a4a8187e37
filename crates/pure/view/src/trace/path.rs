//! The way of a packet, in the order of the kernel's stages: per namespace one heading, then what is worth a line.

use super::chains::shortened;
use super::{Tally, end};
use crate::flow::gap_text;
use netwhy_model::link::{Link, LinkKind};
use netwhy_model::netfilter::Hook;
use netwhy_model::{Cluster, Netns, NetnsId, NetnsKind};
use netwhy_sim::trace::RuleRef;
use netwhy_sim::{ClientSees, Detail, Disposition, DropReason, Outcome, Stage, Step, Trace};
use serde::Serialize;
use std::net::SocketAddr;

/// A namespace on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HopView {
    /// `pod shop/web`, `node worker-1`, `outside client`, `answer`.
    pub place: String,
    /// How the packet comes here, or its addresses where it begins.
    pub text: String,
    /// What happens here.
    pub lines: Vec<LineView>,
}

/// A stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LineView {
    /// How it stands out.
    pub mark: Mark,
    /// `PREROUTING`, `routing`, `vxlan`, `ip_error`.
    pub stage: String,
    /// What happens.
    pub text: String,
    /// A remark.
    pub note: String,
    /// Chains that led to it, full names.
    pub chains: Vec<String>,
}

/// How a line stands out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Not.
    #[default]
    None,
    /// The packet ends here.
    Ends,
    /// From here on it is not known.
    Unknown,
}

/// The way of the outcome that the tally shows.
pub(super) fn hops(cluster: &Cluster, trace: &Trace, tally: &Tally) -> Vec<HopView> {
    let Some(o) = trace.outcomes.get(tally.shown) else {
        return Vec::new();
    };
    let remark = backends_remark(o, tally);
    let mut list = walk(cluster, o, 0, &remark);
    let last = ending_packet(o);
    if let Some(packet) = last.filter(|p| *p != 0) {
        list.extend(walk(cluster, o, packet, ""));
    }
    list
}

/// `1 of 3 backends; the other 2 end the same way`.
fn backends_remark(o: &Outcome, tally: &Tally) -> String {
    let n = tally.backends;
    if n < 2 {
        return String::new();
    }
    let delivered = o.end.disposition == Disposition::Delivered;
    let alike = match delivered {
        true => n - tally.failing_backends(),
        false => tally.failing_backends(),
    };
    match (tally.groups.len(), alike) {
        (1, 2) if n == 2 && delivered => "1 of 2 backends; the other one too".to_owned(),
        (1, 2) if n == 2 => "1 of 2 backends; the other one ends the same way".to_owned(),
        (1, alike) if alike == n && delivered => format!("1 of {n} backends; the other {} too", n - 1),
        (1, alike) if alike == n => format!("1 of {n} backends; the other {} end the same way", n - 1),
        // The table of outcomes has said it.
        _ => String::new(),
    }
}

/// The packet that ended, if its end is not the client's first one's.
fn ending_packet(o: &Outcome) -> Option<u16> {
    if o.end.disposition == Disposition::Delivered {
        return None;
    }
    let at_end = |s: &&Step| match s.detail {
        Detail::Drop { stage, .. } => s.netns == o.end.netns && stage == o.end.stage,
        Detail::Left { .. } | Detail::LocalError { .. } => true,
        _ => false,
    };
    let dropped = o.steps.iter().find(at_end).map(|s| s.packet);
    dropped.or_else(|| o.steps.last().map(|s| s.packet))
}

/// The way of one packet.
struct Walk<'a> {
    cluster: &'a Cluster,
    outcome: &'a Outcome,
    hops: Vec<HopView>,
    here: Option<NetnsId>,
    /// Rules that matched since the last thing that happened, all of one hook.
    rules: Vec<(Hook, RuleRef)>,
    /// In the outer packet of a tunnel, until it leaves the node.
    outer: bool,
    remark: &'a str,
}

fn walk(cluster: &Cluster, outcome: &Outcome, packet: u16, remark: &str) -> Vec<HopView> {
    let mut walk = Walk {
        cluster,
        outcome,
        hops: Vec::new(),
        here: None,
        rules: Vec::new(),
        outer: false,
        remark,
    };
    for step in outcome.steps.iter().filter(|s| s.packet == packet) {
        walk.step(step, packet);
    }
    walk.unknown(packet);
    walk.hops
        .retain(|h| !h.place.starts_with("outside") || !h.lines.is_empty() || !h.text.starts_with("in "));
    walk.hops
}

impl Walk<'_> {
    fn step(&mut self, step: &Step, packet: u16) {
        let ns = self.cluster.ns(step.netns);
        if self.here != Some(step.netns) {
            self.here = Some(step.netns);
            self.outer = false;
            self.rules.clear();
            self.hops.push(HopView {
                place: place(&ns.kind),
                ..HopView::default()
            });
        }
        match step.detail {
            Detail::Packet { src, dst, what, reply } => self.begin(src, dst, what, reply, packet),
            Detail::Receive { link } => self.receive(ns, link),
            Detail::Rule { hook, rule } => self.rule(hook, rule),
            Detail::Dnat { to } => {
                self.translated(ns, format!("DNAT to {}", SocketAddr::from(to)), self.remark.to_owned())
            }
            Detail::Snat { to } => self.translated(ns, format!("the source becomes {}", to.0), String::new()),
            Detail::Route { dst, gateway, link, .. } => self.route(ns, dst, gateway, link, packet),
            Detail::VxlanXmit { link, remote } => {
                self.outer = true;
                self.line("vxlan", format!("{} → {remote}", link_name(ns, link)), String::new());
            }
            Detail::VxlanRcv { link } => self.add_text(&format!("out of the tunnel at {}", link_name(ns, link))),
            Detail::Socket { port } if packet == 0 => self.socket(port),
            Detail::Drop { stage, reason }
                if stage == self.outcome.end.stage && step.netns == self.outcome.end.netns =>
            {
                self.drop(ns, reason);
            }
            // What a bridge floods leaves by many ports; only the packet's end counts.
            Detail::Left { to } if self.outcome.end.left_to == Some(to) => self.line(
                "leaves",
                format!("towards {to}, which is not in the snapshot"),
                String::new(),
            ),
            Detail::LocalError { client } => {
                let says = format!("connect() says \"{}\" without a packet", client.strerror());
                let text = match (client, end::destination(self.outcome)) {
                    (ClientSees::NetUnreachable, Some(to)) => format!("no route to {to}: {says}"),
                    _ => says,
                };
                self.mark_line(
                    Mark::Ends,
                    end::label(self.cluster, self.outcome),
                    text,
                    end::fact(self.cluster, self.outcome),
                    Vec::new(),
                );
            }
            _ => {}
        }
    }

    fn begin(
        &mut self,
        src: (std::net::IpAddr, u16),
        dst: (std::net::IpAddr, u16),
        what: &str,
        reply: bool,
        packet: u16,
    ) {
        if self.hops.len() > 1 {
            return;
        }
        let end = |(addr, port): (std::net::IpAddr, u16)| match port {
            0 => addr.to_string(),
            port => SocketAddr::new(addr, port).to_string(),
        };
        let mut text = match src.0.is_unspecified() {
            true => format!("→ {}", end(dst)),
            false => format!("{} → {}", end(src), end(dst)),
        };
        if packet != 0 {
            text = format!("{} {what}  {text}", if reply { "answer" } else { "then" });
        }
        self.add_text(&text);
    }

    fn receive(&mut self, ns: &Netns, link: u32) {
        if self.hops.last().is_some_and(|h| h.text.is_empty()) && !self.is_first_hop() {
            let name = ns.links.as_ref().ok().and_then(|l| l.get(link)).map(|l| entry(ns, l));
            self.add_text(&format!("in {}", name.unwrap_or_default()));
        }
    }

    fn is_first_hop(&self) -> bool {
        self.hops.len() == 1 && self.hops.iter().any(|h| h.text.contains('→'))
    }

    fn rule(&mut self, hook: Hook, rule: RuleRef) {
        if self
            .rules
            .first()
            .is_some_and(|(h, r)| *h != hook || r.table != rule.table)
        {
            self.rules.clear();
        }
        self.rules.push((hook, rule));
    }

    /// The chains that led here, without those that returned.
    fn chains(&mut self, ns: &Netns) -> (Option<Hook>, Vec<String>) {
        let hook = self.rules.first().map(|(h, _)| *h);
        let mut names: Vec<String> = Vec::new();
        for (_, rule) in self.rules.drain(..) {
            let Some(chain) = chain_name(ns, rule) else { continue };
            if let Some(at) = names.iter().position(|n| *n == *chain) {
                names.truncate(at);
            }
            names.push(chain.to_owned());
        }
        if hook.is_some_and(|h| names.first().is_some_and(|n| n == end::hook_name(h))) {
            names.remove(0);
        }
        (hook, names)
    }

    fn translated(&mut self, ns: &Netns, what: String, note: String) {
        let (hook, chains) = self.chains(ns);
        let Some(hook) = hook else {
            // By the connection's entry: it was told with its first packet.
            return;
        };
        let text = match chains.is_empty() {
            true => what,
            false => format!("{}  {what}", shortened(&chains)),
        };
        self.mark_line(Mark::None, end::hook_name(hook), text, note, chains);
    }

    fn route(&mut self, ns: &Netns, dst: ipnet::IpNet, gateway: Option<std::net::IpAddr>, link: u32, packet: u16) {
        if self.outer || link == 0 {
            return;
        }
        let prefix = match dst.prefix_len() {
            0 => "default".to_owned(),
            _ => dst.to_string(),
        };
        let via = gateway.map_or(String::new(), |g| format!(" via {g}"));
        let text = format!("{prefix}{via} dev {}", link_name(ns, link));
        if self.hops.len() == 1 && packet == 0 {
            self.add_text(&text);
        } else {
            self.line("routing", text, String::new());
        }
    }

    fn socket(&mut self, port: u16) {
        let text = match port {
            0 => "received".to_owned(),
            port => format!("received on port {port}"),
        };
        let seen = self
            .outcome
            .seen_client
            .map_or(String::new(), |a| format!("; the server sees {a}"));
        self.line("socket", format!("{text}{seen}"), String::new());
    }

    fn drop(&mut self, ns: &Netns, reason: DropReason) {
        let (_, chains) = self.chains(ns);
        let mut text = end::fact(self.cluster, self.outcome);
        if chains.len() > 1 {
            text = format!("{}  {text}", shortened(&chains));
        }
        let o = self.outcome;
        let note = match (reason, o.end.disposition) {
            (DropReason::IpInAddrErrors, _) => format!("{}, no ICMP is sent", reason.as_str()),
            (DropReason::NoSocket, Disposition::Rejected) => match o.end.stage {
                Stage::UdpRcv | Stage::Udp6LibRcv => "NO_SOCKET, an ICMP error goes back".to_owned(),
                _ => "NO_SOCKET, a reset goes back".to_owned(),
            },
            (_, Disposition::Rejected) => format!("{}, the client is told", reason.as_str()),
            _ => reason.as_str().to_owned(),
        };
        self.mark_line(Mark::Ends, end::label(self.cluster, o), text, note, chains);
    }

    fn unknown(&mut self, packet: u16) {
        let o = self.outcome;
        if o.end.disposition != Disposition::Unknown || ending_packet(o).is_some_and(|p| p != packet) {
            return;
        }
        let gap = o.end.gap.map_or(String::new(), |g| gap_text(self.cluster, g));
        if self.here != Some(o.end.netns) {
            self.hops.push(HopView {
                place: place(&self.cluster.ns(o.end.netns).kind),
                ..HopView::default()
            });
        }
        self.mark_line(Mark::Unknown, o.end.stage.as_str(), gap, String::new(), Vec::new());
    }

    fn add_text(&mut self, text: &str) {
        if let Some(hop) = self.hops.last_mut() {
            let separator = match (hop.text.is_empty(), hop.text.starts_with("in ")) {
                (true, _) => "",
                (false, true) => ", ",
                (false, false) => "    ",
            };
            hop.text = format!("{}{separator}{text}", hop.text);
        }
    }

    fn line(&mut self, stage: &str, text: String, note: String) {
        self.mark_line(Mark::None, stage, text, note, Vec::new());
    }

    fn mark_line(&mut self, mark: Mark, stage: &str, text: String, note: String, chains: Vec<String>) {
        if let Some(hop) = self.hops.last_mut() {
            hop.lines.push(LineView {
                mark,
                stage: stage.to_owned(),
                text,
                note,
                chains,
            });
        }
    }
}

fn chain_name(ns: &Netns, rule: RuleRef) -> Option<&str> {
    let at = rule.chain.0 as usize;
    match ns.netfilter.native_table(rule.table) {
        Some(table) => table.chains.get(at).map(|c| &*c.name),
        None => {
            let table = ns.netfilter.tables.get(rule.table as usize)?;
            table.chains.get(at).map(|c| &*c.name)
        }
    }
}

fn place(kind: &NetnsKind) -> String {
    match kind {
        NetnsKind::Host { node } => format!("node {node}"),
        NetnsKind::Pod { namespace, name, .. } => format!("pod {namespace}/{name}"),
        NetnsKind::Outside { name } => format!("outside {name}"),
    }
}

/// A link's name; a bridge port is called by its bridge.
fn entry(ns: &Netns, link: &Link) -> String {
    let bridge = link.master.and_then(|m| ns.links.as_ref().ok()?.get(m));
    match bridge.filter(|b| matches!(b.kind, LinkKind::Bridge { .. })) {
        Some(bridge) => bridge.name.to_string(),
        None => link.name.to_string(),
    }
}

fn link_name(ns: &Netns, link: u32) -> String {
    let found = ns.links.as_ref().ok().and_then(|l| l.get(link));
    found.map_or_else(|| format!("link {link}"), |l| l.name.to_string())
}
