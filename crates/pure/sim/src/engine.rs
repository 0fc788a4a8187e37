//! The driver: a queue of packets, the state that they leave, the record of what happened.

use crate::arrival::{Event, Frame, Used};
use crate::flow::Options;
use crate::ip::FragQueue;
use crate::nf::Changed;
use crate::oracle::{Oracle, Question};
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::state::{Asker, Client, Conn, HopKey, Learned, Seen, Server, SetChange, Vtep};
use crate::trace::{Assumption, Detail, Disposition, End, RuleRef, Step};
use crate::{dev, ip};
use netwhy_model::link::Link;
use netwhy_model::socket::Socket;
use netwhy_model::{Cluster, Fact, GapId, Netns, NetnsId};
use std::collections::VecDeque;
use std::net::IpAddr;

/// One run of a conversation in one world.
pub(crate) struct Engine<'a> {
    pub cluster: &'a Cluster,
    pub oracle: &'a mut Oracle,
    pub options: Options,
    queue: VecDeque<Item>,
    pub conns: Vec<Conn>,
    pub client: Client,
    /// No port of a packet stands for others but where the packet says so: what was recorded can be met.
    pub ports_known: bool,
    pub servers: Vec<Server>,
    pub learned: Vec<Learned>,
    pub askers: Vec<Asker>,
    pub vteps: Vec<Vtep>,
    pub fragments: Vec<FragQueue>,
    /// VXLAN devices that took a frame of another engine's question out of its packet.
    pub arrived: Vec<(NetnsId, u32)>,
    /// Questions inside questions.
    pub depth: u8,
    /// Next hops that flows were given: the kernel chooses by a hash, so a flow keeps its own.
    pub hops: Vec<(HopKey, usize)>,
    /// What this conversation did to lists of `recent`, and to sets.
    pub recent: Vec<Seen<'a>>,
    pub set_changes: Vec<SetChange<'a>>,
    /// The same of sets of nftables.
    pub nft_changes: Vec<Changed>,
    pub steps: Vec<Step>,
    pub assumed: Vec<Assumption>,
    pub now_ms: u64,
    /// Where the main packet ended, if it did.
    pub end: Option<End>,
    /// Where the refusal that came back for it (RST, ICMP) was lost.
    pub refusal_end: Option<End>,
    /// Where what follows on the connection was lost.
    pub silence: Option<End>,
    /// The answer cannot be known: nothing more is followed.
    pub undecided: Option<End>,
    /// First delivery to a socket that is not the client's.
    pub delivered: Option<(NetnsId, u16, IpAddr)>,
    /// What an observer of the links and of the drop reasons sees, if there is one.
    pub watch: Option<Watch>,
    packets: u16,
    budget: usize,
}

/// Notes for an observer.
#[derive(Default)]
pub(crate) struct Watch {
    pub events: Vec<Event>,
    /// Rules that matched, each time.
    pub hits: Vec<(NetnsId, RuleRef)>,
    /// What was used.
    pub used: Vec<Used>,
}

/// A packet that waits.
pub(crate) enum Item {
    /// Arrives on a link (`netif_rx()`).
    Receive { netns: NetnsId, link: u32, skb: Skb },
    /// Arrives on `lo`, with its route and connection.
    Loopback { netns: NetnsId, skb: Skb },
    /// Sent by the host itself; route it first if it has none.
    LocalOut { netns: NetnsId, skb: Skb },
}

impl<'a> Engine<'a> {
    pub fn new(cluster: &'a Cluster, oracle: &'a mut Oracle, options: Options, client: Client) -> Self {
        Engine {
            cluster,
            oracle,
            options,
            queue: VecDeque::new(),
            conns: Vec::new(),
            client,
            ports_known: false,
            servers: Vec::new(),
            learned: Vec::new(),
            askers: Vec::new(),
            vteps: Vec::new(),
            fragments: Vec::new(),
            arrived: Vec::new(),
            depth: 0,
            hops: Vec::new(),
            recent: Vec::new(),
            set_changes: Vec::new(),
            nft_changes: Vec::new(),
            steps: Vec::new(),
            assumed: Vec::new(),
            now_ms: 0,
            end: None,
            refusal_end: None,
            silence: None,
            undecided: None,
            delivered: None,
            watch: None,
            packets: 0,
            budget: options.steps_max,
        }
    }

    pub fn ns(&self, id: NetnsId) -> &'a Netns {
        self.cluster.ns(id)
    }

    pub fn push(&mut self, item: Item) {
        self.queue.push_back(item);
    }

    /// Runs until no packet is left, or the answer cannot be known.
    pub fn run(&mut self) {
        while let Some(item) = self.queue.pop_front() {
            if self.undecided.is_some() {
                return;
            }
            if self.budget == 0 {
                return self.spent(&item);
            }
            self.budget -= 1;
            match item {
                Item::Receive { netns, link, mut skb } => {
                    skb.dev = link;
                    dev::netif_receive_skb(self, self.ns(netns), skb);
                }
                Item::Loopback { netns, skb } => ip::ip_rcv(self, self.ns(netns), skb),
                Item::LocalOut { netns, skb } => ip::ip_local_out(self, self.ns(netns), skb),
            }
        }
    }

    /// The limit of stages is reached: what would follow is not known.
    fn spent(&mut self, item: &Item) {
        let (Item::Receive { netns, skb, .. } | Item::Loopback { netns, skb } | Item::LocalOut { netns, skb }) = item;
        self.undecided = Some(End {
            disposition: Disposition::Unknown,
            netns: *netns,
            stage: Stage::NetifReceiveSkb,
            reason: None,
            rule: None,
            reply: skb.reply,
            gap: None,
            left_to: None,
        });
        self.queue.clear();
    }

    /// Numbers a packet that a host sends, and notes it.
    pub fn begin(&mut self, ns: &Netns, skb: &mut Skb) {
        skb.packet = self.packets;
        self.packets += 1;
        let (sport, dport) = skb.ports().unwrap_or((0, 0));
        let detail = Detail::Packet {
            src: (skb.src, sport),
            dst: (skb.dst, dport),
            what: skb.what(),
            reply: skb.reply,
        };
        self.note(ns, skb, detail);
    }

    pub fn note(&mut self, ns: &Netns, skb: &Skb, detail: Detail) {
        if self.options.steps {
            self.steps.push(Step {
                netns: ns.id,
                packet: skb.packet,
                detail,
            });
        }
    }

    /// The packet ends here.
    pub fn drop(&mut self, ns: &Netns, skb: &Skb, stage: Stage, reason: DropReason) {
        self.drop_by(ns, skb, stage, reason, None);
    }

    /// The packet ends here, and the kernel does not call it a drop.
    pub fn consumed(&mut self, ns: &Netns, skb: &Skb, stage: Stage) {
        self.ends(ns, skb, stage, None, None);
    }

    pub fn drop_by(&mut self, ns: &Netns, skb: &Skb, stage: Stage, reason: DropReason, rule: Option<RuleRef>) {
        let stage = stage.of(skb.family());
        // Observers look at drops of IP.
        if matches!(skb.l4, L4::Arp(_)) {
            return;
        }
        self.event(|| Event::Dropped {
            netns: ns.id,
            stage,
            reason,
        });
        if skb.copy && reason == DropReason::Otherhost {
            return;
        }
        self.note(ns, skb, Detail::Drop { stage, reason });
        self.ends(ns, skb, stage, Some(reason), rule);
    }

    fn ends(&mut self, ns: &Netns, skb: &Skb, stage: Stage, reason: Option<DropReason>, rule: Option<RuleRef>) {
        let stage = stage.of(skb.family());
        let end = match (skb.main, self.client.answered) {
            (true, false) => &mut self.end,
            (true, true) => &mut self.silence,
            (false, _) => &mut self.refusal_end,
        };
        if end.is_none() && skb.matters() {
            *end = Some(End {
                disposition: Disposition::Dropped,
                netns: ns.id,
                stage,
                reason,
                rule,
                reply: skb.reply,
                gap: None,
                left_to: None,
            });
        }
    }

    /// Noted for an observer, who looks at what comes at once: not at timers.
    fn event(&mut self, event: impl FnOnce() -> Event) {
        if let Some(watch) = self.watch.as_mut().filter(|_| self.now_ms == 0) {
            watch.events.push(event());
        }
    }

    /// A frame leaves the model by a link, for an observer.
    pub fn sent(&mut self, ns: &Netns, link: &Link, skb: &Skb) {
        self.event(|| Event::Sent {
            netns: ns.id,
            link: link.index,
            frame: Frame::of(skb),
        });
    }

    /// A neighbour is asked for that is not in the model, for an observer.
    pub fn asked(&mut self, ns: &Netns, link: &Link, addr: IpAddr, from: IpAddr) {
        self.event(|| Event::Asked {
            netns: ns.id,
            link: link.index,
            addr,
            from,
        });
    }

    /// A rule matched, for an observer.
    pub fn hit(&mut self, ns: &Netns, rule: RuleRef) {
        if let Some(watch) = &mut self.watch {
            watch.hits.push((ns.id, rule));
        }
    }

    /// Something of the model was used, for an observer.
    pub fn used(&mut self, area: &'static str, name: &'static str, outcome: &'static str) {
        if let Some(watch) = &mut self.watch {
            watch.used.push(Used { area, name, outcome });
        }
    }

    /// A socket took a packet, for an observer.
    pub fn taken(&mut self, ns: &Netns, port: u16, socket: &Socket) {
        self.event(|| Event::Taken { netns: ns.id, port });
        for feature in socket.features() {
            self.used("socket", feature, "");
        }
    }

    /// The next packet of a script: what was noted of the last one, and a full budget.
    pub fn next(&mut self) -> Option<Watch> {
        self.budget = self.options.steps_max;
        self.watch.replace(Watch::default())
    }

    /// The packet goes where the model does not reach.
    pub fn left(&mut self, ns: &Netns, skb: &Skb, to: IpAddr) {
        // Whoever should receive it was not read.
        if let Some(gap) = self.cluster.unread_holder(skb.dst) {
            return self.unknown(ns, skb, Stage::DevQueueXmit, gap);
        }
        self.note(ns, skb, Detail::Left { to });
        if skb.main && self.end.is_none() {
            self.end = Some(End {
                disposition: Disposition::LeftModel,
                netns: ns.id,
                stage: Stage::DevQueueXmit,
                reason: None,
                rule: None,
                reply: skb.reply,
                gap: None,
                left_to: Some(to),
            });
        }
    }

    /// Nothing can be said from here on.
    pub fn unknown(&mut self, ns: &Netns, skb: &Skb, stage: Stage, gap: GapId) {
        if self.undecided.is_none() && skb.matters() {
            self.undecided = Some(End {
                disposition: Disposition::Unknown,
                netns: ns.id,
                stage: stage.of(skb.family()),
                reason: None,
                rule: None,
                reply: skb.reply,
                gap: Some(gap),
                left_to: None,
            });
        }
    }

    /// A setting that is a switch; where it was not read, both values are worlds and `usual` is tried first.
    pub fn flag(&mut self, about: u32, fact: &Fact<bool>, usual: bool) -> bool {
        match fact {
            Ok(value) => *value,
            Err(gap) => (self.oracle.gap(Question { gap: *gap, about }, 2) == 0) == usual,
        }
    }

    /// One that is a small number; where it was not read, 0, 1 and 2 are worlds.
    pub fn level(&mut self, about: u32, fact: &Fact<u8>) -> u8 {
        match fact {
            Ok(value) => *value,
            Err(gap) => self.oracle.gap(Question { gap: *gap, about }, 3),
        }
    }

    pub fn assume(&mut self, what: Assumption) {
        if !self.assumed.contains(&what) {
            self.assumed.push(what);
        }
    }
}

/// A setting: one text has all of them, so that the gap alone does not say which is asked for.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    AcceptLocal,
    ArpAnnounce,
    ArpFilter,
    ArpIgnore,
    BridgeNfCall,
    DisableIpv6,
    DropUnicastInL2Multicast,
    ForceForwarding,
    Forwarding,
    Forwarding6,
    ProxyArp,
    ProxyArpPvlan,
    ProxyNdp,
    RouteLocalnet,
    RpFilter,
    SendRedirects,
    SharedMedia,
    SrcValidMark,
}

impl Key {
    /// [`Question::about`]: the setting of the link with this ifindex, 0 for all of them.
    pub fn of(self, link: u32) -> u32 {
        (self as u32 + 1) << 24 | link & 0xff_ffff
    }
}
