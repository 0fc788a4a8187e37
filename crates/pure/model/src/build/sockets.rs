//! `sockets.txt`.

use super::Ctx;
use crate::fact::Fact;
use crate::family::Family;
use crate::socket::{Socket, Sockets};
use netwhy_snapshot::format::ss::{self, SockIp};
use netwhy_wire::Proto;
use std::net::IpAddr;

pub(super) fn build(ctx: &mut Ctx<'_>, dir: &str) -> Fact<Sockets> {
    let path = format!("{dir}/sockets.txt");
    let text = ctx.text(&path)?;
    let (rows, problems) = ss::parse(text);
    let mut sockets = Sockets {
        list: rows.iter().filter_map(socket).collect(),
        incomplete: None,
    };
    for problem in &problems {
        let gap = ctx.problem(&path, problem);
        sockets.incomplete = sockets.incomplete.or(Some(gap));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        let gap = ctx.gaps.add(path, "the text is cut: its last line has no end");
        sockets.incomplete = sockets.incomplete.or(Some(gap));
    }
    Ok(sockets)
}

/// A TCP listener or UDP socket.
fn socket(row: &ss::Socket) -> Option<Socket> {
    let protocol = match (row.netid.as_str(), row.state.as_str()) {
        ("tcp", "LISTEN") => Proto::TCP.0,
        ("udp", "UNCONN" | "ESTAB") => Proto::UDP.0,
        _ => return None,
    };
    let (addr, family) = local(row.local.ip);
    let peer = local(row.peer.ip).0.zip(row.peer.port);
    let device = row.local.dev.as_deref().map(Into::into);
    let process = row.processes().first().map(|&name| name.into());
    Some(Socket {
        protocol,
        addr,
        family,
        port: row.local.port?,
        device,
        peer,
        process,
        line: row.line,
    })
}

/// The address, if it is no wildcard, and the family whose packets it takes, if it is one. An IPv4 address in an IPv6
/// socket takes packets of IPv4.
fn local(ip: SockIp) -> (Option<IpAddr>, Option<Family>) {
    let addr = match ip {
        SockIp::Any => return (None, None),
        SockIp::V4(v4) => IpAddr::V4(v4),
        SockIp::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
    };
    (Some(addr).filter(|a| !a.is_unspecified()), Some(Family::of(addr)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> Option<Socket> {
        let (rows, problems) = ss::parse(line);
        assert!(problems.is_empty(), "{problems:?}");
        rows.first().and_then(socket)
    }

    #[test]
    fn which_take_what() {
        let any = row("tcp LISTEN 0 128 *:8081 *:* users:((\"python3\",pid=3451,fd=3))\n").unwrap();
        assert_eq!(
            (any.addr, any.port, any.process.as_deref()),
            (None, 8081, Some("python3"))
        );
        assert_eq!(any.family, None);
        let only6 = row("tcp LISTEN 0 128 [::]:8081 [::]:*\n").unwrap();
        assert_eq!((only6.addr, only6.family), (None, Some(Family::Inet6)));
        assert!(row("tcp ESTAB 0 0 10.0.0.1:80 10.0.0.2:4000\n").is_none());
        let lo = row("udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\n").unwrap();
        assert_eq!(
            (lo.addr, lo.device.as_deref(), lo.peer),
            (Some("127.0.0.53".parse().unwrap()), Some("lo"), None)
        );
        let zero = row("udp UNCONN 0 0 0.0.0.0:8472 0.0.0.0:*\n").unwrap();
        assert_eq!((zero.protocol, zero.addr, zero.family), (17, None, Some(Family::Inet)));
        let connected = row("udp ESTAB 0 0 10.0.0.1:500 10.0.0.2:53\n").unwrap();
        assert_eq!(connected.peer, Some(("10.0.0.2".parse().unwrap(), 53)));
        let mapped = row("tcp LISTEN 0 1 [::ffff:10.0.0.1]:80 *:*\n").unwrap();
        assert_eq!(
            (mapped.addr, mapped.family),
            (Some("10.0.0.1".parse().unwrap()), Some(Family::Inet))
        );
    }
}
