//! Single packets: a frame arrives on a link, and an observer looks at all links and at the drop reasons.
//!
//! A trace judges a conversation at the client's socket. This is the other view, that of a referee who injects frames and
//! compares every reaction of the kernel with ours. A script of several frames runs on one state: the later ones meet the
//! connections of the earlier.

mod read;

pub use crate::state::{Asker, Learned};

use crate::engine::{Engine, Item, Watch};
use crate::flow::Options;
use crate::nf::HOOK_ORDER;
use crate::oracle::{Oracle, Question, World};
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::state::Client;
use crate::trace::RuleRef;
use netwhy_model::{Cluster, Family, GapId, NetnsId};
use netwhy_wire::{Mac, Proto, Tuple};
use std::net::IpAddr;

/// Names of what connection tracking says of a packet, as [`Used`] has them.
pub const CONNTRACK: &[&str] = Skb::CT_NAMES;
/// Names of the ICMP errors that a host sends, as [`Used`] has them.
pub const ERRORS: &[&str] = crate::ip::ERRORS;

/// Names of what a host does with ARP, as [`Used`] has them.
pub const ARP: &[&str] = crate::neigh::ARP;

/// A frame that arrives on a link.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'b> {
    /// Namespace of the link.
    pub netns: NetnsId,
    /// ifindex.
    pub link: u32,
    /// Ethernet frame without FCS.
    pub frame: &'b [u8],
}

/// What an observer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A frame left the model by a link.
    Sent {
        /// Namespace.
        netns: NetnsId,
        /// ifindex.
        link: u32,
        /// What it looks like.
        frame: Frame,
    },
    /// ARP asks for an address on a link that leaves the model.
    Asked {
        /// Namespace.
        netns: NetnsId,
        /// ifindex.
        link: u32,
        /// Who has it?
        addr: IpAddr,
        /// Tell this one.
        from: IpAddr,
    },
    /// `skb:kfree_skb`.
    Dropped {
        /// Namespace.
        netns: NetnsId,
        /// Kernel function.
        stage: Stage,
        /// Reason.
        reason: DropReason,
    },
    /// A socket received it.
    Taken {
        /// Namespace.
        netns: NetnsId,
        /// Local port.
        port: u16,
    },
}

/// The fields of a frame that decide; what a kernel chooses at random is not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Source MAC.
    pub eth_src: Mac,
    /// Destination MAC.
    pub eth_dst: Mac,
    /// Source.
    pub src: IpAddr,
    /// Destination.
    pub dst: IpAddr,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Don't fragment.
    pub df: bool,
    /// Offset in bytes, and whether more follow, of a fragment.
    pub frag: Option<(u16, bool)>,
    /// IP protocol.
    pub proto: u8,
    /// Source and destination port; type and code of ICMP; 0 for a later fragment.
    pub ports: (u16, u16),
    /// TCP flags.
    pub flags: u8,
    /// The MSS option of TCP.
    pub mss: Option<u16>,
    /// The packet that an ICMP error quotes.
    pub inner: Option<Tuple>,
    /// Operation, and the MACs that it speaks of, of ARP: source and destination are the addresses that it speaks of.
    pub arp: Option<(u16, Mac, Mac)>,
    /// What an ICMP error says besides: the gateway of a redirect, the MTU of "fragmentation needed".
    pub says: u32,
    /// The source port may be any other of the range.
    pub port_any: bool,
    /// So may the destination port.
    pub dport_any: bool,
}

/// One use of something that the model knows: a match, a target, a kind of route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Used {
    /// `match`, `target`, `route` and so on.
    pub area: &'static str,
    /// As [`Match::name()`](netwhy_model::netfilter::Match::name) and its kin say.
    pub name: &'static str,
    /// `hit`, `miss` or `unknown` of what has such; else empty.
    pub outcome: &'static str,
}

/// What frames teach a host, and a later one meets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// By bridges.
    pub learned: Vec<Learned>,
    /// By ARP.
    pub askers: Vec<Asker>,
}

/// One way that the model reacts to the last frame of a script.
#[derive(Clone, Debug, Default)]
pub struct Reaction {
    /// In their order.
    pub events: Vec<Event>,
    /// Rules that matched, each time.
    pub hits: Vec<(NetnsId, RuleRef)>,
    /// What of the model was used, each time.
    pub used: Vec<Used>,
    /// What is known now besides what is recorded.
    pub known: Known,
    /// It is not known because of this.
    pub unknown: Option<GapId>,
    /// Something that was not read was asked for on the way.
    pub met: Option<GapId>,
}

/// Every way that the model reacts to the last of these frames, where it reacted to the earlier ones as `agrees` accepts:
/// it gets the number of the frame and the events. `known` is what earlier scripts left.
pub fn react(
    cluster: &Cluster,
    known: &Known,
    script: &[Arrival<'_>],
    options: &Options,
    agrees: &dyn Fn(usize, &[Event]) -> bool,
) -> Vec<Reaction> {
    let mut all = explore(cluster, (known, script), options, agrees, Gaps::End);
    all.iter_mut().for_each(|way| way.unknown = way.unknown.or(way.met));
    all
}

/// The same where facts are missing: each gap that is met is tried every way, and only what ends at one is not known.
pub fn react_to_gaps(
    cluster: &Cluster,
    known: &Known,
    script: &[Arrival<'_>],
    options: &Options,
    agrees: &dyn Fn(usize, &[Event]) -> bool,
) -> Vec<Reaction> {
    explore(cluster, (known, script), options, agrees, Gaps::Fork)
}

/// What a gap does to the ways.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gaps {
    /// What met one is not known.
    End,
    /// All answers are tried.
    Fork,
}

fn explore(
    cluster: &Cluster,
    (known, script): (&Known, &[Arrival<'_>]),
    options: &Options,
    agrees: &dyn Fn(usize, &[Event]) -> bool,
    gaps: Gaps,
) -> Vec<Reaction> {
    let mut worlds: Vec<World> = vec![Vec::new()];
    let mut done: Vec<World> = Vec::new();
    let (mut all, mut cut) = (Vec::new(), None);
    while let Some(world) = worlds.pop() {
        let mut oracle = Oracle::new(world.clone());
        for _ in 0..options.paths_max {
            oracle.rewind();
            if let Some(reaction) = run(cluster, known, script, options, agrees, &mut oracle) {
                all.push(reaction);
            }
            if !oracle.advance() {
                break;
            }
        }
        // Which of two tables of one priority runs first is in no snapshot: both ways are possible.
        let forks = |question: &Question| question.gap == HOOK_ORDER || gaps == Gaps::Fork;
        for (question, arity) in oracle.asked() {
            if !forks(question) || world.iter().any(|(q, _)| q == question) {
                continue;
            }
            for answer in 1..*arity {
                let mut other = world.clone();
                other.push((*question, answer));
                other.sort_unstable();
                if done.contains(&other) {
                    continue;
                }
                if done.len() >= options.worlds_max {
                    cut = cut.or(Some(question.gap));
                    continue;
                }
                done.push(other.clone());
                worlds.push(other);
            }
        }
    }
    // Too many combinations to try.
    all.extend(cut.map(|gap| Reaction {
        unknown: Some(gap),
        ..Reaction::default()
    }));
    all
}

/// `None` if an earlier frame went another way.
fn run(
    cluster: &Cluster,
    known: &Known,
    script: &[Arrival<'_>],
    options: &Options,
    agrees: &dyn Fn(usize, &[Event]) -> bool,
    oracle: &mut Oracle,
) -> Option<Reaction> {
    let nobody = Client {
        netns: NetnsId(u32::MAX),
        proto: 0,
        local: (Family::Inet.any(), 0),
        remote: (Family::Inet.any(), 0),
        result: None,
        answered: false,
        syn: None,
        choices: 0,
        heard: false,
    };
    let quiet = Options {
        steps: false,
        ..*options
    };
    let mut eng = Engine::new(cluster, oracle, quiet, nobody);
    eng.learned = known.learned.clone();
    eng.askers = known.askers.clone();
    eng.ports_known = true;
    let mut last = Watch::default();
    for (number, arrival) in script.iter().enumerate() {
        eng.next();
        if let Some(skb) = receive(cluster, arrival) {
            eng.push(Item::Receive {
                netns: arrival.netns,
                link: arrival.link,
                skb,
            });
            eng.run();
        }
        last = eng.next().unwrap_or_default();
        if eng.undecided.is_none() && number + 1 < script.len() && !agrees(number, &last.events) {
            return None;
        }
        if eng.undecided.is_some() {
            break;
        }
    }
    let known = Known {
        learned: std::mem::take(&mut eng.learned),
        askers: std::mem::take(&mut eng.askers),
    };
    let undecided = eng.undecided.map(|end| end.gap.unwrap_or(HOOK_ORDER));
    let unread = |(question, _): &(Question, u8)| question.gap != HOOK_ORDER;
    let met = oracle.asked().iter().find(|q| unread(q)).map(|(q, _)| q.gap);
    Some(Reaction {
        events: last.events,
        hits: last.hits,
        used: last.used,
        known,
        unknown: undecided,
        met,
    })
}

/// What the driver makes of the bytes (`eth_type_trans()`); `None` for what is neither IPv4 nor ARP.
fn receive(cluster: &Cluster, arrival: &Arrival<'_>) -> Option<Skb> {
    let mut skb = read::skb(arrival.frame)?;
    let link = cluster.ns(arrival.netns).links.as_ref().ok()?.get(arrival.link)?;
    skb.pkt_type = crate::dev::eth_type(&skb, link);
    Some(skb)
}

impl Frame {
    pub(crate) fn of(skb: &Skb) -> Frame {
        let later = skb.is_later_fragment();
        let (ports, flags, inner) = match &skb.l4 {
            _ if later => ((0, 0), 0, None),
            L4::Tcp { sport, dport, flags } => ((*sport, *dport), *flags, None),
            L4::Udp { sport, dport } | L4::Vxlan { sport, dport, .. } => ((*sport, *dport), 0, None),
            L4::Icmp { kind, code, inner, .. } => ((u16::from(*kind), u16::from(*code)), 0, *inner),
            L4::Other(_) | L4::Arp(_) => ((0, 0), 0, None),
        };
        Frame {
            eth_src: skb.eth_src,
            eth_dst: skb.eth_dst,
            src: skb.src,
            dst: skb.dst,
            ttl: skb.ttl,
            tos: skb.tos,
            df: skb.df,
            frag: skb.frag,
            proto: skb.proto(),
            ports,
            flags,
            mss: skb.opts.mss.filter(|_| !later && matches!(skb.l4, L4::Tcp { .. })),
            arp: match &skb.l4 {
                L4::Arp(arp) => Some((arp.op, arp.sha, arp.tha)),
                _ => None,
            },
            says: if later { 0 } else { skb.icmp_says },
            inner: inner.map(|t| Tuple {
                src: t.src,
                dst: t.dst,
                proto: Proto(t.proto),
                sport: t.sport,
                dport: t.dport,
            }),
            port_any: skb.sport_any.is_some(),
            dport_any: skb.dport_any.is_some(),
        }
    }
}
