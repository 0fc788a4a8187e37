//! A topology that stands, with the rules of the moment: injected frames, and all that is seen of them.

use super::native::{CHANGED as DYNAMIC, TABLES};
use super::packet::{Body, Packet};
use super::sets::CHANGED;
use super::unread::{self, Unread};
use crate::world::{Drops, Recipe, World};
use netwhy_model::link::LinkKind;
use netwhy_model::netfilter::ChainId;
use netwhy_model::{Cluster, Netns, NetnsId};
use netwhy_sim::arrival::Frame;
use netwhy_sim::trace::RuleRef;
use netwhy_snapshot::Snapshot;
use netwhy_sys::{Limits, NfNetlink, run_in};
use netwhy_wire::decode::link_type;
use netwhy_wire::{Mac, arp, decode, icmp};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// What the kernel did with one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Frames that came out, IPv4 and ARP of others, by link, with their bytes.
    pub sent: Vec<(String, Frame, Vec<u8>)>,
    /// ARP requests of the host itself: link, who is asked for, who is to be told.
    pub asked: Vec<(String, Ipv4Addr, Ipv4Addr)>,
    /// `REASON@function`.
    pub drops: Vec<String>,
    /// The same, but perhaps of a packet of somebody else on this processor.
    pub perhaps: Vec<String>,
}

/// One namespace with TAP devices.
pub struct Node {
    world: World,
    snapshot: Snapshot,
    /// What the simulator knows of it.
    pub cluster: Cluster,
    /// The same without what is left unread.
    pub half: Option<Cluster>,
    unread: Vec<Unread>,
    /// The namespace.
    pub netns: NetnsId,
    legacy: bool,
    /// A rule of the moment changes a set.
    changes: bool,
    /// Tables of native nftables are there, or were.
    native: bool,
    /// Sets of theirs that rules change.
    dynamic: Vec<String>,
    /// Connections were read.
    recorded: bool,
    netfilter: NfNetlink,
    /// Proxy neighbours, address and link: no member of a bundle lists them.
    proxies: Vec<(Ipv4Addr, String)>,
}

/// Name of the namespace in the text.
const NAME: &str = "n";
/// Members that rules change.
const SAVES: [(&str, &str); 2] = [
    ("iptables-save", "iptables-nft-save"),
    ("iptables-legacy-save", "iptables-legacy-save"),
];

impl Node {
    /// Builds a namespace without rules and reads it with the product's collectors.
    ///
    /// # Errors
    /// The kernel or a tool refuses a line.
    pub fn build(lines: &[String]) -> Result<Node, String> {
        let recipe = Recipe {
            name: "random".to_owned(),
            lines: lines.to_vec(),
        };
        let world = World::build(&recipe)?;
        let cluster = world.cluster(true)?;
        let netns = world.id(&cluster, NAME)?;
        let snapshot = (*cluster.snapshot).clone();
        let legacy = lines.iter().any(|l| l.starts_with("n legacy "));
        let space = &world.space(NAME)?.netns;
        let netfilter = space.run(NfNetlink::open).and_then(|opened| opened);
        let mut node = Node {
            netfilter: netfilter.map_err(|e| e.to_string())?,
            world,
            snapshot,
            cluster,
            half: None,
            unread: Vec::new(),
            netns,
            legacy,
            changes: false,
            native: false,
            dynamic: Vec::new(),
            proxies: Vec::new(),
            recorded: false,
        };
        node.proxies = lines.iter().filter_map(|l| proxy(l)).collect();
        node.open_taps();
        Ok(node)
    }

    /// Forgets neighbours that did not answer, and replaces all rules by those of these lines (tools `iptables` and `legacy`), and reads them back.
    ///
    /// # Errors
    /// A rule is refused.
    pub fn load(&mut self, lines: &[String], drops: &mut Drops) -> Result<(), String> {
        // What waits for a neighbour is charged to the socket of ICMP, which in the end sends nothing any more. Some of it
        // now has errors sent about it.
        self.run(&["ip", "neigh", "flush", "nud", "incomplete"], "")?;
        let of = |tool: &str| -> Vec<&str> {
            let head = format!("n {tool} ");
            lines.iter().filter_map(|l| l.strip_prefix(head.as_str())).collect()
        };
        let (nft, legacy) = (of("iptables"), of("legacy"));
        let unread = lines.iter().filter(|l| l.starts_with(unread::LINE)).map(|l| l.parse());
        self.unread = unread.collect::<Result<_, _>>()?;
        self.restore("iptables-nft-restore", &nft)?;
        if self.legacy || !legacy.is_empty() {
            self.legacy = true;
            self.restore("iptables-legacy-restore", &legacy)?;
        }
        self.load_native(&of("nft"))?;
        self.read_rules()?;
        self.look(drops)?;
        // What the rules before have added too.
        self.forget_elements()?;
        self.changes = lines.iter().any(|l| l.contains(" -j SET "));
        self.forget_elements()
    }

    /// After a conversation of these packets: what it did to sets is undone. Its connection is forgotten if it had no ports
    /// of its own: it would stand in the way of the next of its kind, and a number that a translation drew be met again.
    /// (Others cannot be met; and forgetting walks the whole table of the kernel.)
    ///
    /// # Errors
    /// A command fails.
    pub fn forget(&mut self, packets: &[Packet]) -> Result<(), String> {
        if packets
            .iter()
            .any(|p| !matches!(p.body, Body::Tcp { .. } | Body::Udp { .. } | Body::Arp(_)))
        {
            self.netfilter.forget_connections().map_err(|e| e.to_string())?;
        }
        if std::mem::take(&mut self.recorded) {
            self.set_connections(String::new())?;
        }
        self.forget_elements()
    }

    /// Replaces the tables of native nftables.
    fn load_native(&mut self, lines: &[&str]) -> Result<(), String> {
        if !self.native && lines.is_empty() {
            return Ok(());
        }
        self.native = true;
        let mut text = String::new();
        for (family, name) in TABLES {
            text += &format!("add table {family} {name}\ndelete table {family} {name}\n");
        }
        for line in lines {
            text += line;
            text += "\n";
        }
        self.dynamic.clear();
        for (family, name) in TABLES {
            let set = format!("{family} {name} {DYNAMIC}");
            let changes = |line: &&str| {
                line.starts_with(&format!("add rule {family} {name} ")) && line.contains(&format!(" @{DYNAMIC} {{"))
            };
            if lines.iter().any(changes) {
                self.dynamic.push(set);
            }
        }
        self.run(&["nft", "-f", "-"], &text).map(drop)
    }

    fn forget_elements(&self) -> Result<(), String> {
        if !self.dynamic.is_empty() {
            let flush: String = self.dynamic.iter().map(|set| format!("flush set {set}\n")).collect();
            self.run(&["nft", "-f", "-"], &flush)?;
        }
        match self.changes {
            true => self.netfilter.flush_set(CHANGED).map_err(|e| format!("{CHANGED}: {e}")),
            false => Ok(()),
        }
    }

    /// Bridges and neighbour tables forget what they have learned, and what was given by hand stands again where it was.
    ///
    /// # Errors
    /// A command fails.
    pub fn unlearn(&self, lines: &[String]) -> Result<(), String> {
        let flush = ["reachable", "stale", "delay", "probe"].map(|state| format!("neigh flush nud {state}\n"));
        self.run(&["ip", "-batch", "-"], &flush.concat())?;
        let given: Vec<&str> = lines
            .iter()
            .filter_map(|l| l.strip_prefix("n bridge fdb add "))
            .collect();
        let Ok(links) = &self.cluster.ns(self.netns).links else {
            return Ok(());
        };
        for bridge in links.iter().filter(|l| matches!(l.kind, LinkKind::Bridge { .. })) {
            self.run(&["ip", "link", "set", &bridge.name, "type", "bridge", "fdb_flush"], "")?;
            let again: String = given.iter().map(|entry| format!("fdb replace {entry}\n")).collect();
            self.run(&["bridge", "-batch", "-"], &again)?;
        }
        Ok(())
    }

    /// Whether what the simulator needs of the past is its connections alone: no set is changed.
    pub fn may_be_recorded(&self) -> bool {
        !self.changes && self.dynamic.is_empty()
    }

    /// Reads the connections of the moment: the simulator begins with these, as with those of a snapshot.
    ///
    /// # Errors
    /// The command fails.
    pub fn record(&mut self) -> Result<(), String> {
        let text = self.run(&["conntrack", "-L", "-o", "extended", "-f", "ipv4"], "")?;
        self.recorded = true;
        self.set_connections(text)
    }

    fn set_connections(&mut self, text: String) -> Result<(), String> {
        let path = format!("{}/conntrack.txt", self.cluster.ns(self.netns).dir);
        self.snapshot.insert(path, text);
        self.rebuild()
    }

    fn restore(&self, program: &str, lines: &[&str]) -> Result<(), String> {
        let mut text = String::new();
        for table in ["raw", "mangle", "nat", "filter"] {
            let head = format!("-t {table} ");
            let own: Vec<&str> = lines.iter().filter_map(|l| l.strip_prefix(head.as_str())).collect();
            text += &format!("*{table}\n");
            // Without a chain of its own the kernel does not translate at all, and the text that is read back hides it.
            if table == "nat" && !own.is_empty() && !own.iter().any(|l| l.starts_with("-P ")) {
                text += ":PREROUTING ACCEPT [0:0]\n";
            }
            for line in &own {
                match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                    ["-P", chain, policy] => text += &format!(":{chain} {policy} [0:0]\n"),
                    ["-N", chain] => text += &format!(":{chain} - [0:0]\n"),
                    _ => {}
                }
            }
            for line in own.iter().filter(|l| l.starts_with("-A")) {
                text += line;
                text += "\n";
            }
            text += "COMMIT\n";
        }
        self.run(&[program, "-w", "20"], &text).map(drop)
    }

    fn run(&self, argv: &[&str], input: &str) -> Result<String, String> {
        let space = self.world.space(NAME)?;
        // iptables-nft has no lock to wait for.
        let argv: Vec<&str> = match argv {
            [program @ "iptables-nft-restore", ..] => vec![program],
            other => other.to_vec(),
        };
        let output = run_in(Some(&space.netns), &argv, Some(input.as_bytes()), &Limits::default());
        let output = output.map_err(|e| e.to_string())?;
        match output.success() {
            true => Ok(output.text()),
            false => Err(format!("{argv:?}: {}\n{input}", output.complaint())),
        }
    }

    /// Reads all rules with their counters, and builds the cluster again.
    ///
    /// # Errors
    /// A command fails.
    pub fn read_rules(&mut self) -> Result<(), String> {
        for (member, program) in SAVES {
            let text = match member {
                "iptables-legacy-save" if !self.legacy => String::new(),
                _ => self.run(&[program, "-c"], "")?,
            };
            let path = format!("{}/{member}", self.cluster.ns(self.netns).dir);
            self.snapshot.insert(path, text);
        }
        if self.native {
            let text = self.run(&["nft", "-j", "list", "ruleset"], "")?;
            let path = format!("{}/nft.json", self.cluster.ns(self.netns).dir);
            self.snapshot.insert(path, text);
        }
        self.rebuild()
    }

    fn rebuild(&mut self) -> Result<(), String> {
        self.cluster = Cluster::build(self.snapshot.clone());
        self.netns = self.world.id(&self.cluster, NAME)?;
        self.half = self.half_read();
        self.open_taps();
        Ok(())
    }

    /// `None` if all was read, or what was not is not there anyway.
    fn half_read(&self) -> Option<Cluster> {
        let dir = &self.cluster.ns(self.netns).dir;
        let mut snapshot = self.snapshot.clone();
        let taken = self.unread.iter().filter(|one| one.apply(&mut snapshot, dir)).count();
        (taken > 0).then(|| Cluster::build(snapshot))
    }

    /// TAP devices are the wires of this test; to the product they are devices of an unknown program.
    fn open_taps(&mut self) {
        let names: Vec<&str> = self.world.taps.iter().map(|(_, name, _)| name.as_str()).collect();
        for cluster in std::iter::once(&mut self.cluster).chain(&mut self.half) {
            let Some(ns) = cluster.netns.get_mut(self.netns.0 as usize) else {
                continue;
            };
            open_taps(Arc::make_mut(ns), &names, &self.proxies);
        }
    }

    /// ifindex of a link.
    pub fn index(&self, name: &str) -> Option<u32> {
        let links = self.cluster.ns(self.netns).links.as_ref().ok()?;
        links.iter().find(|l| &*l.name == name).map(|l| l.index)
    }

    /// Name of a link.
    pub fn link(&self, index: u32) -> String {
        let links = self.cluster.ns(self.netns).links.as_ref();
        links
            .ok()
            .and_then(|l| l.get(index))
            .map_or_else(|| index.to_string(), |l| l.name.to_string())
    }

    /// Injects a frame and looks.
    ///
    /// # Errors
    /// The device does not take it.
    pub fn inject(&self, link: &str, frame: &[u8], drops: &mut Drops) -> Result<Reaction, String> {
        let tap = self.world.taps.iter().find(|(_, name, _)| name == link);
        let (_, _, tap) = tap.ok_or_else(|| format!("no TAP device {link}"))?;
        tap.send(frame).map_err(|e| format!("{link}: {e}"))?;
        self.look(drops)
    }

    /// What came out and was dropped since the last look.
    fn look(&self, drops: &mut Drops) -> Result<Reaction, String> {
        let dropped = drops.drain().map_err(|e| e.to_string())?;
        let (perhaps, sure): (Vec<_>, Vec<_>) = dropped.into_iter().partition(|d| d.softirq);
        let mut reaction = Reaction {
            drops: sure.into_iter().map(|d| d.what).collect(),
            perhaps: perhaps.into_iter().map(|d| d.what).collect(),
            ..Reaction::default()
        };
        let mut buffer = [0; 2048];
        for (_, name, tap) in &self.world.taps {
            while let Some(length) = tap.receive(&mut buffer).map_err(|e| format!("{name}: {e}"))? {
                let bytes = &buffer[..length];
                let decoded = decode(link_type::EN10MB, bytes);
                if let Some(arp) = decoded
                    .arp
                    .filter(|a| a.operation == arp::REQUEST && self.is_own(a.sender_mac))
                {
                    reaction.asked.push((name.clone(), arp.target_ip, arp.sender_ip));
                } else if let Some(frame) = frame_of(bytes) {
                    reaction.sent.push((name.clone(), frame, bytes.to_vec()));
                }
            }
        }
        Ok(reaction)
    }

    fn is_own(&self, mac: Mac) -> bool {
        let links = self.cluster.ns(self.netns).links.as_ref();
        links.is_ok_and(|l| l.iter().any(|l| l.mac == mac))
    }

    /// Packet counters of all rules, as they were read last.
    pub fn counters(&self) -> Vec<(RuleRef, u64)> {
        let mut all = Vec::new();
        for (t, table) in self.cluster.ns(self.netns).netfilter.tables.iter().enumerate() {
            for (c, chain) in table.chains.iter().enumerate() {
                for (r, rule) in chain.rules.iter().enumerate() {
                    let place = RuleRef {
                        table: t as u32,
                        chain: ChainId(c as u32),
                        rule: r as u32,
                    };
                    all.push((place, rule.packets));
                }
            }
        }
        let netfilter = &self.cluster.ns(self.netns).netfilter;
        for (t, table) in (0..).zip(&netfilter.native) {
            for (c, chain) in (0..).zip(&table.chains) {
                for (r, rule) in (0..).zip(&chain.rules) {
                    let place = RuleRef {
                        table: netfilter.native_number(t),
                        chain: ChainId(c),
                        rule: r,
                    };
                    all.extend(rule.packets.map(|packets| (place, packets)));
                }
            }
        }
        all
    }

    /// A rule as it was saved, with its backend and table.
    pub fn rule_text(&self, rule: RuleRef) -> String {
        let ns = self.cluster.ns(self.netns);
        if let Some(table) = ns.netfilter.native_table(rule.table) {
            let chain = &table.chains[rule.chain.0 as usize];
            let (_, text) = table.place_and_text(&self.cluster, &chain.rules[rule.rule as usize]);
            return format!("{} {} {} {text}", table.family.as_str(), table.name, chain.name);
        }
        let table = &ns.netfilter.tables[rule.table as usize];
        let line = table.chains[rule.chain.0 as usize].rules[rule.rule as usize].line as usize;
        let member = ns.member_of(table);
        let text = self.snapshot.text(&member).and_then(Result::ok).unwrap_or_default();
        let text = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        format!("{:?} {} {text}", table.backend, table.name.as_str())
    }
}

fn open_taps(ns: &mut Netns, names: &[&str], proxies: &[(Ipv4Addr, String)]) {
    if let (Ok(links), Ok(neigh)) = (&ns.links, &mut ns.neigh) {
        let index = |name: &String| links.named(name).map(|l| l.index);
        let proxies = proxies.iter();
        let proxies = proxies.filter_map(|(addr, name)| Some((index(name)?, IpAddr::V4(*addr))));
        Arc::make_mut(neigh).proxy = proxies.collect();
    }
    if let Ok(links) = &mut ns.links {
        let links = Arc::make_mut(links);
        let found: Vec<u32> = links
            .iter()
            .filter(|l| names.contains(&&*l.name))
            .map(|l| l.index)
            .collect();
        for index in found {
            if let Some(link) = links.get_mut(index) {
                link.kind = LinkKind::Device { segment: None };
            }
        }
    }
}

/// Of a line that makes a proxy neighbour.
fn proxy(line: &str) -> Option<(Ipv4Addr, String)> {
    let (addr, link) = line.strip_prefix("n ip neigh add proxy ")?.split_once(" dev ")?;
    Some((addr.parse().ok()?, link.to_owned()))
}

/// The fields that are compared; `None` for what is neither IPv4 nor ARP.
pub fn frame_of(bytes: &[u8]) -> Option<Frame> {
    let decoded = decode(link_type::EN10MB, bytes);
    if let Some(arp) = decoded.arp {
        return Some(Frame {
            eth_src: decoded.eth_src?,
            eth_dst: decoded.eth_dst?,
            src: arp.sender_ip.into(),
            dst: arp.target_ip.into(),
            arp: Some((arp.operation, arp.sender_mac, arp.target_mac)),
            ttl: 64,
            tos: 0,
            df: true,
            frag: None,
            proto: 0,
            ports: (0, 0),
            flags: 0,
            mss: None,
            inner: None,
            says: 0,
            port_any: false,
            dport_any: false,
        });
    }
    let ip = decoded.ip?;
    if ip.src.is_ipv6() {
        return None;
    }
    let later = ip.is_later_fragment();
    let (ports, flags, inner) = match &ip.l4 {
        _ if later => ((0, 0), 0, None),
        decode::L4::Tcp(t) => ((t.sport, t.dport), t.flags, None),
        decode::L4::Udp(u) => ((u.sport, u.dport), 0, None),
        decode::L4::Icmp(i) => (
            (u16::from(i.kind), u16::from(i.code)),
            0,
            i.inner.filter(|_| icmp::is_error(i.kind)),
        ),
        decode::L4::Unread => ((0, 0), 0, None),
    };
    Some(Frame {
        eth_src: decoded.eth_src?,
        eth_dst: decoded.eth_dst?,
        src: ip.src,
        dst: ip.dst,
        ttl: ip.ttl,
        tos: *bytes.get(15)?,
        df: ip.df,
        frag: ip.fragment,
        proto: ip.proto.0,
        ports,
        flags,
        mss: match &ip.l4 {
            decode::L4::Tcp(t) if !later => t.mss,
            _ => None,
        },
        inner,
        arp: None,
        says: match &ip.l4 {
            decode::L4::Icmp(i) if !later => i.gateway.map(u32::from).or(i.mtu).unwrap_or(0),
            _ => 0,
        },
        port_any: false,
        dport_any: false,
    })
}
