//! `bundle.json`: what the bundle says about itself.

use crate::Problem;
use crate::format::de;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The format that this version writes. Reading takes every `netwhy.dev/bundle/v1` and what was added to it.
pub const FORMAT: &str = "netwhy.dev/bundle/v1";

/// `bundle.json`. Keys that are not listed here are kept in `other` and written back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meta {
    /// `netwhy.dev/bundle/v1`; the only key that is required.
    pub format: String,
    /// When the bundle was made, RFC 3339; empty if not said.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "de::or_default")]
    pub created: String,
    /// Program and version that made it.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "de::or_default")]
    pub made_by: String,
    /// Name of the cluster.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "de::or_default")]
    pub cluster: String,
    /// `v1.36.2`.
    #[serde(skip_serializing_if = "String::is_empty", deserialize_with = "de::or_default")]
    pub kubernetes_version: String,
    /// Names of the nodes, whether or not they have a folder.
    #[serde(deserialize_with = "de::or_default")]
    pub nodes: Vec<String>,
    /// The folders of `outside/`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "de::or_default")]
    pub outside: Vec<Outside>,
    /// Which folders come from another moment or were rebuilt.
    #[serde(skip_serializing_if = "Provenance::is_default", deserialize_with = "de::or_default")]
    pub provenance: Provenance,
    /// What was tried and failed; paths may be globs. See [`crate::Snapshot::not_read`].
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "de::or_default")]
    pub not_read: Vec<NotRead>,
    /// When a folder or member was read, RFC 3339, by path. See [`crate::Snapshot::read_at`].
    #[serde(skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "de::or_default")]
    pub read: BTreeMap<String, String>,
    /// Every other key.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A recorded host that is no node of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outside {
    /// Folder below `outside/`.
    pub name: String,
    /// What it is, for people: "external host".
    #[serde(skip_serializing_if = "String::is_empty")]
    pub role: String,
}

/// Where folders come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// Of every folder that is not in `other`; "recorded".
    pub default: String,
    /// Text by folder.
    pub other: BTreeMap<String, String>,
}

impl Default for Provenance {
    fn default() -> Provenance {
        Provenance {
            default: "recorded".to_owned(),
            other: BTreeMap::new(),
        }
    }
}

impl Provenance {
    fn is_default(&self) -> bool {
        *self == Provenance::default()
    }
}

/// Something that was tried and failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NotRead {
    /// Member or folder below the top folder; `*` stands for any characters but `/`, `**` for any, `?` for one but `/`.
    pub path: String,
    /// Why, for people: "connection refused".
    pub why: String,
}

impl Meta {
    /// A new bundle's description: format and nodes set, the rest empty.
    pub fn new(nodes: Vec<String>) -> Meta {
        Meta {
            format: FORMAT.to_owned(),
            nodes,
            ..Meta::default()
        }
    }

    /// Reads `bundle.json`.
    ///
    /// # Errors
    /// A problem if the text is no such object, or its `format` is missing or of another major version.
    pub fn parse(text: &str) -> Result<Meta, Problem> {
        let meta: Meta = serde_json::from_str(text).map_err(|error| de::problem(&error))?;
        match meta.format.strip_prefix("netwhy.dev/bundle/v") {
            Some(version) if version.split('.').next() == Some("1") => Ok(meta),
            Some(version) => Err(Problem::new(format!(
                "bundle format version {version:?} is not known to this version of netwhy, which reads version 1"
            ))),
            None if meta.format.is_empty() => Err(Problem::new("no \"format\": this is no bundle")),
            None => Err(Problem::new(format!("format {:?} is no bundle format", meta.format))),
        }
    }

    /// `bundle.json` as text, two spaces of indent, a newline at the end.
    pub fn print(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_kept() {
        let text = r#"{"format":"netwhy.dev/bundle/v1","nodes":["n1"],"created":null,"colour":"blue","outside":[{"name":"ext"}]}"#;
        let meta = Meta::parse(text).unwrap();
        assert_eq!(
            (meta.created.as_str(), meta.other.get("colour")),
            ("", Some(&Value::from("blue")))
        );
        assert_eq!(Meta::parse(&meta.print()), Ok(meta));
    }

    #[test]
    fn versions() {
        let parse = |format: &str| Meta::parse(&format!("{{\"format\":{format:?}}}"));
        assert!(parse("netwhy.dev/bundle/v1").is_ok() && parse("netwhy.dev/bundle/v1.3").is_ok());
        assert!(
            parse("netwhy.dev/bundle/v2")
                .unwrap_err()
                .what
                .contains("version \"2\"")
        );
        assert!(parse("netwhy.dev/bundle/v10").is_err() && parse("other").is_err());
        assert!(Meta::parse("{}").unwrap_err().what.contains("no \"format\""));
        assert_eq!(Meta::parse("[").unwrap_err().line, Some(1));
    }
}
