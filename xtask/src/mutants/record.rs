//! Verdicts that were given before, one line of JSON each.

use super::Options;
use super::trial::Verdict;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The verdicts of one seed about one state of the sources, and the file that they stand in.
pub struct Record {
    path: PathBuf,
    key: Value,
    old: BTreeMap<String, Verdict>,
}

impl Record {
    /// Reads what was judged before.
    pub fn open(folder: &Path, hash: &str, options: &Options) -> Result<Record> {
        let path = folder.join("results.jsonl");
        let key = json!({ "seed": options.seed, "packets": options.packets, "sources": hash });
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let old = text.lines().filter_map(|line| read(line, &key)).collect();
        Ok(Record { path, key, old })
    }

    /// The verdict that was given before.
    pub fn of(&self, name: &str) -> Option<Verdict> {
        self.old.get(name).cloned()
    }

    /// Writes one down.
    pub fn add(&self, name: &str, verdict: &Verdict) -> Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&self.path)?;
        writeln!(file, "{}", line(&self.key, name, verdict))?;
        Ok(())
    }
}

fn line(key: &Value, name: &str, verdict: &Verdict) -> Value {
    let (word, why) = match verdict {
        Verdict::Caught(why) => ("caught", why.as_str()),
        Verdict::Missed(why) => ("missed", why.as_str()),
        Verdict::Unviable => ("unviable", ""),
    };
    json!({ "run": key, "mutant": name, "verdict": word, "why": why })
}

/// Name and verdict of a line of this run. A line that was cut short by the end of the program is none.
fn read(line: &str, key: &Value) -> Option<(String, Verdict)> {
    let value: Value = serde_json::from_str(line).ok()?;
    let why = value["why"].as_str()?.to_owned();
    let verdict = match value["verdict"].as_str()? {
        "caught" => Verdict::Caught(why),
        "missed" => Verdict::Missed(why),
        _ => Verdict::Unviable,
    };
    (value["run"] == *key).then_some((value["mutant"].as_str()?.to_owned(), verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back_by_its_own_run_only() {
        let (key, other) = (
            json!({ "seed": 1, "sources": "a" }),
            json!({ "seed": 1, "sources": "b" }),
        );
        for verdict in [
            Verdict::Caught("5 disagreements".to_owned()),
            Verdict::Missed("0 disagreements".to_owned()),
            Verdict::Unviable,
        ] {
            let text = line(&key, "a.rs:1:1: \"x\"", &verdict).to_string();
            assert_eq!(read(&text, &key), Some(("a.rs:1:1: \"x\"".to_owned(), verdict)));
            assert_eq!(read(&text, &other), None);
            assert_eq!(read(&text[..text.len() - 2], &key), None);
        }
    }
}
