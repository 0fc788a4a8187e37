//! Lists in JSON, element by element: a bad or cut element costs that element only.

use super::de;
use crate::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ops::Range;

/// Reads a JSON list (`[...]`). An element that does not fit is a problem with its index, line and column; a document that
/// is cut gives the elements that are whole. Empty objects, which iproute2 leaves for what it filtered, are skipped; an
/// empty text is an empty list, which is what some tools print for it.
pub fn parse_list<T>(text: &str) -> (Vec<T>, Vec<Problem>)
where
    T: DeserializeOwned + Default + PartialEq,
{
    let (mut list, problems) = match serde_json::from_str::<Vec<T>>(text) {
        Ok(list) => (list, Vec::new()),
        Err(_) if text.trim().is_empty() => (Vec::new(), Vec::new()),
        Err(_) => match elements(text, None) {
            Ok(found) => each(text, &found),
            Err(problem) => (Vec::new(), vec![problem]),
        },
    };
    let empty = T::default();
    list.retain(|element| *element != empty);
    (list, problems)
}

/// Prints a list as iproute2 does: one line, no spaces, a newline at the end.
pub fn print_list<T: Serialize>(list: &[T]) -> String {
    let mut text = serde_json::to_string(list).unwrap_or_default();
    text.push('\n');
    text
}

/// Where the elements of a list stand.
#[derive(Debug)]
pub(crate) struct Elements {
    /// Whole elements, in bytes.
    pub(crate) spans: Vec<Range<usize>>,
    /// Where and why the text ends before the list does.
    pub(crate) cut: Option<(usize, &'static str)>,
}

/// Finds the elements of the list that is the document, or, with a key, of the list under that key of the object that is
/// the document. Looks at brackets and strings only.
pub(crate) fn elements(text: &str, key: Option<&str>) -> Result<Elements, Problem> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    if let Some(key) = key {
        scan.enter(key).map_err(|what| place(text, scan.at, what))?;
    }
    scan.space();
    if scan.next() != Some(b'[') {
        return Err(place(text, scan.at, "not a list"));
    }
    let mut spans = Vec::new();
    let cut = loop {
        scan.space();
        let start = scan.at;
        match scan.peek() {
            None => break Some((start, "the text ends within the list")),
            Some(b']') => break None,
            Some(b',') => scan.at += 1,
            Some(b'}' | b':') => break Some((start, "not a list from here on")),
            Some(_) if scan.value() => spans.push(start..scan.at),
            Some(_) => break Some((start, "the text ends within this element")),
        }
    };
    Ok(Elements { spans, cut })
}

/// Reads every element that was found by itself.
pub(crate) fn each<T: DeserializeOwned>(text: &str, found: &Elements) -> (Vec<T>, Vec<Problem>) {
    let mut list = Vec::with_capacity(found.spans.len());
    let problems = visit(text, found, |element| {
        list.push(serde_json::from_str(element)?);
        Ok(())
    });
    (list, problems)
}

/// Gives the text of every element that was found to a reader; its errors become problems.
pub(crate) fn visit(
    text: &str,
    found: &Elements,
    mut read: impl FnMut(&str) -> serde_json::Result<()>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, span) in found.spans.iter().enumerate() {
        match read(text.get(span.clone()).unwrap_or_default()) {
            Ok(()) => {}
            Err(_) if problems.len() > Problem::KEPT => {}
            Err(error) => {
                let inner = de::problem(&error);
                let what = format!("element {index}: {}", inner.what);
                let mut problem = place(text, span.start, what);
                // serde counted from the element's beginning.
                match inner.line {
                    Some(1) | None => problem.column = add(problem.column, inner.column),
                    Some(_) => (problem.line, problem.column) = (add(problem.line, inner.line), inner.column),
                }
                problem.push_to(&mut problems);
            }
        }
    }
    if let Some((at, what)) = found.cut {
        place(text, at, what).push_to(&mut problems);
    }
    problems
}

/// Two positions that both count from 1.
fn add(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    Some(a?.saturating_add(b.unwrap_or(1)).saturating_sub(1))
}

/// A problem at an offset: line and column are counted here.
fn place(text: &str, at: usize, what: impl Into<String>) -> Problem {
    let before = text.as_bytes().get(..at.min(text.len())).unwrap_or_default();
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    let column = 1 + before.iter().rev().take_while(|byte| **byte != b'\n').count();
    Problem {
        line: u32::try_from(line).ok(),
        column: u32::try_from(column).ok(),
        ..Problem::new(what)
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over a string whose first quote was read.
    fn string(&mut self) -> bool {
        while let Some(byte) = self.next() {
            match byte {
                b'"' => return true,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
        false
    }

    /// Steps over a value; false if the text ends before it does.
    fn value(&mut self) -> bool {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at += 1;
                    if !self.string() {
                        return false;
                    }
                    if depth == 0 {
                        return true;
                    }
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    // With depth 0 this is the end of what is around a number or word.
                    if depth == 0 {
                        return true;
                    }
                    depth -= 1;
                    self.at += 1;
                    if depth == 0 {
                        return true;
                    }
                }
                b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return true,
                _ => self.at += 1,
            }
        }
        false
    }

    /// Goes to the value of a key of the object that is the document.
    fn enter(&mut self, key: &str) -> Result<(), String> {
        self.space();
        if self.next() != Some(b'{') {
            return Err("not an object".to_owned());
        }
        loop {
            self.space();
            let start = self.at;
            match self.next() {
                Some(b',') => continue,
                Some(b'"') if self.string() => {}
                Some(b'}') => return Err(format!("no {key:?}")),
                _ => return Err(format!("the text ends before {key:?}")),
            }
            let name = self.bytes.get(start + 1..self.at.saturating_sub(1)).unwrap_or_default();
            self.space();
            if self.next() != Some(b':') {
                return Err("not an object: no colon after a key".to_owned());
            }
            if name == key.as_bytes() {
                return Ok(());
            }
            self.space();
            if !self.value() {
                return Err(format!("the text ends before {key:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(default)]
    struct Item {
        #[serde(deserialize_with = "de::num")]
        n: u32,
        s: String,
        v: serde_json::Value,
    }

    fn list(text: &str) -> (Vec<u32>, Vec<String>) {
        let (items, problems) = parse_list::<Item>(text);
        (
            items.iter().map(|item| item.n).collect(),
            problems.iter().map(ToString::to_string).collect(),
        )
    }

    #[test]
    fn numbers_as_strings_and_empty_objects() {
        assert_eq!(
            list(r#"[{"n":1},{},{"n":"2"},{"n":"0x1f"},{"n":4.0,"x":[{}]}]"#),
            (vec![1, 2, 31, 4], vec![])
        );
        assert_eq!(list("[]\n\n"), (vec![], vec![]));
        assert_eq!(list(" \n"), (vec![], vec![]));
    }

    #[test]
    fn a_bad_element_is_named_and_skipped() {
        let (items, problems) = list("[{\"n\":1},\n {\"n\":-2},\n {\"n\":3,\n\"s\":7}, \"x\", {\"n\":5}]");
        assert_eq!(items, [1, 5]);
        assert_eq!(problems.len(), 3);
        assert!(
            problems[0].starts_with(":2:8: element 1: -2 is out of range"),
            "{problems:?}"
        );
        assert!(problems[1].starts_with(":4:5: element 2: invalid type"), "{problems:?}");
        assert!(
            problems[2].starts_with(":4:11: element 3: invalid type"),
            "{problems:?}"
        );
    }

    #[test]
    fn every_cut_gives_what_is_whole() {
        let text = r#"[{"n":1,"s":"a\"]}"},{"n":2,"s":"é"},{"n":3}]"#;
        let ends: Vec<usize> = text
            .match_indices('}')
            .map(|(at, _)| at + 1)
            .filter(|at| *at > 12)
            .collect();
        for (cut, _) in text.char_indices() {
            let (items, problems) = list(&text[..cut]);
            let whole = ends.iter().filter(|end| **end <= cut && **end > 19).count();
            assert_eq!(items.len(), whole, "cut at {cut}");
            assert_eq!(problems.len(), usize::from(cut > 0), "cut at {cut}");
        }
    }

    #[test]
    fn depth_is_a_problem() {
        let nest = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
        let deep = format!("[{{\"n\":1}},{{\"n\":2,\"v\":{}}}]", nest(100_000));
        let (items, problems) = list(&deep);
        assert_eq!(items, [1]);
        assert!(problems[0].contains("recursion limit"), "{problems:?}");
        // What nobody keeps may be as deep as it likes.
        assert_eq!(list(&format!("[{{\"n\":1,\"x\":{}}}]", nest(100_000))).0, [1]);
    }

    #[test]
    fn what_is_no_list() {
        for text in ["{}", "x", "]", "\"", "[}", "[1,:", "nul"] {
            let (items, problems) = list(text);
            assert_eq!((items.len(), problems.is_empty()), (0, false), "{text}");
        }
        assert!(elements("{\"a\":[1,2],\"items\":[1]}", Some("items")).is_ok_and(|found| found.spans.len() == 1));
        for text in ["{\"a\":1}", "{\"a\":[", "{\"items\"", "[]", "", "{\"a\" 1", "{\"a"] {
            assert!(elements(text, Some("items")).is_err(), "{text}");
        }
    }
}
