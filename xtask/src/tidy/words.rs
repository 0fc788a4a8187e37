//! Words that may not be in the tree, each with its reason.

use super::Problem;
use crate::repo::Repo;

/// A word and what to write instead. The words are put together here so that this file does not contain them.
const BANNED: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "open an issue and name it, or mend it now"),
    (
        concat!("todo", "!("),
        "a path that is not written is a Gap or an error, not a crash",
    ),
    (
        concat!("unimplemented", "!("),
        "a path that is not written is a Gap or an error, not a crash",
    ),
    (
        concat!("#[ign", "ore"),
        "a test that does not run is no test; assert the wrong behaviour and say so",
    ),
    (concat!("db", "g!("), "left over from debugging"),
];

/// Beginnings of paths that exist on one person's machine only.
const MACHINE_PATHS: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/wo", "rk/")];

/// Files that may contain a word, and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// The rule.
pub fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repo.with_ending("").filter(|(path, _)| *path != "Cargo.lock") {
        for (number, line) in text.lines().enumerate() {
            let found = banned(path, line).into_iter().chain(machine_path(path, line));
            problems.extend(found.map(|text| Problem::at(&format!("{path}:{}", number + 1), text)));
        }
    }
    problems
}

fn excepted(path: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|(of, w, _)| *of == path && *w == word)
}

fn banned(path: &str, line: &str) -> Option<String> {
    let (word, instead) = BANNED
        .iter()
        .find(|(word, _)| line.contains(word) && !excepted(path, word))?;
    Some(format!("has {word}: {instead}"))
}

fn machine_path(path: &str, line: &str) -> Option<String> {
    for beginning in MACHINE_PATHS.iter().filter(|beginning| !excepted(path, beginning)) {
        for (at, _) in line.match_indices(beginning) {
            // In "network/work/x" the path is a relative one.
            let before = line[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || "_-./~$}".contains(c)) {
                return Some(format!("has a path of one machine: {beginning}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_banned_word_is_found() {
        for (word, _) in BANNED {
            let repo = Repo::of(&[("a.rs", &format!("fine\nx {word} y\n"))]);
            assert_eq!(check(&repo)[0].path, "a.rs:2", "{word}");
        }
    }

    #[test]
    fn machine_paths_are_absolute() {
        for beginning in MACHINE_PATHS {
            assert!(machine_path("a.md", &format!("see {beginning}ann/x")).is_some());
            assert!(machine_path("a.md", &format!("{beginning}ann/x")).is_some());
            assert!(machine_path("a.md", &format!("see net{beginning}ann/x")).is_none());
        }
    }
}
