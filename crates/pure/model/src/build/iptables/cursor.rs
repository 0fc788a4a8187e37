//! Walking the words of a rule.

use crate::fact::GapId;
use std::borrow::Cow;
use std::str::FromStr;

/// Why an extension is not understood.
#[derive(Debug)]
pub(super) enum Odd {
    /// In words.
    Why(String),
    /// Another member is missing or not understood.
    Gap(GapId),
}

impl From<String> for Odd {
    fn from(why: String) -> Odd {
        Odd::Why(why)
    }
}

/// An option of an extension: `! --dport`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt<'w> {
    pub not: bool,
    pub name: &'w str,
}

impl Opt<'_> {
    /// Nothing here knows this option.
    pub(super) fn odd(&self) -> Odd {
        Odd::Why(format!("option {:?} is not modelled", self.name))
    }
}

/// The words of a rule and a place in them.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'w> {
    words: &'w [Cow<'w, str>],
    at: usize,
}

impl<'w> Cursor<'w> {
    pub(super) fn new(words: &'w [Cow<'w, str>]) -> Self {
        Cursor { words, at: 0 }
    }

    pub(super) fn peek(&self) -> Option<&'w str> {
        self.words.get(self.at).map(AsRef::as_ref)
    }

    pub(super) fn next(&mut self) -> Option<&'w str> {
        let word = self.peek()?;
        self.at += 1;
        Some(word)
    }

    /// Takes a word if it is the next one.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let hit = self.peek() == Some(word);
        self.at += usize::from(hit);
        hit
    }

    /// Goes back by one word.
    pub(super) fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// The next option of an extension, if the next word is one.
    pub(super) fn option(&mut self) -> Option<Opt<'w>> {
        let not = self.peek() == Some("!");
        let name = self.words.get(self.at + usize::from(not))?.as_ref();
        if !name.starts_with("--") {
            return None;
        }
        self.at += 1 + usize::from(not);
        Some(Opt { not, name })
    }

    /// The value of an option.
    pub(super) fn value(&mut self, opt: Opt<'_>) -> Result<&'w str, Odd> {
        self.next()
            .ok_or_else(|| Odd::Why(format!("option {:?} has no value", opt.name)))
    }

    /// The value of an option, parsed.
    pub(super) fn parse<T: FromStr>(&mut self, opt: Opt<'_>) -> Result<T, Odd> {
        let text = self.value(opt)?;
        text.parse().map_err(|_| bad(opt, text))
    }

    /// The value of an option, through a reader.
    pub(super) fn read<T>(&mut self, opt: Opt<'_>, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Odd> {
        let text = self.value(opt)?;
        read(text).ok_or_else(|| bad(opt, text))
    }

    /// Goes to the next `-m`, `-j` or `-g`.
    pub(super) fn skip_extension(&mut self) {
        while self.peek().is_some_and(|w| !matches!(w, "-m" | "-j" | "-g")) {
            self.at += 1;
        }
    }
}

fn bad(opt: Opt<'_>, text: &str) -> Odd {
    Odd::Why(format!("value {text:?} of option {:?} is not understood", opt.name))
}
