//! Addresses, names and ports in a line of text.

use crate::observation::{Host, Target};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A target and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    pub target: Target,
    /// `A->B` of Go.
    pub source: Option<SocketAddr>,
    /// It is a name that was being resolved, and the server that was asked.
    pub lookup: bool,
    pub server: Option<SocketAddr>,
}

/// More targets of one line are not looked at.
const TARGETS_MAX: usize = 32;

/// Before these a name may stand without a port.
const NAME_BEFORE: &[&str] = &[
    "resolve host: ",
    "resolve host address '",
    "resolve host address \u{2018}",
    "resolve host address ",
    "resolve hostname ",
    "bad address '",
    "unknownhostexception: ",
    "getaddrinfo enotfound ",
    "getaddrinfo eai_again ",
    "can't find ",
];
/// Before these stand a host and, in one of several forms, a port.
const HOST_BEFORE: &[&str] = &[
    "connect to host ",
    "connect to ",
    "connecting to ",
    "connection to ",
    "connect fail for ",
    "dial tcp ",
    "dial tcp4 ",
    "connect econnrefused ",
    "connect etimedout ",
    "connect ehostunreach ",
    "connect enetunreach ",
    "connect eacces ",
    "connect einval ",
    "trying ",
    "peer ",
];

/// All targets of a line, in order. `lower` is the line in ASCII lower case.
pub(super) fn find(line: &str, lower: &str) -> Vec<Found> {
    let mut all = Vec::new();
    let mut source = None;
    let mut at = 0;
    while at < line.len() && all.len() < TARGETS_MAX {
        let Some((end, found)) = starts_here(line, lower, at) else {
            at += line[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        };
        if line[end..].starts_with("->") {
            source = found
                .target
                .ip()
                .zip(found.target.port)
                .map(|(ip, port)| SocketAddr::new(ip, port));
            at = end + 2;
            continue;
        }
        all.push(Found {
            start: at,
            end,
            source: source.take(),
            ..found
        });
        at = end;
    }
    all
}

fn found(target: Target) -> Found {
    Found {
        start: 0,
        end: 0,
        target,
        source: None,
        lookup: false,
        server: None,
    }
}

/// A target that begins at a byte, with its end.
fn starts_here(line: &str, lower: &str, at: usize) -> Option<(usize, Found)> {
    let begins = !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-');
    let rest = &lower[at..];
    if let Some(part) = rest.strip_prefix("/dev/tcp/") {
        let start = at + rest.len() - part.len();
        return with_port(line, start, "/").map(|(end, t)| (end, found(t)));
    }
    if let Some(before) = NAME_BEFORE.iter().find(|b| rest.starts_with(**b)) {
        let (end, host) = host(line, at + before.len())?;
        return Some((
            end,
            Found {
                lookup: true,
                ..found(Target {
                    host,
                    address: None,
                    port: None,
                })
            },
        ));
    }
    if !begins {
        return None;
    }
    if rest.starts_with("lookup ") {
        return lookup(line, at + 7);
    }
    if let Some((start, default)) = url(rest) {
        return host_port(line, at + start, Some(default)).map(|(end, t)| (end, found(t)));
    }
    if let Some(before) = HOST_BEFORE.iter().find(|b| rest.starts_with(**b)) {
        return host_port(line, at + before.len(), None).map(|(end, t)| (end, found(t)));
    }
    if let Some(part) = rest.strip_prefix("host='") {
        return pool(line, at + rest.len() - part.len());
    }
    if line[..at].to_ascii_lowercase().ends_with("from ") {
        return None;
    }
    address(line, at).map(|(end, t)| (end, found(t)))
}

/// `lookup api.shop on 10.96.0.10:53`.
fn lookup(line: &str, at: usize) -> Option<(usize, Found)> {
    let (mut end, host) = host(line, at)?;
    let mut server = None;
    if line[end..].starts_with(" on ")
        && let Some((after, target)) = address(line, end + 4)
    {
        server = target.ip().map(|ip| SocketAddr::new(ip, target.port.unwrap_or(53)));
        end = after;
    }
    Some((
        end,
        Found {
            lookup: true,
            server,
            ..found(Target {
                host,
                address: None,
                port: None,
            })
        },
    ))
}

/// Where the host of a URL begins, and the port of its scheme.
fn url(rest: &str) -> Option<(usize, u16)> {
    const SCHEMES: &[(&str, u16)] = &[
        ("http://", 80),
        ("https://", 443),
        ("ws://", 80),
        ("wss://", 443),
        ("tcp://", 0),
        ("redis://", 6379),
    ];
    SCHEMES
        .iter()
        .find(|(s, _)| rest.starts_with(s))
        .map(|(s, port)| (s.len(), *port))
}

/// `host='10.0.21.231', port=3000`.
fn pool(line: &str, at: usize) -> Option<(usize, Found)> {
    let (end, host) = host(line, at)?;
    let port = line[end..]
        .strip_prefix("', port=")
        .and_then(|rest| number(rest).map(|(_, port)| port));
    Some((
        end,
        found(Target {
            host,
            address: None,
            port,
        }),
    ))
}

/// A host and a port: `H:P`, `H port P`, `H (H)|IP|:P`; or a host alone if it is an address, or `default` is given.
fn host_port(line: &str, at: usize, default: Option<u16>) -> Option<(usize, Target)> {
    if let Some(both) = with_port(line, at, ":").or_else(|| with_port(line, at, " port ")) {
        return Some(both);
    }
    let (end, host) = host(line, at)?;
    if let Some(both) = piped(line, end, &host) {
        return Some(both);
    }
    let port = default.filter(|port| *port != 0);
    let enough = default.is_some() || matches!(host, Host::Ip(_));
    enough.then_some((
        end,
        Target {
            host,
            address: None,
            port,
        },
    ))
}

/// wget: `api.shop (api.shop)|10.0.21.231|:3000`; curl: `api.shop (10.0.21.231) port 3000`.
fn piped(line: &str, end: usize, name: &Host) -> Option<(usize, Target)> {
    let rest = line[end..].strip_prefix(" (")?;
    let close = end + 2 + rest.find(')')?;
    let after = close + 1;
    let (ip, tail) = match line[after..].strip_prefix('|') {
        Some(_) => host(line, after + 1).map(|(e, h)| (h, e + 1))?,
        None => host(line, end + 2).map(|(_, h)| (h, after))?,
    };
    let (Host::Ip(ip), rest) = (ip, line.get(tail..)?) else {
        return None;
    };
    let separator = [":", " port "].into_iter().find(|s| rest.starts_with(s))?;
    let (digits, port) = number(&rest[separator.len()..])?;
    let target = Target {
        host: name.clone(),
        address: Some(ip),
        port: Some(port),
    };
    Some((tail + separator.len() + digits, target))
}

fn with_port(line: &str, at: usize, separator: &str) -> Option<(usize, Target)> {
    let (end, host) = host(line, at)?;
    let rest = line[end..].strip_prefix(separator)?;
    let (digits, port) = number(rest)?;
    Some((
        end + separator.len() + digits,
        Target {
            host,
            address: None,
            port: Some(port),
        },
    ))
}

/// An address where no word announces it: `IP:P`, `[IP]:P`, `[IP] P`, `|IP|:P`, `(IP)`, `IP`.
fn address(line: &str, at: usize) -> Option<(usize, Target)> {
    let (end, host) = host(line, at)?;
    if !matches!(host, Host::Ip(_)) {
        return None;
    }
    let rest = &line[end..];
    let bracketed = line[at..].starts_with('[');
    let separator = [":", "|:", " "]
        .into_iter()
        .find(|s| rest.starts_with(s) && (*s != " " || bracketed));
    let port = separator.and_then(|s| number(&rest[s.len()..]).map(|(digits, port)| (end + s.len() + digits, port)));
    Some(match port {
        Some((end, port)) => (
            end,
            Target {
                host,
                address: None,
                port: Some(port),
            },
        ),
        None => (
            end,
            Target {
                host,
                address: None,
                port: None,
            },
        ),
    })
}

/// An address, one in brackets, or a name.
fn host(line: &str, at: usize) -> Option<(usize, Host)> {
    let rest = line.get(at..)?;
    if let Some(inner) = rest.strip_prefix(['[', '/']) {
        let close = if rest.starts_with('[') {
            inner.find(']')?
        } else {
            run(inner, "0123456789.")
        };
        let ip = inner[..close].parse::<IpAddr>().ok()?;
        return Some((at + 1 + close + usize::from(rest.starts_with('[')), Host::Ip(ip)));
    }
    let digits = trimmed(rest, run(rest, "0123456789."));
    let more = rest[digits..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
    if let (Ok(ip), false) = (rest[..digits].parse::<Ipv4Addr>(), more) {
        return Some((at + digits, Host::Ip(ip.into())));
    }
    let hex = run(rest, "0123456789abcdefABCDEF:.");
    if let Ok(ip) = rest[..hex].parse::<Ipv6Addr>() {
        return Some((at + hex, Host::Ip(ip.into())));
    }
    let length = trimmed(
        rest,
        rest.bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || b"._-".contains(b))
            .count(),
    );
    let name = &rest[..length];
    let good = (1..=253).contains(&length) && name.bytes().any(|b| b.is_ascii_alphabetic());
    good.then(|| (at + length, Host::Name(name.to_owned())))
}

fn run(text: &str, of: &str) -> usize {
    text.bytes().take_while(|b| of.as_bytes().contains(b)).count()
}

/// Without dots at the end: `10.0.21.231...`.
fn trimmed(text: &str, length: usize) -> usize {
    text[..length].trim_end_matches('.').len()
}

/// A port and how many digits it has.
fn number(text: &str) -> Option<(usize, u16)> {
    let digits = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
    let port = text[..digits].parse().ok().filter(|port| *port != 0)?;
    Some((digits, port))
}
