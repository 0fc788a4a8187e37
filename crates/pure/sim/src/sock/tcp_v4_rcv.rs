//! TCP at both ends.
//!
//! Kernel: `tcp_v4_rcv()`, `tcp_v4_send_reset()` (`tcp_ipv4.c`), `tcp_conn_request()` (`tcp_input.c`), 6.18.

use super::lookup::lookup;
use crate::engine::{Engine, Item};
use crate::opts::TcpOpts;
use crate::reason::{DropReason, Stage};
use crate::skb::{L4, Skb};
use crate::state::Server;
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;
use netwhy_wire::tcp;

pub(crate) fn tcp_v4_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Tcp { dport, flags, .. } = skb.l4 else { return };
    if eng.is_client(ns, &skb.tuple()) {
        return client_rcv(eng, ns, skb, flags);
    }
    let known = eng
        .servers
        .iter()
        .position(|s| s.proto == 6 && s.netns == ns.id && s.local == (skb.dst, dport) && s.peer == peer(skb));
    if let Some(known) = known {
        if flags & tcp::RST != 0 {
            eng.servers.remove(known);
        } else if skb.main {
            eng.note(ns, skb, Detail::Socket { port: dport });
        }
        return;
    }
    if flags & (tcp::SYN | tcp::ACK | tcp::RST) != tcp::SYN {
        return reset(eng, ns, skb, flags);
    }
    match lookup(ns, skb) {
        Err(gap) => eng.unknown_socket(ns, skb, Stage::TcpV4Rcv, gap),
        Ok(None) => reset(eng, ns, skb, flags),
        Ok(Some(_)) => {
            eng.note(ns, skb, Detail::Socket { port: dport });
            eng.delivered.get_or_insert((ns.id, dport, skb.src));
            eng.servers.push(Server {
                netns: ns.id,
                local: (skb.dst, dport),
                peer: peer(skb),
                proto: 6,
            });
            answer(eng, ns, skb, tcp::SYN_ACK, true);
        }
    }
}

fn peer(skb: &Skb) -> (std::net::Ipv4Addr, u16) {
    (skb.src, skb.ports().map_or(0, |p| p.0))
}

/// A packet back to where one came from.
fn answer(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8, main: bool) {
    let Some((sport, dport)) = skb.ports() else { return };
    let mut back = Skb::new(
        skb.dst,
        skb.src,
        L4::Tcp {
            sport: dport,
            dport: sport,
            flags,
        },
    );
    back = back.with_opts(skb.opts.agreed(TcpOpts::offered(ns)));
    back.sk = Some((ns.id, flags & tcp::RST == 0));
    if flags & tcp::RST != 0 {
        // tcp_v4_send_reset(): what came decides.
        back.tos = skb.tos;
    }
    back.main = main;
    back.reply = !skb.reply;
    eng.begin(ns, &mut back);
    eng.push(Item::LocalOut {
        netns: ns.id,
        skb: back,
    });
}

/// No socket: a reset, except for resets.
fn reset(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8) {
    eng.drop(ns, skb, Stage::TcpV4Rcv, DropReason::NoSocket);
    if flags & tcp::RST == 0 {
        eng.note(ns, skb, Detail::Reject { icmp: None });
        answer(eng, ns, skb, tcp::RST | tcp::ACK, false);
    }
}

/// `tcp_rcv_synsent_state_process()`.
fn client_rcv(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8) {
    if flags & tcp::RST != 0 {
        let sees = if eng.client.answered {
            ClientSees::Reset
        } else {
            ClientSees::Refused
        };
        eng.client_told(sees);
        return;
    }
    if flags & tcp::SYN_ACK == tcp::SYN_ACK && !eng.client.answered {
        eng.note(
            ns,
            skb,
            Detail::Socket {
                port: eng.client.local.1,
            },
        );
        eng.client_told(ClientSees::Ok);
        eng.client.answered = true;
        answer(eng, ns, skb, tcp::ACK, true);
    }
}
