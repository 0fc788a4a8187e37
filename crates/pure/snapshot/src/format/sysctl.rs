//! `sysctl.txt`: `sysctl -a`.
//!
//! Keys stay as printed: dots inside an interface name are slashes there (`net.ipv4.conf.flannel/1.forwarding`).

use crate::Problem;

/// Parsed settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sysctl {
    /// In the order of the text.
    pub entries: Vec<Entry>,
    /// Keys that the tool was not allowed to read ("permission denied on key 'X'"): not known, which is not the default.
    pub denied: Vec<String>,
    /// Lines that were left out.
    pub problems: Vec<Problem>,
    by_key: Vec<u32>,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// As printed.
    pub key: String,
    /// Text after `= `; may be empty, may hold tabs (`32768<TAB>60999`).
    pub value: String,
    /// Line, from 1.
    pub line: u32,
}

/// Parses `key = value` lines (`key=value` too). A key that appears twice keeps both entries; the last one is looked up.
pub fn parse(text: &str) -> Sysctl {
    let mut sysctl = Sysctl::default();
    for (line, content) in (1u32..).zip(text.lines()) {
        sysctl.line(line, content);
    }
    let mut by_key: Vec<u32> = (0u32..).take(sysctl.entries.len()).collect();
    let key = |index: &u32| sysctl.entries.get(*index as usize).map(|entry| entry.key.as_str());
    by_key.sort_by(|a, b| key(a).cmp(&key(b)));
    sysctl.by_key = by_key;
    sysctl
}

/// Prints the settings as `sysctl -a` does, in the order of the text.
pub fn print(sysctl: &Sysctl) -> String {
    let mut text = String::new();
    for entry in &sysctl.entries {
        text.push_str(&entry.key);
        text.push_str(" = ");
        text.push_str(&entry.value);
        text.push('\n');
    }
    text
}

/// Writes an interface name as a part of a key: `flannel.1` is `flannel/1`.
pub fn key_part(ifname: &str) -> String {
    ifname.replace('.', "/")
}

impl Sysctl {
    fn line(&mut self, line: u32, content: &str) {
        if let Some(said) = content.strip_prefix("sysctl: ") {
            if let Some(key) = said
                .strip_prefix("permission denied on key '")
                .and_then(|rest| rest.split('\'').next())
            {
                self.denied.push(key.to_owned());
            }
            return;
        }
        let split = content.split_once(" = ").or_else(|| content.split_once('='));
        match split {
            Some((key, value)) if !key.trim().is_empty() => {
                // "key =" without the space at the end: an editor took it away.
                let key = key.trim().to_owned();
                self.entries.push(Entry {
                    key,
                    value: value.to_owned(),
                    line,
                });
            }
            None if content.trim().is_empty() || content.starts_with('#') => {}
            _ => self
                .problems
                .push(Problem::at(line, "not a line of sysctl: no \"key = value\"")),
        }
    }

    /// The last entry of a key, as printed.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let get = |index: &u32| self.entries.get(*index as usize);
        let after = self
            .by_key
            .partition_point(|index| get(index).is_some_and(|entry| entry.key.as_str() <= key));
        let entry = get(self.by_key.get(after.checked_sub(1)?)?)?;
        (entry.key == key).then_some(entry)
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.as_str())
    }

    /// The value of a key as a whole number; `None` also if it is none.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.trim().parse().ok()
    }

    /// `net.<family>.conf.<ifname>.<name>` or the like: the entry of one interface. `prefix` is `net.ipv4.conf`.
    pub fn interface(&self, prefix: &str, ifname: &str, name: &str) -> Option<&Entry> {
        self.entry(&format!("{prefix}.{}.{name}", key_part(ifname)))
    }

    /// All entries, sorted by key.
    pub fn sorted(&self) -> impl Iterator<Item = &Entry> {
        self.by_key.iter().filter_map(|index| self.entries.get(*index as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_and_what_is_denied() {
        let text = "net.ipv4.conf.flannel/1.forwarding = 1\nnet.ipv4.ip_local_port_range = 32768\t60999\n\
                    net.ipv4.tcp_fastopen_key = \nsysctl: permission denied on key 'net.ipv4.x'\n\
                    sysctl: reading key \"net.ipv6.conf.all.stable_secret\"\nnonsense\na=1\nb =\n";
        let sysctl = parse(text);
        assert_eq!(
            sysctl
                .interface("net.ipv4.conf", "flannel.1", "forwarding")
                .map(|entry| entry.line),
            Some(1)
        );
        assert_eq!(sysctl.get("net.ipv4.ip_local_port_range"), Some("32768\t60999"));
        assert_eq!(sysctl.get("net.ipv4.tcp_fastopen_key"), Some(""));
        assert_eq!(
            (sysctl.get("a"), sysctl.get("b"), sysctl.get("c")),
            (Some("1"), Some(""), None)
        );
        assert_eq!(sysctl.number("a"), Some(1));
        assert_eq!(sysctl.denied, ["net.ipv4.x"]);
        assert_eq!(
            sysctl.problems.iter().map(|problem| problem.line).collect::<Vec<_>>(),
            [Some(6)]
        );
        assert!(sysctl.sorted().map(|entry| &entry.key).is_sorted());
    }

    #[test]
    fn the_last_one_counts() {
        assert_eq!(parse("a = 1\nb = 2\na = 3\n").get("a"), Some("3"));
        assert_eq!(parse("").get("a"), None);
    }
}
