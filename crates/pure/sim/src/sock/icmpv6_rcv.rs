//! ICMPv6: echo, and errors for sockets.
//!
//! Kernel: `icmpv6_rcv()`, `icmpv6_echo_reply()`, `icmpv6_notify()` (`net/ipv6/icmp.c`, 6.18).

use super::icmp_rcv::echo_reply;
use crate::engine::Engine;
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;
use netwhy_wire::icmpv6;

pub(crate) fn icmpv6_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Icmp { kind, code, id, inner } = &skb.l4 else {
        return;
    };
    if let Some(inner) = inner {
        if eng.is_client(ns, &inner.inverted()) {
            eng.note(ns, skb, Detail::Socket { port: inner.sport });
            eng.client_icmp(*kind, *code);
        }
        return;
    }
    match *kind {
        icmpv6::ECHO_REQUEST => echo_reply(eng, ns, skb, icmpv6::ECHO_REPLY, skb.len),
        icmpv6::ECHO_REPLY
            if ns.id == eng.client.netns && eng.client.proto == icmpv6::PROTO && eng.client.local.1 == *id =>
        {
            eng.note(ns, skb, Detail::Socket { port: 0 });
            eng.client_told(ClientSees::Ok);
            eng.client.answered = true;
        }
        icmpv6::ECHO_REPLY => eng.drop(ns, skb, Stage::PingRcv, DropReason::NoSocket),
        _ => {}
    }
}
