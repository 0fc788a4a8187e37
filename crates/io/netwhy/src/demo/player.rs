//! Steps, commands and what they print.

use crate::cli::PrintArgs;
use crate::screen::{Look, Screen, command, print};
use anyhow::{Context, Result};
use std::process::{Command, Stdio};

/// Prints the play as it goes.
pub struct Player {
    look: Look,
    step: usize,
    /// A path that the reader does not have, and the name that stands for it.
    alias: Option<(String, String)>,
}

/// What a command gave.
pub struct Done {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub text: String,
}

impl Player {
    pub fn new(args: &PrintArgs) -> Player {
        Player {
            look: Look::new(args.ascii),
            step: 0,
            alias: None,
        }
    }

    /// Shows `name` wherever a command or its output says `path`.
    pub fn alias(&mut self, path: &str, name: &str) {
        self.alias = Some((path.to_owned(), name.to_owned()));
    }

    /// Plain lines.
    pub fn say(&self, lines: &[&str]) -> Result<()> {
        let mut screen = Screen::new(self.look);
        for line in lines {
            for part in crate::screen::wrap(line, crate::screen::WIDTH) {
                screen.line(&part);
            }
        }
        print(&screen.finish())
    }

    /// A numbered heading.
    pub fn step(&mut self, title: &str) -> Result<()> {
        self.step += 1;
        let mut screen = Screen::new(self.look);
        screen.line("");
        screen.line(&format!("{}  {title}", self.step));
        print(&screen.finish())
    }

    /// Facts below a heading.
    pub fn show(&self, lines: &[String]) -> Result<()> {
        let mut screen = Screen::new(self.look);
        for line in lines {
            screen.line(&format!("   {line}"));
        }
        print(&screen.finish())
    }

    /// The command that the reader can type for what is shown next.
    pub fn typed(&self, argv: &[&str]) -> Result<()> {
        self.show(&[format!("$ {}", self.named(&command(argv)))])
    }

    fn named(&self, text: &str) -> String {
        match &self.alias {
            Some((path, name)) => text.replace(path.as_str(), name),
            None => text.to_owned(),
        }
    }

    /// Runs netwhy itself with these arguments, shows command and output. `keep` chooses the lines that are shown.
    pub fn netwhy(&self, args: &[&str], keep: impl Fn(&str) -> bool) -> Result<Done> {
        let argv: Vec<&str> = ["netwhy"].iter().chain(args).copied().collect();
        self.typed(&argv)?;
        let done = quietly(args)?;
        let shown: Vec<String> = self
            .named(&done.text)
            .lines()
            .filter(|l| keep(l))
            .map(str::to_owned)
            .collect();
        self.show(&squeeze(shown))?;
        Ok(done)
    }
}

/// No empty lines at the ends, none twice.
fn squeeze(lines: Vec<String>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in lines {
        let empty = line.trim().is_empty();
        if empty && out.last().is_none_or(|l| l.trim().is_empty()) {
            continue;
        }
        out.push(line);
    }
    while out.last().is_some_and(|l| l.trim().is_empty()) {
        out.pop();
    }
    out
}

/// Runs netwhy itself and shows nothing; its complaints go to standard error.
pub fn quietly(args: &[&str]) -> Result<Done> {
    let program = std::env::current_exe().context("the path of this program")?;
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = child.with_context(|| format!("netwhy {}", args.join(" ")))?;
    Ok(Done {
        code: output.status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}
