//! What may be taken into a bundle: API objects by field, ConfigMaps by name and key, files by path and key.
//!
//! What is not on a list here is not taken. In particular: no environment, commands or arguments (but for known flags of
//! known containers), no `managedFields`, annotations by name only, no Secrets, no certificates or kubeconfigs. To take more,
//! add a line to a list; the test at the end plants marked strings in every place that must stay out.
//!
//! Labels are taken whole, because selectors read them.

mod config;
mod fields;
mod files;
mod flags;
mod kinds;
mod shape;
#[cfg(test)]
mod tests;
mod text;

pub use files::{file_allowed, filter_file};
pub use kinds::KINDS;

use crate::Problem;
use crate::format::json;
use serde::Deserialize;
use shape::Keep;

/// A list of API objects with what may not be taken left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// JSON in the shape of the input: `kind`, `apiVersion`, `items`.
    pub text: String,
    /// Items that could not be read, and where the text was cut. They are not in `text`: an empty list with problems says
    /// nothing about what there is.
    pub problems: Vec<Problem>,
}

/// Filters a list of API objects as `kubectl get KIND -A -o json` or the API server prints it.
///
/// `kind` is the plural name as it names the file in `cluster/`: `pods`, `ippools.crd.projectcalico.org`; see [`KINDS`].
///
/// # Errors
/// The kind is not on the list (Secrets never are), or the text is no list.
pub fn filter_list(kind: &str, text: &str) -> Result<Filtered, Problem> {
    let keep =
        kinds::keep(kind).ok_or_else(|| Problem::new(format!("{kind:?} is not on the list of what may be taken")))?;
    let found = json::elements(text, Some("items")).or_else(|problem| {
        // Go prints an empty list as null.
        let nothing = serde_json::from_str::<Head>(text).is_ok_and(|head| head.items_is_null());
        if nothing {
            Ok(json::Elements {
                spans: Vec::new(),
                cut: None,
            })
        } else {
            Err(problem)
        }
    })?;
    let head: Head = serde_json::from_str(text).unwrap_or_default();
    let name = |text: Option<String>, default: &str| {
        let text = text.filter(|text| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"./-".contains(&byte))
        });
        text.unwrap_or_else(|| default.to_owned())
    };
    let mut out = format!(
        "{{\"apiVersion\":\"{}\",\"kind\":\"{}\",\"items\":[",
        name(head.api_version, "v1"),
        name(head.kind, "List")
    );
    let mut first = true;
    let problems = json::visit(text, &found, |item| {
        if let Some(item) = keep.item(item)? {
            if !std::mem::take(&mut first) {
                out.push(',');
            }
            out.push('\n');
            out.push_str(&item.to_string());
        }
        Ok(())
    });
    out.push_str("\n]}\n");
    Ok(Filtered { text: out, problems })
}

/// Ends of keys of `sysctl -a` whose values are secrets: of TCP Fast Open, of the card's hash, of IPv6 addresses.
const SECRET_SYSCTLS: [&str; 3] = [".tcp_fastopen_key", ".netdev_rss_key", ".stable_secret"];

/// What may be taken of `sysctl -a`: the settings of the network without its secrets, and what the tool was refused.
pub fn filter_sysctl(text: &str) -> String {
    let key = |line: &str| line.split(['=', ' ']).next().unwrap_or_default().to_owned();
    let secret = |line: &str| SECRET_SYSCTLS.iter().any(|end| key(line).ends_with(end));
    let wanted = |line: &str| line.starts_with("net.") || line.starts_with("sysctl: permission denied on key 'net.");
    let lines = text.split_inclusive('\n').filter(|line| wanted(line) && !secret(line));
    lines.collect()
}

#[derive(Default, Deserialize)]
struct Head {
    #[serde(rename = "apiVersion")]
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default, deserialize_with = "absent_or_null")]
    items: Option<bool>,
}

impl Head {
    fn items_is_null(&self) -> bool {
        self.items == Some(true)
    }
}

/// Some(true) for null, Some(false) for anything else.
fn absent_or_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    Option::<serde::de::IgnoredAny>::deserialize(from).map(|value| Some(value.is_none()))
}

/// A kind's rule: which of its objects, and what of each.
struct Rule {
    keep: Keep,
    /// Takes what the shape cannot say; `None` leaves the object out.
    more: Option<fn(serde_json::Value) -> Option<serde_json::Value>>,
}

impl Rule {
    fn item(&self, text: &str) -> serde_json::Result<Option<serde_json::Value>> {
        let kept = shape::filter(&self.keep, text)?;
        Ok(match (kept, self.more) {
            (Some(value), Some(more)) => more(value),
            (kept, _) => kept,
        })
    }
}
