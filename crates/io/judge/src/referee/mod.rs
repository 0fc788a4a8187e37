//! The kernel as the referee of the simulator, in worlds that are drawn.
//!
//! | module | what is drawn and compared |
//! |---|---|
//! | [`packets`] | one namespace, frames through TAP devices: every reaction, every drop reason, every rule counter |
//! | [`conversations`] | several namespaces, real sockets: what the client sees |

pub mod conversations;
pub mod fidelity;
pub mod packets;
