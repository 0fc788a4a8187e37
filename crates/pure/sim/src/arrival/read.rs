//! Bytes of a frame to a packet.

use crate::opts::TcpOpts;
use crate::skb::{Arp, Flaw, L4, Skb, Tuple};
use netwhy_wire::checksum::{pseudo_header, sum};
use netwhy_wire::decode::{L4 as Wire, link_type};
use netwhy_wire::{Mac, decode, icmp};
use std::net::{IpAddr, Ipv4Addr};

/// Ethernet header (bytes).
const ETH_HLEN: usize = 14;

/// `None` for what is neither IPv4 nor ARP, or cut before its transport header.
pub(super) fn skb(frame: &[u8]) -> Option<Skb> {
    let decoded = decode(link_type::EN10MB, frame);
    if let Some(arp) = decoded.arp {
        let what = Arp {
            op: arp.operation,
            sha: arp.sender_mac,
            tha: arp.target_mac,
        };
        let mut skb = Skb::new(arp.sender_ip.into(), arp.target_ip.into(), L4::Arp(what));
        skb.eth_src = decoded.eth_src?;
        skb.eth_dst = decoded.eth_dst?;
        return Some(skb);
    }
    let ip = decoded.ip?;
    let (IpAddr::V4(src), IpAddr::V4(dst)) = (ip.src, ip.dst) else {
        return None;
    };
    let packet = frame.get(ETH_HLEN..)?;
    let header = usize::from(packet.first()? & 15) * 4;
    let later = ip.is_later_fragment();
    let proto = *packet.get(9)?;
    let l4 = match &ip.l4 {
        _ if later => L4::Other(proto),
        Wire::Tcp(t) => L4::Tcp {
            sport: t.sport,
            dport: t.dport,
            flags: t.flags,
        },
        Wire::Udp(u) => L4::Udp {
            sport: u.sport,
            dport: u.dport,
        },
        Wire::Icmp(i) => L4::Icmp {
            kind: i.kind,
            code: i.code,
            id: word(packet, header + 4)
                .filter(|_| !icmp::is_error(i.kind))
                .unwrap_or(0),
            inner: i.inner.filter(|_| icmp::is_error(i.kind)).and_then(tuple),
        },
        Wire::Unread => L4::Other(proto),
    };
    let mut skb = Skb::new(ip.src, ip.dst, l4);
    skb.eth_src = decoded.eth_src.unwrap_or(Mac::ZERO);
    skb.eth_dst = decoded.eth_dst.unwrap_or(Mac::ZERO);
    skb.ttl = ip.ttl;
    skb.tos = *packet.get(1)?;
    skb.id = ip.id;
    skb.df = ip.df;
    skb.frag = ip.fragment;
    skb.len = ip.len;
    skb.raw = Some(packet.into());
    if let (false, Wire::Icmp(i)) = (later, &ip.l4) {
        skb.icmp_says = i.gateway.map(u32::from).or(i.mtu).unwrap_or(0);
    }
    if let Wire::Tcp(t) = &ip.l4 {
        skb.opts = TcpOpts {
            mss: t.mss.filter(|_| !later),
            ..TcpOpts::default()
        };
    }
    let whole = packet.get(..ip.len as usize).unwrap_or(packet);
    if sum(packet.get(..header)?, 0) != 0xffff {
        skb.flaw = Some(Flaw::IpChecksum);
    } else if proto == SCTP && ip.fragment.is_none() && !crc_holds(whole.get(header..)?) {
        skb.flaw = Some(Flaw::Crc);
    } else if !matches!(proto, 1 | 6 | 17) {
        let whole_sum = ip.fragment.is_none() && matches!(sum(whole.get(header..)?, 0), 0 | 0xffff);
        skb.flaw = Some(Flaw::Unverified).filter(|_| !whole_sum && !OTHER_CHECKS.contains(&proto));
    } else if ip.fragment.is_none() && !transport_sum_holds(whole.get(header..)?, (src, dst), proto) {
        skb.flaw = Some(Flaw::Checksum);
    }
    Some(skb)
}

/// Protocols with another integrity check, or none that covers all (`nf_reject_verify_csum()`): GRE, ESP, AH, SCTP, UDP-Lite,
/// DCCP.
const OTHER_CHECKS: [u8; 6] = [47, 50, 51, 132, 136, 33];

const SCTP: u8 = 132;

/// `sctp_compute_cksum()`: CRC32c over all, with zero in its own place.
fn crc_holds(data: &[u8]) -> bool {
    const AT: std::ops::Range<usize> = 8..12;
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = u32::MAX;
    for (at, byte) in data.iter().enumerate() {
        crc ^= if AT.contains(&at) { 0 } else { u32::from(*byte) };
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    data.get(AT) == Some(&(!crc).to_le_bytes())
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_be_bytes(*b))
}

fn tuple(t: netwhy_wire::Tuple) -> Option<Tuple> {
    Some(Tuple {
        proto: t.proto.0,
        src: t.src,
        dst: t.dst,
        sport: t.sport,
        dport: t.dport,
    })
}

fn transport_sum_holds(data: &[u8], (src, dst): (Ipv4Addr, Ipv4Addr), proto: u8) -> bool {
    let pseudo = || pseudo_header(src, dst, proto, data.len() as u16);
    match proto {
        1 => sum(data, 0) == 0xffff,
        6 => sum(data, pseudo()) == 0xffff,
        // UDP without a checksum.
        17 => data.get(6..8) == Some(&[0, 0]) || sum(data, pseudo()) == 0xffff,
        _ => true,
    }
}
