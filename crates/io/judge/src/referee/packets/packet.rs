//! A packet to inject, as text and as bytes.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use netwhy_wire::Mac;
use netwhy_wire::checksum::{pseudo_header, sum};

/// A frame for a TAP device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Name of the link.
    pub link: String,
    /// Source MAC.
    pub from: Mac,
    /// Destination MAC.
    pub to: Mac,
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
    /// Time to live.
    pub ttl: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Don't fragment.
    pub df: bool,
    /// Offset in bytes (a multiple of 8), and whether more follow.
    pub frag: Option<(u16, bool)>,
    /// Which checksum is wrong.
    pub flaw: Option<Flaw>,
    /// Bytes after the transport header.
    pub payload: u16,
    /// Transport header.
    pub body: Body,
}

/// Bytes of a second fragment, and what they are.
pub const TAIL: u16 = 24;
const TAIL_BYTE: u8 = 0x66;

/// A wrong checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Of the IP header.
    Ip,
    /// Of the transport header.
    Transport,
}

/// What follows the IP header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// TCP.
    Tcp {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
        /// Flags.
        flags: u8,
        /// Sequence number.
        seq: u32,
        /// Acknowledgement number.
        ack: u32,
        /// MSS option.
        mss: Option<u16>,
    },
    /// UDP.
    Udp {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// ICMP that quotes no packet.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Identifier.
        id: u16,
    },
    /// ICMP error about a packet.
    Error {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Protocol of the quoted packet.
        proto: u8,
        /// Its source.
        src: (Ipv4Addr, u16),
        /// Its destination.
        dst: (Ipv4Addr, u16),
    },
    /// Another protocol, or a later fragment of one.
    Other(u8),
    /// No IP: ARP of this operation about the two addresses.
    Arp(u16),
}

impl Packet {
    /// A packet of 64 hops without anything special.
    pub fn new(link: &str, from: Mac, to: Mac, src: Ipv4Addr, dst: Ipv4Addr, body: Body) -> Packet {
        Packet {
            link: link.to_owned(),
            from,
            to,
            src,
            dst,
            ttl: 64,
            tos: 0,
            id: 0x4e57,
            df: false,
            frag: None,
            flaw: None,
            payload: 4,
            body,
        }
    }

    /// Protocol number.
    pub fn proto(&self) -> u8 {
        match self.body {
            Body::Tcp { .. } => 6,
            Body::Udp { .. } => 17,
            Body::Icmp { .. } | Body::Error { .. } => 1,
            Body::Other(proto) => proto,
            Body::Arp(_) => 0,
        }
    }

    /// The Ethernet frame.
    pub fn bytes(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(64 + usize::from(self.payload));
        frame.extend(self.to.0);
        frame.extend(self.from.0);
        if let Body::Arp(op) = self.body {
            frame.extend(arp(self, op));
            return frame;
        }
        frame.extend([8, 0]);
        let body = self.transport();
        frame.extend(header(self, body.len() as u16));
        frame.extend(body);
        frame
    }

    fn transport(&self) -> Vec<u8> {
        if self.frag.is_some_and(|(offset, _)| offset > 0) {
            return vec![TAIL_BYTE; usize::from(self.payload)];
        }
        let mut bytes = Vec::new();
        let sum_at = match &self.body {
            Body::Tcp {
                sport,
                dport,
                flags,
                seq,
                ack,
                mss,
            } => {
                bytes.extend(sport.to_be_bytes());
                bytes.extend(dport.to_be_bytes());
                bytes.extend(seq.to_be_bytes());
                bytes.extend(ack.to_be_bytes());
                bytes.extend([if mss.is_some() { 6 << 4 } else { 5 << 4 }, *flags]);
                bytes.extend([0x40, 0, 0, 0, 0, 0]);
                if let Some(mss) = mss {
                    bytes.extend([2, 4]);
                    bytes.extend(mss.to_be_bytes());
                }
                Some(16)
            }
            Body::Udp { sport, dport } => {
                bytes.extend(sport.to_be_bytes());
                bytes.extend(dport.to_be_bytes());
                bytes.extend((8 + self.payload + self.tail()).to_be_bytes());
                bytes.extend([0, 0]);
                Some(6)
            }
            Body::Icmp { kind, code, id } => {
                bytes.extend([*kind, *code, 0, 0]);
                bytes.extend(id.to_be_bytes());
                bytes.extend([0, 1]);
                Some(2)
            }
            Body::Error {
                kind,
                code,
                proto,
                src,
                dst,
            } => {
                bytes.extend([*kind, *code, 0, 0, 0, 0, 0, 0]);
                bytes.extend(quoted(*proto, *src, *dst));
                Some(2)
            }
            Body::Other(_) | Body::Arp(_) => None,
        };
        bytes.extend(std::iter::repeat_n(0x61, usize::from(self.payload)));
        let length = bytes.len();
        bytes.extend(std::iter::repeat_n(TAIL_BYTE, usize::from(self.tail())));
        if let Some(at) = sum_at {
            let start = if self.proto() == 1 {
                0
            } else {
                pseudo_header(self.src, self.dst, self.proto(), bytes.len() as u16)
            };
            let mut sum = !sum(&bytes, start);
            if self.flaw == Some(Flaw::Transport) {
                sum ^= 0x0101;
            }
            bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Bytes of the transport that a second fragment brings.
    fn tail(&self) -> u16 {
        match self.frag {
            Some((0, true)) => TAIL,
            _ => 0,
        }
    }

    /// This packet in two fragments; the second has 24 bytes.
    pub fn fragments(&self) -> [Packet; 2] {
        let mut first = self.clone();
        first.frag = Some((0, true));
        first.payload = self.payload.max(8).next_multiple_of(8);
        let header = first.transport().len() as u16 - first.payload;
        first.payload += header.next_multiple_of(8) - header;
        let mut second = first.clone();
        second.body = Body::Other(self.proto());
        second.payload = TAIL;
        second.frag = Some((first.transport().len() as u16, false));
        [first, second]
    }
}

/// ARP with its protocol number.
fn arp(packet: &Packet, op: u16) -> Vec<u8> {
    let mut bytes = vec![8, 6, 0, 1, 8, 0, 6, 4];
    bytes.extend(op.to_be_bytes());
    bytes.extend(packet.from.0);
    bytes.extend(packet.src.octets());
    bytes.extend(if op == 1 { Mac::ZERO.0 } else { packet.to.0 });
    bytes.extend(packet.dst.octets());
    bytes
}

/// IP header of 20 bytes.
fn header(packet: &Packet, body: u16) -> Vec<u8> {
    let mut ip = vec![0x45, packet.tos];
    ip.extend((20 + body).to_be_bytes());
    ip.extend(packet.id.to_be_bytes());
    let (offset, more) = packet.frag.unwrap_or((0, false));
    let flags = u16::from(packet.df) << 14 | u16::from(more) << 13 | (offset / 8);
    ip.extend(flags.to_be_bytes());
    ip.extend([packet.ttl, packet.proto(), 0, 0]);
    ip.extend(packet.src.octets());
    ip.extend(packet.dst.octets());
    let mut sum = !sum(&ip, 0);
    if packet.flaw == Some(Flaw::Ip) {
        sum ^= 0x0101;
    }
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    ip
}

/// IP header and 8 bytes of a packet that an error quotes.
fn quoted(proto: u8, src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16)) -> Vec<u8> {
    let mut ip = vec![0x45, 0, 0, 32, 0, 1, 0, 0, 60, proto, 0, 0];
    ip.extend(src.0.octets());
    ip.extend(dst.0.octets());
    let sum = !sum(&ip, 0);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
    if proto == 1 {
        ip.extend([8, 0, 0, 0]);
        ip.extend(src.1.to_be_bytes());
        ip.extend([0, 1]);
    } else {
        ip.extend(src.1.to_be_bytes());
        ip.extend(dst.1.to_be_bytes());
        ip.extend([0, 0, 0, 0]);
    }
    ip
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.link, self.from, self.to)?;
        let (src, dst) = (self.src, self.dst);
        match &self.body {
            Body::Tcp {
                sport,
                dport,
                flags,
                seq,
                ack,
                mss,
            } => {
                write!(
                    f,
                    "tcp {src}:{sport} {dst}:{dport} flags {flags:#04x} seq {seq} ack {ack}"
                )?;
                mss.iter().try_for_each(|m| write!(f, " mss {m}"))?;
            }
            Body::Udp { sport, dport } => write!(f, "udp {src}:{sport} {dst}:{dport}")?,
            Body::Icmp { kind, code, id } => write!(f, "icmp {src}:{id} {dst}:{id} type {kind} code {code}")?,
            Body::Error {
                kind,
                code,
                proto,
                src: from,
                dst: to,
            } => write!(
                f,
                "error {src}:0 {dst}:0 type {kind} code {code} about {proto} {}:{} {}:{}",
                from.0, from.1, to.0, to.1
            )?,
            Body::Other(proto) => write!(f, "proto {src}:{proto} {dst}:{proto}")?,
            Body::Arp(op) => write!(f, "arp {src}:{op} {dst}:{op}")?,
        }
        write!(
            f,
            " ttl {} tos {} id {} len {}",
            self.ttl, self.tos, self.id, self.payload
        )?;
        if self.df {
            f.write_str(" df")?;
        }
        if let Some((offset, more)) = self.frag {
            write!(f, " frag {offset}{}", if more { "+" } else { "" })?;
        }
        match self.flaw {
            Some(Flaw::Ip) => f.write_str(" bad-ip-sum"),
            Some(Flaw::Transport) => f.write_str(" bad-sum"),
            None => Ok(()),
        }
    }
}

/// The text is no packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a packet: {0}")]
pub struct NoPacket(String);

impl FromStr for Packet {
    type Err = NoPacket;

    fn from_str(text: &str) -> Result<Packet, NoPacket> {
        read(text).ok_or_else(|| NoPacket(text.to_owned()))
    }
}

fn read(text: &str) -> Option<Packet> {
    let mut words = text.split_whitespace();
    let link = words.next()?;
    let (from, to) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let kind = words.next()?;
    let end = |word: &str| {
        let (addr, port) = word.split_once(':')?;
        Some((addr.parse::<Ipv4Addr>().ok()?, port.parse::<u16>().ok()?))
    };
    let ((src, sport), (dst, dport)) = (end(words.next()?)?, end(words.next()?)?);
    let body = match kind {
        "tcp" => Body::Tcp {
            sport,
            dport,
            flags: 0,
            seq: 0,
            ack: 0,
            mss: None,
        },
        "udp" => Body::Udp { sport, dport },
        "icmp" => Body::Icmp {
            kind: 0,
            code: 0,
            id: sport,
        },
        "error" => Body::Error {
            kind: 0,
            code: 0,
            proto: 0,
            src: (src, 0),
            dst: (dst, 0),
        },
        "proto" => Body::Other(sport as u8),
        "arp" => Body::Arp(sport),
        _ => return None,
    };
    let mut packet = Packet::new(link, from, to, src, dst, body);
    while let Some(word) = words.next() {
        let mut number = || words.next()?.parse::<u32>().ok();
        match (word, &mut packet.body) {
            ("ttl", _) => packet.ttl = number()? as u8,
            ("tos", _) => packet.tos = number()? as u8,
            ("id", _) => packet.id = number()? as u16,
            ("len", _) => packet.payload = number()? as u16,
            ("df", _) => packet.df = true,
            ("bad-ip-sum", _) => packet.flaw = Some(Flaw::Ip),
            ("bad-sum", _) => packet.flaw = Some(Flaw::Transport),
            ("frag", _) => {
                let word = words.next()?;
                let offset = word.trim_end_matches('+').parse().ok()?;
                packet.frag = Some((offset, word.ends_with('+')));
            }
            ("flags", Body::Tcp { flags, .. }) => {
                *flags = u8::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()?;
            }
            ("seq", Body::Tcp { seq, .. }) => *seq = number()?,
            ("ack", Body::Tcp { ack, .. }) => *ack = number()?,
            ("mss", Body::Tcp { mss, .. }) => *mss = Some(number()? as u16),
            ("type", Body::Icmp { kind, .. } | Body::Error { kind, .. }) => *kind = number()? as u8,
            ("code", Body::Icmp { code, .. } | Body::Error { code, .. }) => *code = number()? as u8,
            ("about", Body::Error { proto, src, dst, .. }) => {
                *proto = number()? as u8;
                *src = end(words.next()?)?;
                *dst = end(words.next()?)?;
            }
            _ => return None,
        }
    }
    Some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for text in [
            "t0 02:00:00:01:00:02 02:00:00:00:00:00 tcp 10.0.0.2:4000 10.1.0.2:80 flags 0x02 seq 7 ack 0 mss 1460 ttl 64 tos 0 id 3 len 0 df",
            "t1 02:00:00:01:00:02 ff:ff:ff:ff:ff:ff udp 10.0.0.2:4000 10.1.0.2:80 ttl 1 tos 8 id 3 len 16 frag 0+",
            "t1 02:00:00:01:00:02 ff:ff:ff:ff:ff:ff error 10.0.0.2:0 10.1.0.2:0 type 3 code 3 about 17 10.1.0.2:5 10.9.0.1:53 ttl 9 tos 0 id 3 len 0 bad-sum",
            "t1 02:00:00:01:00:02 ff:ff:ff:ff:ff:ff arp 10.0.0.2:1 10.1.0.2:1 ttl 64 tos 0 id 3 len 4",
            "t1 02:00:00:01:00:02 ff:ff:ff:ff:ff:ff proto 10.0.0.2:132 10.1.0.2:132 ttl 9 tos 0 id 3 len 24 frag 16",
        ] {
            assert_eq!(text.parse::<Packet>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn bytes_are_read_back() {
        let text = "t0 02:00:00:01:00:02 02:00:00:00:00:00 udp 10.0.0.2:4000 10.1.0.2:80 ttl 63 tos 0 id 3 len 5";
        let frame = text.parse::<Packet>().unwrap().bytes();
        let decoded = netwhy_wire::decode(1, &frame);
        let ip = decoded.ip.unwrap();
        assert_eq!((ip.ttl, ip.len), (63, 33));
    }
}
