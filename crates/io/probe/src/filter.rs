//! Which frames of a capture are kept.

use netwhy_wire::decode::{Decoded, Ip, L4};
use netwhy_wire::{Tuple, decode};
use std::net::IpAddr;

/// Which frames are kept. Without hosts and ports, all of them.
///
/// With hosts, a frame is kept if one of them is its source or destination; with ports, if one of them is its source or
/// destination port. ICMP errors are kept if that holds for the packet that they quote, VXLAN packets if it holds for the
/// frame inside, and ARP if it is about one of the hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Addresses; empty = any.
    pub hosts: Vec<IpAddr>,
    /// TCP or UDP ports; empty = any.
    pub ports: Vec<u16>,
}

impl Filter {
    /// Keeps everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Keeps what goes to or comes from one of the hosts *and* one of the ports.
    pub fn of(hosts: impl IntoIterator<Item = IpAddr>, ports: impl IntoIterator<Item = u16>) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            ports: ports.into_iter().collect(),
        }
    }

    /// Whether a frame of this link type (see [`netwhy_wire::decode::link_type`]) is kept.
    pub fn keeps(&self, link_type: u32, frame: &[u8]) -> bool {
        (self.hosts.is_empty() && self.ports.is_empty()) || self.keeps_decoded(&decode(link_type, frame))
    }

    fn keeps_decoded(&self, frame: &Decoded) -> bool {
        if let Some(arp) = &frame.arp {
            return self.hosts.is_empty()
                || self.hosts.contains(&arp.sender_ip.into())
                || self.hosts.contains(&arp.target_ip.into());
        }
        frame.ip.as_ref().is_some_and(|ip| self.keeps_ip(ip))
    }

    fn keeps_ip(&self, ip: &Ip) -> bool {
        match &ip.l4 {
            L4::Tcp(tcp) => self.fits(ip.src, ip.dst, Some((tcp.sport, tcp.dport))),
            L4::Udp(udp) => {
                let inner = udp.vxlan.as_ref().is_some_and(|vxlan| self.keeps_decoded(&vxlan.inner));
                inner || self.fits(ip.src, ip.dst, Some((udp.sport, udp.dport)))
            }
            L4::Icmp(icmp) => match &icmp.inner {
                Some(quoted) => self.fits_tuple(quoted),
                None => self.fits(ip.src, ip.dst, None),
            },
            // Its ports cannot be seen: better one frame too many.
            L4::Unread => self.fits(ip.src, ip.dst, None),
        }
    }

    fn fits_tuple(&self, tuple: &Tuple) -> bool {
        self.fits(tuple.src, tuple.dst, Some((tuple.sport, tuple.dport)))
    }

    /// Without ports (an echo, a fragment) the hosts decide.
    fn fits(&self, src: IpAddr, dst: IpAddr, ports: Option<(u16, u16)>) -> bool {
        let host = self.hosts.is_empty() || self.hosts.contains(&src) || self.hosts.contains(&dst);
        let port = match ports {
            Some((sport, dport)) if !self.ports.is_empty() => {
                self.ports.contains(&sport) || self.ports.contains(&dport)
            }
            _ => true,
        };
        host && port
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netwhy_wire::decode::link_type::RAW;

    /// An IPv4 packet with eight bytes of a transport header.
    fn packet(protocol: u8, dst: [u8; 4], transport: [u8; 8]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1];
        bytes.extend(dst);
        bytes.extend(transport);
        bytes
    }

    #[test]
    fn hosts_and_ports() {
        let udp = packet(17, [10, 0, 21, 231], [0x9c, 0x40, 0x0b, 0xb8, 0, 8, 0, 0]);
        let host: IpAddr = "10.0.21.231".parse().unwrap();
        let other: IpAddr = "10.0.0.9".parse().unwrap();
        assert!(Filter::all().keeps(RAW, &udp) && Filter::all().keeps(RAW, b"?"));
        assert!(Filter::of([host], [3000]).keeps(RAW, &udp));
        assert!(Filter::of([], [3000]).keeps(RAW, &udp) && Filter::of([host], []).keeps(RAW, &udp));
        assert!(!Filter::of([host], [80]).keeps(RAW, &udp));
        assert!(!Filter::of([other], [3000]).keeps(RAW, &udp));
        assert!(!Filter::of([host], []).keeps(RAW, b"?"));
    }

    #[test]
    fn errors_by_what_they_quote() {
        let quoted = packet(17, [10, 0, 21, 231], [0x9c, 0x40, 0x0b, 0xb8, 0, 8, 0, 0]);
        let mut error = packet(1, [10, 0, 0, 1], [3, 1, 0, 0, 0, 0, 0, 0]);
        error.extend(&quoted);
        let len = error.len() as u8;
        error[3] = len;
        let host: IpAddr = "10.0.21.231".parse().unwrap();
        assert!(Filter::of([host], [3000]).keeps(RAW, &error));
        assert!(!Filter::of([host], [80]).keeps(RAW, &error));
    }
}
