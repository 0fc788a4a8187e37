//! Names, addresses and ports inside of text.

use super::Renaming;
use std::net::Ipv4Addr;

/// An IPv4 address in a text.
pub(super) struct Found {
    /// The address.
    pub addr: Ipv4Addr,
    /// `/24` behind it.
    pub prefix: Option<u8>,
    /// `:80` behind it.
    port: Option<u16>,
    /// Length of it all.
    length: usize,
}

/// The addresses of a text.
pub(super) fn addresses_in(text: &str) -> impl Iterator<Item = Found> {
    words(text).flat_map(|word| {
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(rest) = word.get(at..) {
            let Some(one) = rest
                .starts_with(|c: char| c.is_ascii_digit())
                .then(|| address(rest))
                .flatten()
            else {
                match next_start(rest) {
                    Some(step) => at += step,
                    None => break,
                }
                continue;
            };
            at += one.length;
            found.push(one);
        }
        found
    })
}

/// Splits where neither names nor addresses have a sign.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !is_word(c)).filter(|w| !w.is_empty())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/' | ':' | '_')
}

/// Where, within a word, an address may begin next: a digit behind a sign that cannot belong to it.
fn next_start(word: &str) -> Option<usize> {
    let bytes = word.as_bytes();
    (1..bytes.len()).find(|at| {
        let before = bytes.get(at - 1).copied().unwrap_or_default();
        bytes.get(*at).is_some_and(u8::is_ascii_digit) && matches!(before, b'/' | b'-')
    })
}

/// An address at the beginning of a word, if it ends where an address may end.
fn address(word: &str) -> Option<Found> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let end = word
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(word.len());
    let dotted = word.get(..end)?.trim_end_matches('.');
    let addr: Ipv4Addr = dotted.parse().ok()?;
    let rest = word.get(dotted.len()..)?;
    let mut found = Found {
        addr,
        prefix: None,
        port: None,
        length: dotted.len(),
    };
    let Some(sign) = rest.chars().next() else {
        return Some(found);
    };
    let number = rest
        .get(1..)
        .map(|r| r.get(..digits(r)).unwrap_or_default())
        .unwrap_or_default();
    match sign {
        '/' => found.prefix = number.parse().ok().filter(|p| *p <= 32),
        ':' => found.port = number.parse().ok(),
        '.' | '-' => {}
        _ => return None,
    }
    if found.prefix.is_some() || found.port.is_some() {
        found.length += 1 + number.len();
    }
    Some(found)
}

impl Renaming {
    /// Renames addresses with what belongs to them, nodes, `NAMESPACE/NAME`, and names below `.svc`.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let start = rest.find(is_word).unwrap_or(rest.len());
            let (between, from) = rest.split_at(start);
            out.push_str(between);
            let end = from.find(|c| !is_word(c)).unwrap_or(from.len());
            let (word, after) = from.split_at(end);
            out.push_str(&self.word(word));
            rest = after;
        }
        out
    }

    fn word(&self, word: &str) -> String {
        if self.names.node(word) != word {
            return self.names.node(word).to_owned();
        }
        if let Some(renamed) = self.dns_name(word).or_else(|| self.pair(word)) {
            return renamed;
        }
        self.addresses_of_word(word)
    }

    fn addresses_of_word(&self, word: &str) -> String {
        let mut out = String::new();
        let mut rest = word;
        while !rest.is_empty() {
            let found = rest
                .starts_with(|c: char| c.is_ascii_digit())
                .then(|| address(rest))
                .flatten();
            let length = match &found {
                Some(found) => {
                    out.push_str(&self.found(found));
                    found.length
                }
                None => {
                    let step = next_start(rest).unwrap_or(rest.len());
                    out.push_str(rest.get(..step).unwrap_or_default());
                    step
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        out
    }

    fn found(&self, found: &Found) -> String {
        match (found.prefix, found.port) {
            (Some(prefix), _) => format!("{}/{prefix}", self.addresses.network(found.addr, prefix)),
            (_, Some(port)) => format!("{}:{}", self.addresses.address(found.addr), self.ports.port(port)),
            _ => self.addresses.address(found.addr).to_string(),
        }
    }

    /// `NAMESPACE/NAME`, with what a comment may append: `:PORTNAME`.
    fn pair(&self, word: &str) -> Option<String> {
        let (namespace, rest) = word.split_once('/')?;
        let (name, port) = match rest.find(':') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        Some(self.names.pair(namespace, name)? + port)
    }

    /// `NAME.NAMESPACE.svc...`, `NAMESPACE.svc...`
    fn dns_name(&self, word: &str) -> Option<String> {
        let labels: Vec<&str> = word.split('.').collect();
        let svc = labels.iter().position(|l| *l == "svc").filter(|at| *at > 0)?;
        let rename = |(at, label): (usize, &&str)| match svc.checked_sub(at) {
            Some(1) => self.names.namespace(label).to_owned(),
            Some(2) => self.names.service(label).to_owned(),
            _ => (*label).to_owned(),
        };
        Some(labels.iter().enumerate().map(rename).collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netwhy_snapshot::{Meta, Snapshot};

    fn renaming() -> Renaming {
        let mut snapshot = Snapshot::new(Meta::new(vec!["k8s-n1".into()]));
        let services = r#"{"items":[{"metadata":{"name":"api","namespace":"shop"}}]}"#;
        snapshot.insert("cluster/services.json", services);
        snapshot.insert("nodes/k8s-n1/pods/shop_web/addr.json", "[]");
        Renaming::new(&snapshot, 5)
    }

    #[test]
    fn words_of_all_kinds() {
        let r = renaming();
        let a = |text: &str| r.address(text.parse().unwrap()).to_string();
        let shop = r.names.namespace("shop").to_owned();
        let api = r.names.service("api").to_owned();
        let cases = [
            ("k8s-n1", r.node("k8s-n1").to_owned()),
            ("k8s-n10", "k8s-n10".to_owned()),
            (
                "shop/api:http -> 10.1.2.3:80",
                format!("{shop}/{api}:http -> {}:{}", a("10.1.2.3"), r.port(80)),
            ),
            ("shop/other", "shop/other".to_owned()),
            (
                "src=10.1.2.3 v1.2.3.4 6.18.44",
                format!("src={} v1.2.3.4 6.18.44", a("10.1.2.3")),
            ),
            ("api.shop.svc.cluster.local", format!("{api}.{shop}.svc.cluster.local")),
            ("at 10.1.2.3.", format!("at {}.", a("10.1.2.3"))),
            ("fd00::10.1.2.3", "fd00::10.1.2.3".to_owned()),
            ("x/10.1.2.3-10.1.2.9", format!("x/{}-{}", a("10.1.2.3"), a("10.1.2.9"))),
            ("0.0.0.0/0", "0.0.0.0/0".to_owned()),
        ];
        for (text, expected) in cases {
            assert_eq!(r.text(text), expected, "{text}");
        }
        assert!(r.text("10.1.0.0/16").ends_with(".0.0/16"));
    }

    #[test]
    fn paths() {
        let r = renaming();
        let (node, shop, web) = (r.node("k8s-n1"), r.names.namespace("shop"), r.names.pod("web"));
        assert_eq!(
            r.path("nodes/k8s-n1/pods/shop_web/addr.json"),
            format!("nodes/{node}/pods/{shop}_{web}/addr.json")
        );
        assert_eq!(r.path("cluster/pods.json"), "cluster/pods.json");
    }
}
