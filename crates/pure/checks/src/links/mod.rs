//! Links, bridges, tunnels.

pub mod hairpin_off;
pub mod link_down;
pub mod vtep_mac_wrong;
pub mod vxlan_mismatch;
