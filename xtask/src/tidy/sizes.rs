//! How long a file may be. The aim is a note; the ratchet is an error, with a list of exceptions that may only shrink.

use super::Problem;
use crate::repo::{Repo, is_test_file, without_tests};

/// A kind of file, what we aim at and what we refuse.
struct Limit {
    matches: fn(&str) -> bool,
    aim: usize,
    ratchet: usize,
}

const LIMITS: &[Limit] = &[
    Limit {
        matches: |path| path == "ARCHITECTURE.md",
        aim: 250,
        ratchet: 300,
    },
    Limit {
        matches: |path| path.starts_with("docs/adr/0") && path.ends_with(".md"),
        aim: 60,
        ratchet: 90,
    },
    Limit {
        matches: |path| path.starts_with("crates/pure/checks/") && path.ends_with(".md"),
        aim: 120,
        ratchet: 250,
    },
    Limit {
        matches: |path| path.ends_with(".rs") && !is_test_file(path),
        aim: 300,
        ratchet: 600,
    },
];

/// Files that are longer than the ratchet, the lines they may have, and why.
const EXCEPTIONS: &[(&str, usize, &str)] = &[];

/// Files over the ratchet, and exceptions that are no longer needed.
pub fn check(repo: &Repo) -> Vec<Problem> {
    check_with(repo, EXCEPTIONS)
}

fn check_with(repo: &Repo, exceptions: &[(&str, usize, &str)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, lines, limit) in measured(repo) {
        let exception = exceptions.iter().find(|(of, ..)| *of == path);
        let most = exception.map_or(limit.ratchet, |(_, lines, _)| *lines);
        if lines > most {
            problems.push(Problem::at(
                path,
                format!("{lines} lines without tests, {most} are allowed: split it"),
            ));
        }
        if exception.is_some() && lines <= limit.ratchet {
            problems.push(Problem::at(
                path,
                "needs no exception any more: remove it from EXCEPTIONS in sizes.rs",
            ));
        }
    }
    for (path, ..) in exceptions.iter().filter(|(path, ..)| repo.text(path).is_none()) {
        problems.push(Problem::at(path, "is gone: remove it from EXCEPTIONS in sizes.rs"));
    }
    problems
}

/// Files between the aim and the ratchet: worth a look in review.
pub fn notes(repo: &Repo) -> Vec<Problem> {
    measured(repo)
        .filter(|(_, lines, limit)| *lines > limit.aim && *lines <= limit.ratchet)
        .map(|(path, lines, limit)| Problem::at(path, format!("{lines} lines without tests, we aim at {}", limit.aim)))
        .collect()
}

fn measured(repo: &Repo) -> impl Iterator<Item = (&str, usize, &'static Limit)> {
    repo.with_ending("").filter_map(|(path, text)| {
        let limit = LIMITS.iter().find(|limit| (limit.matches)(path))?;
        let text = if path.ends_with(".rs") {
            without_tests(text)
        } else {
            text
        };
        Some((path, text.lines().count(), limit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_do_not_count() {
        let code = "fn f() {}\n".repeat(600);
        let fits = format!("{code}#[cfg(test)]\nmod tests {{\n{code}}}\n");
        let long = format!("fn g() {{}}\n{fits}");
        let repo = Repo::of(&[("crates/a/src/fits.rs", &fits), ("crates/a/src/long.rs", &long)]);
        let problems = check_with(&repo, &[]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "crates/a/src/long.rs");
        assert_eq!(notes(&repo).len(), 1);
        assert!(check_with(&repo, &[("crates/a/src/long.rs", 601, "a table")]).is_empty());
    }

    #[test]
    fn an_exception_cannot_outlive_its_file() {
        let repo = Repo::of(&[("crates/a/src/short.rs", "fn f() {}\n")]);
        let problems = check_with(
            &repo,
            &[("crates/a/src/short.rs", 700, "was long"), ("gone.rs", 700, "was here")],
        );
        assert_eq!(problems.len(), 2);
    }
}
