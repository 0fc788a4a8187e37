//! A page and its examples.
//!
//! Below `## Examples`, each `### Fires …`, `### Silent …` or `### Unknown …` has one block `snapshot` (the base and what
//! differs, see [`super::change`]) and one block `findings`: exactly the errors and warnings beyond the base's own as
//! `CODE object severity certainty`, `gap MEMBER` for each member whose absence keeps a promise from being judged, and
//! `not applicable CODE: reason`.

use std::collections::BTreeSet;

/// What an example shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Fires,
    Silent,
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Example {
    pub kind: Kind,
    /// The heading, whole.
    pub title: String,
    /// Line of the page at which the snapshot begins.
    pub line: usize,
    /// Directives with the page's line numbers.
    pub changes: Vec<(usize, String)>,
    pub findings: Vec<String>,
    pub gaps: BTreeSet<String>,
    pub not_applicable: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Page {
    /// `NW1001`.
    pub code: String,
    /// `ip-forward-disabled`.
    pub name: String,
    /// Headings of the second level, in order.
    pub sections: Vec<String>,
    pub examples: Vec<Example>,
}

impl Page {
    pub fn parse(text: &str) -> Result<Page, String> {
        let first = text.lines().next().unwrap_or_default();
        let (code, name) = first
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or_else(|| format!("line 1: expected `# CODE name`, found {first:?}"))?;
        let mut page = Page {
            code: code.to_owned(),
            name: name.to_owned(),
            sections: Vec::new(),
            examples: Vec::new(),
        };
        let mut block: Option<(String, Vec<(usize, String)>)> = None;
        let mut title = String::new();
        let mut changes: Option<(usize, Vec<(usize, String)>)> = None;
        for (number, line) in text.lines().enumerate().map(|(i, l)| (i + 1, l)) {
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                match block.take() {
                    None => block = Some((fence.trim().to_owned(), Vec::new())),
                    Some((language, lines)) if language == "snapshot" => {
                        if changes.replace((number - lines.len(), lines)).is_some() {
                            return Err(format!("line {number}: a snapshot without findings before it"));
                        }
                    }
                    Some((language, lines)) if language == "findings" => {
                        let (at, changes) = changes
                            .take()
                            .ok_or_else(|| format!("line {number}: findings without a snapshot"))?;
                        page.examples.push(Example::new(&title, at, changes, &lines)?);
                    }
                    Some(_) => {}
                }
            } else if let Some((_, lines)) = &mut block {
                lines.push((number, line.to_owned()));
            } else if let Some(heading) = line.strip_prefix("## ") {
                page.sections.push(heading.to_owned());
            } else if let Some(heading) = line.strip_prefix("### ") {
                heading.clone_into(&mut title);
            }
        }
        match (block, changes) {
            (None, None) => Ok(page),
            _ => Err("the last block has no end, or the last snapshot no findings".to_owned()),
        }
    }

    pub fn of_kind(&self, kind: Kind) -> usize {
        self.examples.iter().filter(|e| e.kind == kind).count()
    }
}

impl Example {
    fn new(
        title: &str,
        line: usize,
        changes: Vec<(usize, String)>,
        lines: &[(usize, String)],
    ) -> Result<Example, String> {
        let kind = match title.split([':', ' ']).next() {
            Some("Fires") => Kind::Fires,
            Some("Silent") => Kind::Silent,
            Some("Unknown") => Kind::Unknown,
            _ => {
                return Err(format!(
                    "line {line}: an example below \"{title}\", which is not Fires, Silent, Unknown"
                ));
            }
        };
        let mut example = Example {
            kind,
            title: title.to_owned(),
            line,
            changes,
            findings: Vec::new(),
            gaps: BTreeSet::new(),
            not_applicable: BTreeSet::new(),
        };
        for (_, line) in lines.iter().filter(|(_, l)| !l.trim().is_empty()) {
            let line = line.trim();
            if let Some(member) = line.strip_prefix("gap ") {
                example.gaps.insert(member.to_owned());
            } else if let Some(rest) = line.strip_prefix("not applicable ") {
                example.not_applicable.insert(rest.to_owned());
            } else if line != "nothing" {
                example
                    .findings
                    .push(line.split_whitespace().collect::<Vec<_>>().join(" "));
            }
        }
        Ok(example)
    }
}
