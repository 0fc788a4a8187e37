//! REJECT.
//!
//! Kernel: `nf_send_unreach()`, `nf_send_reset()` (`net/ipv4/netfilter/nf_reject_ipv4.c`), `nf_send_unreach6()`, `nf_send_reset6()`
//! (`net/ipv6/netfilter/nf_reject_ipv6.c`).

use super::conntrack::attach_error;
use crate::dev::dev_queue_xmit;
use crate::engine::{Engine, Item};
use crate::ip::{icmp_send, icmpv6_send};
use crate::reason::{DropReason, Stage};
use crate::route::{OutputKey, RouteError, inet_addr_type_dev, ip_route_output};
use crate::skb::{Flaw, L4, Skb, ip_len};
use crate::trace::Detail;
use netwhy_model::netfilter::{RejectWith, addr_type};
use netwhy_model::{Family, Netns};
use netwhy_wire::{icmp, icmpv6};

/// TCP header without options (bytes).
const TCP_LEN: u32 = 20;

pub(crate) fn reject<'a>(eng: &mut Engine<'a>, ns: &'a Netns, with: RejectWith, skb: &Skb) {
    // The checksum of a first fragment covers what the others bring.
    let fragment = skb.is_later_fragment() || skb.frag.is_some() && matches!(skb.proto(), 1 | 6 | 17);
    // nf_reject_verify_csum(), nf_ip_checksum(): what is damaged gets no answer; nor does a later fragment.
    if skb.flaw.is_some_and(|flaw| flaw != Flaw::Crc) || fragment {
        return;
    }
    match with {
        RejectWith::Icmp(code) => {
            let kind = match skb.family() {
                Family::Inet => icmp::DEST_UNREACH,
                Family::Inet6 => icmpv6::DEST_UNREACH,
            };
            eng.note(
                ns,
                skb,
                Detail::Reject {
                    icmp: Some((kind, code)),
                },
            );
            match skb.family() {
                Family::Inet => icmp_send(eng, ns, skb, kind, code),
                Family::Inet6 => icmpv6_send(eng, ns, skb, (kind, code), 0),
            }
        }
        RejectWith::TcpReset => {
            let L4::Tcp { sport, dport, flags } = skb.l4 else {
                return;
            };
            if flags & netwhy_wire::tcp::RST != 0 || skb.is_broadcast() {
                return;
            }
            eng.note(ns, skb, Detail::Reject { icmp: None });
            // nf_reject_ip_tcphdr_put(): it acknowledges what did not acknowledge itself.
            let ack = match flags & netwhy_wire::tcp::ACK {
                0 => netwhy_wire::tcp::ACK,
                _ => 0,
            };
            let mut rst = Skb::new(
                skb.dst,
                skb.src,
                L4::Tcp {
                    sport: dport,
                    dport: sport,
                    flags: netwhy_wire::tcp::RST | ack,
                },
            );
            rst.len = ip_len(skb.family()) + TCP_LEN;
            rst.main = false;
            rst.dport_any = skb.sport_any.filter(|_| eng.watch.is_some());
            rst.reply = !skb.reply;
            if !route(eng, ns, &mut rst) {
                return;
            }
            if let Some(port) = skb.physin {
                return over_the_bridge(eng, ns, port, skb, rst);
            }
            attach_error(&mut rst, skb);
            eng.begin(ns, &mut rst);
            eng.push(Item::LocalOut { netns: ns.id, skb: rst });
        }
    }
}

/// `ip_route_me_harder()` with `RTN_UNSPEC`: a source that can be nobody's does not decide. `false`: there is no way back.
fn route<'a>(eng: &mut Engine<'a>, ns: &'a Netns, rst: &mut Skb) -> bool {
    let kind = inet_addr_type_dev(ns, rst.src, 0);
    let key = OutputKey {
        src: Some(rst.src).filter(|_| matches!(kind, Ok(addr_type::LOCAL | addr_type::UNICAST))),
        dst: rst.dst,
        mark: 0,
        proto: 0,
        ports: None,
    };
    match ip_route_output(eng, ns, &key, None) {
        Ok((dst, _)) => {
            rst.route = Some(dst);
            true
        }
        Err(RouteError::Errno(_)) => {
            eng.drop(ns, rst, Stage::NfSendReset, DropReason::NotSpecified);
            false
        }
        Err(RouteError::Unknown(gap)) => {
            eng.unknown(ns, rst, Stage::IpRouteOutputKeyHash, gap);
            false
        }
    }
}

/// What came over a bridge is reset through the port that it came by, past all hooks: nothing translates it back.
fn over_the_bridge<'a>(eng: &mut Engine<'a>, ns: &'a Netns, port: u32, cause: &Skb, mut rst: Skb) {
    let Some(link) = ns.links.as_ref().ok().and_then(|l| l.get(port)) else {
        return;
    };
    rst.eth_src = cause.eth_dst;
    rst.eth_dst = cause.eth_src;
    rst.dev = port;
    rst.route = None;
    eng.begin(ns, &mut rst);
    dev_queue_xmit(eng, ns, link, rst);
}
