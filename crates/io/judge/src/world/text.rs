//! The text of worlds.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

/// One world to build and ask.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Name.
    pub name: String,
    /// Lines, topologies expanded.
    pub lines: Vec<String>,
}

/// One question.
#[derive(Clone, Debug)]
pub struct Ask {
    /// As written.
    pub text: String,
    /// Namespace of the client.
    pub client: String,
    /// 6 or 17.
    pub proto: u8,
    /// Destination.
    pub to: SocketAddrV4,
    /// `from 5000`: the client's port, of UDP; 0 is any.
    pub from: u16,
    /// How often it is asked.
    pub tries: usize,
    /// The answer comes after a second or more.
    pub slow: bool,
    /// All ways it can end, as `Seen` prints them; empty where the text says nothing.
    pub want: Vec<String>,
    /// `REASON@function`.
    pub drop: Option<String>,
    /// The simulator may not know.
    pub may_be_unknown: bool,
}

/// The worlds of all files; topologies may be used across files.
pub fn recipes(files: &[(&str, &str)]) -> Vec<Recipe> {
    let mut topologies: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut worlds = Vec::new();
    for (file, text) in files {
        for (kind, name, lines) in blocks(text) {
            match kind {
                "topology" => drop(topologies.insert(name.to_owned(), lines)),
                _ => worlds.push((format!("{file}: {name}"), lines)),
            }
        }
    }
    let whole = |(name, lines): (String, Vec<String>)| {
        let lines = expand(&lines, &topologies, 0);
        Recipe { name, lines }
    };
    worlds.into_iter().map(whole).collect()
}

fn blocks(text: &str) -> Vec<(&str, &str, Vec<String>)> {
    let mut list: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for line in text.lines().map(str::trim) {
        let head = ["topology", "world"]
            .into_iter()
            .find_map(|kind| Some((kind, line.strip_prefix(kind)?.strip_prefix(' ')?)));
        match (head, list.last_mut()) {
            _ if line.is_empty() || line.starts_with('#') => {}
            (Some((kind, name)), _) => list.push((kind, name, Vec::new())),
            (None, Some((_, _, lines))) => lines.push(line.to_owned()),
            (None, None) => panic!("a line before the first block: {line}"),
        }
    }
    list
}

fn expand(lines: &[String], topologies: &BTreeMap<String, Vec<String>>, depth: usize) -> Vec<String> {
    assert!(depth < 8, "topologies use each other");
    let mut all = Vec::new();
    for line in lines {
        match line.strip_prefix("use ") {
            Some(name) => {
                let part = topologies.get(name).unwrap_or_else(|| panic!("no topology {name}"));
                all.extend(expand(part, topologies, depth + 1));
            }
            None => all.push(line.clone()),
        }
    }
    all
}

/// `a udp 10.1.0.3:53 from 5000`, `a tcp 10.1.0.3:8080 x40 = ok b:8080 10.1.0.2 | refused ; REASON@function`; without the answer, only the kernel and the
/// simulator are compared.
pub fn ask(line: &str) -> Ask {
    let (left, right) = line.split_once('=').unwrap_or((line, ""));
    let (may_be_unknown, right) = match right.strip_prefix('?') {
        Some(rest) => (true, rest),
        None => (right.is_empty(), right),
    };
    let (want, drop) = match right.split_once(';') {
        Some((want, drop)) => (want, Some(drop.trim().to_owned())),
        None => (right, None),
    };
    let words: Vec<&str> = left.split_whitespace().collect();
    let [client, proto, to, more @ ..] = words.as_slice() else {
        panic!("not a question: {line}");
    };
    let tries = more
        .iter()
        .find_map(|w| w.strip_prefix('x'))
        .map_or(1, |n| n.parse().unwrap());
    let from = more.iter().position(|w| *w == "from").and_then(|at| more.get(at + 1));
    Ask {
        text: left.trim().to_owned(),
        client: (*client).to_owned(),
        proto: match *proto {
            "tcp" => 6,
            "udp" => 17,
            other => panic!("no protocol: {other}"),
        },
        to: to.parse().unwrap_or_else(|_| panic!("not a question: {line}")),
        from: from.map_or(0, |port| port.parse().unwrap()),
        tries,
        slow: more.contains(&"slow"),
        want: want
            .split('|')
            .map(|w| w.trim().to_owned())
            .filter(|w| !w.is_empty())
            .collect(),
        drop,
        may_be_unknown,
    }
}
