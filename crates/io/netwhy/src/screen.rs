//! What is printed as text: labels on the left, facts on the right, one mark a line that counts.
//!
//! **Invariant:** every text passes [`escape`] on its way out, so that no name can move the cursor or turn the text around.

use std::io::Write;

pub use netwhy_fix::quote::{command, printable as escape, quote};

/// Nothing but a command line is longer.
pub const WIDTH: usize = 100;
/// Facts begin here.
const LABEL: usize = 10;

/// A mark before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Broken.
    Bad,
    /// Kept.
    Good,
    /// Will break.
    Warn,
    /// Cannot know.
    Unknown,
}

impl Mark {
    fn sign(self, ascii: bool) -> &'static str {
        match (self, ascii) {
            (Mark::Bad, false) => "✗",
            (Mark::Good, false) => "✓",
            (Mark::Bad, true) => "x",
            (Mark::Good, true) => "ok",
            (Mark::Warn, _) => "!",
            (Mark::Unknown, _) => "?",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Mark::Bad => "\x1b[31m",
            Mark::Good => "\x1b[32m",
            Mark::Warn => "\x1b[33m",
            Mark::Unknown => "\x1b[35m",
        }
    }
}

/// How it looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look {
    /// No characters beyond ASCII of our own.
    pub ascii: bool,
    /// Colours on marks.
    pub colour: bool,
}

impl Look {
    /// Colours only on a terminal, and never with `NO_COLOR`.
    pub fn new(ascii: bool) -> Look {
        use std::io::IsTerminal;
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        Look {
            ascii,
            colour: std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb,
        }
    }
}

/// A text that grows line by line and is printed at once.
#[derive(Debug)]
pub struct Screen {
    out: String,
    look: Look,
    label: Option<String>,
}

impl Screen {
    /// An empty one.
    pub fn new(look: Look) -> Screen {
        Screen {
            out: String::new(),
            look,
            label: None,
        }
    }

    fn text(&self, text: &str) -> String {
        let escaped = escape(text);
        match self.look.ascii {
            true => to_ascii(&escaped),
            false => escaped,
        }
    }

    /// One line.
    pub fn line(&mut self, text: &str) {
        let text = self.text(text);
        self.out.push_str(text.trim_end());
        self.out.push('\n');
        self.label = None;
    }

    /// An empty line, unless there is one already.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
        self.label = None;
    }

    /// A line with a mark, after so many spaces.
    pub fn marked(&mut self, indent: usize, mark: Mark, text: &str) {
        let sign = mark.sign(self.look.ascii);
        let sign = match self.look.colour {
            true => format!("{}{sign}\x1b[0m", mark.colour()),
            false => sign.to_owned(),
        };
        let text = self.text(text);
        self.out
            .push_str(&format!("{:indent$}{sign} {}\n", "", text.trim_end()));
        self.label = None;
    }

    /// `label     text`; the same label again is not repeated. Long prose is broken at spaces.
    pub fn fact(&mut self, label: &str, text: &str) {
        self.fact_at(0, label, text);
    }

    /// The same, indented.
    pub fn fact_at(&mut self, indent: usize, label: &str, text: &str) {
        for part in wrap(text, WIDTH - LABEL - indent) {
            self.one_fact(indent, label, &part);
        }
    }

    /// A line that must stay whole: a command.
    pub fn whole(&mut self, indent: usize, label: &str, text: &str) {
        self.one_fact(indent, label, text);
    }

    fn one_fact(&mut self, indent: usize, label: &str, text: &str) {
        let again = self.label.as_deref() == Some(label);
        let shown = if again { "" } else { label };
        let text = self.text(text);
        self.out
            .push_str(format!("{:indent$}{shown:LABEL$}{text}", "").trim_end());
        self.out.push('\n');
        self.label = Some(label.to_owned());
    }

    /// What was written.
    pub fn finish(self) -> String {
        self.out
    }
}

/// Text with something at the right edge.
pub fn edge(left: &str, right: &str, width: usize) -> String {
    let used = width_of(left) + width_of(right);
    let space = width.saturating_sub(used).max(2);
    format!("{left}{:space$}{right}", "")
}

/// Characters; wide ones do not occur in names of Kubernetes.
pub fn width_of(text: &str) -> usize {
    text.chars().count()
}

/// Breaks at spaces; a word that is longer stays whole. Runs of spaces inside a line are kept.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && width_of(&line) + 1 + width_of(word) > width {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                line.push_str(word);
            } else {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines.push(line);
    }
    lines
}

fn to_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '→' => out.push_str("->"),
            '←' => out.push_str("<-"),
            '↔' => out.push_str("<->"),
            '…' => out.push_str("..."),
            '·' => out.push('|'),
            '✗' => out.push('x'),
            '✓' => out.push_str("ok"),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            c => out.push(c),
        }
    }
    out
}

/// JSON in which control and bidirectional characters are escaped too; they can only stand in strings.
pub fn json(value: &impl serde::Serialize, pretty: bool) -> anyhow::Result<String> {
    let text = match pretty {
        true => serde_json::to_string_pretty(value)?,
        false => serde_json::to_string(value)?,
    };
    let mut out = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        let mut one = [0; 4];
        if c == '\n' || escape(c.encode_utf8(&mut one)).len() == c.len_utf8() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out.push('\n');
    Ok(out)
}

/// Prints to standard output. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(anyhow::Error::new(e).context("standard output")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_escaped_everywhere() {
        let mut screen = Screen::new(Look::default());
        screen.line("a\u{1b}[2Jb");
        screen.marked(0, Mark::Bad, "x\u{202e}y");
        screen.fact("cause", "one\rtwo");
        assert_eq!(screen.finish(), "a\\u{1b}[2Jb\n✗ x\\u{202e}y\ncause     one\\rtwo\n");
        let text = json(&serde_json::json!({"name": "a\u{202e}\u{9b}b\n"}), false).unwrap();
        assert_eq!(text, "{\"name\":\"a\\u202e\\u009bb\\n\"}\n");
    }

    #[test]
    fn ascii_is_ascii() {
        let mut screen = Screen::new(Look {
            ascii: true,
            colour: false,
        });
        screen.marked(0, Mark::Good, "a → b …");
        assert_eq!(screen.finish(), "ok a -> b ...\n");
    }

    #[test]
    fn labels_are_said_once_and_prose_is_broken() {
        let mut screen = Screen::new(Look::default());
        screen.fact("evidence", &"word ".repeat(30));
        screen.fact("evidence", "more");
        let text = screen.finish();
        assert!(text.lines().all(|l| width_of(l) <= WIDTH), "{text}");
        assert_eq!(text.matches("evidence").count(), 1);
    }

    #[test]
    fn lines_break_at_spaces_only() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aaaaaaaa b", 3), ["aaaaaaaa", "b"]);
        assert_eq!(wrap("", 3), [""]);
    }
}
