//! Error messages to observations. Knows the spellings of clients, not causes.
//!
//! Each line is looked at alone: phrases give the kind, targets give the place, and lines that say the same about the same
//! place become one observation, with the most exact kind. The spellings in `tests/clients.txt` were recorded from the
//! programs themselves.

mod phrases;
mod target;

use crate::observation::{Client, DnsError, Host, Kind, Observation, Target, TimeClass};
use phrases::{CLIENTS, CONNECTS, PHRASES};
use std::net::SocketAddr;
use target::Found;

/// Text beyond this is not read.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// Of a longer line only the beginning is read.
pub const LINE_BYTES_MAX: usize = 4096;
/// More observations are not made.
pub const OBSERVATIONS_MAX: usize = 64;
/// A longer quote is cut.
const WORDS_BYTES_MAX: usize = 400;

/// Reads error messages: whatever a terminal, a log or an event shows. What says nothing about a connection is skipped.
#[must_use]
pub fn read_text(text: &str) -> Vec<Observation> {
    let text = cut(text, TEXT_BYTES_MAX);
    let mut all: Vec<Observation> = Vec::new();
    let mut tried: Vec<SocketAddr> = Vec::new();
    for (start, line) in lines(text) {
        let lower = line.to_ascii_lowercase();
        if let Some(found) = trying(line, &lower) {
            tried.push(found);
            tried.drain(..tried.len().saturating_sub(OBSERVATIONS_MAX));
            continue;
        }
        for mut observation in read_line(line, &lower, start) {
            resolve(&mut observation, &tried);
            let full = all.len() == OBSERVATIONS_MAX;
            match all.iter_mut().find(|old| says_the_same(old, &observation)) {
                Some(old) => merge(old, observation),
                None if full => return all,
                None => all.push(observation),
            }
        }
    }
    all
}

/// Lines with their offsets; a carriage return ends a line too, as progress meters use it.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let base = text.as_ptr() as usize;
    text.split(['\n', '\r'])
        .map(move |line| (line.as_ptr() as usize - base, cut(line, LINE_BYTES_MAX)))
}

/// At most so many bytes, whole characters.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// `*   Trying 10.0.21.231:3000...`: which address is behind a name.
fn trying(line: &str, lower: &str) -> Option<SocketAddr> {
    let at = lower.find("trying ").filter(|_| !lower.contains("failed"))?;
    let found = target::find(line.get(at..)?, lower.get(at..)?).into_iter().next()?;
    Some(SocketAddr::new(found.target.ip()?, found.target.port?))
}

fn resolve(observation: &mut Observation, tried: &[SocketAddr]) {
    if let Some(Target {
        host: Host::Name(_),
        address: address @ None,
        port,
    }) = &mut observation.target
    {
        *address = tried.iter().rev().find(|t| Some(t.port()) == *port).map(SocketAddr::ip);
    }
}

/// A phrase of a line.
#[derive(Clone, Copy)]
struct Said {
    start: usize,
    end: usize,
    kind: Kind,
}

fn read_line(line: &str, lower: &str, start: usize) -> Vec<Observation> {
    let said = said(lower);
    if said.is_empty() {
        return Vec::new();
    }
    let targets = target::find(line, lower);
    let mut all: Vec<(Option<usize>, Observation)> = Vec::new();
    for phrase in said {
        let place = place_of(&targets, phrase);
        let found = place.and_then(|at| targets.get(at));
        let observation = observation(line, lower, start, phrase, found);
        match all.iter_mut().find(|(p, _)| *p == place) {
            Some((_, old)) if old.kind.is_refined_by(observation.kind) => old.kind = observation.kind,
            Some(_) => {}
            None => all.push((place, observation)),
        }
    }
    all.into_iter().map(|(_, observation)| observation).collect()
}

/// The phrases of a line in order, none of which overlap; where two do, the longer one.
fn said(lower: &str) -> Vec<Said> {
    let connects = CONNECTS.iter().any(|word| lower.contains(word));
    let mut all: Vec<Said> = Vec::new();
    for (words, kind, only_there) in PHRASES {
        if *only_there && !connects {
            continue;
        }
        all.extend(lower.match_indices(words).take(OBSERVATIONS_MAX).map(|(start, found)| {
            let end = start + found.len();
            Said {
                start,
                end,
                kind: *kind,
            }
        }));
    }
    all.sort_by_key(|s| (std::cmp::Reverse(s.end - s.start), s.start));
    let mut kept: Vec<Said> = Vec::new();
    for phrase in all {
        if kept.len() < OBSERVATIONS_MAX && kept.iter().all(|k| phrase.end <= k.start || k.end <= phrase.start) {
            kept.push(phrase);
        }
    }
    kept.sort_by_key(|s| s.start);
    kept
}

/// The target that a phrase speaks of: the last one before it, else the first one after it.
fn place_of(targets: &[Found], phrase: Said) -> Option<usize> {
    let before = targets.iter().rposition(|t| t.start < phrase.end);
    let place = before.or(if targets.is_empty() { None } else { Some(0) })?;
    // `lookup api.shop on 10.96.0.10:53: read udp 10.96.0.10:53: …`: the name is what failed.
    if let Some(name) = targets.get(..place)?.iter().rposition(|t| t.server.is_some()) {
        return Some(name);
    }
    // `Get "http://10.0.0.1:80/": dial tcp 10.0.0.1:80: …`, twice the same place: one of them.
    let same = |a: usize, b: usize| matches!((targets.get(a), targets.get(b)), (Some(a), Some(b)) if same_place(&a.target, &b.target));
    let mut first = place;
    while first > 0 && same(first - 1, first) {
        first -= 1;
    }
    let with_port = |at: &usize| targets.get(*at).is_some_and(|t| t.target.port.is_some());
    Some((first..=place).find(with_port).unwrap_or(first))
}

fn observation(line: &str, lower: &str, start: usize, phrase: Said, found: Option<&Found>) -> Observation {
    let after_ms = after_ms(lower);
    let lead = line.len() - line.trim_start().len();
    let words = cut(line.trim(), WORDS_BYTES_MAX);
    let kind = in_context(phrase.kind, lower, after_ms, found);
    Observation {
        kind,
        target: found.map(|f| f.target.clone()),
        source: found.and_then(|f| f.source),
        server: found.and_then(|f| f.server),
        after_ms,
        time_class: TimeClass::of(after_ms),
        client: CLIENTS
            .iter()
            .find(|(words, _)| lower.contains(words))
            .map_or(Client::Other, |(_, client)| *client),
        words: words.to_owned(),
        span: start + lead..start + lead + words.len(),
        lines: 1,
    }
}

/// What else stands on the line may change what a phrase means.
fn in_context(kind: Kind, lower: &str, after_ms: Option<u64>, found: Option<&Found>) -> Kind {
    let lookup = found.is_some_and(|f| f.lookup && lower.contains("lookup "));
    let reads = lower.contains("read tcp ") || lower.contains("write tcp ");
    let curl = |code: &str| lower.contains(code);
    match (kind, TimeClass::of(after_ms)) {
        (Kind::Refused, _) if lookup => Kind::Dns(DnsError::Refused),
        (Kind::ConnectTimeout | Kind::NetUnreachable | Kind::NoRoute | Kind::Prohibited, _) if lookup => {
            Kind::Dns(DnsError::Unanswered)
        }
        (Kind::ConnectTimeout, _) if reads => Kind::Hang,
        (Kind::ConnectTimeout, _) if lower.contains("while reading ") => Kind::Hang,
        // curl 7.88 and later: 28 is ETIMEDOUT, 7 any other errno, and the text is the same.
        (Kind::ConnectFailed, _) if curl("curl: (28)") => Kind::ConnectTimeout,
        (Kind::ConnectFailed, TimeClass::ThreeSeconds) if curl("curl: (7)") => Kind::NoRoute,
        (kind, _) => kind,
    }
}

/// `after 1000 milliseconds`, `after 0 ms`, `after 3.05 s`.
fn after_ms(lower: &str) -> Option<u64> {
    lower
        .match_indices("after ")
        .take(OBSERVATIONS_MAX)
        .find_map(|(at, word)| {
            let rest = &lower[at + word.len()..];
            let digits = rest
                .bytes()
                .take(16)
                .take_while(|b| b.is_ascii_digit() || *b == b'.')
                .count();
            let unit = rest[digits..].trim_start();
            if ["ms", "milliseconds", "millis"].iter().any(|u| unit.starts_with(u)) {
                return rest[..digits].parse().ok();
            }
            if !unit.starts_with('s') {
                return None;
            }
            let seconds: f64 = rest[..digits].parse().ok().filter(|s| *s < 1e9)?;
            // Below 1e12, and not negative: digits and dots only.
            Some((seconds * 1000.0) as u64)
        })
}

/// Two lines about one failure.
fn says_the_same(old: &Observation, new: &Observation) -> bool {
    let kinds = old.kind == new.kind || old.kind.is_refined_by(new.kind) || new.kind.is_refined_by(old.kind);
    kinds
        && match (&old.target, &new.target) {
            (Some(a), Some(b)) => same_place(a, b),
            _ => true,
        }
}

fn same_place(a: &Target, b: &Target) -> bool {
    let ports = a.port == b.port || a.port.is_none() || b.port.is_none();
    let hosts = a.host == b.host || (a.ip().is_some() && a.ip() == b.ip());
    ports && hosts
}

fn merge(old: &mut Observation, new: Observation) {
    if old.kind.is_refined_by(new.kind) {
        old.kind = new.kind;
    }
    match (&mut old.target, new.target) {
        (Some(a), Some(b)) => {
            a.port = a.port.or(b.port);
            a.address = a.address.or(b.address);
            if let (Host::Ip(ip), Host::Name(_)) = (&a.host, &b.host) {
                a.address = Some(*ip);
                a.host = b.host;
            }
        }
        (a @ None, b) => *a = b,
        (Some(_), None) => {}
    }
    old.source = old.source.or(new.source);
    old.server = old.server.or(new.server);
    old.after_ms = old.after_ms.or(new.after_ms);
    old.time_class = TimeClass::of(old.after_ms);
    // curl's last line is what people quote.
    if new.client != Client::Other && (old.client == Client::Other || new.words.starts_with("curl: (")) {
        (old.client, old.words, old.span) = (new.client, new.words, new.span);
    }
    old.lines += 1;
}

#[cfg(test)]
mod tests;
