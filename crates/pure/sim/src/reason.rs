//! Names of stages and drop reasons, as the kernel spells them.

use netwhy_model::Family;

macro_rules! spelled {
    ($kind:ident { $($variant:ident => $name:literal,)+ }) => {
        impl $kind {
            /// All variants.
            pub const ALL: &'static [$kind] = &[$($kind::$variant),+];

            /// As the kernel spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($kind::$variant => $name,)+
                }
            }
        }
    };
}

/// Drop reasons of `skb:kfree_skb` (`include/net/dropreason-core.h`, 6.18) that the simulator can produce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// `NOT_SPECIFIED`: the kernel gives no reason here (blackhole routes, hairpin off, MTU of a veth).
    NotSpecified,
    /// `NO_SOCKET`.
    NoSocket,
    /// `NETFILTER_DROP`.
    NetfilterDrop,
    /// `OTHERHOST`: the frame's destination MAC is somebody else's.
    Otherhost,
    /// `IP_INADDRERRORS`: forwarding is off here.
    IpInAddrErrors,
    /// `IP_INNOROUTES`.
    IpInNoRoutes,
    /// `IP_RPFILTER`.
    IpRpFilter,
    /// `IP_LOCAL_SOURCE`: the source is an own address.
    IpLocalSource,
    /// `IP_INVALID_SOURCE`.
    IpInvalidSource,
    /// `IP_LOCALNET`: 127/8 without `route_localnet`.
    IpLocalnet,
    /// `IP_INVALID_DEST`.
    IpInvalidDest,
    /// `IP_INHDR`: TTL exceeded.
    IpInHdr,
    /// `IP_CSUM`: the checksum of the IP header is wrong.
    IpCsum,
    /// `TCP_CSUM`.
    TcpCsum,
    /// `UDP_CSUM`.
    UdpCsum,
    /// `ICMP_CSUM`.
    IcmpCsum,
    /// `INVALID_PROTO`: ICMP that must not be sent to many.
    InvalidProto,
    /// `TCP_RESET`: a reset for a socket that has no connection.
    TcpReset,
    /// `IP_NOPROTO`.
    IpNoProto,
    /// `IP_OUTNOROUTES`.
    IpOutNoRoutes,
    /// `IPV6DISABLED`: `disable_ipv6` of the link.
    Ipv6Disabled,
    /// `PKT_TOO_BIG`.
    PktTooBig,
    /// `NEIGH_FAILED`: nobody answers ARP.
    NeighFailed,
    /// `MAC_INVALID_SOURCE`: a frame from a multicast address.
    MacInvalidSource,
    /// `NO_TX_TARGET`: the VXLAN device knows no remote for this MAC.
    NoTxTarget,
    /// `VXLAN_VNI_NOT_FOUND`.
    VxlanVniNotFound,
    /// `LOCAL_MAC`: a VXLAN frame with the device's own source MAC.
    LocalMac,
    /// `DEV_READY`: the device is down.
    DevReady,
    /// `TCP_FLAGS` and kin: the socket does not want it.
    TcpFlags,
    /// `UNHANDLED_PROTO`.
    UnhandledProto,
    /// `UNICAST_IN_L2_MULTICAST` and other receive rules of the bridge.
    BridgeIngressStpState,
}

spelled!(DropReason {
    NotSpecified => "NOT_SPECIFIED",
    NoSocket => "NO_SOCKET",
    NetfilterDrop => "NETFILTER_DROP",
    Otherhost => "OTHERHOST",
    IpInAddrErrors => "IP_INADDRERRORS",
    IpInNoRoutes => "IP_INNOROUTES",
    IpRpFilter => "IP_RPFILTER",
    IpLocalSource => "IP_LOCAL_SOURCE",
    IpInvalidSource => "IP_INVALID_SOURCE",
    IpLocalnet => "IP_LOCALNET",
    IpInvalidDest => "IP_INVALID_DEST",
    IpInHdr => "IP_INHDR",
    IpCsum => "IP_CSUM",
    TcpCsum => "TCP_CSUM",
    UdpCsum => "UDP_CSUM",
    IcmpCsum => "ICMP_CSUM",
    InvalidProto => "INVALID_PROTO",
    TcpReset => "TCP_RESET",
    IpNoProto => "IP_NOPROTO",
    IpOutNoRoutes => "IP_OUTNOROUTES",
    Ipv6Disabled => "IPV6DISABLED",
    PktTooBig => "PKT_TOO_BIG",
    NeighFailed => "NEIGH_FAILED",
    MacInvalidSource => "MAC_INVALID_SOURCE",
    NoTxTarget => "NO_TX_TARGET",
    VxlanVniNotFound => "VXLAN_VNI_NOT_FOUND",
    LocalMac => "LOCAL_MAC",
    DevReady => "DEV_READY",
    TcpFlags => "TCP_FLAGS",
    UnhandledProto => "UNHANDLED_PROTO",
    BridgeIngressStpState => "BRIDGE_INGRESS_STP_STATE",
});

/// Kernel functions at which a packet can be, or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// `net/core/dev.c`.
    NetifReceiveSkb,
    /// `net/bridge/br_input.c`.
    BrHandleFrame,
    /// `net/bridge/br_input.c`.
    BrHandleFrameFinish,
    /// `net/bridge/br_netfilter_hooks.c`.
    BrNfPreRouting,
    /// `net/bridge/br_netfilter_hooks.c`.
    BrNfPreRoutingFinish,
    /// `net/bridge/br_forward.c`.
    BrForward,
    /// `net/bridge/br_device.c`.
    BrDevXmit,
    /// `net/ipv4/ip_input.c`.
    IpRcvCore,
    /// `net/ipv4/ip_input.c`.
    IpRcvFinishCore,
    /// `net/ipv4/route.c`.
    IpRouteInputSlow,
    /// `net/ipv4/route.c`.
    IpError,
    /// `net/ipv4/ip_forward.c`.
    IpForward,
    /// `net/ipv4/ip_input.c`.
    IpLocalDeliver,
    /// `net/ipv4/ip_input.c`.
    IpProtocolDeliverRcu,
    /// `net/ipv4/ip_output.c`.
    IpLocalOut,
    /// `net/ipv4/route.c`.
    IpRouteOutputKeyHash,
    /// `net/ipv4/ip_output.c`.
    IpFinishOutput,
    /// `net/core/neighbour.c`.
    NeighResolveOutput,
    /// `net/core/neighbour.c`.
    NeighInvalidate,
    /// `net/core/dev.c`.
    DevQueueXmit,
    /// `drivers/net/veth.c`.
    VethXmit,
    /// `drivers/net/vxlan/vxlan_core.c`.
    VxlanXmit,
    /// `drivers/net/vxlan/vxlan_core.c`.
    VxlanRcv,
    /// `net/netfilter/core.c`: legacy iptables, conntrack.
    NfHookSlow,
    /// `net/netfilter/nf_tables_core.c`: iptables-nft and nft.
    NftDoChain,
    /// `net/ipv4/netfilter/nf_reject_ipv4.c`.
    NfSendReset,
    /// `net/ipv4/tcp_ipv4.c`.
    TcpV4Rcv,
    /// `net/ipv4/tcp_ipv4.c`.
    TcpV4DoRcv,
    /// `net/ipv4/tcp_input.c`.
    TcpRcvStateProcess,
    /// `net/ipv4/udp.c`.
    UdpRcv,
    /// `net/ipv4/icmp.c`.
    IcmpRcv,
    /// `net/ipv4/arp.c`.
    ArpProcess,
    /// `net/ipv4/ping.c`.
    PingRcv,
    /// `net/ipv6/ip6_input.c`.
    Ip6RcvCore,
    /// `net/ipv6/route.c`.
    Ip6RouteInput,
    /// `net/ipv6/route.c`.
    Ip6RouteOutputFlags,
    /// `net/ipv6/route.c`: no route, or one of type unreachable.
    Ip6PktDiscard,
    /// `net/ipv6/route.c`: a route of type prohibit.
    Ip6PktProhibit,
    /// `net/core/dst.c`: a route of type blackhole.
    DstDiscard,
    /// `net/ipv6/ip6_output.c`.
    Ip6Forward,
    /// `net/ipv6/ip6_output.c`.
    Ip6Output,
    /// `net/ipv6/ip6_output.c`.
    Ip6Fragment,
    /// `net/ipv6/ip6_input.c`.
    Ip6ProtocolDeliverRcu,
    /// `net/ipv6/netfilter/nf_reject_ipv6.c`.
    NfSendReset6,
    /// `net/ipv6/tcp_ipv6.c`.
    TcpV6Rcv,
    /// `net/ipv6/tcp_ipv6.c`.
    TcpV6DoRcv,
    /// `net/ipv6/udp.c`.
    Udp6LibRcv,
    /// `net/ipv6/icmp.c`.
    Icmpv6Rcv,
}

impl Stage {
    /// The function of this family where the kernel has two and the simulator one.
    #[must_use]
    pub(crate) fn of(self, family: Family) -> Stage {
        if family == Family::Inet {
            return self;
        }
        match self {
            Stage::IpRcvCore => Stage::Ip6RcvCore,
            Stage::IpRouteInputSlow => Stage::Ip6RouteInput,
            Stage::IpRouteOutputKeyHash => Stage::Ip6RouteOutputFlags,
            Stage::IpProtocolDeliverRcu => Stage::Ip6ProtocolDeliverRcu,
            Stage::NfSendReset => Stage::NfSendReset6,
            Stage::TcpV4Rcv => Stage::TcpV6Rcv,
            Stage::TcpV4DoRcv => Stage::TcpV6DoRcv,
            Stage::UdpRcv => Stage::Udp6LibRcv,
            Stage::IcmpRcv => Stage::Icmpv6Rcv,
            same => same,
        }
    }
}

spelled!(Stage {
    NetifReceiveSkb => "__netif_receive_skb_core",
    BrHandleFrame => "br_handle_frame",
    BrHandleFrameFinish => "br_handle_frame_finish",
    BrNfPreRouting => "br_nf_pre_routing",
    BrNfPreRoutingFinish => "br_nf_pre_routing_finish",
    BrForward => "br_forward",
    BrDevXmit => "br_dev_xmit",
    IpRcvCore => "ip_rcv_core",
    IpRcvFinishCore => "ip_rcv_finish_core",
    IpRouteInputSlow => "ip_route_input_slow",
    IpError => "ip_error",
    IpForward => "ip_forward",
    IpLocalDeliver => "ip_local_deliver",
    IpProtocolDeliverRcu => "ip_protocol_deliver_rcu",
    IpLocalOut => "__ip_local_out",
    IpRouteOutputKeyHash => "ip_route_output_key_hash_rcu",
    IpFinishOutput => "ip_finish_output",
    NeighResolveOutput => "neigh_resolve_output",
    NeighInvalidate => "neigh_invalidate",
    DevQueueXmit => "__dev_queue_xmit",
    VethXmit => "__dev_forward_skb2",
    VxlanXmit => "vxlan_xmit",
    VxlanRcv => "vxlan_rcv",
    NfHookSlow => "nf_hook_slow",
    NftDoChain => "nft_do_chain",
    TcpRcvStateProcess => "tcp_rcv_state_process",
    TcpV4DoRcv => "tcp_v4_do_rcv",
    TcpV4Rcv => "tcp_v4_rcv",
    UdpRcv => "__udp4_lib_rcv",
    NfSendReset => "nf_send_reset",
    PingRcv => "ping_rcv",
    IcmpRcv => "icmp_rcv",
    ArpProcess => "arp_process",
    Ip6RcvCore => "ip6_rcv_core",
    Ip6RouteInput => "ip6_route_input",
    Ip6RouteOutputFlags => "ip6_route_output_flags",
    Ip6PktDiscard => "ip6_pkt_discard",
    Ip6PktProhibit => "ip6_pkt_prohibit",
    DstDiscard => "dst_discard_out",
    Ip6Forward => "ip6_forward",
    Ip6Output => "ip6_output",
    Ip6Fragment => "ip6_fragment",
    Ip6ProtocolDeliverRcu => "ip6_protocol_deliver_rcu",
    NfSendReset6 => "nf_send_reset6",
    TcpV6Rcv => "tcp_v6_rcv",
    TcpV6DoRcv => "tcp_v6_do_rcv",
    Udp6LibRcv => "__udp6_lib_rcv",
    Icmpv6Rcv => "icmpv6_rcv",
});
