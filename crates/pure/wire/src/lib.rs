//! Headers, addresses and capture blocks: bytes to values and back.
//!
//! Pure: no file, no socket, no clock. Everything here takes bytes that a stranger wrote, so nothing here panics.

pub mod arp;
pub mod checksum;
pub mod decode;
pub mod icmp;
pub mod icmpv6;
pub mod mac;
pub mod pcap;
pub mod proto;
pub mod tcp;

pub use decode::{Decoded, Tuple, decode};
pub use mac::Mac;
pub use proto::Proto;
