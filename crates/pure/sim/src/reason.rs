//! Names of stages and drop reasons, as the kernel spells them.

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

impl DropReason {
    /// As `skb:kfree_skb` prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DropReason::NotSpecified => "NOT_SPECIFIED",
            DropReason::NoSocket => "NO_SOCKET",
            DropReason::NetfilterDrop => "NETFILTER_DROP",
            DropReason::Otherhost => "OTHERHOST",
            DropReason::IpInAddrErrors => "IP_INADDRERRORS",
            DropReason::IpInNoRoutes => "IP_INNOROUTES",
            DropReason::IpRpFilter => "IP_RPFILTER",
            DropReason::IpLocalSource => "IP_LOCAL_SOURCE",
            DropReason::IpInvalidSource => "IP_INVALID_SOURCE",
            DropReason::IpLocalnet => "IP_LOCALNET",
            DropReason::IpInvalidDest => "IP_INVALID_DEST",
            DropReason::IpInHdr => "IP_INHDR",
            DropReason::IpCsum => "IP_CSUM",
            DropReason::TcpCsum => "TCP_CSUM",
            DropReason::UdpCsum => "UDP_CSUM",
            DropReason::IcmpCsum => "ICMP_CSUM",
            DropReason::InvalidProto => "INVALID_PROTO",
            DropReason::TcpReset => "TCP_RESET",
            DropReason::IpNoProto => "IP_NOPROTO",
            DropReason::IpOutNoRoutes => "IP_OUTNOROUTES",
            DropReason::PktTooBig => "PKT_TOO_BIG",
            DropReason::NeighFailed => "NEIGH_FAILED",
            DropReason::MacInvalidSource => "MAC_INVALID_SOURCE",
            DropReason::NoTxTarget => "NO_TX_TARGET",
            DropReason::VxlanVniNotFound => "VXLAN_VNI_NOT_FOUND",
            DropReason::LocalMac => "LOCAL_MAC",
            DropReason::DevReady => "DEV_READY",
            DropReason::TcpFlags => "TCP_FLAGS",
            DropReason::UnhandledProto => "UNHANDLED_PROTO",
            DropReason::BridgeIngressStpState => "BRIDGE_INGRESS_STP_STATE",
        }
    }
}

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
    /// `net/ipv4/ping.c`.
    PingRcv,
}

impl Stage {
    /// The function's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::NetifReceiveSkb => "__netif_receive_skb_core",
            Stage::BrHandleFrame => "br_handle_frame",
            Stage::BrHandleFrameFinish => "br_handle_frame_finish",
            Stage::BrNfPreRouting => "br_nf_pre_routing",
            Stage::BrNfPreRoutingFinish => "br_nf_pre_routing_finish",
            Stage::BrForward => "br_forward",
            Stage::BrDevXmit => "br_dev_xmit",
            Stage::IpRcvCore => "ip_rcv_core",
            Stage::IpRcvFinishCore => "ip_rcv_finish_core",
            Stage::IpRouteInputSlow => "ip_route_input_slow",
            Stage::IpError => "ip_error",
            Stage::IpForward => "ip_forward",
            Stage::IpLocalDeliver => "ip_local_deliver",
            Stage::IpProtocolDeliverRcu => "ip_protocol_deliver_rcu",
            Stage::IpLocalOut => "__ip_local_out",
            Stage::IpRouteOutputKeyHash => "ip_route_output_key_hash_rcu",
            Stage::IpFinishOutput => "ip_finish_output",
            Stage::NeighResolveOutput => "neigh_resolve_output",
            Stage::NeighInvalidate => "neigh_invalidate",
            Stage::DevQueueXmit => "__dev_queue_xmit",
            Stage::VethXmit => "__dev_forward_skb2",
            Stage::VxlanXmit => "vxlan_xmit",
            Stage::VxlanRcv => "vxlan_rcv",
            Stage::NfHookSlow => "nf_hook_slow",
            Stage::NftDoChain => "nft_do_chain",
            Stage::TcpRcvStateProcess => "tcp_rcv_state_process",
            Stage::TcpV4DoRcv => "tcp_v4_do_rcv",
            Stage::TcpV4Rcv => "tcp_v4_rcv",
            Stage::UdpRcv => "__udp4_lib_rcv",
            Stage::NfSendReset => "nf_send_reset",
            Stage::PingRcv => "ping_rcv",
            Stage::IcmpRcv => "icmp_rcv",
        }
    }
}
