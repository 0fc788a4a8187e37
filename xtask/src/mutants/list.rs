//! The list of cargo-mutants: what may be drawn, by which seed, and how a mutant gets into a text.

use anyhow::{Context, Result};
use serde_json::Value;

/// The packages that are mutated.
pub const PACKAGES: [&str; 2] = ["netwhy-sim", "netwhy-model"];

/// What of them the referee judges: the simulator, and what rules and sets mean to it. How texts become a model is judged by
/// the tests of the model.
const FILES: [&str; 3] = [
    "crates/pure/sim/src/",
    "crates/pure/model/src/netfilter/",
    "crates/pure/model/src/build/netfilter.rs",
];

/// Functions whose result the referee does not look at, each with the reason. A function that it should see and does not is
/// no entry for this list, but a hole in the referee.
const UNSEEN: &[(&str, &str, &str)] = &[
    ("trace.rs", "ClientSees::as_str", "a text for people"),
    ("trace.rs", "ClientSees::strerror", "a text for people"),
    ("trace.rs", "Disposition::as_str", "a text for people"),
    (
        "trace.rs",
        "Trace::all_delivered",
        "asked by the checks of an answer that is already given",
    ),
    ("skb.rs", "Skb::what", "a word of the printed steps"),
    ("nat.rs", "note_change", "only makes printed steps"),
    ("ip_route_input.rs", "note_route", "only makes printed steps"),
    ("skb.rs", "Skb::ct_name", "a name on docs/fidelity.md"),
    (
        "engine.rs",
        "Engine<'a>::used",
        "only counts what stands on docs/fidelity.md",
    ),
    ("xt/mod.rs", "used", "only counts what stands on docs/fidelity.md"),
];

/// One change that makes a bug.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutant {
    /// File, line, column and what is changed.
    pub name: String,
    /// Path from the root.
    pub file: String,
    /// The function, with its type; empty outside of one.
    function: String,
    /// Line and column of the first character that is replaced, from 1.
    start: (usize, usize),
    /// Those of the first that is not.
    end: (usize, usize),
    /// What stands there instead.
    replacement: String,
}

/// Reads what `cargo mutants --list --json` prints.
pub fn read(json: &str) -> Result<Vec<Mutant>> {
    let list: Value = serde_json::from_str(json).context("cargo mutants printed no JSON")?;
    let list = list.as_array().context("cargo mutants printed no list")?;
    let one = |value| mutant(value).with_context(|| format!("no mutant: {value}"));
    let mut mutants = list.iter().map(one).collect::<Result<Vec<_>>>()?;
    mutants.retain(|mutant| FILES.iter().any(|file| mutant.file.starts_with(file)));
    Ok(mutants)
}

fn mutant(value: &Value) -> Option<Mutant> {
    let text = |key: &str| Some(value[key].as_str()?.to_owned());
    let place = |key: &str| {
        let number = |what: &str| usize::try_from(value["span"][key][what].as_u64()?).ok();
        Some((number("line")?, number("column")?))
    };
    Some(Mutant {
        name: text("name")?,
        file: text("file")?,
        function: value["function"]["function_name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        start: place("start")?,
        end: place("end")?,
        replacement: text("replacement")?,
    })
}

/// Whether the referee could see it.
pub fn is_visible(mutant: &Mutant) -> bool {
    let is_text = ["Display for ", "Debug for "]
        .iter()
        .any(|of| mutant.function.contains(of));
    let unseen = UNSEEN
        .iter()
        .any(|(file, function, _)| mutant.file.ends_with(file) && mutant.function == *function);
    !is_text && !unseen
}

/// An order that depends on the seed and on which mutants there are, not on the order in which they were listed.
pub fn shuffle(mutants: &mut [Mutant], seed: u64) {
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    let mut state = seed;
    for last in (1..mutants.len()).rev() {
        let at = (splitmix(&mut state) % (last as u64 + 1)) as usize;
        mutants.swap(at, last);
    }
}

/// SplitMix64, as the lab draws.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Mutant {
    /// The text of its file with the bug; `None` if the text is another file's.
    pub fn applied(&self, text: &str) -> Option<String> {
        let (start, end) = (offset(text, self.start)?, offset(text, self.end)?);
        let (before, after) = (text.get(..start)?, text.get(end.max(start)..)?);
        Some(format!("{before}{}{after}", self.replacement))
    }
}

/// Where a line and a column are, in bytes. Columns are characters.
fn offset(text: &str, (line, column): (usize, usize)) -> Option<usize> {
    let begin = match line.checked_sub(2) {
        None => 0,
        Some(breaks) => text.match_indices('\n').nth(breaks)?.0 + 1,
    };
    let rest = &text[begin..];
    let places = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    Some(begin + places.take(column).last()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"[
        {"name": "crates/pure/sim/src/skb.rs:2:5: replace x -> u8 with 0", "file": "crates/pure/sim/src/skb.rs",
         "function": {"function_name": "Skb::x", "return_type": "-> u8"}, "genre": "FnValue", "replacement": "0",
         "span": {"start": {"line": 2, "column": 5}, "end": {"line": 3, "column": 8}}},
        {"name": "crates/pure/sim/src/skb.rs:9:1: replace + with -", "file": "crates/pure/sim/src/skb.rs",
         "function": null, "replacement": "-", "span": {"start": {"line": 9, "column": 1}, "end": {"line": 9, "column": 2}}},
        {"name": "crates/pure/model/src/api.rs:9:1: replace + with -", "file": "crates/pure/model/src/api.rs",
         "function": null, "replacement": "-", "span": {"start": {"line": 9, "column": 1}, "end": {"line": 9, "column": 2}}}
    ]"#;

    #[test]
    fn the_list_keeps_what_the_referee_judges() {
        let mutants = read(JSON).unwrap();
        assert_eq!(mutants.len(), 2);
        assert_eq!(mutants[0].function, "Skb::x");
        assert_eq!((mutants[0].start, mutants[0].end), ((2, 5), (3, 8)));
        assert_eq!(mutants[1].function, "");
        assert!(read("[{}]").is_err());
        assert!(read("no list").is_err());
    }

    fn of(file: &str, function: &str) -> Mutant {
        Mutant {
            name: format!("{file}: {function}"),
            file: file.to_owned(),
            function: function.to_owned(),
            start: (1, 1),
            end: (1, 1),
            replacement: String::new(),
        }
    }

    #[test]
    fn texts_are_not_drawn_and_what_they_are_made_of_is() {
        assert!(!is_visible(&of("crates/pure/sim/src/trace.rs", "ClientSees::strerror")));
        assert!(!is_visible(&of(
            "crates/pure/model/src/netfilter/set.rs",
            "<impl fmt::Debug for IpSet>::fmt"
        )));
        assert!(is_visible(&of("crates/pure/sim/src/trace.rs", "Trace::first")));
        assert!(is_visible(&of("crates/pure/sim/src/nf/nat.rs", "used")));
    }

    #[test]
    fn what_is_not_drawn_is_there() {
        let repo = crate::repo::Repo::here().unwrap();
        for (file, function, _) in UNSEEN {
            let name = function.rsplit(':').next().unwrap();
            let has = |(path, text): (&str, &str)| path.starts_with(FILES[0]) && text.contains(&format!("fn {name}("));
            assert!(repo.with_ending(file).any(has), "{file}: {function}");
        }
    }

    #[test]
    fn a_seed_decides_the_order() {
        let names = |seed, reversed: bool| -> Vec<String> {
            let mut mutants: Vec<Mutant> = (0..50).map(|n| of("a.rs", &n.to_string())).collect();
            if reversed {
                mutants.reverse();
            }
            shuffle(&mut mutants, seed);
            mutants.into_iter().map(|m| m.name).collect()
        };
        assert_eq!(names(1, false), names(1, true));
        assert_ne!(names(1, false), names(2, false));
        let mut sorted = names(1, false);
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 50);
    }

    fn applied(text: &str, start: (usize, usize), end: (usize, usize), replacement: &str) -> Option<String> {
        let mutant = Mutant {
            start,
            end,
            replacement: replacement.to_owned(),
            ..of("a.rs", "f")
        };
        mutant.applied(text)
    }

    #[test]
    fn a_span_is_counted_in_lines_and_characters() {
        let text = "fn f() {\n    a → b == c\n}\n";
        assert_eq!(
            applied(text, (2, 11), (2, 13), "!=").unwrap(),
            "fn f() {\n    a → b != c\n}\n"
        );
        assert_eq!(applied(text, (1, 9), (3, 1), "0").unwrap(), "fn f() {0}\n");
        assert_eq!(applied("ab", (1, 2), (1, 3), "").unwrap(), "a");
        assert_eq!(applied(text, (7, 1), (7, 2), "0"), None);
    }
}
