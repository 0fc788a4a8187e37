//! Matches: which extension it is, and those that look at the packet's headers only.

use super::cursor::{Cursor, Odd, Opt};
use super::{Env, rule};
use super::{context, header, sctp, state, u32};
use crate::netfilter::{Match, Not, PortSide, Ports};
use netwhy_wire::tcp;

/// The match `name` with the options that follow.
pub(super) fn build(env: &mut Env<'_, '_>, name: &str, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let built = match name {
        "addrtype" => context::addrtype(cursor),
        "comment" => comment(cursor),
        "connmark" => context::mark(cursor).map(Match::Connmark),
        "conntrack" => context::conntrack(cursor),
        "dscp" => header::dscp(cursor),
        "hashlimit" | "limit" => limit(cursor),
        "frag" | "rt" | "hbh" | "dst" | "mh" => extension_header(env, name, cursor),
        "hl" => header::ttl(cursor),
        "icmp" => icmp(cursor),
        "icmp6" => icmp6(cursor),
        "iprange" => header::iprange(cursor),
        "length" => header::length(cursor),
        "mac" => header::mac(cursor),
        "mark" => context::mark(cursor).map(Match::Mark),
        "multiport" => multiport(cursor),
        "nfacct" => nfacct(cursor),
        "owner" => state::owner(env, cursor),
        "physdev" => context::physdev(cursor),
        "pkttype" => header::pkttype(cursor),
        "recent" => state::recent(env, cursor),
        "rpfilter" => context::rpfilter(cursor),
        "sctp" => sctp::build(cursor),
        "set" => state::set(env, cursor),
        "socket" => state::socket(env, cursor),
        "state" => context::state(cursor),
        "statistic" => context::statistic(cursor),
        "tcp" => tcp(cursor),
        "tcpmss" => header::tcpmss(cursor),
        "tos" => header::tos(cursor),
        "ttl" => header::ttl(cursor),
        "u32" => u32::build(env, cursor),
        "udp" => udp(cursor),
        _ => return Err(Odd::Why(format!("match {name:?} is not modelled"))),
    };
    built.map_err(|odd| match odd {
        Odd::Why(why) => Odd::Why(format!("match {name:?}: {why}")),
        gap @ Odd::Gap(_) => gap,
    })
}

/// What an option must say for the match to mean anything.
pub(super) fn needed<T>(value: Option<T>, option: &str) -> Result<T, Odd> {
    value.ok_or_else(|| Odd::Why(format!("{option} is missing")))
}

/// A value under the `!` of its option.
pub(super) fn under<T>(opt: Opt<'_>, value: T) -> Not<T> {
    Not { value, not: opt.not }
}

/// `80`, `1024:65535`, `:1023`, `1024:`.
pub(super) fn ports(text: &str) -> Option<Ports> {
    let Some((low, high)) = text.split_once(':') else {
        let port = text.parse().ok()?;
        return Some((port, port));
    };
    let end = |text: &str, open: u16| if text.is_empty() { Some(open) } else { text.parse().ok() };
    Some((end(low, 0)?, end(high, u16::MAX)?))
}

fn tcp(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut sport, mut dport, mut flags, mut option) = (None, None, None, None);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--sport" => sport = Some(under(opt, cursor.read(opt, ports)?)),
            "--dport" => dport = Some(under(opt, cursor.read(opt, ports)?)),
            "--tcp-flags" => {
                let mask = cursor.read(opt, tcp_flags)?;
                flags = Some(under(opt, (mask, cursor.read(opt, tcp_flags)?)));
            }
            "--syn" => flags = Some(under(opt, (tcp::SYN | tcp::RST | tcp::ACK | tcp::FIN, tcp::SYN))),
            "--tcp-option" => option = Some(under(opt, cursor.parse(opt)?)),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Tcp {
        sport,
        dport,
        flags,
        option,
    })
}

fn tcp_flags(text: &str) -> Option<u8> {
    text.split(',').try_fold(0, |flags, name| {
        let bit = match name {
            "NONE" => 0,
            "ALL" => 0x3f,
            "FIN" => tcp::FIN,
            "SYN" => tcp::SYN,
            "RST" => tcp::RST,
            "PSH" => tcp::PSH,
            "ACK" => tcp::ACK,
            "URG" => tcp::URG,
            _ => return None,
        };
        Some(flags | bit)
    })
}

fn udp(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let (mut sport, mut dport) = (None, None);
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--sport" => sport = Some(under(opt, cursor.read(opt, ports)?)),
            "--dport" => dport = Some(under(opt, cursor.read(opt, ports)?)),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Udp { sport, dport })
}

fn icmp(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut what = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--icmp-type" => what = Some(under(opt, cursor.read(opt, icmp_type)?)),
            _ => return Err(opt.odd()),
        }
    }
    // Without the option every type matches.
    Ok(Match::Icmp(what.unwrap_or(Not {
        value: (u8::MAX, None),
        not: false,
    })))
}

/// `8`, `3/4`, `any`; names that only people write are not read.
fn icmp_type(text: &str) -> Option<(u8, Option<u8>)> {
    match text {
        "any" => return Some((u8::MAX, None)),
        "echo-request" => return Some((8, None)),
        "echo-reply" => return Some((0, None)),
        "destination-unreachable" => return Some((3, None)),
        "fragmentation-needed" => return Some((3, Some(4))),
        "time-exceeded" => return Some((11, None)),
        _ => {}
    }
    match text.split_once('/') {
        Some((kind, code)) => Some((kind.parse().ok()?, Some(code.parse().ok()?))),
        None => Some((text.parse().ok()?, None)),
    }
}

/// `8`-like types of ICMPv6: `128`, `1/4`.
fn icmp6(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut what = None;
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--icmpv6-type" => what = Some(under(opt, cursor.read(opt, icmp6_type)?)),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Icmp(needed(what, "--icmpv6-type")?))
}

/// Names as `extensions/libxt_icmp.h` has them.
fn icmp6_type(text: &str) -> Option<(u8, Option<u8>)> {
    Some(match text {
        "destination-unreachable" => (1, None),
        "packet-too-big" => (2, None),
        "time-exceeded" | "ttl-exceeded" => (3, None),
        "parameter-problem" => (4, None),
        "echo-request" | "ping" => (128, None),
        "echo-reply" | "pong" => (129, None),
        "router-solicitation" => (133, None),
        "router-advertisement" => (134, None),
        "neighbour-solicitation" | "neighbor-solicitation" => (135, None),
        "neighbour-advertisement" | "neighbor-advertisement" => (136, None),
        "redirect" => (137, None),
        _ => match text.split_once('/') {
            Some((kind, code)) => (kind.parse().ok()?, Some(code.parse().ok()?)),
            None => (text.parse().ok()?, None),
        },
    })
}

/// Matches that a packet without such a header never fits, whatever they ask for (`ip6t_frag.c`, `ip6t_rt.c`, `ip6t_hbh.c`,
/// `ip6t_mh.c`).
fn extension_header(env: &mut Env<'_, '_>, name: &str, cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    cursor.skip_extension();
    Ok(Match::ExtensionHeader(env.gap(
        env.line,
        format!("match {name:?} of a fragment is not modelled"),
    )))
}

fn multiport(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut found = None;
    while let Some(opt) = cursor.option() {
        let side = match opt.name {
            "--sports" | "--source-ports" => PortSide::Source,
            "--dports" | "--destination-ports" => PortSide::Destination,
            "--ports" => PortSide::Either,
            _ => return Err(opt.odd()),
        };
        let list = cursor.read(opt, |text| text.split(',').map(ports).collect::<Option<Vec<_>>>())?;
        found = Some(Match::Multiport {
            ports: under(opt, list),
            side,
        });
    }
    needed(found, "--ports")
}

fn comment(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    let mut text = "";
    // The text may look like an option, so nothing but the option itself is looked for.
    while cursor.eat("--comment") {
        text = cursor.next().unwrap_or_default();
    }
    Ok(Match::Comment(text.into()))
}

fn nfacct(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--nfacct-name" => cursor.value(opt)?,
            _ => return Err(opt.odd()),
        };
    }
    Ok(Match::Nfacct)
}

/// limit and hashlimit: how full the bucket is stands in no snapshot, so the numbers do not matter.
fn limit(cursor: &mut Cursor<'_>) -> Result<Match, Odd> {
    while let Some(opt) = cursor.option() {
        match opt.name {
            "--hashlimit-rate-match" => {}
            name if name.starts_with("--limit") || name.starts_with("--hashlimit") => drop(cursor.value(opt)?),
            _ => return Err(opt.odd()),
        }
    }
    Ok(Match::Limit)
}

/// An address or network of an option.
pub(super) fn network(cursor: &mut Cursor<'_>, opt: Opt<'_>) -> Result<Not<ipnet::IpNet>, Odd> {
    Ok(under(opt, cursor.read(opt, rule::network)?))
}
