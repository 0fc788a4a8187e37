//! What `ip -j -d` and `bridge -j -d` print: lists of objects.
//!
//! Every field has a default, unknown fields are ignored, numbers may be strings, `null` is absence. Field names are
//! iproute2's. Names that say more than the field's type does: `table` is a name or a number as text, see [`Route`].

mod link;
mod neigh;
mod route;
mod rule;

pub use super::json::{parse_list, print_list};
pub use link::{AddrInfo, AddrLink, BridgeLink, BridgeVlan, Link, LinkInfo, VlanRange};
pub use neigh::{Fdb, Neigh};
pub use route::{Metrics, NextHop, Route, Via};
pub use rule::Rule;

/// For `skip_serializing_if`.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
