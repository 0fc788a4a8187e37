//! One connection, as a client makes it.

use super::build::World;
use super::text::Ask;
use netwhy_probe::Ended;
use netwhy_sim::ClientSees;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// What a client and its server see.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub client: ClientSees,
    /// `b:8080 10.1.0.2`: who answered, and whom it saw.
    pub answer: Option<String>,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.client.as_str())?;
        self.answer.iter().try_for_each(|a| write!(f, " {a}"))
    }
}

const PATIENCE: Duration = Duration::from_millis(1200);
/// Where no text says what to expect, and silence is asked again: before a SYN is repeated.
const HASTE: Duration = Duration::from_millis(700);
/// Longer than three ARP requests.
const LONG: Duration = Duration::from_millis(4500);
/// For the answer of a server that has already accepted; the machine may be busy.
const LINE: Duration = Duration::from_secs(5);
/// The same in haste.
const HASTY_LINE: Duration = Duration::from_millis(1500);

/// Asks once; also how long it took.
pub fn measure(world: &World, ask: &Ask) -> Result<(Seen, Duration), String> {
    let patience = match (ask.slow, ask.want.is_empty()) {
        (true, _) => LONG,
        (false, true) => HASTE,
        (false, false) => PATIENCE,
    };
    let began = Instant::now();
    let seen = match ask.proto {
        6 => tcp(world, ask, patience)?,
        _ => udp(world, ask, patience)?,
    };
    Ok((seen, began.elapsed()))
}

fn tcp(world: &World, ask: &Ask, patience: Duration) -> Result<Seen, String> {
    let question = netwhy_probe::Ask {
        line_patience: if patience == HASTE { HASTY_LINE } else { LINE },
        ..netwhy_probe::Ask::new((*ask.to.ip()).into(), ask.to.port(), patience)
    };
    let attempt = netwhy_probe::ask(&world.space(&ask.client)?.netns, &question).map_err(|e| e.to_string())?;
    Ok(match attempt.ended {
        Ended::Connected { line, .. } => Seen {
            client: ClientSees::Ok,
            answer: Some(line.unwrap_or_else(|| "nobody".into())),
        },
        Ended::Failed { errno } => failed(errno),
        Ended::GaveUp => silent(),
    })
}

fn udp(world: &World, ask: &Ask, patience: Duration) -> Result<Seen, String> {
    let netns = &world.space(&ask.client)?.netns;
    let socket = netns
        .run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, ask.from)))
        .and_then(|s| s);
    let socket = socket.map_err(|e| e.to_string())?;
    let said = socket
        .connect(ask.to)
        .and_then(|()| socket.set_read_timeout(Some(patience)))
        .and_then(|()| socket.send(b"who?\n"))
        .and_then(|_| {
            let mut buffer = [0; 64];
            socket
                .recv(&mut buffer)
                .map(|n| String::from_utf8_lossy(&buffer[..n]).trim().to_owned())
        });
    Ok(match said {
        Ok(line) => Seen {
            client: ClientSees::Ok,
            answer: Some(line),
        },
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => silent(),
        Err(e) => failed(e.raw_os_error().unwrap_or(0)),
    })
}

fn silent() -> Seen {
    Seen {
        client: ClientSees::Timeout,
        answer: None,
    }
}

fn failed(errno: i32) -> Seen {
    let client = match nix::errno::Errno::from_raw(errno) {
        nix::errno::Errno::ETIMEDOUT => ClientSees::Timeout,
        nix::errno::Errno::ECONNREFUSED => ClientSees::Refused,
        nix::errno::Errno::EHOSTUNREACH => ClientSees::NoRoute,
        nix::errno::Errno::ENETUNREACH => ClientSees::NetUnreachable,
        nix::errno::Errno::EACCES => ClientSees::Prohibited,
        nix::errno::Errno::EINVAL => ClientSees::InvalidArgument,
        nix::errno::Errno::ECONNRESET => ClientSees::Reset,
        nix::errno::Errno::EPERM => ClientSees::NotPermitted,
        other => {
            return Seen {
                client: ClientSees::Unknown,
                answer: Some(format!("{other:?}")),
            };
        }
    };
    Seen { client, answer: None }
}
