//! ICMP: echo, and errors for sockets.
//!
//! Kernel: `icmp_rcv()`, `icmp_unreach()` (`net/ipv4/icmp.c`, 6.18).

use crate::engine::{Engine, Item};
use crate::reason::{DropReason, Stage};
use crate::skb::{Flaw, L4, Skb};
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;
use netwhy_wire::icmp;

/// IP header, ICMP header and three times (bytes).
const TIMESTAMP_LEN: u32 = 40;
const TIMESTAMP: u8 = 13;
const TIMESTAMP_REPLY: u8 = 14;

pub(crate) fn icmp_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Icmp { kind, code, id, inner } = &skb.l4 else {
        return;
    };
    if skb.flaw == Some(Flaw::Checksum) {
        return eng.drop(ns, skb, Stage::IcmpRcv, DropReason::IcmpCsum);
    }
    // To many: net.ipv4.icmp_echo_ignore_broadcasts is on by default, and other types are for one.
    let to_many = skb.is_broadcast() || skb.dst.is_multicast();
    if to_many && !matches!(kind, 17 | 18) {
        return eng.drop(ns, skb, Stage::IcmpRcv, DropReason::InvalidProto);
    }
    if let Some(inner) = inner {
        // The inner packet was sent by the client: as an answer it would come back inverted.
        if eng.is_client(ns, &inner.inverted()) {
            eng.note(ns, skb, Detail::Socket { port: inner.sport });
            eng.client_icmp(*kind, *code);
        }
        return;
    }
    match *kind {
        icmp::ECHO | TIMESTAMP => {
            let (answer, len) = match *kind {
                icmp::ECHO => (icmp::ECHO_REPLY, skb.len),
                _ => (TIMESTAMP_REPLY, TIMESTAMP_LEN),
            };
            echo_reply(eng, ns, skb, answer, len);
        }
        icmp::ECHO_REPLY if ns.id == eng.client.netns && eng.client.proto == 1 && eng.client.local.1 == *id => {
            eng.note(ns, skb, Detail::Socket { port: 0 });
            eng.client_told(ClientSees::Ok);
            eng.client.answered = true;
        }
        icmp::ECHO_REPLY => eng.drop(ns, skb, Stage::PingRcv, DropReason::NoSocket),
        _ => {}
    }
}

/// The answer of the host itself, of this type and length.
pub(super) fn echo_reply(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, kind: u8, len: u32) {
    let L4::Icmp { id, .. } = skb.l4 else { return };
    eng.note(ns, skb, Detail::Socket { port: 0 });
    eng.delivered.get_or_insert((ns.id, 0, skb.src));
    let l4 = L4::Icmp {
        kind,
        code: 0,
        id,
        inner: None,
    };
    let mut back = Skb::new(skb.dst, skb.src, l4);
    back.df = false;
    back.icmp_locked = true;
    back.len = len;
    back.tos = skb.tos;
    back.reply = true;
    back.sk = Some((ns.id, false));
    eng.begin(ns, &mut back);
    eng.push(Item::LocalOut {
        netns: ns.id,
        skb: back,
    });
}
