//! `conntrack.txt`: `conntrack -L -o extended`, IPv4 and IPv6 appended.

use crate::Problem;
use netwhy_wire::Proto;
use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// One tracked connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Protocol. The family is that of the addresses.
    pub proto: Proto,
    /// Seconds that the entry lives on without packets; `None` for an offloaded one.
    pub timeout_s: Option<u32>,
    /// TCP, SCTP, DCCP: `ESTABLISHED`, `SYN_SENT`, ...
    pub state: Option<String>,
    /// The packets that began it.
    pub orig: Tuple,
    /// The packets that answer.
    pub reply: Tuple,
    /// `[ASSURED]`: it was seen both ways and is not evicted early.
    pub assured: bool,
    /// `[UNREPLIED]`: no answer was seen yet.
    pub unreplied: bool,
    /// Other words in brackets: `OFFLOAD`, `HW_OFFLOAD`.
    pub flags: Vec<String>,
    /// Mark.
    pub mark: Option<u32>,
    /// Zone; `None` = 0.
    pub zone: Option<u16>,
    /// What else is printed, `key=value`, in its order: `use=1`, `id=..`, `secctx=..`.
    pub other: Vec<String>,
    /// Line, from 1.
    pub line: u32,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// Source address.
    pub src: IpAddr,
    /// Destination address.
    pub dst: IpAddr,
    /// Ports or ICMP.
    pub l4: L4,
    /// Packets and bytes, where accounting is on.
    pub counters: Option<(u64, u64)>,
    /// Zone of this direction alone (`zone-orig=`, `zone-reply=`).
    pub zone: Option<u16>,
}

/// The protocol's part of a tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum L4 {
    /// TCP, UDP, SCTP, ...
    Ports {
        /// Source port.
        sport: u16,
        /// Destination port.
        dport: u16,
    },
    /// ICMP and ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Identifier.
        id: u16,
    },
    /// GRE.
    Gre {
        /// Source key.
        srckey: u32,
        /// Destination key.
        dstkey: u32,
    },
    /// A protocol without either.
    None,
}

/// Parses entries, with or without `-o extended`. The closing "flow entries have been shown" is skipped; a line that does
/// not fit is a problem.
pub fn parse(text: &str) -> (Vec<Entry>, Vec<Problem>) {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for (line, content) in (1u32..).zip(text.lines()) {
        if content.trim().is_empty() || content.starts_with("conntrack v") {
            continue;
        }
        match entry(line, content) {
            Ok(entry) => entries.push(entry),
            Err(what) => Problem::at(line, format!("not a line of conntrack: {what}")).push_to(&mut problems),
        }
    }
    (entries, problems)
}

/// A tuple while it is read.
#[derive(Default)]
struct Half {
    src: Option<IpAddr>,
    dst: Option<IpAddr>,
    /// Values by the names in [`KEYS`].
    numbers: [Option<u32>; 7],
    packets: Option<u64>,
    bytes: Option<u64>,
    zone: Option<u16>,
}

const KEYS: [&str; 7] = ["sport", "dport", "type", "code", "id", "srckey", "dstkey"];

impl Half {
    fn tuple(&self) -> Option<Tuple> {
        let [sport, dport, kind, code, id, srckey, dstkey] = self.numbers;
        let port = |number: u32| u16::try_from(number).ok();
        let l4 = match (sport, dport, kind, srckey) {
            (Some(sport), Some(dport), _, _) => L4::Ports {
                sport: port(sport)?,
                dport: port(dport)?,
            },
            (_, _, Some(kind), _) => L4::Icmp {
                kind: u8::try_from(kind).ok()?,
                code: u8::try_from(code.unwrap_or(0)).ok()?,
                id: port(id.unwrap_or(0))?,
            },
            (_, _, _, Some(srckey)) => L4::Gre {
                srckey,
                dstkey: dstkey.unwrap_or(0),
            },
            _ => L4::None,
        };
        Some(Tuple {
            src: self.src?,
            dst: self.dst?,
            l4,
            counters: self.packets.zip(self.bytes),
            zone: self.zone,
        })
    }

    /// Takes a `key=value` if it belongs to a tuple and is not there yet.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        match key {
            "dst" if self.dst.is_none() => self.dst = Some(value.parse().ok()?),
            "packets" if self.packets.is_none() => self.packets = Some(value.parse().ok()?),
            "bytes" if self.bytes.is_none() => self.bytes = Some(value.parse().ok()?),
            "zone-orig" | "zone-reply" if self.zone.is_none() => self.zone = Some(value.parse().ok()?),
            // Where no ICMP type stands it is the entry's.
            "id" if self.numbers.get(2).copied().flatten().is_none() => return None,
            _ => {
                let slot = self.numbers.get_mut(KEYS.iter().position(|name| *name == key)?)?;
                let number = match value.strip_prefix("0x") {
                    Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                    None => value.parse().ok()?,
                };
                if slot.replace(number).is_some() {
                    return None;
                }
            }
        }
        Some(())
    }
}

fn entry(line: u32, content: &str) -> Result<Entry, String> {
    let mut words = content.split_ascii_whitespace().peekable();
    let mut word = || words.next().ok_or("it ends too soon");
    let first = word()?;
    if first.starts_with("ipv") {
        word()?;
        word()?;
    }
    let number = word()?;
    let proto = number
        .parse()
        .map(Proto)
        .map_err(|_| format!("{number:?} is no protocol number"))?;
    let timeout_s = words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let state = words.next_if(|word| !word.contains('=') && !word.starts_with('['));
    let (mut halves, mut flags, mut other) = (Vec::<Half>::new(), Vec::new(), Vec::new());
    let (mut mark, mut zone) = (None, None);
    for word in words {
        if let Some(flag) = word.strip_prefix('[').and_then(|flag| flag.strip_suffix(']')) {
            flags.push(flag.to_owned());
            continue;
        }
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| format!("{word:?} is neither flag nor key=value"))?;
        match key {
            "src" if halves.len() < 2 => {
                let src = value.parse().map_err(|_| format!("{value:?} is no address"))?;
                halves.push(Half {
                    src: Some(src),
                    ..Half::default()
                });
            }
            "mark" => mark = Some(value.parse().map_err(|_| format!("{value:?} is no mark"))?),
            "zone" => zone = Some(value.parse().map_err(|_| format!("{value:?} is no zone"))?),
            // Behind the mark stands what belongs to the entry.
            _ if mark.is_none() && halves.last_mut().is_some_and(|half| half.take(key, value).is_some()) => {}
            _ => other.push(word.to_owned()),
        }
    }
    let tuple = |index: usize| {
        halves
            .get(index)
            .and_then(Half::tuple)
            .ok_or("a direction is incomplete")
    };
    let mut flag = |name: &str| {
        let before = flags.len();
        flags.retain(|flag| flag != name);
        flags.len() < before
    };
    Ok(Entry {
        proto,
        timeout_s: timeout_s.and_then(|word| word.parse().ok()),
        state: state.map(str::to_owned),
        orig: tuple(0)?,
        reply: tuple(1)?,
        assured: flag("ASSURED"),
        unreplied: flag("UNREPLIED"),
        flags,
        mark,
        zone,
        other,
        line,
    })
}

/// Prints entries as `conntrack -L -o extended` does.
pub fn print(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        // Writing into a String cannot fail.
        let _ = write_entry(&mut text, entry);
        text.push('\n');
    }
    text
}

fn write_entry(out: &mut String, entry: &Entry) -> fmt::Result {
    let family = if entry.orig.src.is_ipv4() {
        ("ipv4", 2)
    } else {
        ("ipv6", 10)
    };
    let proto = match entry.proto {
        Proto::ICMPV6 => "icmpv6",
        Proto::TCP | Proto::UDP | Proto::ICMP | Proto::SCTP | Proto::DCCP | Proto::UDPLITE | Proto::GRE => {
            entry.proto.name().unwrap_or("unknown")
        }
        _ => "unknown",
    };
    write!(out, "{:<8} {} {proto:<8} {}", family.0, family.1, entry.proto.0)?;
    if let Some(timeout) = entry.timeout_s {
        write!(out, " {timeout}")?;
    }
    if let Some(state) = &entry.state {
        write!(out, " {state}")?;
    }
    write_tuple(out, &entry.orig, "zone-orig")?;
    if entry.unreplied {
        out.push_str(" [UNREPLIED]");
    }
    write_tuple(out, &entry.reply, "zone-reply")?;
    if entry.assured {
        out.push_str(" [ASSURED]");
    }
    for flag in &entry.flags {
        write!(out, " [{flag}]")?;
    }
    if let Some(mark) = entry.mark {
        write!(out, " mark={mark}")?;
    }
    if let Some(zone) = entry.zone {
        write!(out, " zone={zone}")?;
    }
    for word in &entry.other {
        write!(out, " {word}")?;
    }
    Ok(())
}

fn write_tuple(out: &mut String, tuple: &Tuple, zone: &str) -> fmt::Result {
    write!(out, " src={} dst={}", tuple.src, tuple.dst)?;
    match tuple.l4 {
        L4::Ports { sport, dport } => write!(out, " sport={sport} dport={dport}")?,
        L4::Icmp { kind, code, id } => write!(out, " type={kind} code={code} id={id}")?,
        L4::Gre { srckey, dstkey } => write!(out, " srckey={srckey:#x} dstkey={dstkey:#x}")?,
        L4::None => {}
    }
    if let Some(number) = tuple.zone {
        write!(out, " {zone}={number}")?;
    }
    match tuple.counters {
        Some((packets, bytes)) => write!(out, " packets={packets} bytes={bytes}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
ipv4     2 tcp      6 86398 ESTABLISHED src=10.0.0.1 dst=10.96.0.1 sport=46308 dport=443 packets=3 bytes=180 src=10.0.0.9 dst=10.0.0.1 sport=6443 dport=46308 packets=2 bytes=120 [ASSURED] mark=0 use=1
ipv4     2 udp      17 29 src=10.0.0.1 dst=10.96.0.10 sport=5000 dport=53 [UNREPLIED] src=10.244.0.5 dst=10.0.0.1 sport=53 dport=5000 mark=16384 zone=5 delta-time=1 use=1
ipv4     2 icmp     1 29 src=10.0.0.1 dst=10.0.0.2 type=8 code=0 id=77 src=10.0.0.2 dst=10.0.0.1 type=0 code=0 id=77 mark=0 use=1 id=912384
ipv6     10 icmpv6   58 29 src=fe80::1 dst=fe80::2 type=128 code=0 id=1 src=fe80::2 dst=fe80::1 type=129 code=0 id=1 mark=0 use=1
ipv4     2 unknown  112 599 src=10.0.0.1 dst=224.0.0.18 [UNREPLIED] src=224.0.0.18 dst=10.0.0.1 mark=0 use=1
ipv4     2 gre      47 17999 src=1.0.0.1 dst=1.0.0.2 srckey=0x0 dstkey=0x7 src=1.0.0.2 dst=1.0.0.1 srckey=0x7 dstkey=0x0 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 [OFFLOAD] mark=0 use=2
ipv4     2 udp      17 29 src=10.9.0.1 dst=10.9.0.1 sport=46431 dport=99 zone-orig=5 packets=1 bytes=29 [UNREPLIED] src=10.9.0.1 dst=10.9.0.1 sport=99 dport=46431 packets=0 bytes=0 mark=0 use=1
ipv4     2 udp      17 29 src=10.9.0.1 dst=10.9.0.1 sport=33750 dport=98 packets=1 bytes=29 [UNREPLIED] src=10.9.0.1 dst=10.9.0.1 sport=98 dport=33750 zone-reply=7 packets=0 bytes=0 mark=0 use=1
ipv4     2 tcp      6 9 CLOSE src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 use=1 id=77
";

    #[test]
    fn there_and_back() {
        let (entries, problems) = parse(TEXT);
        assert_eq!((entries.len(), problems), (10, vec![]));
        assert_eq!(print(&entries), TEXT);
        let [tcp, udp, icmp, ..] = entries.as_slice() else {
            panic!()
        };
        assert!(tcp.assured && udp.unreplied && tcp.orig.counters == Some((3, 180)));
        assert_eq!((udp.zone, udp.mark, udp.state.as_deref()), (Some(5), Some(16384), None));
        assert_eq!(
            icmp.reply.l4,
            L4::Icmp {
                kind: 0,
                code: 0,
                id: 77
            }
        );
        assert_eq!(icmp.other, ["use=1", "id=912384"]);
        let zones: Vec<_> = entries.iter().map(|e| (e.orig.zone, e.reply.zone)).collect();
        assert_eq!(zones[7..9], [(Some(5), None), (None, Some(7))]);
    }

    #[test]
    fn the_short_form() {
        let (entries, _) = parse(
            "tcp      6 7 TIME_WAIT src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2 src=10.0.0.2 dst=10.0.0.1 sport=2 dport=1 mark=0 use=1\n\
            conntrack v1.4.7 (conntrack-tools): 1 flow entries have been shown.\n",
        );
        assert_eq!(
            entries.iter().map(|entry| entry.timeout_s).collect::<Vec<_>>(),
            [Some(7)]
        );
    }

    #[test]
    fn lines_that_do_not_fit() {
        for text in [
            "tcp",
            "tcp x",
            "tcp 6 7 X src=1.2.3.4 dst=1.2.3.5",
            "tcp 6 7 src=1.2.3",
            "ipv4 2 tcp 6 7 src=1.2.3.4 what",
            "tcp 300 7",
        ] {
            let (entries, problems) = parse(text);
            assert_eq!((entries.len(), problems.len()), (0, 1), "{text}");
        }
    }
}
