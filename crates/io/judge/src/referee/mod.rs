//! The kernel judges the simulator in random worlds.

pub mod packets;
