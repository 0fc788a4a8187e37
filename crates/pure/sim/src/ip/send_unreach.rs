//! Errors that layers above and below IP have sent, in the words of the packet's family.

use super::{icmp_send, icmpv6_send};
use crate::engine::Engine;
use crate::skb::Skb;
use netwhy_model::{Family, Netns};
use netwhy_wire::{icmp, icmpv6};

/// What cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreach {
    Host,
    Port,
}

impl Unreach {
    /// Type and code.
    pub fn words(self, family: Family) -> (u8, u8) {
        match (family, self) {
            (Family::Inet, Unreach::Host) => (icmp::DEST_UNREACH, icmp::HOST_UNREACH),
            (Family::Inet, Unreach::Port) => (icmp::DEST_UNREACH, icmp::PORT_UNREACH),
            (Family::Inet6, Unreach::Host) => (icmpv6::DEST_UNREACH, icmpv6::ADDR_UNREACH),
            (Family::Inet6, Unreach::Port) => (icmpv6::DEST_UNREACH, icmpv6::PORT_UNREACH),
        }
    }
}

pub(crate) fn send_unreach(eng: &mut Engine<'_>, ns: &Netns, cause: &Skb, what: Unreach) {
    let (kind, code) = what.words(cause.family());
    match cause.family() {
        Family::Inet => icmp_send(eng, ns, cause, kind, code),
        Family::Inet6 => icmpv6_send(eng, ns, cause, (kind, code), 0),
    }
}
