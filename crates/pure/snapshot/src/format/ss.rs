//! `sockets.txt`: `ss -Htulpn`, and `sockets-all.txt`: `ss -Htupn state all`.

use crate::Problem;
use netwhy_wire::Proto;
use std::fmt::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr};

/// One socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Socket {
    /// `tcp`, `udp`, `raw`, `sctp`, `icmp6`, ...
    pub netid: String,
    /// `LISTEN`, `UNCONN`, `ESTAB`, `TIME-WAIT`, ...
    pub state: String,
    /// A listener: connections that wait to be accepted. Else bytes that wait to be read.
    pub recv_q: u64,
    /// A listener: length of the accept queue. Else bytes that are not acknowledged.
    pub send_q: u64,
    /// Bound address.
    pub local: SockAddr,
    /// Other end.
    pub peer: SockAddr,
    /// What stands after the peer: `users:(("kube-proxy",pid=4567,fd=13))` and columns of `-e`; empty for a kernel's socket.
    pub rest: String,
    /// Line, from 1.
    pub line: u32,
}

/// An address as ss prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SockAddr {
    /// Address.
    pub ip: SockIp,
    /// Device that the socket is bound to, `127.0.0.53%lo:53`.
    pub dev: Option<String>,
    /// Port, or the protocol of a raw socket; `None` = any (`*`).
    pub port: Option<u16>,
}

/// The address part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SockIp {
    /// `*`: the IPv6 wildcard of a socket that takes IPv4 too.
    #[default]
    Any,
    /// IPv4; `0.0.0.0` is the IPv4 wildcard.
    V4(Ipv4Addr),
    /// IPv6; `[::]` is the wildcard of a socket that takes IPv6 only.
    V6(Ipv6Addr),
}

impl SockIp {
    /// A packet for this IPv4 address may be delivered to a socket that is bound here.
    pub fn takes_v4(self, address: Ipv4Addr) -> bool {
        match self {
            SockIp::Any => true,
            SockIp::V4(own) => own.is_unspecified() || own == address,
            SockIp::V6(own) => own.to_ipv4_mapped() == Some(address),
        }
    }

    /// A packet for this IPv6 address may be delivered to a socket that is bound here.
    pub fn takes_v6(self, address: Ipv6Addr) -> bool {
        match self {
            SockIp::Any => true,
            SockIp::V4(_) => false,
            SockIp::V6(own) => own.is_unspecified() || own == address,
        }
    }
}

impl Socket {
    /// Names of the processes that hold the socket, in the order of the text. A name is what the process says it is.
    pub fn processes(&self) -> Vec<&str> {
        let name = |part: &'_ str| part.split_once("\",pid=").map(|(name, _)| name.len());
        self.rest
            .split("(\"")
            .skip(1)
            .filter_map(|part| part.get(..name(part)?))
            .collect()
    }
}

/// Parses the lines of ss. The header line, if it was printed, is skipped; a line that does not fit is a problem.
pub fn parse(text: &str) -> (Vec<Socket>, Vec<Problem>) {
    let mut sockets = Vec::new();
    let mut problems = Vec::new();
    for (line, content) in (1u32..).zip(text.lines()) {
        if content.trim().is_empty() || content.starts_with("Netid") {
            continue;
        }
        match socket(line, content) {
            Ok(socket) => sockets.push(socket),
            Err(what) => Problem::at(line, what).push_to(&mut problems),
        }
    }
    (sockets, problems)
}

fn socket(line: u32, content: &str) -> Result<Socket, String> {
    let mut rest = content;
    let mut word = |what: &str| {
        let from = rest.trim_start();
        let (word, after) = from.split_at(from.find(char::is_whitespace).unwrap_or(from.len()));
        rest = after;
        if word.is_empty() {
            Err(format!("not a line of ss: no {what}"))
        } else {
            Ok(word)
        }
    };
    let (netid, state) = (word("netid")?, word("state")?);
    let (recv_q, send_q) = (word("Recv-Q")?, word("Send-Q")?);
    let (local, peer) = (word("local address")?, word("peer address")?);
    let count = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("not a line of ss: {text:?} is no length of a queue"))
    };
    let address = |text: &str| parse_address(text).ok_or_else(|| format!("{text:?} is no socket address"));
    Ok(Socket {
        netid: netid.to_owned(),
        state: state.to_owned(),
        recv_q: count(recv_q)?,
        send_q: count(send_q)?,
        local: address(local)?,
        peer: address(peer)?,
        rest: rest.trim().to_owned(),
        line,
    })
}

/// `*:80`, `[::]:80`, `127.0.0.53%lo:53`, `[fe80::1]%eth0:546`; without brackets too, as older versions print.
fn parse_address(text: &str) -> Option<SockAddr> {
    let (host, port) = text.rsplit_once(':')?;
    let port = match port {
        "*" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        // A raw socket has its protocol there.
        name => Some(u16::from(name.parse::<Proto>().ok()?.0)),
    };
    let (host, dev) = match host.split_once('%') {
        Some((host, dev)) => (host, Some(dev)),
        None => (host, None),
    };
    // "[fe80::1%eth0]" and "[fe80::1]%eth0" are the same.
    let dev = dev
        .map(|dev| dev.trim_end_matches(']').to_owned())
        .filter(|dev| !dev.is_empty());
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let ip = match host {
        "*" => SockIp::Any,
        v6 if v6.contains(':') => SockIp::V6(v6.parse().ok()?),
        v4 => SockIp::V4(v4.parse().ok()?),
    };
    Some(SockAddr { ip, dev, port })
}

/// Prints sockets with one space between the columns (ss pads them to the widest).
pub fn print(sockets: &[Socket]) -> String {
    let mut text = String::new();
    for socket in sockets {
        let Socket {
            netid,
            state,
            recv_q,
            send_q,
            local,
            peer,
            rest,
            ..
        } = socket;
        let _ = writeln!(
            text,
            "{}",
            format!("{netid} {state} {recv_q} {send_q} {local} {peer} {rest}").trim_end()
        );
    }
    text
}

impl fmt::Display for SockAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            SockIp::Any => f.write_str("*")?,
            SockIp::V4(ip) => write!(f, "{ip}")?,
            SockIp::V6(ip) => write!(f, "[{ip}]")?,
        }
        if let Some(dev) = &self.dev {
            write!(f, "%{dev}")?;
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_who_may_come_in() {
        let text = "udp UNCONN 0      0      127.0.0.53%lo:53   0.0.0.0:*                                      \n\
            tcp LISTEN 0      4096    0.0.0.0:32422 0.0.0.0:* users:((\"kube-proxy\",pid=4567,fd=14))\n\
            tcp LISTEN 3      128          *:8081       *:* users:((\"a b\",pid=1,fd=3),(\"x\"y\",pid=2,fd=3)) uid:0\n\
            tcp LISTEN 0 1 [::]:80 [::]:*\nudp UNCONN 0 0 fe80::1%eth0:546 :::*\ntcp ESTAB 0 0 [::ffff:10.0.0.1]:179 [::ffff:10.0.0.2]:5\n";
        let (sockets, problems) = parse(text);
        assert_eq!((sockets.len(), problems.len()), (6, 0), "{problems:?}");
        assert_eq!(sockets[0].local.dev.as_deref(), Some("lo"));
        assert_eq!(sockets[1].processes(), ["kube-proxy"]);
        assert_eq!((sockets[2].recv_q, sockets[2].processes()), (3, vec!["a b", "x\"y"]));
        let host = Ipv4Addr::new(10, 0, 0, 1);
        let takes: Vec<bool> = sockets.iter().map(|socket| socket.local.ip.takes_v4(host)).collect();
        assert_eq!(takes, [false, true, true, false, false, true]);
        assert!(sockets[2].local.ip.takes_v6(Ipv6Addr::LOCALHOST) && sockets[3].local.ip.takes_v6(Ipv6Addr::LOCALHOST));
        assert_eq!(sockets[4].local.to_string(), "[fe80::1]%eth0:546");
        assert_eq!(parse(&print(&sockets)).0, sockets);
    }

    #[test]
    fn lines_that_do_not_fit() {
        let (sockets, problems) = parse(
            "Netid State Recv-Q\n\ntcp LISTEN 0\ntcp LISTEN a 0 *:1 *:*\ntcp LISTEN 0 0 *:99999 *:*\ntcp LISTEN 0 0 300.0.0.1:1 *:*\n",
        );
        assert!(sockets.is_empty());
        assert_eq!(
            problems.iter().filter_map(|problem| problem.line).collect::<Vec<_>>(),
            [3, 4, 5, 6]
        );
    }
}
