use super::*;

fn one(text: &str) -> Observation {
    let all = read_text(text);
    assert_eq!(all.len(), 1, "{text}\n{all:#?}");
    all.into_iter().next().unwrap()
}

fn target(o: &Observation) -> String {
    o.target.as_ref().map_or("-".into(), ToString::to_string)
}

/// Recorded from the programs.
#[test]
fn what_clients_print() {
    let text = include_str!("../../tests/clients.txt");
    let mut blocks = 0;
    for block in text.split("\n== ").skip(1) {
        let (head, output) = block.split_once('\n').unwrap_or((block, ""));
        let mut words = head.splitn(3, ' ');
        let (kind, place, client) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let seen = one(output);
        assert_eq!(
            (format!("{:?}", seen.kind).as_str(), target(&seen).as_str()),
            (kind, place),
            "{client}: {output}"
        );
        blocks += 1;
    }
    assert_eq!(blocks, 60);
}

#[test]
fn the_article() {
    let text = "* connect to 10.0.21.231 port 3000 failed: Connection timed out\n\
                * Failed to connect to 10.0.21.231 port 3000: Connection timed out\n\
                * Closing connection 0\n\
                curl: (7) Failed to connect to 10.0.21.231 port 3000: Connection timed out\n";
    let seen = one(text);
    assert_eq!(
        (seen.kind, target(&seen).as_str(), seen.lines),
        (Kind::ConnectTimeout, "10.0.21.231:3000", 3)
    );
    assert_eq!(
        seen.words,
        "curl: (7) Failed to connect to 10.0.21.231 port 3000: Connection timed out"
    );
    assert_eq!(&text[seen.span.clone()], seen.words);
    assert_eq!((seen.client, seen.time_class), (Client::Curl, TimeClass::Unknown));
}

#[test]
fn spellings() {
    let mut wrong = Vec::new();
    for line in include_str!("../../tests/spellings.txt")
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        let mut words = line.splitn(3, ' ');
        let (kind, place, text) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let all = read_text(text);
        let seen: Vec<_> = all.iter().map(|o| (format!("{:?}", o.kind), target(o))).collect();
        if seen != [(kind.to_owned(), place.to_owned())] {
            wrong.push(format!("{line}\n    {seen:?}"));
        }
        assert!(all.iter().all(|o| text[o.span.clone()] == o.words));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn times() {
    for (text, ms, class) in [
        (
            "after 134633 ms: Couldn't connect to server",
            134_633,
            TimeClass::AllRetries,
        ),
        ("after 0 ms: Couldn't connect to server", 0, TimeClass::AtOnce),
        (
            "after 3071 ms: Couldn't connect to server",
            3071,
            TimeClass::ThreeSeconds,
        ),
        (
            "Connection timed out after 1001 milliseconds",
            1001,
            TimeClass::OneSecond,
        ),
        ("no route to host after 3.05 s", 3050, TimeClass::ThreeSeconds),
        ("connection timed out after 20s", 20_000, TimeClass::Deadline),
    ] {
        let seen = one(text);
        assert_eq!((seen.after_ms, seen.time_class), (Some(ms), class), "{text}");
    }
    for text in [
        "after 99999999999999999999999999 ms connection refused",
        "after . s connection refused",
    ] {
        assert_eq!(one(text).after_ms, None);
    }
}

#[test]
fn a_name_gets_the_address_that_was_tried() {
    let text = "* Trying 10.0.21.231:3000...\n* connect to 10.0.21.231 port 3000 failed: Connection refused\n\
                * Failed to connect to api.shop port 3000 after 1 ms: Couldn't connect to server\n\
                curl: (7) Failed to connect to api.shop port 3000 after 1 ms: Couldn't connect to server";
    let seen = one(text);
    assert_eq!(seen.kind, Kind::Refused);
    let target = seen.target.unwrap();
    assert_eq!(
        (target.to_string().as_str(), target.ip()),
        ("api.shop:3000", "10.0.21.231".parse().ok())
    );
    assert_eq!((seen.after_ms, seen.lines), (Some(1), 3));
}

#[test]
fn several_failures_stay_several() {
    let text = "dial tcp 10.0.0.1:80: i/o timeout; dial tcp 10.0.0.2:80: connect: connection refused\n\
                nothing here\ndial tcp 10.0.0.1:80: connect: connection refused\n";
    let all = read_text(text);
    let seen: Vec<_> = all.iter().map(|o| (o.kind, target(o))).collect();
    assert_eq!(
        seen,
        [
            (Kind::ConnectTimeout, "10.0.0.1:80".to_owned()),
            (Kind::Refused, "10.0.0.2:80".to_owned()),
            (Kind::Refused, "10.0.0.1:80".to_owned())
        ]
    );
}

#[test]
fn sources_and_servers() {
    let seen = one("read tcp 10.244.1.7:43210->10.0.21.231:3000: i/o timeout");
    assert_eq!(seen.source, "10.244.1.7:43210".parse().ok());
    let seen = one("dial tcp: lookup api.shop on 10.96.0.10:53: no such host");
    assert_eq!(seen.server, "10.96.0.10:53".parse().ok());
}

#[test]
fn what_says_nothing() {
    for text in [
        "",
        "\n\r\n",
        "HTTP/1.1 200 OK",
        "cat: x: Permission denied",
        "tar: Invalid argument",
        "10.0.0.1:80",
        "Trying 10.0.0.1:80...",
    ] {
        assert!(read_text(text).is_empty(), "{text}");
    }
}

#[test]
fn limits() {
    let long = format!("{}dial tcp 10.0.0.1:80: i/o timeout", "x".repeat(LINE_BYTES_MAX));
    assert!(read_text(&long).is_empty(), "beyond the line's limit");
    let beyond = format!("{}\ndial tcp 10.0.0.1:80: i/o timeout", "é".repeat(TEXT_BYTES_MAX / 2));
    assert!(read_text(&beyond).is_empty(), "beyond the text's limit");
    let many: String = (0..1000)
        .map(|n| format!("dial tcp 10.0.{}.{}:80: i/o timeout\n", n / 250, n % 250))
        .collect();
    assert_eq!(read_text(&many).len(), OBSERVATIONS_MAX);
    let same = "Connection refused ".repeat(100_000);
    assert_eq!(read_text(&same).len(), 1);
}

/// Cuts and flips everywhere; nothing may panic, and a span must be the quote.
#[test]
fn damaged_text() {
    let text = include_str!("../../tests/clients.txt").to_owned()
        + "\n\u{1b}[2J\u{202e}dial tcp [fd00::1%eth0]:3000->\u{0}|10.0.0.1|:99999 (é)[é]: connection refused after é ms\nlookup  on :";
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..3000_usize {
        let mut bytes = text.as_bytes().to_vec();
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random >> 33) as usize
        };
        let from = next() % bytes.len();
        bytes = bytes[from..(from + 300).min(text.len())].to_vec();
        for _ in 0..round % 8 {
            let at = next() % bytes.len();
            bytes[at] = (next() & 0xff) as u8;
        }
        let damaged = String::from_utf8_lossy(&bytes).into_owned();
        for seen in read_text(&damaged) {
            assert_eq!(damaged.get(seen.span.clone()), Some(seen.words.as_str()));
        }
    }
}
