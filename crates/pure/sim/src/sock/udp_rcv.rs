//! UDP at both ends: one request, one answer.
//!
//! Kernel: `__udp4_lib_rcv()` (`net/ipv4/udp.c`), `__udp6_lib_rcv()` (`net/ipv6/udp.c`, 6.18). A server on a wildcard address answers from the address that routing
//! chooses, which need not be the one that was asked.

use super::lookup::lookup;
use crate::engine::{Engine, Item};
use crate::ip::{Unreach, send_unreach};
use crate::reason::{DropReason, Stage};
use crate::skb::{Flaw, L4, Skb};
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;

pub(crate) fn udp_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Udp { sport, dport } = skb.l4 else { return };
    if skb.flaw == Some(Flaw::Checksum) {
        return eng.drop(ns, skb, Stage::UdpRcv, DropReason::UdpCsum);
    }
    if eng.is_client(ns, &skb.tuple()) {
        if !eng.client.answered {
            eng.note(ns, skb, Detail::Socket { port: dport });
            eng.client_told(ClientSees::Ok);
            eng.client.answered = true;
        }
        return;
    }
    match lookup(ns, skb) {
        Err(gap) => eng.unknown_socket(ns, skb, Stage::UdpRcv, gap),
        // __udp4_lib_mcast_deliver()
        Ok(None) if skb.is_broadcast() => eng.drop(ns, skb, Stage::UdpRcv, DropReason::NotSpecified),
        Ok(None) => {
            eng.drop(ns, skb, Stage::UdpRcv, DropReason::NoSocket);
            eng.note(
                ns,
                skb,
                Detail::Reject {
                    icmp: Some(Unreach::Port.words(skb.family())),
                },
            );
            // nf_reset_ct(): the error finds its connection by what it quotes, not before.
            let mut forgotten = skb.clone();
            forgotten.ct = None;
            forgotten.untracked = false;
            send_unreach(eng, ns, &forgotten, Unreach::Port);
        }
        Ok(Some(socket)) => {
            eng.note(ns, skb, Detail::Socket { port: dport });
            eng.taken(ns, dport, socket);
            // Nobody answers for an observer.
            if skb.reply || eng.watch.is_some() {
                return;
            }
            eng.delivered.get_or_insert((ns.id, dport, skb.src));
            let src = socket.addr.unwrap_or(skb.family().any());
            let mut back = Skb::new(
                src,
                skb.src,
                L4::Udp {
                    sport: dport,
                    dport: sport,
                },
            );
            back.reply = true;
            back.len_any = true;
            back.sk = Some((ns.id, true));
            eng.begin(ns, &mut back);
            eng.push(Item::LocalOut {
                netns: ns.id,
                skb: back,
            });
        }
    }
}
