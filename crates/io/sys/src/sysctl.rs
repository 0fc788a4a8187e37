//! Keys of `/proc/sys`, spelled as `sysctl(8)` spells them: dots between the parts, slashes for dots inside a part
//! (`net.ipv4.conf.flannel/1.forwarding`). `/proc/sys/net` is that of the calling thread's network namespace.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const ROOT: &str = "/proc/sys";

/// The file of a key. A key whose first separator is a slash is a path already, as for `sysctl(8)`.
pub fn path_of(key: &str) -> PathBuf {
    Path::new(ROOT).join(relative(key))
}

fn relative(key: &str) -> String {
    match key.find(['.', '/']) {
        Some(at) if key.as_bytes()[at] == b'/' => key.to_owned(),
        _ => swap(key),
    }
}

/// Dots for slashes and slashes for dots.
fn swap(text: &str) -> String {
    let other = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    text.chars().map(other).collect()
}

/// The key of a path below `/proc/sys`, as `sysctl -a` prints it.
pub fn key_of(path_below_proc_sys: &str) -> String {
    swap(path_below_proc_sys.trim_matches('/'))
}

fn checked_path(key: &str) -> io::Result<PathBuf> {
    let bad =
        key.is_empty() || key.contains('\0') || relative(key).split('/').any(|p| p.is_empty() || p == "." || p == "..");
    if bad {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{key:?} is no sysctl key"),
        ));
    }
    Ok(path_of(key))
}

/// A value, without the newline at its end. Tabs inside are kept.
pub fn read(key: &str) -> io::Result<String> {
    read_file(&checked_path(key)?)
}

fn read_file(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// Writes a value. Beware of side effects: `net.ipv4.ip_forward` rewrites the forwarding of every interface.
pub fn write(key: &str, value: &str) -> io::Result<()> {
    use io::Write;
    let path = checked_path(key)?;
    // One write system call: the kernel takes each as a whole value. Never creates a file.
    let mut file = fs::File::options().write(true).open(path)?;
    file.write_all(format!("{value}\n").as_bytes())
}

/// All readable keys below a prefix (`net`, `net.ipv4.conf`), in the order of `sysctl -a`, each with its value or the
/// reason why it could not be read. Keys that nobody may read (`net.ipv4.route.flush`) and the deprecated ones
/// (`retrans_time`, in ticks; `retrans_time_ms` is the same) are left out, as there.
pub fn read_tree(prefix: &str) -> Vec<(String, io::Result<String>)> {
    let mut all = Vec::new();
    if let Ok(path) = checked_path(prefix) {
        walk(&path, prefix, &mut all, 0);
    }
    all
}

/// `/proc/sys` is not deeper than 6; the limit is for whatever is mounted there.
const DEPTH: usize = 12;

/// What `sysctl -a` leaves out (procps, `sysctl.c: DEPRECATED`).
const DEPRECATED: [&str; 2] = ["base_reachable_time", "retrans_time"];

fn walk(path: &Path, key: &str, all: &mut Vec<(String, io::Result<String>)>, depth: usize) {
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        // Gone since it was listed: an interface that was removed meanwhile.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return,
        Err(e) => return all.push((key.to_owned(), Err(e))),
    };
    if meta.is_dir() && depth < DEPTH {
        let mut names: Vec<_> = match fs::read_dir(path) {
            Ok(entries) => entries
                .filter_map(|entry| entry.ok().map(|entry| entry.file_name()))
                .collect(),
            Err(e) => return all.push((key.to_owned(), Err(e))),
        };
        names.retain(|name| DEPRECATED.iter().all(|old| name != old));
        names.sort();
        for name in names {
            let child = format!("{key}.{}", swap_dots(&name.to_string_lossy()));
            walk(&path.join(&name), &child, all, depth + 1);
        }
    } else if meta.is_file() && meta.permissions().mode() & 0o444 != 0 {
        match read_file(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            value => all.push((key.to_owned(), value)),
        }
    }
}

fn swap_dots(name: &str) -> String {
    name.replace('.', "/")
}

/// The text that `sysctl -a` would print for what was read; what could not be read is left out.
pub fn print(tree: &[(String, io::Result<String>)]) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (key, value) in tree {
        for line in value.iter().flat_map(|value| value.split('\n')) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{key} = {line}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, run_in};

    #[test]
    fn dots_in_names_are_slashes() {
        let file = Path::new("/proc/sys/net/ipv4/conf/flannel.1/forwarding");
        assert_eq!(path_of("net.ipv4.conf.flannel/1.forwarding"), file);
        assert_eq!(path_of("net/ipv4/conf/flannel.1/forwarding"), file);
        assert_eq!(
            key_of("net/ipv4/conf/flannel.1/forwarding"),
            "net.ipv4.conf.flannel/1.forwarding"
        );
    }

    #[test]
    fn no_way_out() {
        for key in [
            "",
            "..",
            "net./.",
            "net.ipv4.//.//.etc",
            "net/../../etc/passwd",
            "/etc/passwd",
        ] {
            assert_eq!(read(key).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{key}");
        }
    }

    #[test]
    fn reads_and_lists() {
        assert!(matches!(read("net.ipv4.ip_forward").unwrap().as_str(), "0" | "1"));
        let tree = read_tree("net.ipv4");
        assert!(
            tree.iter()
                .any(|(key, value)| key == "net.ipv4.ip_forward" && value.is_ok())
        );
        assert!(tree.iter().all(|(key, _)| key != "net.ipv4.route.flush"));
    }

    #[test]
    fn the_same_as_sysctl() {
        let Ok(theirs) = run_in(
            None,
            &["sysctl", "-a", "--pattern", "^net\\."],
            None,
            &Limits::default(),
        ) else {
            eprintln!("not run: needs sysctl(8)");
            return;
        };
        // Values move while we read (e.g. counters and estimates), keys do not.
        let keys = |text: &str| {
            text.lines()
                .filter_map(|l| l.split_once(" =").map(|(k, _)| k.to_owned()))
                .collect::<Vec<_>>()
        };
        let ours = print(&read_tree("net"));
        let (ours, theirs) = (keys(&ours), keys(&theirs.text()));
        let differ = ours.iter().zip(&theirs).position(|(a, b)| a != b);
        assert!(
            differ.is_none() && ours.len() == theirs.len(),
            "first difference: {:?}",
            differ.map(|at| (&ours[at], &theirs[at]))
        );
    }
}
