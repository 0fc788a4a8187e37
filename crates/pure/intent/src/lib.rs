//! What Kubernetes promises: Services to backends, names to addresses.
//!
//! Nothing here knows how a packet travels: this is the API's side of the argument.

pub mod endpoints;
pub mod names;
pub mod services;

pub use endpoints::{Backend, Endpoints};
pub use names::{Peer, Target, owner_of};
pub use services::{ServicePortRef, Vip, VipKind};
