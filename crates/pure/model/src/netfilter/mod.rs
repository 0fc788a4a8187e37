//! Netfilter: base chains by hook, iptables tables of both backends, native nftables.

mod chain;
mod conntrack;
mod matches;
pub mod nft;
mod rule;
mod set;

pub use chain::{Candidates, Chain, ChainIndex, INDEX_MIN};
pub use conntrack::{Conntrack, ct_state, ct_status};
pub use matches::{ChunkMode, Chunks, Match, PortSide, RecentOp, U32Op, U32Test, addr_type};
pub use rule::{CtZone, IfPattern, NatRange, Not, Ports, RejectWith, Rule, Target, TtlOp, ZoneId};
pub use set::{Dim, IpSet, SetDirs, SetElem, SetType};

use crate::fact::GapId;
use crate::family::Family;
use std::sync::Arc;

/// The five hooks of `NF_INET_*` (`include/uapi/linux/netfilter.h`), in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// `NF_INET_PRE_ROUTING`.
    PreRouting,
    /// `NF_INET_LOCAL_IN`.
    LocalIn,
    /// `NF_INET_FORWARD`.
    Forward,
    /// `NF_INET_LOCAL_OUT`.
    LocalOut,
    /// `NF_INET_POST_ROUTING`.
    PostRouting,
}

/// Which tool's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// iptables-legacy (`ip_tables`).
    Legacy,
    /// iptables-nft (`nf_tables`).
    Nft,
}

/// Everything that netfilter does in a namespace.
#[derive(Clone, Debug, Default)]
pub struct Netfilter {
    /// iptables tables of both backends and both families.
    pub tables: Vec<Arc<Table>>,
    /// Tables of native nftables. Where tables are numbered, these come after those of iptables.
    pub native: Vec<Arc<nft::NftTable>>,
    /// What runs for packets of IPv4.
    pub inet: Stack,
    /// What runs for packets of IPv6.
    pub inet6: Stack,
    /// Tables of family arp that may drop or change ARP are not modelled.
    pub arp: Option<GapId>,
}

/// What netfilter does with the packets of one family.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// Entries of each hook by rising priority; equal priorities keep the order legacy, nft, native.
    pub hooks: [Vec<HookEntry>; 5],
    /// Some rule uses connection tracking, so it is on here, and with it defragmentation (kernel-facts, trap 3).
    /// The gap says why it may be on unseen.
    pub conntrack: Option<Result<(), GapId>>,
    /// The same without the rules of `tables` and `native`: what tables that are not evaluated, extensions that are not modelled, and members that
    /// are missing say.
    pub conntrack_otherwise: Option<Result<(), GapId>>,
    /// Fragments are put together although nothing tracks: a rule looks for a socket (`nf_defrag_ipv4_enable()`).
    pub defrag: bool,
}

impl Netfilter {
    /// For packets of a family.
    #[must_use]
    pub fn of(&self, family: Family) -> &Stack {
        match family {
            Family::Inet => &self.inet,
            Family::Inet6 => &self.inet6,
        }
    }

    pub(crate) fn of_mut(&mut self, family: Family) -> &mut Stack {
        match family {
            Family::Inet => &mut self.inet,
            Family::Inet6 => &mut self.inet6,
        }
    }
}

/// One registered function of a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEntry {
    /// Priority, as in `linux/netfilter_ipv4.h`: raw -300, conntrack -200, mangle -150, dnat -100, filter 0, security 50, snat 100.
    pub priority: i32,
    /// Of a nat chain: all of a hook run at one place, by these priorities.
    pub nat: Option<i32>,
    /// What runs.
    pub run: HookFn,
}

/// What a hook entry runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookFn {
    /// A base chain of an iptables table: index into [`Netfilter::tables`].
    Table(u32),
    /// A base chain of native nftables.
    Native {
        /// Index into [`Netfilter::native`].
        table: u32,
        /// The chain.
        chain: ChainId,
    },
    /// Address translation where no chain of its own is: one nat chain brings it to all hooks but FORWARD
    /// (`nf_nat_register_fn()`, `net/netfilter/nf_nat_core.c`).
    Nat,
    /// Rules that exist, or may exist, and cannot be evaluated: anything is possible.
    Unknown(GapId),
    /// Rules that cannot be evaluated, but at worst drop silently.
    MayDrop(GapId),
}

/// Tables of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Before conntrack.
    Raw,
    /// Marks.
    Mangle,
    /// Address translation.
    Nat,
    /// Filtering.
    Filter,
    /// SELinux marks.
    Security,
}

/// A table with its chains.
#[derive(Clone, Debug)]
pub struct Table {
    /// iptables or ip6tables.
    pub family: Family,
    /// Backend.
    pub backend: Backend,
    /// Name.
    pub name: TableName,
    /// Chains; base chains first.
    pub chains: Vec<Chain>,
    /// Base chain of each hook, as index into `chains`.
    pub base: [Option<ChainId>; 5],
    /// Member of the bundle that it was read from. Namespaces whose text is the same share the table: see
    /// [`Netns::member_of`](crate::Netns::member_of).
    pub path: Arc<str>,
}

/// Index into [`Table::chains`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

impl TableName {
    /// As iptables spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TableName::Raw => "raw",
            TableName::Mangle => "mangle",
            TableName::Nat => "nat",
            TableName::Filter => "filter",
            TableName::Security => "security",
        }
    }

    /// Hooks and priorities at which the table has base chains.
    #[must_use]
    pub fn bases(self) -> &'static [(Hook, i32)] {
        use Hook::{Forward, LocalIn, LocalOut, PostRouting, PreRouting};
        match self {
            TableName::Raw => &[(PreRouting, -300), (LocalOut, -300)],
            TableName::Mangle => &[
                (PreRouting, -150),
                (LocalIn, -150),
                (Forward, -150),
                (LocalOut, -150),
                (PostRouting, -150),
            ],
            TableName::Nat => &[(PreRouting, -100), (LocalIn, 100), (LocalOut, -100), (PostRouting, 100)],
            TableName::Filter => &[(LocalIn, 0), (Forward, 0), (LocalOut, 0)],
            TableName::Security => &[(LocalIn, 50), (Forward, 50), (LocalOut, 50)],
        }
    }
}

impl Netfilter {
    /// A native table by its number among all tables.
    #[must_use]
    pub fn native_table(&self, number: u32) -> Option<&Arc<nft::NftTable>> {
        self.native.get((number as usize).checked_sub(self.tables.len())?)
    }

    /// The number of a native table among all tables.
    #[must_use]
    pub fn native_number(&self, index: u32) -> u32 {
        self.tables.len() as u32 + index
    }
}

impl Hook {
    /// Where its nat chains run (`NF_IP_PRI_NAT_DST`, `NF_IP_PRI_NAT_SRC`).
    #[must_use]
    pub fn nat_priority(self) -> i32 {
        match self {
            Hook::PreRouting | Hook::LocalOut => -100,
            Hook::LocalIn | Hook::Forward | Hook::PostRouting => 100,
        }
    }

    /// Name of the iptables base chain.
    #[must_use]
    pub fn chain(self) -> &'static str {
        match self {
            Hook::PreRouting => "PREROUTING",
            Hook::LocalIn => "INPUT",
            Hook::Forward => "FORWARD",
            Hook::LocalOut => "OUTPUT",
            Hook::PostRouting => "POSTROUTING",
        }
    }
}
