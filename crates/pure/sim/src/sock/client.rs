//! The client: `connect()`, and what it is told.
//!
//! Kernel: `tcp_v6_connect()`, `tcp_v6_err()` (`tcp_ipv6.c`), `icmpv6_err_convert()` (`net/ipv6/icmp.c`), `tcp_v4_connect()`, `tcp_v4_err()` (`tcp_ipv4.c`), `__udp4_lib_err()` (`udp.c`), `icmp_err_convert` (`icmp.c`).

use crate::engine::{Engine, Item};
use crate::flow::Flow;
use crate::opts::TcpOpts;
use crate::reason::Stage;
use crate::route::{OutputKey, RouteError, dst_mtu, inet_addr_type_dev, ip_route_output, is_link_local};
use crate::skb::{EPHEMERAL, Errno, L4, Skb, Tuple, ip_len};
use crate::trace::{ClientSees, Detail, Disposition, End};
use netwhy_model::netfilter::addr_type;
use netwhy_model::{Family, GapId, Netns};
use netwhy_wire::{icmp, icmpv6, tcp};
use std::net::IpAddr;

/// Port that stands for any of the kernel's choice.
pub(crate) const EPHEMERAL_PORT: u16 = 43210;

/// Payload of the question that `netwhy` asks by UDP, and of `ping` (bytes).
const QUESTION_LEN: u32 = 5;
const PING_LEN: u32 = 56;

/// `IPV4_MAX_PMTU`, and the headers without options (bytes).
const MTU_MAX: u32 = 65535;
const TCP_LEN: u32 = 20;
/// `ip_rt_min_advmss`, `ip6_rt_min_advmss` (bytes).
const ADVMSS_MIN: u32 = 256;
const ADVMSS_MIN6: u32 = 1220;

/// `dst_metric_advmss()`, `ipv4_default_advmss()` (`net/ipv4/route.c`), `ip6_default_advmss()`: the MSS option of a SYN or SYN-ACK that leaves by this route.
pub(crate) fn advertise_mss(ns: &Netns, skb: &mut Skb) {
    let L4::Tcp { flags, .. } = skb.l4 else { return };
    if flags & tcp::SYN == 0 {
        return;
    }
    let Some(dst) = skb.route else { return };
    let headers = ip_len(skb.family()) + TCP_LEN;
    let least = match skb.family() {
        Family::Inet => ADVMSS_MIN,
        Family::Inet6 => ADVMSS_MIN6,
    };
    let by_mtu = |mtu: u32| mtu.saturating_sub(headers).clamp(least, MTU_MAX - headers);
    let mss = dst.advmss.or_else(|| dst_mtu(ns, &dst).map(by_mtu));
    skb.opts.mss = mss.and_then(|mss| u16::try_from(mss).ok());
}

/// Sends the first packet, or notes the error that the client's own kernel gives.
pub(crate) fn connect(eng: &mut Engine<'_>, flow: &Flow) {
    let ns = eng.ns(flow.from);
    // ip_route_output_key_hash_rcu(), tcp_v6_connect(): nobody is this host.
    let dst = if flow.dst.is_unspecified() {
        Family::of(flow.dst).loopback()
    } else {
        flow.dst
    };
    let family = Family::of(dst);
    eng.client.remote.0 = dst;
    let sport = if flow.sport == 0 { EPHEMERAL_PORT } else { flow.sport };
    let l4 = match flow.proto {
        6 => L4::Tcp {
            sport,
            dport: flow.dport,
            flags: tcp::SYN,
        },
        17 => L4::Udp {
            sport,
            dport: flow.dport,
        },
        _ => L4::Icmp {
            kind: match family {
                Family::Inet => icmp::ECHO,
                Family::Inet6 => icmpv6::ECHO_REQUEST,
            },
            code: 0,
            id: sport,
            inner: None,
        },
    };
    let mut skb = Skb::new(flow.src.unwrap_or(Family::of(dst).any()), dst, l4).with_opts(TcpOpts::offered(ns));
    skb.sport_any = (flow.sport == 0).then_some(EPHEMERAL);
    skb.sk = Some((ns.id, true));
    eng.client.proto = skb.proto();
    skb.len += match flow.proto {
        6 => 0,
        17 => QUESTION_LEN,
        _ => PING_LEN,
    };
    let key = OutputKey {
        src: flow.src,
        dst,
        mark: 0,
        proto: skb.proto(),
        ports: skb.ports(),
    };
    // tcp_v6_connect(), __ip6_datagram_connect(): an address of one link needs the link, which a flow does not say.
    if is_link_local(dst) {
        eng.begin(ns, &mut skb);
        return local_error(eng, ns, &skb, ClientSees::InvalidArgument, Stage::IpRouteOutputKeyHash);
    }
    // ip_route_connect(): a first look-up finds the source, a second one, with it, the route.
    let first = ip_route_output(eng, ns, &key, None);
    let second = first.and_then(|(route, src)| {
        if family == Family::Inet6 {
            return Ok((route, src));
        }
        let key = OutputKey { src: Some(src), ..key };
        ip_route_output(eng, ns, &key, None).map(|(dst, _)| (dst, src))
    });
    match second {
        Ok(_) if to_many(ns, dst) && flow.proto != 1 || dst.is_multicast() && flow.proto == 6 => {
            // tcp_v4_connect() of a broadcast or multicast route, __ip4_datagram_connect() of a broadcast route.
            let sees = match flow.proto {
                6 => ClientSees::NetUnreachable,
                _ => ClientSees::Prohibited,
            };
            eng.begin(ns, &mut skb);
            local_error(eng, ns, &skb, sees, Stage::IpRouteOutputKeyHash);
        }
        Ok((dst, src)) => {
            skb.src = src;
            skb.route = Some(dst);
            advertise_mss(ns, &mut skb);
            eng.client.local = (src, sport);
            eng.begin(ns, &mut skb);
            // For the record: the route was looked up before the packet existed.
            let asked = match family {
                Family::Inet => Some(src),
                Family::Inet6 => flow.src,
            };
            let _ = ip_route_output(eng, ns, &OutputKey { src: asked, ..key }, Some(&skb));
            eng.client.syn = (flow.proto == 6).then(|| skb.clone());
            eng.push(Item::LocalOut { netns: ns.id, skb });
        }
        Err(RouteError::Errno(errno)) => {
            let sees = errno_seen(errno);
            eng.begin(ns, &mut skb);
            local_error(eng, ns, &skb, sees, Stage::IpRouteOutputKeyHash);
        }
        Err(RouteError::Unknown(gap)) => {
            eng.begin(ns, &mut skb);
            eng.unknown(ns, &skb, Stage::IpRouteOutputKeyHash, gap);
        }
    }
}

/// Whether the destination is a broadcast address here.
fn to_many(ns: &Netns, dst: IpAddr) -> bool {
    inet_addr_type_dev(ns, dst, 0) == Ok(addr_type::BROADCAST)
}

fn errno_seen(errno: Errno) -> ClientSees {
    match errno {
        Errno::Inval => ClientSees::InvalidArgument,
        Errno::HostUnreach => ClientSees::NoRoute,
        Errno::NetUnreach => ClientSees::NetUnreachable,
        Errno::Acces => ClientSees::Prohibited,
        Errno::AddrNotAvail => ClientSees::AddressNotAvailable,
    }
}

fn local_error(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, sees: ClientSees, stage: Stage) {
    eng.note(ns, skb, Detail::LocalError { client: sees });
    eng.end = Some(End {
        disposition: Disposition::Rejected,
        netns: ns.id,
        stage: stage.of(skb.family()),
        reason: None,
        rule: None,
        reply: false,
        gap: None,
        left_to: None,
    });
    eng.client_told(sees);
}

impl Engine<'_> {
    /// The first word that reaches the client counts.
    pub(crate) fn client_told(&mut self, sees: ClientSees) {
        if self.client.result.is_none() && !self.client.answered {
            self.client.result = Some((sees, self.now_ms));
        }
    }

    /// A rule of the client's own host dropped its packet: `sendto()` of UDP fails, TCP keeps trying.
    pub(crate) fn client_denied(&mut self) {
        if self.client.proto != 6 {
            self.client_told(ClientSees::NotPermitted);
        }
    }

    /// The new route that a table of OUTPUT asked for is an error: `sendto()` of UDP returns it, TCP keeps trying.
    pub(crate) fn client_failed(&mut self, errno: Errno) {
        if self.client.proto != 6 {
            self.client_told(errno_seen(errno));
        }
    }

    /// Whether a packet is for the client's socket.
    pub(crate) fn is_client(&self, ns: &Netns, tuple: &Tuple) -> bool {
        let c = &self.client;
        ns.id == c.netns
            && tuple.proto == c.proto
            && (tuple.dst, tuple.dport) == c.local
            && (tuple.src, tuple.sport) == c.remote
    }

    /// An ICMP error about a packet of the client.
    pub(crate) fn client_icmp(&mut self, kind: u8, code: u8) {
        let tcp = self.client.proto == 6;
        let error = match self.client.remote.0 {
            IpAddr::V4(_) => icmp_error(kind, code),
            IpAddr::V6(_) => icmpv6_err_convert(kind, code),
        };
        if let Some((sees, fatal)) = error
            && (tcp || fatal)
        {
            self.client_told(sees);
        }
    }

    /// The packet that ends unknown for lack of a fact about a socket.
    pub(crate) fn unknown_socket(&mut self, ns: &Netns, skb: &Skb, stage: Stage, gap: GapId) {
        self.unknown(ns, skb, stage, gap);
    }
}

/// `icmp_err_convert[]`: what the error means, and whether it is fatal for a connected UDP socket.
fn icmp_error(kind: u8, code: u8) -> Option<(ClientSees, bool)> {
    if kind == icmp::TIME_EXCEEDED {
        return Some((ClientSees::NoRoute, false));
    }
    if kind != icmp::DEST_UNREACH {
        return None;
    }
    Some(match code {
        0 => (ClientSees::NetUnreachable, false),
        1 => (ClientSees::NoRoute, false),
        2 | 3 => (ClientSees::Refused, true),
        4 => return None,
        6 | 9 => (ClientSees::NetUnreachable, true),
        11 => (ClientSees::NetUnreachable, false),
        12 => (ClientSees::NoRoute, false),
        _ => (ClientSees::NoRoute, true),
    })
}

/// `icmpv6_err_convert()`: the same of ICMPv6.
fn icmpv6_err_convert(kind: u8, code: u8) -> Option<(ClientSees, bool)> {
    match kind {
        icmpv6::DEST_UNREACH => Some(match code {
            icmpv6::NOROUTE => (ClientSees::NetUnreachable, false),
            icmpv6::ADM_PROHIBITED | icmpv6::POLICY_FAIL | icmpv6::REJECT_ROUTE => (ClientSees::Prohibited, true),
            icmpv6::PORT_UNREACH => (ClientSees::Refused, true),
            _ => (ClientSees::NoRoute, false),
        }),
        icmpv6::TIME_EXCEED => Some((ClientSees::NoRoute, false)),
        _ => None,
    }
}
