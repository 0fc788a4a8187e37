//! The repository's own rules: what the compiler does not hold, each as one small check that is also a test.
//!
//! To add a rule, add a function `fn(&Repo) -> Vec<Problem>` and a line to [`RULES`].

mod edges;
mod files;
mod pages;
mod purity;
mod sizes;
mod words;

use crate::generators;
use crate::repo::Repo;
use anyhow::Result;

/// What a rule found: where, and what to do.
#[derive(Debug, PartialEq)]
pub struct Problem {
    /// Path from the root.
    pub path: String,
    /// One sentence, lower case, without a full stop.
    pub text: String,
}

impl Problem {
    /// A problem at a path.
    pub fn at(path: &str, text: impl Into<String>) -> Problem {
        Problem {
            path: path.to_owned(),
            text: text.into(),
        }
    }
}

/// The pages of all checks, path and text.
pub fn check_pages(repo: &Repo) -> impl Iterator<Item = (&str, &str)> {
    pages::all(repo)
}

type Rule = fn(&Repo) -> Vec<Problem>;

/// All rules. Each has a test of the same name at the bottom of this file.
const RULES: &[(&str, Rule)] = &[
    ("edges", edges::check),
    ("purity", purity::check),
    ("unsafe", purity::check_unsafe),
    ("sizes", sizes::check),
    ("words", words::check),
    ("pages", pages::check),
    ("links", files::check_links),
    ("large files", files::check_large),
    ("generated", generators::check),
];

/// Runs all rules and prints what they found. Ok(false): there is something to mend.
pub fn run(repo: &Repo) -> Result<bool> {
    let mut problems = 0;
    for (name, rule) in RULES {
        for problem in rule(repo) {
            println!("{name}: {}: {}", problem.path, problem.text);
            problems += 1;
        }
    }
    for note in sizes::notes(repo) {
        println!("note: {}: {}", note.path, note.text);
    }
    println!("tidy: {} rules, {problems} to mend", RULES.len());
    Ok(problems == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(name: &str) {
        let repo = Repo::here().unwrap();
        let rule = RULES.iter().find(|(rule, _)| *rule == name).unwrap().1;
        let problems: Vec<String> = rule(&repo).iter().map(|p| format!("{}: {}", p.path, p.text)).collect();
        assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    }

    #[test]
    fn edges() {
        holds("edges");
    }

    #[test]
    fn purity() {
        holds("purity");
    }

    #[test]
    fn no_unsafe_outside_sys() {
        holds("unsafe");
    }

    #[test]
    fn sizes() {
        holds("sizes");
    }

    #[test]
    fn words() {
        holds("words");
    }

    #[test]
    fn pages() {
        holds("pages");
    }

    #[test]
    fn links() {
        holds("links");
    }

    #[test]
    fn large_files() {
        holds("large files");
    }

    #[test]
    fn generated_files_are_fresh() {
        holds("generated");
    }
}
