//! Links, bridges, tunnels.

pub mod vtep_mac_wrong;
