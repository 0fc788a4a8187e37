//! What could not be read, and where.

use std::fmt;

/// Something in a member that could not be used. The rest of the member is used: a problem is a fact about a line, not a failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path of the member below the bundle's top folder; empty in what [`crate::format`] returns, as it sees text only.
    pub path: String,
    /// Line, from 1; `None` if it concerns the whole member.
    pub line: Option<u32>,
    /// Column in bytes, from 1.
    pub column: Option<u32>,
    /// What is wrong, in one sentence without a full stop. May quote the text: escape it before printing.
    pub what: String,
}

impl Problem {
    /// A problem of a whole text.
    pub fn new(what: impl Into<String>) -> Problem {
        Problem {
            what: what.into(),
            ..Problem::default()
        }
    }

    /// A problem of one line (from 1).
    pub fn at(line: u32, what: impl Into<String>) -> Problem {
        Problem {
            line: Some(line),
            what: what.into(),
            ..Problem::default()
        }
    }

    /// The same problem, with the member that it is about.
    #[must_use]
    pub fn of(mut self, path: &str) -> Problem {
        path.clone_into(&mut self.path);
        self
    }
}

impl fmt::Display for Problem {
    /// `path:line:column: what`, each part if it is known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        if !self.path.is_empty() || self.line.is_some() {
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl Problem {
    /// How many problems a parser keeps of one text: more of them tell nothing new, and a hostile text has millions.
    pub(crate) const KEPT: usize = 1000;

    /// Adds the problem to a list, unless the list has said enough.
    pub(crate) fn push_to(self, list: &mut Vec<Problem>) {
        match list.len().cmp(&Problem::KEPT) {
            std::cmp::Ordering::Less => list.push(self),
            std::cmp::Ordering::Equal => list.push(Problem {
                what: "more of this kind: not listed".to_owned(),
                ..self
            }),
            std::cmp::Ordering::Greater => {}
        }
    }
}
