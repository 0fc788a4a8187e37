//! Drop reasons of the kernel, of packets that one thread sends.
//!
//! `skb:kfree_skb` shows no addresses. But a packet travels through namespaces on the back of the thread that sent it, so
//! that an instance of tracefs with a filter on the thread's name shows its drops and nobody else's. (Its number would not
//! do: the kernel's is another one than that of a pid namespace.) What a timer drops (an unresolved neighbour) has no such
//! name and is taken from all.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const TRACEFS: &str = "/sys/kernel/tracing";
/// Beginning of the names of threads and instances. The kernel knows a thread by 15 bytes: this, four digits, seven of the
/// process.
const PREFIX: &str = "nw-";

/// One packet that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// `REASON@function`.
    pub what: String,
    /// While the thread served a soft interrupt: it may be a packet of anybody on this processor. A frame that a program
    /// writes to a TAP device is served by the writer itself; only what the host then sends to itself comes by `lo`.
    pub softirq: bool,
}

/// An instance of tracefs.
pub struct Drops {
    dir: PathBuf,
    marks: usize,
    /// `trace_pipe`, where each event is read once.
    pipe: Option<fs::File>,
}

impl Drops {
    /// For the calling thread, which gets a name that no other thread of the machine has.
    ///
    /// # Errors
    /// No tracefs.
    pub fn of_this_thread() -> io::Result<Drops> {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        sweep();
        let number = THREADS.fetch_add(1, Ordering::Relaxed) % 10_000;
        let name = format!("{PREFIX}{number}-{}", std::process::id());
        fs::write("/proc/thread-self/comm", &name)?;
        let dir = Path::new(TRACEFS).join("instances").join(&name);
        fs::create_dir(&dir)?;
        let drops = Drops {
            dir,
            marks: 0,
            pipe: None,
        };
        drops.write("buffer_size_kb", "256")?;
        let event = "events/skb/kfree_skb";
        let format = fs::read_to_string(drops.dir.join(event).join("format"))?;
        let by_timer = number_of(&format, "NEIGH_FAILED").unwrap_or(u32::MAX);
        drops.write(
            &format!("{event}/filter"),
            &format!("protocol == 2048 && (comm == \"{name}\" || reason == {by_timer})"),
        )?;
        drops.write(&format!("{event}/enable"), "1")?;
        Ok(drops)
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::OpenOptions::new()
            .write(true)
            .open(self.dir.join(file))
            .and_then(|mut f| io::Write::write_all(&mut f, text.as_bytes()))
    }

    /// From here on.
    pub fn begin(&mut self) {
        self.marks += 1;
        let _ = self.write("trace_marker", &format!("mark {} end", self.marks));
    }

    /// What was dropped since the last call, everything.
    ///
    /// # Errors
    /// The pipe cannot be read.
    pub fn drain(&mut self) -> io::Result<Vec<Dropped>> {
        if self.pipe.is_none() {
            let pipe = fs::OpenOptions::new()
                .read(true)
                .custom_flags(nix::libc::O_NONBLOCK)
                .open(self.dir.join("trace_pipe"))?;
            self.pipe = Some(pipe);
        }
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while let Some(pipe) = &mut self.pipe {
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) => return Err(e),
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        let dropped = |line: &str| {
            Some(Dropped {
                what: event(line)?,
                softirq: in_softirq(line),
            })
        };
        Ok(text.lines().filter_map(dropped).collect())
    }

    /// What was dropped since, as `REASON@function`.
    pub fn seen(&self) -> BTreeSet<String> {
        let bytes = fs::read(self.dir.join("trace")).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let mark = format!("mark {} end", self.marks);
        let new = text.rsplit_once(&mark).map_or("", |(_, new)| new);
        new.lines().filter_map(event).filter(|e| !is_noise(e)).collect()
    }
}

/// Removes what runs that were killed have left.
fn sweep() {
    let all = fs::read_dir(Path::new(TRACEFS).join("instances"));
    for instance in all.into_iter().flatten().flatten() {
        let file = instance.file_name().to_string_lossy().into_owned();
        let of = file.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
        if of.is_some_and(|(_, pid)| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::write(instance.path().join("events/skb/kfree_skb/enable"), "0");
            let _ = fs::remove_dir(instance.path());
        }
    }
}

impl Drop for Drops {
    fn drop(&mut self) {
        // An open pipe keeps the instance.
        self.pipe = None;
        let _ = self.write("events/skb/kfree_skb/enable", "0");
        let _ = fs::remove_dir(&self.dir);
    }
}

/// `nw-0-77-78 [001] b.s1. 12.345678: kfree_skb: ...`: the third letter is `s`, or `H` for an interrupt meanwhile.
fn in_softirq(line: &str) -> bool {
    let flags = line.split_once("] ").map_or("", |(_, rest)| rest);
    matches!(flags.as_bytes().get(2), Some(b's' | b'H' | b'h'))
}

/// `{ 58, "NEIGH_FAILED" }`
fn number_of(format: &str, reason: &str) -> Option<u32> {
    let before = format.split(&format!(", \"{reason}\" }}")).next()?;
    before.rsplit("{ ").next()?.trim().parse().ok()
}

/// `... location=ip_error+0x1a0/0x2b0 reason: IP_INADDRERRORS`
fn event(line: &str) -> Option<String> {
    let (rest, reason) = line.split_once(" reason: ")?;
    let (_, place) = rest.split_once("location=")?;
    let function = place.split(['+', '.']).next()?;
    Some(format!("{}@{function}", reason.trim()))
}

/// Endings of packets that were used.
fn is_noise(event: &str) -> bool {
    let (reason, function) = event.split_once('@').unwrap_or_default();
    matches!(reason, "QUEUE_PURGE" | "SOCKET_CLOSE" | "TCP_OLD_ACK" | "TCP_RESET")
        || matches!(
            function,
            "ping_rcv" | "skb_queue_purge_reason" | "inet_csk_destroy_sock"
        )
        || (reason == "NOT_SPECIFIED" && matches!(function, "tcp_v4_rcv" | "tcp_v4_do_rcv" | "tcp_rcv_state_process"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_pipe() {
        let line = |flags| {
            format!(
                "       nw-0-77-78      [001] {flags}  12.345678: kfree_skb: skbaddr=0000 rx_sk=0000 protocol=2048 location=ip_error+0x1a0/0x2b0 reason: IP_INADDRERRORS"
            )
        };
        assert_eq!(event(&line("b..1.")).as_deref(), Some("IP_INADDRERRORS@ip_error"));
        assert!(!in_softirq(&line("b..1.")) && in_softirq(&line("..s1.")) && in_softirq(&line("d.H1.")));
    }
}
