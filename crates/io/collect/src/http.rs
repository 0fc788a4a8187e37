//! One HTTP question to a port of this namespace's loopback.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// As long as `curl -m3` waits.
const PATIENCE: Duration = Duration::from_secs(3);
/// Lines before the answer.
const HEADER_BYTES: usize = 16 << 10;

/// `GET path`: the body of a 200 answer, or why there is none.
pub(crate) fn get(port: u16, path: &str, most: usize) -> Result<Vec<u8>, String> {
    let deadline = Instant::now() + PATIENCE;
    let bytes = talk(port, path, most, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer within {} s", PATIENCE.as_secs())
        }
        _ => error.to_string(),
    })?;
    let end = find(&bytes, b"\r\n\r\n").ok_or("no HTTP answer")?;
    let head = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned();
    let status = head.split(' ').nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!("HTTP status {}", status.chars().take(20).collect::<String>()));
    }
    if bytes.len() > most {
        return Err(format!("more than {most} bytes"));
    }
    Ok(bytes.get(end + 4..).unwrap_or_default().to_vec())
}

/// HTTP/1.0: the server ends the answer by closing, and does not cut it into chunks.
fn talk(port: u16, path: &str, most: usize, deadline: Instant) -> io::Result<Vec<u8>> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    while bytes.len() <= most.saturating_add(HEADER_BYTES) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(buffer.get(..n).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answer_with(text: &'static str) -> Result<Vec<u8>, String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 1000];
                let _ = stream.read(&mut buffer).unwrap();
                stream.write_all(text.as_bytes()).unwrap();
            });
            get(port, "/configz", 100)
        })
    }

    #[test]
    fn answers() {
        assert_eq!(answer_with("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{}"), Ok(b"{}".to_vec()));
        assert_eq!(
            answer_with("HTTP/1.1 404 Not Found\r\n\r\nno"),
            Err("HTTP status 404".into())
        );
        assert_eq!(answer_with("SSH-2.0\r\n"), Err("no HTTP answer".into()));
        let long = concat!(
            "HTTP/1.0 200 OK\r\n\r\n",
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        );
        assert_eq!(answer_with(long), Err("more than 100 bytes".into()));
    }

    #[test]
    fn nobody_listens() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert_eq!(get(port, "/", 100), Err("connection refused".into()));
    }
}
