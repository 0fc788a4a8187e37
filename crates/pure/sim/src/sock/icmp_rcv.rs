//! ICMP: echo, and errors for sockets.
//!
//! Kernel: `icmp_rcv()`, `icmp_unreach()` (`net/ipv4/icmp.c`, 6.18).

use crate::engine::{Engine, Item};
use crate::skb::{L4, Skb};
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;
use netwhy_wire::icmp;

pub(crate) fn icmp_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Icmp { kind, code, id, inner } = &skb.l4 else {
        return;
    };
    if let Some(inner) = inner {
        // The inner packet was sent by the client: as an answer it would come back inverted.
        if eng.is_client(ns, &inner.inverted()) {
            eng.note(ns, skb, Detail::Socket { port: inner.sport });
            eng.client_icmp(*kind, *code);
        }
        return;
    }
    match *kind {
        icmp::ECHO => {
            eng.note(ns, skb, Detail::Socket { port: 0 });
            eng.delivered.get_or_insert((ns.id, 0, skb.src));
            let mut back = Skb::new(
                skb.dst,
                skb.src,
                L4::Icmp {
                    kind: icmp::ECHO_REPLY,
                    code: 0,
                    id: *id,
                    inner: None,
                },
            );
            back.reply = true;
            // icmp_reply(): the kernel's own socket, with the TOS of the request.
            back.len = skb.len;
            back.tos = skb.tos;
            back.df = false;
            back.sk = Some((ns.id, false));
            eng.begin(ns, &mut back);
            eng.push(Item::LocalOut {
                netns: ns.id,
                skb: back,
            });
        }
        icmp::ECHO_REPLY if ns.id == eng.client.netns && eng.client.proto == 1 && eng.client.local.1 == *id => {
            eng.note(ns, skb, Detail::Socket { port: 0 });
            eng.client_told(ClientSees::Ok);
            eng.client.answered = true;
        }
        _ => {}
    }
}
