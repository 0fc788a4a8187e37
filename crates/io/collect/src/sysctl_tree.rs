//! All of `/proc/sys/net` of the calling thread's namespace, as `sysctl -a` lists it.
//!
//! Keys are opened one by one below their open directory: the kernel looks each component of a path up by the slow way
//! here, so that whole paths cost five times as much (7 against 41 ms for a thousand keys).

use netwhy_sys::sysctl;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Deprecated names, which `sysctl -a` leaves out.
const DEPRECATED: [&str; 2] = ["base_reachable_time", "retrans_time"];
/// Keys that are secrets: of TCP Fast Open, of stable IPv6 addresses, of the hash that spreads packets over queues.
const SECRET: [&str; 3] = ["tcp_fastopen_key", "stable_secret", "netdev_rss_key"];
/// `/proc/sys` is less deep; the limit is for whatever is mounted there.
const DEPTH: usize = 12;

/// The text of `sysctl.txt`: all of `net.*` but for three secrets. Keys that may not be read are named as `sysctl` names
/// them, since not to know a value is not to know that it is the default.
pub(crate) fn text() -> String {
    let tree = read();
    let mut text = sysctl::print(&tree);
    for (key, value) in &tree {
        if value
            .as_ref()
            .is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
        {
            text.push_str(&format!("sysctl: permission denied on key '{key}'\n"));
        }
    }
    text
}

fn read() -> Vec<(String, io::Result<String>)> {
    let mut reader = Reader {
        all: Vec::with_capacity(2000),
        buffer: vec![0; 64 << 10],
    };
    let top = PathBuf::from("/proc/sys/net");
    match File::open(&top) {
        Ok(directory) => reader.directory(&directory, &top, "net", 0),
        Err(error) => reader.all.push(("net".to_owned(), Err(error))),
    }
    reader.all
}

struct Reader {
    all: Vec<(String, io::Result<String>)>,
    buffer: Vec<u8>,
}

impl Reader {
    fn directory(&mut self, open: &File, path: &Path, key: &str, depth: usize) {
        let entries = match fs::read_dir(path) {
            Ok(entries) => entries,
            // Gone since it was listed: an interface that was removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.all.push((key.to_owned(), Err(error))),
        };
        let mut entries: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.file_type().ok()?.is_dir())))
            .filter(|(name, _)| !DEPRECATED.contains(&name.as_str()) && !SECRET.contains(&name.as_str()))
            .collect();
        entries.sort();
        for (name, is_directory) in entries {
            let child = format!("{key}.{}", name.replace('.', "/"));
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            match openat(open, name.as_str(), flags, Mode::empty()) {
                Ok(fd) if is_directory && depth < DEPTH => {
                    self.directory(&File::from(fd), &path.join(&name), &child, depth + 1);
                }
                Ok(_) if is_directory => {}
                Ok(fd) => self.value(File::from(fd), child),
                Err(nix::Error::ENOENT) => {}
                Err(_) if nobody_may_read(open, &name) => {}
                Err(errno) => self.all.push((child, Err(errno.into()))),
            }
        }
    }

    fn value(&mut self, mut file: File, key: String) {
        match self.bytes(&mut file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            value => self.all.push((key, value)),
        }
    }

    fn bytes(&mut self, file: &mut File) -> io::Result<String> {
        let count = file.read(&mut self.buffer)?;
        let mut bytes = self.buffer.get(..count).unwrap_or_default().to_vec();
        if count == self.buffer.len() {
            file.read_to_end(&mut bytes)?;
        }
        let text = String::from_utf8_lossy(&bytes);
        Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
    }
}

/// `net.ipv4.route.flush` is for writing only.
fn nobody_may_read(directory: &File, name: &str) -> bool {
    fstatat(directory, name, AtFlags::empty()).is_ok_and(|stat| stat.st_mode & 0o444 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_keys_as_by_their_paths() {
        let keys = |tree: Vec<(String, io::Result<String>)>| -> Vec<String> {
            let public = |key: &String| SECRET.iter().all(|secret| !key.ends_with(secret));
            tree.into_iter().map(|(key, _)| key).filter(public).collect()
        };
        let (ours, theirs) = (keys(read()), keys(sysctl::read_tree("net")));
        let differ = ours.iter().zip(&theirs).find(|(a, b)| a != b);
        assert_eq!((differ, ours.len()), (None, theirs.len()));
    }

    #[test]
    fn secrets_are_left_out() {
        let text = text();
        assert!(text.contains("net.ipv4.ip_forward = ") && text.contains("net.core.somaxconn = "));
        assert!(SECRET.iter().all(|secret| !text.contains(secret)));
    }
}
