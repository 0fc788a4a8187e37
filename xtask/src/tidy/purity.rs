//! What holds the pure folder pure and `unsafe` in one crate: that the lints which do it are on, and not switched off nearby.

use super::Problem;
use crate::repo::{Repo, is_test_file, without_tests};

const PURE: &str = "crates/pure/";
const PURE_CLIPPY: &str = "crates/pure/clippy.toml";
const SYS: &str = "crates/io/sys/";

/// One clippy.toml governs crates/pure: clippy takes the nearest file and merges nothing.
pub fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(pure) = repo.text(PURE_CLIPPY) else {
        return vec![Problem::at(
            PURE_CLIPPY,
            "is missing: it is what keeps crates/pure pure",
        )];
    };
    for key in ["disallowed-types", "disallowed-methods", "disallowed-macros"] {
        if !pure.contains(key) {
            problems.push(Problem::at(PURE_CLIPPY, format!("has no {key}")));
        }
    }
    for name in ["clippy.toml", ".clippy.toml"] {
        for (path, _) in repo.with_ending(name).filter(|(path, _)| path.starts_with(PURE)) {
            if path != PURE_CLIPPY && path.rsplit('/').next() == Some(name) {
                problems.push(Problem::at(
                    path,
                    format!("replaces {PURE_CLIPPY} for this folder; remove it"),
                ));
            }
        }
        let root = repo.text(name).unwrap_or_default();
        for line in root
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.trim().starts_with('#'))
        {
            if !pure.contains(line) {
                problems.push(Problem::at(PURE_CLIPPY, format!("must repeat the root's line: {line}")));
            }
        }
    }
    for (path, text) in repo
        .with_ending(".rs")
        .filter(|(path, _)| path.starts_with(PURE) && !is_test_file(path))
    {
        for lint in [
            "clippy::disallowed_types",
            "clippy::disallowed_methods",
            "clippy::disallowed_macros",
        ] {
            if without_tests(text).contains(lint) {
                problems.push(Problem::at(
                    path,
                    format!("switches {lint} off; a pure crate may only in its tests"),
                ));
            }
        }
    }
    problems
}

/// `unsafe` stands in crates/io/sys only, and every crate takes the workspace's lints.
pub fn check_unsafe(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repo.with_ending(".rs").filter(|(path, _)| !path.starts_with(SYS)) {
        for (number, line) in text.lines().enumerate() {
            if has_unsafe(line) {
                problems.push(Problem::at(
                    &format!("{path}:{}", number + 1),
                    "unsafe code belongs in crates/io/sys",
                ));
            }
        }
    }
    for (path, text) in repo.with_ending("/Cargo.toml") {
        if !text.contains("[lints]\nworkspace = true") {
            problems.push(Problem::at(path, "add:\n[lints]\nworkspace = true"));
        }
    }
    problems
}

fn has_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let word = concat!("un", "safe");
    let block = [" {", " fn", " impl", " extern", " trait"]
        .iter()
        .any(|next| code.contains(&format!("{word}{next}")));
    let lint = ["allow", "expect", "warn"]
        .iter()
        .any(|level| code.contains(&format!("{level}({word}_code")));
    block || lint
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: (&str, &str) = (
        PURE_CLIPPY,
        "disallowed-types = []\ndisallowed-methods = []\ndisallowed-macros = []\n",
    );

    fn paths(problems: Vec<Problem>) -> Vec<String> {
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn a_nearer_file_replaces_the_folders_own() {
        assert!(check(&Repo::of(&[GOOD])).is_empty());
        let nearer = ("crates/pure/sim/clippy.toml", "");
        assert_eq!(
            paths(check(&Repo::of(&[GOOD, nearer]))),
            ["crates/pure/sim/clippy.toml"]
        );
        assert_eq!(paths(check(&Repo::of(&[]))), [PURE_CLIPPY]);
    }

    #[test]
    fn entries_of_the_root_are_repeated() {
        let root = ("clippy.toml", "# words\nallow-unwrap-in-tests = true\n");
        assert_eq!(paths(check(&Repo::of(&[GOOD, root]))), [PURE_CLIPPY]);
    }

    #[test]
    fn only_tests_may_read_files() {
        let lint = "#![allow(clippy::disallowed_methods)]\n";
        let source = ("crates/pure/sim/src/lib.rs", lint);
        let test = ("crates/pure/sim/tests/all.rs", lint);
        let bottom = format!("#[cfg(test)]\nmod tests {{ {lint} }}");
        let in_module = ("crates/pure/sim/src/a.rs", bottom.as_str());
        assert_eq!(
            paths(check(&Repo::of(&[GOOD, source, test, in_module]))),
            ["crates/pure/sim/src/lib.rs"]
        );
    }

    #[test]
    fn unsafe_is_seen_as_code_and_not_in_comments() {
        assert!(has_unsafe(concat!("    un", "safe { f() }")));
        assert!(has_unsafe(concat!("#![allow(un", "safe_code)]")));
        assert!(!has_unsafe(concat!("// un", "safe { f() }")));
        assert!(!has_unsafe("un_safe = \"deny\""));
    }
}
