//! The one door through which files and API lists go into a bundle: what is not on the list is not taken.

use netwhy_snapshot::{Problem, allow};

/// Whether a file of a node is on the list at all.
pub(crate) fn file_path(path: &str) -> bool {
    allow::file_allowed(path)
}

/// What may be taken of a file, or why nothing may.
pub(crate) fn file(path: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    allow::filter_file(path, bytes).ok_or_else(|| "its content is not what such a file holds: not taken".to_owned())
}

/// What may be taken of an API list, by its kind: the JSON, and what is wrong with it.
pub(crate) fn list(kind: &str, bytes: &[u8]) -> Result<(String, Vec<Problem>), String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let filtered = allow::filter_list(kind, text).map_err(|problem| problem.to_string())?;
    Ok((filtered.text, filtered.problems))
}
