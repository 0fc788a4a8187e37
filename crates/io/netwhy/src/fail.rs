//! When netwhy itself fails: one line that says what, and one with the way out.

use crate::screen::escape;
use std::fmt;
use std::io::Write;

/// Exit code: clean, or delivered.
pub const CLEAN: u8 = 0;
/// Exit code: findings, or not delivered.
pub const FOUND: u8 = 1;
/// Exit code: usage, or a failure of netwhy.
pub const FAILURE: u8 = 2;
/// Exit code: a requested promise could not be decided.
pub const UNDECIDED: u8 = 3;

/// A failure with its way out.
#[derive(Debug)]
pub struct Fail {
    what: String,
    way_out: String,
}

impl Fail {
    /// A failure; `way_out` may be empty.
    #[expect(clippy::new_ret_no_self, reason = "it only ever travels as an error of anyhow")]
    pub fn new(what: impl Into<String>, way_out: impl Into<String>) -> anyhow::Error {
        Fail {
            what: what.into(),
            way_out: way_out.into(),
        }
        .into()
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Fail {}

/// Prints to standard error.
pub fn print(error: &anyhow::Error) {
    let way_out = error.downcast_ref::<Fail>().map_or("", |f| f.way_out.as_str());
    // `{:#}` joins the causes with colons.
    let mut text = format!("netwhy: {}\n", escape(&format!("{error:#}")));
    for line in way_out.lines() {
        text += &format!("  {}\n", escape(line));
    }
    // Nobody may be listening; there is nobody else to tell.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
