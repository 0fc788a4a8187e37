//! Files that are made from others. `cargo xtask tidy --write` refreshes them, a test demands that they are fresh.
//!
//! To add one, add a line to [`GENERATORS`].

use crate::repo::Repo;
use crate::tidy::Problem;
use anyhow::{Context, Result};
use std::fs;

/// A generated file and how it is made; no text means that there is nothing to write about yet.
struct Generator {
    path: &'static str,
    make: fn(&Repo) -> Option<String>,
}

const GENERATORS: &[Generator] = &[
    Generator {
        path: "docs/adr/README.md",
        make: adr,
    },
    Generator {
        path: "docs/lab-notes/README.md",
        make: lab_notes,
    },
    Generator {
        path: "docs/checks/README.md",
        make: checks,
    },
];

/// The rule: every generated file is what its generator makes now.
pub fn check(repo: &Repo) -> Vec<Problem> {
    GENERATORS
        .iter()
        .filter(|generator| repo.text(generator.path) != (generator.make)(repo).as_deref())
        .map(|generator| Problem::at(generator.path, "is not fresh: cargo xtask tidy --write"))
        .collect()
}

/// Writes the files that are not fresh; `repo` is old afterwards.
pub fn write(repo: &Repo) -> Result<()> {
    for generator in GENERATORS {
        let Some(text) = (generator.make)(repo) else {
            continue;
        };
        if repo.text(generator.path) != Some(&text) {
            let path = repo.root.join(generator.path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&path, text).with_context(|| format!("cannot write {}", generator.path))?;
            println!("wrote {}", generator.path);
        }
    }
    Ok(())
}

fn adr(repo: &Repo) -> Option<String> {
    let intro = "Decisions that keep the house standing. One page each: context, decision, alternatives, consequences. \
                 A decision is not edited; a better one supersedes it.";
    index("Architecture decision records", intro, numbered(repo, "docs/adr/"))
}

fn lab_notes(repo: &Repo) -> Option<String> {
    let intro = "What we measured on a real kernel ourselves, each with the script that repeats it. They are the only \
                 source that the simulator takes for behaviour that no document states.";
    index("Lab notes", intro, numbered(repo, "docs/lab-notes/"))
}

fn checks(repo: &Repo) -> Option<String> {
    let intro = "The page of each check: what one sees, what it causes, how to diagnose it, how to fix it. \
                 `netwhy explain CODE` prints the same text, and the tests run the examples in it.";
    let mut pages: Vec<(String, String)> = crate::tidy::check_pages(repo)
        .map(|(path, text)| (title(text), format!("../../{path}")))
        .collect();
    pages.sort();
    index("Checks", intro, pages)
}

/// Title and file name of the pages `NNNN-*.md` in a folder, in order.
fn numbered(repo: &Repo, folder: &str) -> Vec<(String, String)> {
    repo.with_ending(".md")
        .filter_map(|(path, text)| Some((path.strip_prefix(folder)?, text)))
        .filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_digit()))
        .map(|(name, text)| (title(text), name.to_owned()))
        .collect()
}

fn title(page: &str) -> String {
    page.lines()
        .next()
        .unwrap_or_default()
        .trim_start_matches('#')
        .trim()
        .to_owned()
}

fn index(heading: &str, intro: &str, pages: Vec<(String, String)>) -> Option<String> {
    if pages.is_empty() {
        return None;
    }
    let lines: String = pages
        .iter()
        .map(|(title, path)| format!("- [{title}]({path})\n"))
        .collect();
    Some(format!(
        "<!-- Generated: cargo xtask tidy --write -->\n# {heading}\n\n{intro}\n\n{lines}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_lists_the_pages_by_number() {
        let repo = Repo::of(&[
            ("docs/adr/0001-a.md", "# 0001 A\nx\n"),
            ("docs/adr/0002-b.md", "# 0002 B\n"),
        ]);
        let text = adr(&repo).unwrap();
        assert!(
            text.ends_with("- [0001 A](0001-a.md)\n- [0002 B](0002-b.md)\n"),
            "{text}"
        );
        assert_eq!(check(&repo).len(), 1);
    }

    #[test]
    fn nothing_to_list_is_no_file() {
        assert!(check(&Repo::of(&[])).is_empty());
    }
}
