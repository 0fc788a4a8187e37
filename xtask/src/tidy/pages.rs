//! Every check has its page beside it, with the headings that `netwhy explain` shows.

use super::Problem;
use crate::repo::Repo;

const CHECKS: &str = "crates/pure/checks/src/";

/// Headings that a page must have, as beginnings, whatever their level and case.
const HEADINGS: &[&str] = &["What it causes", "How to diagnose", "How to fix"];

/// The rule. A check is a file `src/<family>/<name>.rs` that has a code; it is silent while there are none.
pub fn check(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repo.with_ending(".rs").filter(|(path, text)| is_check(path, text)) {
        let page = format!("{}.md", path.trim_end_matches(".rs"));
        let Some(page_text) = repo.text(&page) else {
            problems.push(Problem::at(&page, "is missing: a check is one .rs and one .md"));
            continue;
        };
        for heading in HEADINGS.iter().filter(|heading| !has_heading(page_text, heading)) {
            problems.push(Problem::at(&page, format!("has no heading \"{heading}\"")));
        }
        let code = code(text).unwrap_or_default();
        if !page_text
            .lines()
            .next()
            .is_some_and(|line| line.starts_with(&format!("# {code} ")))
        {
            problems.push(Problem::at(
                &page,
                format!("must begin with \"# {code} \" and the check's name"),
            ));
        }
    }
    for (path, _) in repo.with_ending(".md").filter(|(path, _)| family_file(path)) {
        let check = format!("{}.rs", path.trim_end_matches(".md"));
        if repo.text(&check).is_none() {
            problems.push(Problem::at(
                path,
                format!("is a page without a check: {check} does not exist"),
            ));
        }
    }
    problems
}

/// The pages of all checks, by path.
pub fn all(repo: &Repo) -> impl Iterator<Item = (&str, &str)> {
    repo.with_ending(".md").filter(|(path, _)| family_file(path))
}

fn family_file(path: &str) -> bool {
    path.strip_prefix(CHECKS)
        .is_some_and(|rest| rest.matches('/').count() == 1)
}

fn is_check(path: &str, text: &str) -> bool {
    family_file(path) && !path.ends_with("/mod.rs") && code(text).is_some()
}

/// The first literal `"NW1234"`.
fn code(text: &str) -> Option<&str> {
    text.match_indices("\"NW").find_map(|(at, _)| {
        let code = text.get(at + 1..at + 7)?;
        let closed = text[at + 7..].starts_with('"');
        (closed && code[2..].bytes().all(|b| b.is_ascii_digit())).then_some(code)
    })
}

fn has_heading(page: &str, heading: &str) -> bool {
    let wanted = heading.to_lowercase();
    page.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| line.trim_start_matches('#').trim().to_lowercase().starts_with(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RS: (&str, &str) = ("crates/pure/checks/src/node/ip_forward.rs", "code: \"NW1001\",\n");

    #[test]
    fn a_check_needs_a_page() {
        assert_eq!(check(&Repo::of(&[RS])).len(), 1);
        let page = "# NW1001 ip-forward-disabled\n## What it causes\n## How to diagnose\n## How to fix it\n";
        assert!(check(&Repo::of(&[RS, ("crates/pure/checks/src/node/ip_forward.md", page)])).is_empty());
    }

    #[test]
    fn a_page_needs_its_headings_its_code_and_a_check() {
        let short = (
            "crates/pure/checks/src/node/ip_forward.md",
            "# NW1002 other\n## How to fix\n",
        );
        assert_eq!(check(&Repo::of(&[RS, short])).len(), 3);
        let alone = ("crates/pure/checks/src/node/alone.md", "# NW1003 alone\n");
        assert_eq!(check(&Repo::of(&[alone])).len(), 1);
    }

    #[test]
    fn helpers_of_a_family_need_none() {
        assert!(check(&Repo::of(&[("crates/pure/checks/src/node/mod.rs", "\"NW1001\"")])).is_empty());
        assert!(check(&Repo::of(&[("crates/pure/checks/src/node/common.rs", "fn f() {}")])).is_empty());
    }
}
