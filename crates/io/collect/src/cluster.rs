//! API lists from a folder.

use crate::allow;
use crate::file_tree::{self, Found, find, read_bounded};
use crate::plan::Budget;
use crate::shelf::Shelf;
use std::path::Path;

/// Reads the `.json` files of a folder into `cluster/`, as far as the allow-list lets them through.
pub(crate) fn read(folder: &Path, budget: &Budget) -> Shelf {
    let mut shelf = Shelf::new("cluster");
    let names = match file_tree::names(folder, budget.files_per_directory) {
        Ok(names) => names,
        Err(error) => {
            shelf.missing("", error.to_string());
            return shelf;
        }
    };
    for name in &names {
        let Some(kind) = name.strip_suffix(".json") else {
            continue;
        };
        let bytes = match find(folder, Path::new(name)) {
            Ok(Found::File(real)) => read_bounded(&folder.join(real), budget.member_bytes),
            Ok(_) => Err("it is no file".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let filtered = bytes.and_then(|bytes| match kind {
            "version" => version(&bytes).map(|text| (text, Vec::new())),
            kind => allow::list(kind, &bytes),
        });
        match filtered {
            Ok((text, problems)) => {
                shelf.put(name, text);
                if let Some(first) = problems.first() {
                    shelf.missing(name, format!("{} of its objects, the first: {first}", problems.len()));
                }
            }
            Err(why) => shelf.missing(name, why),
        }
    }
    shelf
}

/// Of `kubectl version -o json`, the versions.
fn version(bytes: &[u8]) -> Result<String, String> {
    let all: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let mut kept = serde_json::Map::new();
    for side in ["clientVersion", "serverVersion"] {
        let Some(from) = all.get(side) else { continue };
        let mut to = serde_json::Map::new();
        for key in ["major", "minor", "gitVersion", "platform"] {
            if let Some(text) = from.get(key).and_then(serde_json::Value::as_str) {
                to.insert(key.to_owned(), text.into());
            }
        }
        kept.insert(side.to_owned(), to.into());
    }
    Ok(format!("{}\n", serde_json::Value::Object(kept)))
}

/// The version of the API server, of `version.json`.
pub(crate) fn server_version(shelf: &Shelf) -> Option<String> {
    let version: serde_json::Value = serde_json::from_slice(shelf.get("version.json")?).ok()?;
    let text = version.get("serverVersion")?.get("gitVersion")?.as_str()?;
    Some(text.to_owned())
}
