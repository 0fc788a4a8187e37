//! Changes to facts, as a person would make them, with the kernel's side effects.

use crate::cluster::NetnsId;
use crate::family::Family;
use crate::fib::Route;
use crate::link::Link;
use crate::netfilter::nft::NftFamily;
use crate::netfilter::{Backend, Rule, TableName};
use netwhy_wire::Mac;
use std::net::IpAddr;

/// A change that [`Cluster::with`](crate::Cluster::with) lays over a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// Write a sysctl. `net.ipv4.ip_forward` and `conf.all.forwarding` also write every link's `forwarding`, the
    /// default's, and `conf.all.accept_redirects`, and only if the value changes (`devinet_sysctl_forward()`, `net/ipv4/devinet.c`).
    Sysctl {
        /// Namespace.
        netns: NetnsId,
        /// Dotted key, slashes inside interface names.
        key: String,
        /// New value.
        value: String,
    },
    /// Add a route to a table (254 is main); an equal destination, TOS and metric is replaced.
    RouteAdd {
        /// Namespace.
        netns: NetnsId,
        /// Table number.
        table: u32,
        /// The route; next hops name their device.
        route: Route,
    },
    /// Delete the routes with this destination and metric.
    RouteDel {
        /// Namespace.
        netns: NetnsId,
        /// Table number.
        table: u32,
        /// Destination.
        dst: ipnet::IpNet,
        /// Metric.
        metric: u32,
    },
    /// Set a permanent neighbour.
    NeighSet {
        /// Namespace.
        netns: NetnsId,
        /// ifindex.
        link: u32,
        /// Address.
        addr: IpAddr,
        /// Link-layer address.
        lladdr: Mac,
    },
    /// Replace the destinations of a MAC in a VXLAN device's forwarding database.
    VxlanFdbSet {
        /// Namespace.
        netns: NetnsId,
        /// ifindex of the device.
        link: u32,
        /// MAC.
        mac: Mac,
        /// Remote address.
        addr: IpAddr,
    },
    /// Delete a rule.
    RuleDel {
        /// Namespace.
        netns: NetnsId,
        /// iptables or ip6tables.
        family: Family,
        /// Backend.
        backend: Backend,
        /// Table.
        table: TableName,
        /// Chain name.
        chain: String,
        /// Number from 0.
        number: u32,
    },
    /// Insert a rule before a number. Chains that its target names must exist.
    RuleInsert {
        /// Namespace.
        netns: NetnsId,
        /// iptables or ip6tables.
        family: Family,
        /// Backend.
        backend: Backend,
        /// Table.
        table: TableName,
        /// Chain name.
        chain: String,
        /// Number from 0; beyond the end appends.
        number: u32,
        /// The rule.
        rule: Box<Rule>,
    },
    /// Set a base chain's policy.
    Policy {
        /// Namespace.
        netns: NetnsId,
        /// iptables or ip6tables.
        family: Family,
        /// Backend.
        backend: Backend,
        /// Table.
        table: TableName,
        /// Chain name.
        chain: String,
        /// ACCEPT, else DROP.
        accept: bool,
    },
    /// Delete a rule of native nftables.
    NftRuleDel {
        /// Namespace.
        netns: NetnsId,
        /// Family of the table.
        family: NftFamily,
        /// Table.
        table: String,
        /// Chain.
        chain: String,
        /// Handle of the rule.
        handle: u64,
    },
    /// Set the policy of a base chain of native nftables.
    NftPolicy {
        /// Namespace.
        netns: NetnsId,
        /// Family of the table.
        family: NftFamily,
        /// Table.
        table: String,
        /// Chain.
        chain: String,
        /// `accept`, else `drop`.
        accept: bool,
    },
    /// Replace a link (state, port settings, VXLAN settings). Its index must exist.
    Link {
        /// Namespace.
        netns: NetnsId,
        /// New state.
        link: Box<Link>,
    },
    /// Put the rules that an unreadable native table or hook stands for out of the way.
    UnknownHooksDel {
        /// Namespace.
        netns: NetnsId,
    },
    /// Change every `--to-destination` of DNAT rules that leads to one address and port.
    DnatRetarget {
        /// Namespace.
        netns: NetnsId,
        /// Address and port that the rules have.
        from: (IpAddr, u16),
        /// Address and port that they get.
        to: (IpAddr, u16),
    },
    /// Let a process listen.
    Listen {
        /// Namespace.
        netns: NetnsId,
        /// 6 TCP, 17 UDP.
        protocol: u8,
        /// Port, on all addresses.
        port: u16,
    },
}

impl Patch {
    /// The namespace that it changes.
    #[must_use]
    pub fn netns(&self) -> NetnsId {
        match self {
            Patch::Sysctl { netns, .. }
            | Patch::RouteAdd { netns, .. }
            | Patch::RouteDel { netns, .. }
            | Patch::NeighSet { netns, .. }
            | Patch::VxlanFdbSet { netns, .. }
            | Patch::RuleDel { netns, .. }
            | Patch::RuleInsert { netns, .. }
            | Patch::Policy { netns, .. }
            | Patch::NftRuleDel { netns, .. }
            | Patch::NftPolicy { netns, .. }
            | Patch::Link { netns, .. }
            | Patch::UnknownHooksDel { netns }
            | Patch::DnatRetarget { netns, .. }
            | Patch::Listen { netns, .. } => *netns,
        }
    }
}
