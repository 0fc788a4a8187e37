//! The kernel as the referee of the simulator, in worlds that are drawn.
//!
//! | module | what is drawn and compared |
//! |---|---|
//! | [`packets`] | one namespace, frames through TAP devices: every reaction, every drop reason, every rule counter |
//! | [`conversations`] | several namespaces, real sockets: what the client sees |
//!
//! [`court`] runs both. What it prints of a disagreement is a world that can be pasted into `tests/referee/cases.txt`.

pub mod conversations;
pub mod court;
pub mod fidelity;
pub mod packets;
mod sickbay;

pub use sickbay::Sickbay;

/// Release of the kernel, e.g. `6.18.44`; empty if it cannot be read.
fn kernel_release() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease");
    release.unwrap_or_default().trim().to_owned()
}
