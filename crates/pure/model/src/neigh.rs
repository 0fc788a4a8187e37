//! Neighbours and forwarding databases.

use netwhy_wire::Mac;
use rustc_hash::FxHashMap;
use std::net::IpAddr;

/// Neighbour tables of both families (`arp_tbl`, `nd_tbl`).
#[derive(Clone, Debug, Default)]
pub struct Neighs {
    /// By ifindex and address.
    pub entries: FxHashMap<(u32, IpAddr), Neigh>,
    /// Proxy entries (`ip neigh add proxy`).
    pub proxy: Vec<(u32, IpAddr)>,
}

/// A neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neigh {
    /// Link-layer address, if it has one.
    pub lladdr: Option<Mac>,
    /// State.
    pub state: NudState,
}

/// Neighbour states, as far as they matter for a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NudState {
    /// PERMANENT: never asked again.
    Permanent,
    /// NOARP.
    Noarp,
    /// REACHABLE, STALE, DELAY, PROBE: used, and asked again some time.
    Valid,
    /// INCOMPLETE or FAILED: ARP is asked again.
    Failed,
}

/// Forwarding databases of a namespace.
#[derive(Clone, Debug, Default)]
pub struct Fdb {
    /// Bridges: (bridge ifindex, MAC) to port ifindex; the bridge's own addresses map to the bridge itself.
    pub bridge: FxHashMap<(u32, Mac), u32>,
    /// VXLAN: (device ifindex, MAC) to remote addresses (several for the all-zero MAC).
    pub vxlan: FxHashMap<(u32, Mac), Vec<VxlanDst>>,
}

/// Where a VXLAN device sends a MAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VxlanDst {
    /// Remote address; `None` for one that is not understood.
    pub addr: Option<IpAddr>,
    /// UDP port, if other than the device's.
    pub port: Option<u16>,
    /// VNI, if other than the device's.
    pub vni: Option<u32>,
    /// Permanent, not learned.
    pub permanent: bool,
}
