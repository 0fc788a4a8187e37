//! Bytes to [`Decoded`], by hand: every access is checked, because the bytes may be anybody's.

use super::{Arp, Decoded, Icmp, Ip, L4, Tcp, Tuple, Udp, Vxlan, link_type};
use crate::{Mac, Proto, icmp};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// UDP ports of VXLAN: Linux's own, which flannel uses, and IANA's.
const VXLAN_PORTS: [u16; 2] = [8472, 4789];
/// VXLAN in VXLAN is read this deep.
const DEPTH: u8 = 4;

/// Reads one frame of the given link type (see [`link_type`]); never fails, what cannot be read is `None`.
pub fn decode(link: u32, frame: &[u8]) -> Decoded {
    decode_at(link, frame, DEPTH)
}

fn decode_at(link: u32, frame: &[u8], depth: u8) -> Decoded {
    match link {
        link_type::EN10MB => ethernet(frame, depth),
        link_type::RAW | link_type::RAW_BSD | link_type::IPV4 | link_type::IPV6 => raw(frame, depth),
        link_type::NULL => raw(frame.get(4..).unwrap_or_default(), depth),
        link_type::LINUX_SLL => {
            // packet type 2, ARPHRD 2, address length 2, address 8, protocol 2
            let mut decoded = tagged(u16_at(frame, 14), frame.get(16..), depth);
            decoded.eth_src = cooked_address(u16_at(frame, 4), frame.get(6..14));
            decoded
        }
        link_type::LINUX_SLL2 => {
            // protocol 2, reserved 2, ifindex 4, ARPHRD 2, packet type 1, address length 1, address 8
            let mut decoded = tagged(u16_at(frame, 0), frame.get(20..), depth);
            decoded.ifindex = u32_at(frame, 4);
            decoded.eth_src = cooked_address(frame.get(11).map(|len| u16::from(*len)), frame.get(12..20));
            decoded
        }
        _ => Decoded::default(),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

fn cooked_address(len: Option<u16>, bytes: Option<&[u8]>) -> Option<Mac> {
    if len != Some(6) {
        return None;
    }
    bytes?.first_chunk().copied().map(Mac)
}

fn mac_at(bytes: &[u8], at: usize) -> Option<Mac> {
    bytes.get(at..)?.first_chunk().copied().map(Mac)
}

fn ethernet(frame: &[u8], depth: u8) -> Decoded {
    let mut decoded = tagged(u16_at(frame, 12), frame.get(14..), depth);
    decoded.eth_dst = mac_at(frame, 0);
    decoded.eth_src = mac_at(frame, 6);
    decoded
}

/// An EtherType and what follows, VLAN tags first.
fn tagged(ether_type: Option<u16>, payload: Option<&[u8]>, depth: u8) -> Decoded {
    let mut vlan = None;
    let (mut ether_type, mut payload) = (ether_type.unwrap_or(0), payload.unwrap_or_default());
    while let (0x8100 | 0x88a8 | 0x9100, Some(tag), Some(next)) = (ether_type, u16_at(payload, 0), u16_at(payload, 2)) {
        vlan = vlan.or(Some(tag & 0x0fff));
        ether_type = next;
        payload = payload.get(4..).unwrap_or_default();
    }
    let mut decoded = match ether_type {
        0x0806 => Decoded {
            arp: arp_of(payload),
            ..Decoded::default()
        },
        0x0800 | 0x86dd => raw(payload, depth),
        _ => Decoded::default(),
    };
    decoded.vlan = vlan;
    decoded
}

fn raw(packet: &[u8], depth: u8) -> Decoded {
    let ip = match packet.first().map(|byte| byte >> 4) {
        Some(4) => ipv4(packet, depth),
        Some(6) => ipv6(packet, depth),
        _ => None,
    };
    Decoded {
        ip,
        ..Decoded::default()
    }
}

/// An IP header, read, and where it ends.
struct Header {
    src: IpAddr,
    dst: IpAddr,
    proto: Proto,
    fragment: Option<(u16, bool)>,
    /// Bytes, extension headers included.
    len: usize,
}

fn header_v4(packet: &[u8]) -> Option<Header> {
    let fixed: &[u8; 20] = packet.first_chunk()?;
    let [
        first,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        proto,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = *fixed;
    let fragment = u16_at(packet, 6)?;
    let (offset, more) = ((fragment & 0x1fff) << 3, fragment & 0x2000 != 0);
    let len = usize::from(first & 0x0f) * 4;
    (first >> 4 == 4 && len >= 20).then(|| Header {
        src: Ipv4Addr::new(s0, s1, s2, s3).into(),
        dst: Ipv4Addr::new(d0, d1, d2, d3).into(),
        proto: Proto(proto),
        fragment: (offset > 0 || more).then_some((offset, more)),
        len,
    })
}

fn header_v6(packet: &[u8]) -> Option<Header> {
    let address = |at: usize| packet.get(at..)?.first_chunk::<16>().copied().map(Ipv6Addr::from);
    let mut header = Header {
        src: address(8)?.into(),
        dst: address(24)?.into(),
        proto: Proto(*packet.get(6)?),
        fragment: None,
        len: 40,
    };
    // Each extension header has at least 8 bytes, so this ends.
    loop {
        let extension = packet.get(header.len..).unwrap_or_default();
        let [next, len, ..] = *extension else { break };
        header.len += match header.proto.0 {
            // Hop-by-hop, routing, destination options, mobility.
            0 | 43 | 60 | 135 => (usize::from(len) + 1) * 8,
            // Fragment.
            44 => {
                let Some(field) = u16_at(extension, 2) else { break };
                header.fragment = Some((field & 0xfff8, field & 1 != 0));
                8
            }
            // Authentication.
            51 => (usize::from(len) + 2) * 4,
            _ => break,
        };
        header.proto = Proto(next);
        if header.fragment.is_some_and(|(offset, _)| offset > 0) {
            break;
        }
    }
    Some(header)
}

fn ipv4(packet: &[u8], depth: u8) -> Option<Ip> {
    let header = header_v4(packet)?;
    // Length 0: the sender's card was to cut the segment (TSO), the header has no length yet.
    let len = match u32::from(u16_at(packet, 2)?) {
        0 => length(packet),
        len => len,
    };
    Some(Ip {
        src: header.src,
        dst: header.dst,
        proto: header.proto,
        ttl: *packet.get(8)?,
        id: u16_at(packet, 4)?,
        df: packet.get(6)? & 0x40 != 0,
        len,
        fragment: header.fragment,
        l4: transport(&header, packet, len, depth),
    })
}

fn ipv6(packet: &[u8], depth: u8) -> Option<Ip> {
    let header = header_v6(packet)?;
    let len = match u32::from(u16_at(packet, 4)?) {
        0 => length(packet),
        len => len + 40,
    };
    Some(Ip {
        src: header.src,
        dst: header.dst,
        proto: header.proto,
        ttl: *packet.get(7)?,
        id: 0,
        df: true,
        len,
        fragment: header.fragment,
        l4: transport(&header, packet, len, depth),
    })
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Hardware Ethernet, protocol IPv4; anything else is not read.
fn arp_of(bytes: &[u8]) -> Option<Arp> {
    let bytes: &[u8; 28] = bytes.first_chunk()?;
    let [0, 1, 8, 0, 6, 4, op @ ..] = bytes else {
        return None;
    };
    let [a, b, rest @ ..] = op;
    let mac = |at: usize| rest.get(at..)?.first_chunk::<6>().copied().map(Mac);
    let ip = |at: usize| rest.get(at..)?.first_chunk::<4>().copied().map(Ipv4Addr::from);
    Some(Arp {
        operation: u16::from_be_bytes([*a, *b]),
        sender_mac: mac(0)?,
        sender_ip: ip(6)?,
        target_mac: mac(10)?,
        target_ip: ip(16)?,
    })
}

/// What follows the header. `len`: bytes of the packet by its header, more or fewer than were captured.
fn transport(header: &Header, packet: &[u8], len: u32, depth: u8) -> L4 {
    // A frame of less than 60 bytes is padded: the header's length counts.
    let end = packet.len().min(usize::try_from(len).unwrap_or(usize::MAX));
    let bytes = packet.get(header.len..end).unwrap_or_default();
    let len = len.saturating_sub(u32::try_from(header.len).unwrap_or(u32::MAX));
    let read = match header.proto {
        _ if header.fragment.is_some_and(|(offset, _)| offset > 0) => None,
        Proto::TCP => tcp(bytes, len).map(L4::Tcp),
        Proto::UDP => udp(bytes, depth).map(L4::Udp),
        Proto::ICMP => icmp_message(bytes, false).map(L4::Icmp),
        Proto::ICMPV6 => icmp_message(bytes, true).map(L4::Icmp),
        _ => None,
    };
    read.unwrap_or(L4::Unread)
}

fn tcp(bytes: &[u8], len: u32) -> Option<Tcp> {
    Some(Tcp {
        sport: u16_at(bytes, 0)?,
        dport: u16_at(bytes, 2)?,
        seq: u32_at(bytes, 4)?,
        ack: u32_at(bytes, 8)?,
        flags: *bytes.get(13)?,
        window: u16_at(bytes, 14)?,
        mss: mss(bytes),
        payload_len: len.saturating_sub(u32::from(bytes.get(12)? >> 4) * 4),
    })
}

/// The MSS option, which only packets with SYN have.
fn mss(bytes: &[u8]) -> Option<u16> {
    let end = usize::from(bytes.get(12)? >> 4) * 4;
    let mut options = bytes.get(20..end.min(bytes.len()))?;
    loop {
        options = match *options {
            [0, ..] | [] => return None,
            [1, ..] => options.get(1..)?,
            [2, 4, a, b, ..] => return Some(u16::from_be_bytes([a, b])),
            // A length below 2 would never end.
            [_, len, ..] if len >= 2 => options.get(usize::from(len)..)?,
            _ => return None,
        };
    }
}

fn udp(bytes: &[u8], depth: u8) -> Option<Udp> {
    let dport = u16_at(bytes, 2)?;
    let vxlan = VXLAN_PORTS.contains(&dport).then(|| bytes.get(8..)).flatten();
    Some(Udp {
        sport: u16_at(bytes, 0)?,
        dport,
        payload_len: u16_at(bytes, 4)?.saturating_sub(8),
        vxlan: vxlan.and_then(|bytes| vxlan_of(bytes, depth)).map(Box::new),
    })
}

/// RFC 7348: the I flag alone, VNI in bytes 4 to 6.
fn vxlan_of(bytes: &[u8], depth: u8) -> Option<Vxlan> {
    let [0x08, _, _, _, a, b, c, _, inner @ ..] = bytes else {
        return None;
    };
    let depth = depth.checked_sub(1)?;
    Some(Vxlan {
        vni: u32::from_be_bytes([0, *a, *b, *c]),
        inner: decode_at(link_type::EN10MB, inner, depth),
    })
}

fn icmp_message(bytes: &[u8], v6: bool) -> Option<Icmp> {
    let [kind, code, _, _, rest @ ..] = bytes else {
        return None;
    };
    let (kind, code) = (*kind, *code);
    let (echo, error, too_big) = if v6 {
        (matches!(kind, 128 | 129), kind < 128, kind == 2)
    } else {
        let echo = matches!(kind, icmp::ECHO | icmp::ECHO_REPLY);
        (
            echo,
            icmp::is_error(kind),
            kind == icmp::DEST_UNREACH && code == icmp::FRAG_NEEDED,
        )
    };
    let mtu = if v6 {
        u32_at(rest, 0)
    } else {
        u16_at(rest, 2).map(u32::from)
    };
    let gateway = (!v6 && kind == icmp::REDIRECT)
        .then(|| u32_at(rest, 0).map(Ipv4Addr::from))
        .flatten();
    Some(Icmp {
        kind,
        code,
        v6,
        id: u16_at(rest, 0).filter(|_| echo),
        seq: u16_at(rest, 2).filter(|_| echo),
        mtu: mtu.filter(|_| too_big),
        gateway,
        inner: rest.get(4..).filter(|_| error).and_then(quoted),
    })
}

/// The beginning of a packet in an ICMP error: an IP header and at least 8 bytes, if the sender kept to the rules.
fn quoted(bytes: &[u8]) -> Option<Tuple> {
    let header = match bytes.first()? >> 4 {
        4 => header_v4(bytes)?,
        6 => header_v6(bytes)?,
        _ => return None,
    };
    let later = header.fragment.is_some_and(|(offset, _)| offset > 0);
    let l4 = bytes.get(header.len..).filter(|_| !later).unwrap_or_default();
    let Header { src, dst, proto, .. } = header;
    let (sport, dport) = match proto {
        _ if proto.has_ports() => (u16_at(l4, 0).unwrap_or(0), u16_at(l4, 2).unwrap_or(0)),
        Proto::ICMP | Proto::ICMPV6 => (u16_at(l4, 4).unwrap_or(0), u16_at(l4, 4).unwrap_or(0)),
        _ => (0, 0),
    };
    Some(Tuple {
        src,
        dst,
        proto,
        sport,
        dport,
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
