//! TCP at both ends, of either family.
//!
//! Kernel: `tcp_v4_rcv()`, `tcp_v6_rcv()` (`net/ipv6/tcp_ipv6.c`), `tcp_v4_send_reset()` (`tcp_ipv4.c`), `tcp_conn_request()` (`tcp_input.c`), 6.18.

use super::lookup::lookup;
use crate::engine::{Engine, Item};
use crate::opts::TcpOpts;
use crate::reason::{DropReason, Stage};
use crate::skb::{Flaw, L4, PktType, Skb};
use crate::state::Server;
use crate::trace::{ClientSees, Detail};
use netwhy_model::Netns;
use netwhy_wire::tcp;

pub(crate) fn tcp_v4_rcv<'a>(eng: &mut Engine<'a>, ns: &'a Netns, skb: &Skb) {
    let L4::Tcp { dport, flags, .. } = skb.l4 else { return };
    if skb.pkt_type != PktType::Host {
        return eng.drop(ns, skb, Stage::TcpV4Rcv, DropReason::NotSpecified);
    }
    if skb.flaw == Some(Flaw::Checksum) {
        return eng.drop(ns, skb, Stage::TcpV4Rcv, DropReason::TcpCsum);
    }
    if eng.is_client(ns, &skb.tuple()) {
        return client_rcv(eng, ns, skb, flags);
    }
    let known = eng
        .servers
        .iter()
        .position(|s| s.proto == 6 && s.netns == ns.id && s.local == (skb.dst, dport) && s.peer == peer(skb));
    // Before an observer the server answers with cookies: only the acknowledgement makes a connection.
    let cookie = eng.watch.is_some() && flags & (tcp::ACK | tcp::SYN | tcp::RST) != tcp::ACK;
    if let Some(known) = known.filter(|_| !cookie) {
        if flags & tcp::RST != 0 {
            eng.servers.remove(known);
        } else if skb.main {
            eng.note(ns, skb, Detail::Socket { port: dport });
            speak(eng, ns, skb, known);
        }
        return;
    }
    match lookup(ns, skb) {
        Err(gap) => eng.unknown_socket(ns, skb, Stage::TcpV4Rcv, gap),
        Ok(None) => reset(eng, ns, skb, flags),
        Ok(Some(_)) if flags & tcp::ACK != 0 => {
            eng.drop(ns, skb, Stage::TcpV4DoRcv, DropReason::TcpFlags);
            send_reset(eng, ns, skb, flags, true);
        }
        Ok(Some(_)) if flags & tcp::RST != 0 => eng.drop(ns, skb, Stage::TcpRcvStateProcess, DropReason::TcpReset),
        Ok(Some(_)) if flags & tcp::SYN == 0 || flags & tcp::FIN != 0 => {
            eng.drop(ns, skb, Stage::TcpRcvStateProcess, DropReason::TcpFlags);
        }
        // tcp_v4_conn_request(): consumed, which is no drop.
        Ok(Some(_)) if skb.is_broadcast() => eng.consumed(ns, skb, Stage::TcpV4Rcv),
        Ok(Some(socket)) => {
            eng.note(ns, skb, Detail::Socket { port: dport });
            eng.delivered.get_or_insert((ns.id, dport, skb.src));
            eng.taken(ns, dport, socket);
            eng.servers.push(Server {
                netns: ns.id,
                local: (skb.dst, dport),
                peer: peer(skb),
                proto: 6,
                accepted: false,
            });
            // tcp_make_synack(): a cookie belongs to no socket.
            let held = eng.watch.is_none().then_some(true);
            answer(eng, ns, skb, tcp::SYN_ACK, true, held);
        }
    }
}

fn peer(skb: &Skb) -> (std::net::IpAddr, u16) {
    (skb.src, skb.ports().map_or(0, |p| p.0))
}

const INET_ECN_MASK: u8 = 3;

/// A packet back to where one came from; by whose socket, and whether a process holds that.
fn answer(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8, main: bool, held: Option<bool>) {
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
    back.sk = held.map(|held| (ns.id, held));
    back.main = main;
    back.dport_any = skb.sport_any.filter(|_| eng.watch.is_some());
    if flags & tcp::RST != 0 {
        // tcp_v4_send_reset(): what came decides.
        back.tos = skb.tos & !INET_ECN_MASK;
        // To nobody it goes to the host itself, by a checksum that says nobody.
        back.flaw = skb.src.is_unspecified().then_some(Flaw::Checksum);
    }
    back.reply = !skb.reply;
    eng.begin(ns, &mut back);
    eng.push(Item::LocalOut {
        netns: ns.id,
        skb: back,
    });
}

/// The handshake is done: the server says something. A client that speaks first sends the same packets.
fn speak(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, server: usize) {
    let Some(server) = eng.servers.get_mut(server).filter(|s| !s.accepted) else {
        return;
    };
    server.accepted = true;
    if eng.watch.is_some() {
        return;
    }
    // A trace shows the handshake.
    eng.options.steps = false;
    answer(eng, ns, skb, tcp::PSH | tcp::ACK, true, Some(true));
}

/// No socket: a reset, except for resets.
fn reset(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8) {
    eng.drop(ns, skb, Stage::TcpV4Rcv, DropReason::NoSocket);
    send_reset(eng, ns, skb, flags, false);
}

/// `tcp_v4_send_reset()`: only to what was sent to this host alone; it acknowledges what did not acknowledge itself.
/// `ip_send_unicast_reply()` gives it the socket that refused, if one did.
fn send_reset(eng: &mut Engine<'_>, ns: &Netns, skb: &Skb, flags: u8, held: bool) {
    // A broadcast address is no source of a socket's; nobody is any.
    let for_many = skb.is_broadcast() && !(held && skb.dst.is_unspecified());
    if flags & tcp::RST != 0 || for_many {
        return;
    }
    eng.note(ns, skb, Detail::Reject { icmp: None });
    let ack = if flags & tcp::ACK == 0 { tcp::ACK } else { 0 };
    answer(eng, ns, skb, tcp::RST | ack, false, Some(held));
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
        eng.client.choices = eng.oracle.choices();
        answer(eng, ns, skb, tcp::ACK, true, Some(true));
    } else if flags & (tcp::SYN | tcp::ACK) == tcp::ACK && eng.client.answered {
        eng.client.heard = true;
    }
}
