//! `nft.json`: `nft -j list ruleset`. Parse only; expressions stay JSON.
//!
//! Not the truth about the tables of iptables-nft: extensions lose their arguments here, or vanish.

use super::{de, json};
use crate::Problem;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

/// A rule set. All vectors are in the order of the text, which for rules of one chain is the order of evaluation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ruleset {
    /// Version of nft, `1.0.6`; empty if not said.
    pub version: String,
    /// Tables.
    pub tables: Vec<Table>,
    /// Chains of all tables.
    pub chains: Vec<Chain>,
    /// Rules of all chains.
    pub rules: Vec<Rule>,
    /// Named sets.
    pub sets: Vec<Set>,
    /// Named maps and verdict maps.
    pub maps: Vec<Set>,
    /// Everything else, `(kind, object)`: flowtables, counters, quotas, ct helpers, ...
    pub other: Vec<(String, Value)>,
    /// Elements that were left out.
    pub problems: Vec<Problem>,
}

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Table {
    /// `ip`, `ip6`, `inet`, `arp`, `bridge`, `netdev`.
    pub family: String,
    /// Name.
    pub name: String,
    /// Handle.
    #[serde(deserialize_with = "de::num")]
    pub handle: u64,
    /// Flags: `dormant` switches all its hooks off.
    #[serde(deserialize_with = "de::one_or_many")]
    pub flags: Vec<String>,
}

/// A chain. Without `hook` it is reached by jumps only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Chain {
    /// Family of its table.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Name.
    pub name: String,
    /// Handle.
    #[serde(deserialize_with = "de::num")]
    pub handle: u64,
    /// `filter`, `nat`, `route`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `prerouting`, `input`, `forward`, `output`, `postrouting`, `ingress`, `egress`.
    pub hook: Option<String>,
    /// Priority: lower runs first.
    #[serde(deserialize_with = "de::opt_num")]
    pub prio: Option<i32>,
    /// `accept` or `drop`.
    pub policy: Option<String>,
    /// Devices of an ingress or egress chain.
    #[serde(deserialize_with = "de::one_or_many")]
    pub dev: Vec<String>,
}

/// A rule.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Family of its table.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its chain.
    pub chain: String,
    /// Handle: names the rule until the chain is written anew.
    #[serde(deserialize_with = "de::num")]
    pub handle: u64,
    /// Number of the object in the list, from 0: see [`locate`](super::nft_text::locate).
    #[serde(skip)]
    pub number: u32,
    /// Comment.
    pub comment: Option<String>,
    /// Statements, in their order: objects with one key each, `{"match": {...}}`, `{"drop": null}`.
    pub expr: Vec<Value>,
}

/// A named set or map.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Set {
    /// Family of its table.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Name.
    pub name: String,
    /// Handle.
    #[serde(deserialize_with = "de::num")]
    pub handle: u64,
    /// Type of the keys: a name or a list of names (concatenation).
    #[serde(rename = "type")]
    pub kind: Value,
    /// A map's type of the values: `verdict` or a data type.
    pub map: Value,
    /// `interval`, `timeout`, `constant`, `dynamic`.
    #[serde(deserialize_with = "de::one_or_many")]
    pub flags: Vec<String>,
    /// Seconds after which elements end.
    #[serde(deserialize_with = "de::opt_num")]
    pub timeout: Option<u64>,
    /// Most elements.
    #[serde(deserialize_with = "de::opt_num")]
    pub size: Option<u64>,
    /// Comment.
    pub comment: Option<String>,
    /// Elements; of a map pairs `[key, value]`.
    #[serde(deserialize_with = "de::or_default")]
    pub elem: Vec<Value>,
}

/// Parses a rule set. An empty text is an empty rule set; a cut one gives the elements that are whole, and a problem.
pub fn parse(text: &str) -> Ruleset {
    let mut set = Ruleset::default();
    if text.trim().is_empty() {
        return set;
    }
    let elements = match serde_json::from_str::<Document>(text) {
        Ok(document) => document.nftables,
        Err(_) => match json::elements(text, Some("nftables")) {
            Ok(found) => {
                let (elements, problems) = json::each(text, &found);
                set.problems = problems;
                elements
            }
            Err(problem) => {
                set.problems.push(problem);
                return set;
            }
        },
    };
    for (number, element) in (0..).zip(elements) {
        match element {
            Element::Table(table) => set.tables.push(table),
            Element::Chain(chain) => set.chains.push(chain),
            Element::Rule(rule) => set.rules.push(Rule { number, ..rule }),
            Element::Set(named) => set.sets.push(named),
            Element::Map(named) => set.maps.push(named),
            Element::Other(kind, value) if kind == "metainfo" => {
                set.version = value
                    .get("version")
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned();
            }
            Element::Other(kind, value) => set.other.push((kind, value)),
        }
    }
    set
}

#[derive(Deserialize)]
struct Document {
    nftables: Vec<Element>,
}

/// An object with one key, which says what it is.
enum Element {
    Table(Table),
    Chain(Chain),
    Rule(Rule),
    Set(Set),
    Map(Set),
    Other(String, Value),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Element, D::Error> {
        from.deserialize_map(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Element, A::Error> {
        let kind: String = map
            .next_key()?
            .ok_or_else(|| A::Error::custom("an object without a key"))?;
        let element = match kind.as_str() {
            "table" => Element::Table(map.next_value()?),
            "chain" => Element::Chain(map.next_value()?),
            "rule" => Element::Rule(map.next_value()?),
            "set" => Element::Set(map.next_value()?),
            "map" => Element::Map(map.next_value()?),
            _ => Element::Other(kind, map.next_value()?),
        };
        match map.next_key::<String>()? {
            Some(key) => Err(A::Error::custom(format!("an object with a second key, {key:?}"))),
            None => Ok(element),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "inet", "name": "hostfw", "handle": 3}},
        {"chain": {"family": "inet", "table": "hostfw", "name": "fwd", "handle": 1, "type": "filter", "hook": "forward", "prio": 10, "policy": "accept"}},
        {"chain": {"family": "netdev", "table": "t", "name": "c", "hook": "ingress", "dev": "eth0", "prio": "7"}},
        {"rule": {"family": "inet", "table": "hostfw", "chain": "fwd", "handle": 2, "expr": [{"drop": null}]}},
        {"map": {"family": "ip", "name": "m", "table": "t", "type": ["ipv4_addr", "inet_service"], "map": "verdict", "flags": "interval"}},
        {"flowtable": {"name": "f"}}, {"chain": 7}, {"chain": {}, "rule": {}}]}"#;

    #[test]
    fn elements_by_kind() {
        let set = parse(TEXT);
        assert_eq!(
            (set.version.as_str(), set.tables.len(), set.rules.len(), set.other.len()),
            ("1.0.6", 1, 1, 1)
        );
        assert_eq!((set.chains[0].prio, set.chains[1].prio), (Some(10), Some(7)));
        assert_eq!(set.chains[1].dev, ["eth0"]);
        assert_eq!(set.maps[0].flags, ["interval"]);
        assert_eq!(set.problems.len(), 2, "{:?}", set.problems);
    }

    #[test]
    fn empty_cut_and_foreign() {
        assert_eq!(parse("\n"), Ruleset::default());
        assert_eq!(parse("{}").problems.len(), 1);
        assert!(TEXT.is_ascii());
        for cut in 1..TEXT.len() - 1 {
            assert!(!parse(&TEXT[..cut]).problems.is_empty(), "cut at {cut}");
        }
    }
}
