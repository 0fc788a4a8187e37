//! Links of the documents, and files that are too large for a repository.

use super::Problem;
use crate::repo::Repo;

/// What a file may have.
const MAX_BYTES: u64 = 1 << 20;

/// Folders whose files may be larger: compressed recordings of real clusters.
const LARGE_ALLOWED: &[&str] = &["tests/recordings/"];

/// No stray large file.
pub fn check_large(repo: &Repo) -> Vec<Problem> {
    repo.files
        .iter()
        .filter(|file| file.bytes > MAX_BYTES && !LARGE_ALLOWED.iter().any(|folder| file.path.contains(folder)))
        .map(|file| {
            Problem::at(
                &file.path,
                format!(
                    "{} bytes; compress it into tests/recordings, or leave it out",
                    file.bytes
                ),
            )
        })
        .collect()
}

/// Every relative link of every document leads to a file.
pub fn check_links(repo: &Repo) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in repo.with_ending(".md") {
        for (number, target) in links(text) {
            if !repo.has(&resolve(path, target)) {
                problems.push(Problem::at(
                    &format!("{path}:{number}"),
                    format!("the link to {target} is dead"),
                ));
            }
        }
    }
    problems
}

/// The relative link targets outside code blocks, with their line.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Every second piece between backticks is code.
        for prose in line.split('`').step_by(2) {
            for (at, _) in prose.match_indices("](") {
                let target = prose[at + 2..].split([')', ' ']).next().unwrap_or_default();
                let target = target.split('#').next().unwrap_or_default();
                if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                    found.push((number + 1, target));
                }
            }
        }
    }
    found
}

/// The path from the root of a link that stands in a document.
fn resolve(document: &str, target: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_links_are_named_with_their_line() {
        let page = "[a](b.md) [up](../README.md#x)\n\n[no](c.md)\n```\n[code](d.md)\n```\n`[code](e.md)` [web](https://x.org/f.md)\n";
        let repo = Repo::of(&[
            ("docs/a.md", page),
            ("docs/b.md", ""),
            ("README.md", "[docs](docs) [self](#top)"),
        ]);
        assert_eq!(
            check_links(&repo),
            [Problem::at("docs/a.md:3", "the link to c.md is dead")]
        );
    }

    #[test]
    fn recordings_may_be_large() {
        let mut repo = Repo::of(&[("a.bin", ""), ("crates/pure/sim/tests/recordings/a.tar.zst", "")]);
        for file in &mut repo.files {
            file.bytes = MAX_BYTES + 1;
        }
        assert_eq!(check_large(&repo).len(), 1);
        assert_eq!(check_large(&repo)[0].path, "a.bin");
    }
}
